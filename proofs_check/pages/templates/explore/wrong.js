// The mistakes, by the names that they have in the registry: which function each replaces, and by what.

// A soft Bellman map with one thing wrong in its recursion.
function recursion(wrong) {
  return { replaces: "softBellman", wrong: (tree, r, tau) => backward(tree, r, tau, wrong(tree, r, tau)) };
}

function mapped(wrong) {
  return { replaces: "softBellman", wrong };
}

function valuesOf(tree, q, temperature) {
  return tree.out.map((_, node) => softValue(tree, node, q, temperature));
}

function largest(xs) {
  return xs.reduce((a, b) => Math.max(a, b), FORBIDDEN);
}

// What is not forbidden becomes 0.
function free(x) {
  return x === FORBIDDEN ? FORBIDDEN : 0;
}

function isLast(tree, edge) {
  return tree.depth[tree.from[edge]] === tree.maxLength - 1;
}

// The tokens among the edges from a node; all of them where EOS is the only one.
function tokensAt(tree, node) {
  const tokens = tree.out[node].filter((edge) => tree.action[edge] >= 0);
  return tokens.length ? tokens : tree.out[node];
}

function expectedValue(tree, node, q, temperature) {
  const edges = tree.out[node].filter((edge) => q[edge] !== FORBIDDEN);
  if (!edges.length) return FORBIDDEN;
  const log = logSoftmax(edges.map((edge) => q[edge] / temperature));
  return edges.reduce((sum, edge, i) => sum + Math.exp(log[i]) * q[edge], 0);
}

// States are texts: prompt and prefix run together. Where two have one text, actions of both are possible, and of
// each the last reward stands.
function concatenated(tree, rewards, temperature) {
  const right = backward(tree, rewards, temperature);
  if (tree.prompts.length === 1) return right;
  const { text } = tree;
  const named = (edge) => (tree.action[edge] < 0 ? "EOS" : tree.tokens[tree.action[edge]]);
  const stored = tree.prefix.map((_, node) => node);
  stored.sort((a, b) => tree.depth[a] - tree.depth[b] || tree.stored[a] - tree.stored[b]);
  const merged = new Map();
  for (const node of stored) {
    if (!merged.has(text[node])) merged.set(text[node], new Map());
    for (const edge of tree.out[node]) merged.get(text[node]).set(named(edge), rewards[edge]);
  }
  if (merged.size === tree.nNodes) return right;

  const logits = new Map();
  const values = new Map();
  // The longest first: a token added makes a text longer, however length is counted.
  for (const state of [...merged.keys()].sort((a, b) => b.length - a.length)) {
    const found = new Map();
    for (const [action, reward] of merged.get(state)) found.set(action, reward + (values.get(state + action) ?? 0));
    logits.set(state, found);
    values.set(state, temperature * logSumExp([...found.values()].map((x) => x / temperature)));
  }
  return {
    q: tree.from.map((node, edge) => logits.get(text[node]).get(named(edge))),
    V: text.map((state) => values.get(state)),
  };
}

// A soft Bellman map with a reference, some of which is left out or put elsewhere.
function withReference(changed) {
  return mapped((tree, rewards, temperature) => {
    const { reference, paid = rewards } = changed(tree, rewards, temperature);
    return backward({ ...tree, reference }, paid, temperature);
  });
}

