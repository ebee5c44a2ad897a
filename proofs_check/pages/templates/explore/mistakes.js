// What a mistake breaks: the laws that have to hold, beside each other, and in words.

// What a mistake can put a wrong number in.
const COMPARED = ["q", "V", "policy", "p", "pR", "A", "back"];

function worst(xs, ys) {
  let [place, most] = [-1, 0];
  xs.forEach((x, i) => {
    const distance = differ(x, ys[i]) ? Math.abs(x - ys[i]) : 0;
    if (distance > most) [place, most] = [i, distance];
  });
  return { place, most };
}

// What has to hold, whatever the rewards are: for each law its two sides, as they come out.
function laws(found) {
  const tau = current().temperature;
  const values = tree().prompts.map((_, prompt) => found.V[prompt]);
  const scaled = found.A.map((A) => tau * A);
  const rewards = current().rewards;
  // What is below a dead prefix M does not remember: there M⁻¹ says −∞, and that is right.
  const back = found.back.map((x, edge) => (solution.right.back[edge] === FORBIDDEN && x === FORBIDDEN ? rewards[edge] : x));
  const isDead = (prompt) => solution.right.A[prompt] === FORBIDDEN;
  const name = names(tree());
  const total = (prompt) => (isDead(prompt) ? "Σ p(y) = 0, all being forbidden" : "Σ p(y) = 1");
  return [
    { law: () => (tau === 1 ? "V(start) = A" : "V(start) = τ A"), left: values, right: scaled, where: name.prompt },
    {
      law: () => "p(y) stepwise = at once", left: found.p, right: found.pR,
      where: (place) => `y = ${name.response(tree().leaves[place])}`,
    },
    { law: total, left: found.sum, right: found.A.map((_, prompt) => (isDead(prompt) ? 0 : 1)), where: name.prompt },
    { law: () => "M⁻¹(q) = r", left: back, right: rewards, where: name.step },
  ];
}

// -- which there are ---------------------------------------------------------------------------------------------------

function listMistakes() {
  options(byId("mistake"), [["", "none"]]);
  const grouped = Map.groupBy(mistakes.values(), (mistake) => mistake.group);
  for (const [title, group] of grouped) {
    const part = document.createElement("optgroup");
    part.disabled = !group.some(applies);
    part.label = part.disabled ? `${title} (${tree().reference === null ? "there is none" : "not with a reference"})` : title;
    options(part, group.map((mistake) => [mistake.name, mistake.name, !applies(mistake)]));
    byId("mistake").append(part);
  }
}

// Many a mistake changes nothing as long as the rewards are simple: the list says so, while it can be seen.
function markIdle() {
  if (!byId("mistake-panel").open) return;
  const now = current();
  for (const option of byId("mistake").options) {
    const mistake = mistakes.get(option.value);
    if (mistake === undefined || !applies(mistake)) continue;
    const isIdle = nothingDiffers(solution.right, solve(tree(), now.rewards, now.temperature, mistake));
    const text = isIdle ? `${mistake.name} – no difference here` : mistake.name;
    if (option.textContent !== text) option.textContent = text;
  }
}

function nothingDiffers(right, wrong) {
  return COMPARED.every((key) => !places(wrong[key], right[key]).length);
}

// -- what one of them does -----------------------------------------------------------------------------------------------

