// From the energy-based side to the autoregressive side and back, along one response: the steps, in order. Each has a
// title, lines of formula with numbers, and what it is about: edges, nodes and leaves of the drawing.

function walkAlong(tree, rewards, temperature, found, place) {
  const path = tree.paths[place];
  const edge = tree.leaves[place];
  const prompt = tree.prompt[tree.from[edge]];
  const root = tree.from[path[0]];
  const name = names(tree);
  const own = byPrompt(tree)[prompt];
  const hasReference = tree.reference !== null;
  const tau = temperature === 1 ? [] : [{ x: temperature }];
  const over = (parts) => (tau.length ? ["(", ...parts, ")/", ...tau] : parts); // divided by τ, unless that is 1
  const by = tau.length ? "/τ" : "";
  const steps = [];
  const step = (phase, title, lines, about) => steps.push({ phase, title, lines, ...about });

  if (found.A[prompt] === FORBIDDEN) {
    step("energy", "Nothing is left", [["Every response is forbidden: no weight to divide, no distribution."]], {});
    return steps;
  }

  // The energy-based side.
  path.forEach((_, i) => {
    const sofar = path.slice(0, i + 1);
    const summed = (name, numbers) => {
      const terms = i === 0 ? [] : [...few(sofar.map((e) => numbers[e]), " + "), " = "];
      return [`${name} = `, ...terms, { x: sum(sofar, numbers) }];
    };
    const lines = [summed("R", rewards), ...(hasReference ? [summed("log p_ref", tree.reference)] : [])];
    step("energy", i === 0 ? "Rewards, from the first step on" : "Rewards add up", lines, { edges: sofar });
  });
  const all = weights(tree, rewards, temperature);
  const exponent = hasReference ? `log p_ref + R${by}` : `R${by}`;
  step("energy", "The weight of the response", [[`exp(${exponent}) = `, { log: all[place] }]], {
    edges: path,
    leaves: [place],
  });
  const possible = own.filter((at) => all[at] !== FORBIDDEN);
  const heaviest = [...possible].sort((a, b) => all[b] - all[a]).map((at) => ({ log: all[at] }));
  step(
    "energy",
    "All weights together",
    [
      [`${possible.length} of ${own.length} responses have a weight, the largest first.`],
      [`Z = Σ exp(${exponent}) = `, ...few(heaviest, " + ", 6)],
      ["A = log Z = ", { x: found.A[prompt] }],
    ],
    { leaves: own }
  );
  step(
    "energy",
    "The probability of the response",
    [
      [`p = exp(${exponent} − A) = exp(`, ...joined([all[place], found.A[prompt]], " − "), ")"],
      ["p = ", { log: found.logs.pR[place] }],
    ],
    { leaves: [place] }
  );

  // Backward: values from the end to the start.
  for (const e of [...path].reverse()) {
    const node = tree.from[e];
    const lines = tree.out[node].map((next) =>
      tree.to[next] < 0
        ? [...name.logit(next), " = r = ", { x: found.q[next] }]
        : [
            ...name.logit(next), " = r + ", ...name.value(tree.to[next]), " = ",
            ...joined([rewards[next], found.V[tree.to[next]]], " + "),
            " = ",
            { x: found.q[next] },
          ]
    );
    const shown = lines.length > 6 ? [...lines.slice(0, 6), [`… ${lines.length} actions in all`]] : lines;
    const inside = hasReference ? `π_ref exp(q${by})` : `exp(q${by})`;
    shown.push([...name.value(node), ` = ${tau.length ? "τ " : ""}log Σ ${inside} = `, { x: found.V[node] }]);
    const below = tree.out[node].map((next) => tree.to[next]).filter((next) => next >= 0);
    step("backward", `Logits, then the value, ${tree.depth[node] === 0 ? "at" : "after"} ${name.prefix(node)}`,
      shown, { edges: tree.out[node], nodes: [node, ...below] });
  }
  step(
    "backward",
    "At the start: the log-partition again",
    [
      [...name.value(root), " = ", { x: found.V[root] }],
      tau.length
        ? ["τ A = ", ...tau, " · ", { x: found.A[prompt] }, " = ", { x: temperature * found.A[prompt] }]
        : ["A = ", { x: found.A[prompt] }],
    ],
    { nodes: [root], leaves: own }
  );

  // The autoregressive side.
  const chances = path.map((e) => ({ log: found.logs.policy[e] }));
  path.forEach((e, i) => {
    const node = tree.from[e];
    const inside = over(joined([found.q[e], found.V[node]], " − "));
    const reference = hasReference ? [{ log: tree.reference[e] }, " · "] : [];
    const lines =
      found.V[node] === FORBIDDEN
        ? [[...name.chance(e), ` = 0: nothing is allowed here, and nothing comes here`]]
        : [[...name.chance(e), ` = ${hasReference ? "π_ref " : ""}exp(${by ? "(q − V)/τ" : "q − V"}) = `, ...reference,
            "exp(", ...inside, ") = ", chances[i]]];
    const product = { log: sum(path.slice(0, i + 1), found.logs.policy) };
    lines.push(["so far: ", ...few(chances.slice(0, i + 1), " × "), " = ", product]);
    step("policy", "One step of the policy", lines, { edges: path.slice(0, i + 1), nodes: [node] });
  });
  step(
    "policy",
    "The product is the same probability",
    [
      ["p = ", ...few(chances, " × "), " = ", { log: found.logs.p[place] }],
      ["by adding up and normalising once: ", { log: found.logs.pR[place] }],
    ],
    { edges: path, leaves: [place] }
  );

  // And back.
  for (const e of path) {
    const next = tree.to[e];
    const lines = [
      next < 0
        ? ["r = q = ", { x: found.back[e] }]
        : ["r = q − ", ...name.value(next), " = ", ...joined([found.q[e], found.V[next]], " − "), " = ", { x: found.back[e] }],
    ];
    if (found.back[e] !== rewards[e] && found.back[e] === FORBIDDEN) {
      lines.push(["The reward is ", { x: rewards[e] }, ", but all is forbidden below: there M does not remember it."]);
    }
    step("inverse", "Back: a reward from a logit", lines, { edges: [e], nodes: next < 0 ? [] : [next] });
  }
  const back = path.map((e) => found.back[e]);
  step("inverse", "And the rewards add up again", [["R = ", ...few(back, " + "), " = ", { x: sum(path, found.back) }]], {
    edges: path,
    leaves: [place],
  });
  return steps;
}

function sum(edges, numbers) {
  return edges.reduce((total, edge) => total + numbers[edge], 0);
}
