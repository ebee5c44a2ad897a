// Where prompts meet: after two prompts there may stand one text, and it has two values all the same.

// The prefixes that share the first text to which more than one prompt comes, in the order of the prompts; none, where
// there is no such text.
function meeting(aTree) {
  const sharing = new Map();
  aTree.text.forEach((text, node) => sharing.set(text, [...(sharing.get(text) ?? []), node]));
  const met = (nodes) => new Set(nodes.map((node) => aTree.prompt[node])).size > 1;
  return ([...sharing.values()].find(met) ?? []).sort((a, b) => aTree.prompt[a] - aTree.prompt[b]);
}

function drawMeeting() {
  const [aTree, name] = [tree(), names(tree())];
  const nodes = meeting(aTree);
  for (const [node, element] of drawing().nodes) element.classList.toggle("meets", nodes.includes(node));
  const values = nodes.flatMap((node, i) => [
    i ? ", " : ": ", ...name.value(node), " = ", { x: solution.numbers.V[node], form: short },
  ]);
  formula(
    nodes.length ? ["Outlined, with one text, ", { code: aTree.text[nodes[0]] }, ...values, "."] : [],
    byId("meeting")
  );
}