function drawMistake() {
  markIdle();
  const table = byId("laws");
  const mistake = state.mistake === null ? null : mistakes.get(state.mistake);
  byId("mistake").value = state.mistake ?? "";
  byId("mistake-summary").textContent = mistake === null ? "" : `${mistake.summary}.`;
  const { right, wrong } = solution;
  byId("verdict").textContent = wrong === null ? "" : verdict();
  byId("wrong").hidden = wrong === null;
  if (wrong === null) return;

  const name = names(tree());
  const living = Math.max(0, right.A.findIndex((A) => A !== FORBIDDEN));
  table.replaceChildren(
    ...laws(wrong).map(({ law, left, right: other, where }) => {
      const { place } = worst(left, other);
      const fails = place >= 0;
      // One that holds is shown at a prompt that has a response left, not at one where it says that 0 is 0.
      const at = fails ? place : left.length === right.A.length ? living : 0;
      return row([law(at), fails ? where(at) : ""], left[at], [fails ? "≠" : "="], other[at], fails);
    })
  );
  const most = [...right.p.keys()]
    .filter((i) => differ(right.p[i], wrong.p[i]))
    .sort((a, b) => Math.abs(wrong.p[b] - right.p[b]) - Math.abs(wrong.p[a] - right.p[a]) || a - b)
    .slice(0, 4);
  byId("responses").replaceChildren(
    ...most.map((i) => row([name.response(tree().leaves[i])], wrong.p[i], [], right.p[i], true))
  );
  byId("responses-table").hidden = most.length === 0;
}

function row([title, where = ""], left, sign, right, fails) {
  const line = document.createElement("tr");
  const head = document.createElement("th");
  head.scope = "row";
  head.textContent = title;
  if (where !== "") {
    const small = document.createElement("small");
    small.textContent = where;
    head.append(small);
  }
  const [one, other] = fails ? apart(left, right) : [long(left), long(right)];
  const cells = [{ x: left, form: () => one }, ...sign, { x: right, form: () => other }].map((part) => {
    const cell = document.createElement("td");
    formula([part], cell);
    return cell;
  });
  cells[0].className = fails ? "wrong" : "";
  line.append(head, ...cells);
  return line;
}

// What the mistake does to these rewards, in words.
function verdict() {
  const { right, wrong } = solution;
  const of = Object.fromEntries(COMPARED.map((key) => [key, places(wrong[key], right[key]).length]));
  if (nothingDiffers(right, wrong)) return `No difference on these rewards. ${hint()}`.trim();
  const said = [];
  const counted = (n, one, more) => (n === 0 ? [] : [`${n} ${n === 1 ? one : more}`]);
  const parts = [
    ...counted(of.V, "value", "values"),
    ...counted(of.q, "logit", "logits"),
    ...counted(of.A, "log-partition", "log-partitions"),
    ...counted(Math.max(of.p, of.pR), "response probability", "response probabilities"),
  ];
  if (parts.length) said.push(`Wrong: ${parts.join(", ")}.`);
  if (of.p === 0 && of.pR === 0) said.push("Every response has its right probability all the same.");
  const lost = worst(wrong.sum.map((sum, prompt) => (right.A[prompt] === FORBIDDEN ? 1 : sum)), wrong.sum.map(() => 1)).place;
  if (lost >= 0) {
    const aTree = tree();
    const total = wrong.sum[lost];
    const below = (e) => (aTree.prompt[aTree.from[e]] === lost ? aTree.to[e] : -1);
    const leaks = wrong.policy.some((pi, e) => pi > 0 && below(e) >= 0 && right.V[below(e)] === FORBIDDEN);
    const several = aTree.prompts.length > 1;
    said.push(
      `The probabilities${several ? ` to ${names(aTree).prompt(lost)}` : ""} add up to ${apart(total, 1)[0]}` +
        (leaks && total < 1 ? ": other draws run into a prefix below which all is forbidden." : ", not 1.")
    );
  }
  const refused = wrong.back.filter((x) => x === Infinity).length;
  if (refused) said.push("Some logits lead to dead prefixes: no rewards have them, and the library refuses them.");
  else if (of.back) said.push(`M⁻¹ returns other rewards at ${of.back} ${of.back === 1 ? "step" : "steps"}.`);
  return said.join(" ");
}

function hint() {
  const now = current();
  const about = mistakes.get(state.mistake);
  if (about.ofTemperature && now.temperature === 1) return "At τ = 1 it makes none: move the temperature.";
  if (about.name.startsWith("prompts-") && tree().prompts.length === 1) return "There is one prompt only.";
  if (about.name === "mask-1e9" && !now.rewards.includes(FORBIDDEN)) return "Nothing is forbidden here: forbid a step.";
  return "Change them, and see whether it stays so.";
}