const WRONG = {
  "hard-max": recursion((tree) => ({ value: (node, q) => largest(tree.out[node].map((edge) => q[edge])) })),
  "rewards-as-logits": mapped((tree, r, tau) => ({ q: r.slice(), V: valuesOf(tree, r, tau) })),
  "one-step-lookahead": recursion((tree, r, tau) => ({ below: (edge) => softValue(tree, tree.to[edge], r, tau) })),
  "eos-left-out": recursion((tree, _, tau) => ({
    value: (node, q) => tau * logSumExp(tokensAt(tree, node).map((edge) => q[edge] / tau)),
  })),
  "eos-goes-on": recursion((tree) => ({
    after: (edge, V) => {
      const first = tree.out[tree.from[edge]][0];
      return tree.action[edge] < 0 && tree.to[first] >= 0 ? V[tree.to[first]] : 0;
    },
  })),
  "log-mean-exp": recursion((tree, _, tau) => ({
    value: (node, q) => softValue(tree, node, q, tau) - tau * Math.log(tree.out[node].length),
  })),
  "expected-value": recursion((tree, _, tau) => ({ value: (node, q) => expectedValue(tree, node, q, tau) })),
  "wrong-sign": recursion((tree) => ({
    below: (edge, V) => (V[tree.to[edge]] === FORBIDDEN ? FORBIDDEN : -V[tree.to[edge]]),
  })),
  "horizon-one-short": recursion((tree, _, tau) => ({
    value: (node, q) => {
      const value = softValue(tree, node, q, tau);
      return tree.depth[node] === tree.maxLength - 1 ? free(value) : value;
    },
  })),
  "last-step-dropped": mapped((tree, r, tau) =>
    backward(tree, r.map((x, edge) => (isLast(tree, edge) ? free(x) : x)), tau)
  ),
  "mask-1e9": mapped((tree, r, tau) => backward(tree, r.map((x) => (x === FORBIDDEN ? -1e9 : x)), tau)),
  "lost-temperature": recursion((tree, _, tau) => ({ value: (node, q) => softValue(tree, node, q, tau) / tau })),
  "token-temperature": mapped((tree, r, tau) => {
    const { q } = backward(tree, r, 1);
    return { q, V: valuesOf(tree, q, tau) };
  }),
  "temperature-inverted": mapped((tree, r, tau) => backward(tree, r, 1 / tau)),
  "policy-lost-temperature": {
    replaces: "policy",
    wrong: (tree, r, tau, q) => normalise(tree, q),
  },
  "prompts-merged": recursion((tree) => ({ below: (edge, V) => V[tree.twin[tree.to[edge]]] })),
  "prompts-concatenated": mapped(concatenated),
  "prompts-pooled": {
    replaces: "ebmLogProbs",
    wrong: (tree, r, tau) => logSoftmax(weights(tree, r, tau)),
  },
  "last-step-for-free": {
    replaces: "armLogProbs",
    wrong: (tree, logPolicy) =>
      totals(tree, logPolicy.map((x, edge) => (tree.to[edge] < 0 ? free(x) : x))),
  },
  "eos-outside-softmax": {
    replaces: "armLogProbs",
    wrong: (tree, logPolicy, logits) => {
      const groups = tree.out.map((_, node) => tokensAt(tree, node));
      const tokens = normalised(logits, groups);
      const among = new Set(groups.flat());
      return totals(tree, logPolicy.map((x, edge) => (among.has(edge) ? tokens[edge] : x)));
    },
  },
  "length-normalised": {
    replaces: "armLogProbs",
    wrong: (tree, logPolicy) => totals(tree, logPolicy).map((x, place) => x / tree.paths[place].length),
  },
  "shortest-left-out": {
    replaces: "logPartition",
    wrong: (tree, r, tau) => {
      const all = weights(tree, r, tau);
      const lengths = tree.paths.map((path) => path.length);
      const shortest = Math.min(...lengths);
      const kept = (place) => lengths[place] > shortest || Math.max(...lengths) === shortest;
      return byPrompt(tree).map((places) => logSumExp(places.filter(kept).map((place) => all[place])));
    },
  },
  "best-response": {
    replaces: "logPartition",
    wrong: (tree, r, tau) => {
      const all = weights(tree, r, tau);
      return byPrompt(tree).map((places) => largest(places.map((place) => all[place])));
    },
  },
  "inverse-own-value": {
    replaces: "inverse",
    wrong: (tree, q, tau) => q.map((x, edge) => subtract(x, softValue(tree, tree.from[edge], q, tau))),
  },
  "inverse-hard-max": {
    replaces: "inverse",
    wrong: (tree, q) =>
      q.map((x, edge) =>
        tree.to[edge] < 0 ? x : subtract(x, largest(tree.out[tree.to[edge]].map((next) => q[next])))
      ),
  },
  "reference-ignored": withReference(() => ({ reference: null })),
  "reference-in-logits": withReference((tree, r, tau) => ({
    reference: null,
    paid: r.map((x, edge) => x + tau * tree.reference[edge]),
  })),
  "reference-at-first-step": withReference((tree) => ({
    reference: tree.reference.map((x, edge) => (tree.depth[tree.from[edge]] === 0 ? x : 0)),
  })),
};
