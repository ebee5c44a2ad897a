// The mathematics, as pure functions of plain arrays: no page, no state.
//
// A tree has nodes (prefixes) and edges (steps), numbered so that a node comes before the nodes below it.
// Rewards r and logits q are arrays over edges, values V over nodes; all are logarithms, in nats, and what is
// forbidden is -Infinity, exactly. `tree.to[edge]` is -1 where the edge ends a response.

const FORBIDDEN = -Infinity;

function logSumExp(xs) {
  const top = xs.reduce((a, b) => Math.max(a, b), FORBIDDEN);
  // Nothing is allowed: log 0. Taking the maximum off would give -Infinity - -Infinity, which is NaN.
  if (top === FORBIDDEN) return FORBIDDEN;
  // With the maximum taken off, exp cannot overflow, and one term at least is 1.
  return top + Math.log(xs.reduce((sum, x) => sum + Math.exp(x - top), 0));
}

// What was forbidden stays forbidden, whatever is taken off.
function subtract(x, y) {
  return x === FORBIDDEN ? FORBIDDEN : x - y;
}

// Logarithms of probabilities, from numbers of which only the differences matter: the maximum is taken off before
// anything is added up, so that they keep their digits however large the numbers are.
function logSoftmax(xs) {
  const top = xs.reduce((a, b) => Math.max(a, b), FORBIDDEN);
  const differences = xs.map((x) => subtract(x, top));
  const total = logSumExp(differences);
  return differences.map((x) => subtract(x, total));
}

// Put together what a page knows of a space into what the functions below go through.
function makeTree(given) {
  const { from, to, action } = given.edges;
  const nodes = given.nodes.prefix.length;
  const out = Array.from({ length: nodes }, () => []);
  const into = new Array(nodes).fill(-1);
  from.forEach((node, edge) => {
    out[node].push(edge);
    if (to[edge] >= 0) into[to[edge]] = edge;
  });
  const pathTo = (edge) => (into[from[edge]] < 0 ? [edge] : [...pathTo(into[from[edge]]), edge]);
  const depth = given.nodes.prefix.map((prefix) => prefix.length);
  const ofText = new Map(given.nodes.prefix.map((prefix, node) => [`${given.nodes.prompt[node]}:${prefix}`, node]));
  return {
    ...given.space,
    from, to, action, out, into, depth,
    nNodes: nodes,
    nEdges: from.length,
    prompt: given.nodes.prompt,
    prefix: given.nodes.prefix,
    // The nodes of one depth have numbers in flat storage, the first token fastest.
    stored: given.nodes.stored,
    // The same prefix after the first prompt.
    twin: given.nodes.prefix.map((prefix) => ofText.get(`0:${prefix}`)),
    // Prompt and prefix run together; of two prefixes that may be one text.
    text: given.nodes.prefix.map(
      (prefix, node) =>
        given.space.prompts[given.nodes.prompt[node]] + prefix.map((token) => given.space.tokens[token]).join("")
    ),
    // The edges that end a response: prompt by prompt, in the order in which the library counts responses.
    leaves: given.leaves,
    paths: given.leaves.map(pathTo),
    reference: given.reference,
  };
}

// π_ref takes part as its logarithm; without a reference it is 1 everywhere, and its logarithm 0.
function logReference(tree, edge) {
  return tree.reference === null ? 0 : tree.reference[edge];
}

// V(s) = τ log Σ_a π_ref(a|s) exp(q(s, a)/τ)
function softValue(tree, node, q, temperature) {
  return temperature * logSumExp(tree.out[node].map((edge) => q[edge] / temperature + logReference(tree, edge)));
}

// From the last step to the first: q(s, a) = r(s, a) + V(s⊕a), with V = 0 after the last step. A mistake puts
// something else in place of the value of a node, of what a token leads to, or of what EOS leads to.
function backward(tree, rewards, temperature, wrong = {}) {
  const q = rewards.slice();
  const V = new Array(tree.nNodes).fill(0);
  const value = wrong.value ?? ((node) => softValue(tree, node, q, temperature));
  const below = wrong.below ?? ((edge) => V[tree.to[edge]]);
  const after = wrong.after ?? (() => 0);
  for (let node = tree.nNodes - 1; node >= 0; node -= 1) {
    for (const edge of tree.out[node]) {
      q[edge] = rewards[edge] + (tree.to[edge] < 0 ? after(edge, V) : below(edge, V));
    }
    V[node] = value(node, q);
  }
  return { q, V };
}

