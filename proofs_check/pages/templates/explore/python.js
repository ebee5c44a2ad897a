// The numbers on the page as a program: what to run to get them from the library.

function asPython(tree, rewards, temperature, A) {
  const { python } = tree;
  // One prompt may have a name, too; where none is given, it is None.
  const isNamed = python.prompts.some((prompt) => prompt !== "None");
  const prompts = isNamed ? `, prompts=[${python.prompts.join(", ")}]` : "";
  const tokens = `[${python.tokens.join(", ")}]`;
  const size = tree.hasEos
    ? `SequenceSpace(${tokens}, ${tree.minLength > 1 ? `min_length=${tree.minLength}, ` : ""}max_length=${tree.maxLength}`
    : `SequenceSpace.fixed_length(${tokens}, ${tree.maxLength}`;
  const space = `${size}${prompts})`;

  const tuple = (items) => (items.length === 1 ? `(${items[0]},)` : `(${items.join(", ")})`);
  const number = (x) => (x === FORBIDDEN ? "-inf" : String(x));
  const key = (edge) => {
    const node = tree.from[edge];
    const prefix = tuple(tree.prefix[node].map((token) => python.tokens[token]));
    const action = tree.action[edge] < 0 ? "EOS" : python.tokens[tree.action[edge]];
    return `(${python.prompts[tree.prompt[node]]}, ${prefix}, ${action})`;
  };
  const table = (numbers) => {
    const given = [...numbers.keys()].filter((edge) => numbers[edge] !== 0);
    if (!given.length) return "StateActionTable.zeros(space)";
    const lines = given.map((edge) => `    ${key(edge)}: ${number(numbers[edge])},`);
    return `StateActionTable.from_dict(space, {\n${lines.join("\n")}\n}, default=0.0)`;
  };

  const dead = A.findIndex((x) => x === FORBIDDEN);
  const usesInf = rewards.includes(FORBIDDEN) || (tree.reference ?? []).includes(FORBIDDEN);
  const imported = ["EnergyBasedModel", "SequenceSpace", "StateActionTable", "soft_bellman"];
  if (tree.reference !== null) imported.unshift("AutoregressiveModel");
  if (tree.hasEos) imported.unshift("EOS");
  if (dead >= 0) imported.splice(imported.indexOf("EnergyBasedModel"), 1);
  const reference = tree.reference === null ? "" : ", reference=reference";
  return [
    ...(usesInf ? ["from math import inf", ""] : []),
    `from tabular_bellman import ${imported.join(", ")}`,
    "",
    `space = ${space}`,
    `rewards = ${table(rewards)}`,
    ...(tree.reference === null ? [] : [`reference = AutoregressiveModel(${table(tree.reference)})`]),
    `logits, values = soft_bellman(rewards, temperature=${temperature}${reference})`,
    ...(dead >= 0
      ? ["# A prompt has no allowed response left: no model has this distribution."]
      : [
          `model = EnergyBasedModel(rewards, temperature=${temperature}${reference})`,
          "policy = model.to_autoregressive().policy",
          "",
          "for response, p in zip(space.responses(), model.probabilities().T):",
          "    print(response, p)",
        ]),
    "",
  ].join("\n");
}