// Of some of the numbers, at these places, the log-softmax; the others as they are.
function normalised(numbers, groups) {
  const found = numbers.slice();
  for (const places of groups) {
    logSoftmax(places.map((place) => numbers[place])).forEach((x, i) => (found[places[i]] = x));
  }
  return found;
}

// The log-softmax node by node: log-probabilities of steps; -Infinity throughout a dead prefix.
function normalise(tree, logits) {
  return normalised(logits, tree.out);
}

// Numbers of the edges added up along each response.
function totals(tree, steps) {
  return tree.paths.map((path) => path.reduce((sum, edge) => sum + steps[edge], 0));
}

// For each prompt the places, among all leaves, of its own.
function byPrompt(tree) {
  const places = tree.prompts.map(() => []);
  tree.leaves.forEach((edge, place) => places[tree.prompt[tree.from[edge]]].push(place));
  return places;
}

// R(y)/τ + log p_ref(y) of each response: the logarithms of what the energy-based model normalises.
function weights(tree, rewards, temperature) {
  return totals(tree, rewards.map((r, edge) => r / temperature + logReference(tree, edge)));
}

// What an autoregressive model takes the softmax of: q/τ + log π_ref.
function steps(tree, q, temperature) {
  return q.map((x, edge) => x / temperature + logReference(tree, edge));
}

// Each function by itself, so that a mistake can take the place of one.
const RIGHT = {
  softBellman: (tree, rewards, temperature) => backward(tree, rewards, temperature),
  // r(s, a) = q(s, a) - V(s⊕a), where V is of these logits.
  inverse: (tree, q, temperature) =>
    q.map((x, edge) => (tree.to[edge] < 0 ? x : subtract(x, softValue(tree, tree.to[edge], q, temperature)))),
  policy: (tree, rewards, temperature, q) => normalise(tree, steps(tree, q, temperature)),
  armLogProbs: (tree, logPolicy) => totals(tree, logPolicy),
  logPartition: (tree, rewards, temperature) => {
    const all = weights(tree, rewards, temperature);
    return byPrompt(tree).map((places) => logSumExp(places.map((place) => all[place])));
  },
  ebmLogProbs: (tree, rewards, temperature) => normalised(weights(tree, rewards, temperature), byPrompt(tree)),
};

// The chance of passing through each node, and along each edge, when tokens are drawn from a policy; as logarithms.
function passing(tree, logPolicy) {
  const ofNodes = new Array(tree.nNodes).fill(0);
  const ofEdges = new Array(tree.nEdges).fill(0);
  for (let node = 0; node < tree.nNodes; node += 1) {
    for (const edge of tree.out[node]) {
      ofEdges[edge] = ofNodes[node] + logPolicy[edge];
      if (tree.to[edge] >= 0) ofNodes[tree.to[edge]] = ofEdges[edge];
    }
  }
  return { ofNodes, ofEdges };
}

// Everything that a page shows of rewards at a temperature, with one function replaced, if a mistake is given.
function solve(tree, rewards, temperature, mistake = null) {
  const functions = mistake === null ? RIGHT : { ...RIGHT, [mistake.replaces]: mistake.wrong };
  const { q, V } = functions.softBellman(tree, rewards, temperature);
  const logPolicy = functions.policy(tree, rewards, temperature, q);
  const chances = passing(tree, logPolicy);
  // What is too small for a number is 0 as a number, but not impossible: only its logarithm tells.
  const logs = {
    policy: logPolicy,
    passing: chances.ofEdges,
    reached: chances.ofNodes,
    p: functions.armLogProbs(tree, logPolicy, steps(tree, q, temperature)),
    pR: functions.ebmLogProbs(tree, rewards, temperature),
  };
  const numbers = Object.fromEntries(Object.entries(logs).map(([key, xs]) => [key, xs.map(Math.exp)]));
  return {
    q,
    V,
    ...numbers,
    logs,
    back: functions.inverse(tree, q, temperature),
    R: totals(tree, rewards),
    A: functions.logPartition(tree, rewards, temperature),
    sum: byPrompt(tree).map((places) => places.reduce((sum, place) => sum + numbers.p[place], 0)),
  };
}
