// How numbers and steps are written down.

// A minus sign is longer than a hyphen; exponents lose the + that says nothing.
function signed(text) {
  return text.replace("e+", "e").replace(/-/g, "−");
}

function infinite(x) {
  // +Infinity is what a finite logit minus the value of a dead prefix comes to: no reward has that logit.
  return x > 0 ? "none" : "−∞";
}

// For the drawing: two decimals.
function short(x) {
  if (!Number.isFinite(x)) return infinite(x);
  if (Math.abs(x) >= 999.995) return signed(x.toExponential(2));
  const text = x.toFixed(2);
  return signed(Number(text) === 0 ? "0.00" : text);
}

// For tables and formulas: four decimals, or three digits of what is very small or very large.
function long(x) {
  if (!Number.isFinite(x)) return infinite(x);
  if (x === 0) return "0";
  const size = Math.abs(x);
  return signed(size >= 1e6 || size < 5e-5 ? x.toExponential(2) : x.toFixed(4));
}

// A probability as a percentage; what is not 0 or 100 % never looks as if it were.
function chance(p) {
  const percent = 100 * p;
  if (percent === 0) return "0%";
  if (percent < 0.01) return "<0.01%";
  if (percent < 0.995) return `${percent.toFixed(2)}%`;
  if (percent < 9.95) return `${percent.toFixed(1)}%`;
  if (percent < 99.5 || percent > 100 - 1e-9) return `${percent.toFixed(0)}%`;
  return percent < 99.95 ? `${percent.toFixed(1)}%` : ">99.9%";
}

// A number as input fields and links have it: enough digits to be that number, and no others.
function exact(x) {
  return x === -Infinity ? "-inf" : x === Infinity ? "inf" : String(x);
}

// What steps, prefixes and responses of a tree are called.
function names(tree) {
  const several = tree.prompts.length > 1;
  const between = tree.tokens.every((token) => [...token].length === 1) ? "" : " ";
  const spelled = (tokens) => tokens.map((token) => tree.tokens[token]).join(between);
  const ofPrompt = (prompt, text) => (several ? `${tree.prompts[prompt]} | ${text}` : text);
  const action = (edge) => (tree.action[edge] < 0 ? "EOS" : tree.tokens[tree.action[edge]]);
  const root = (prompt) => (several ? `prompt ${tree.prompts[prompt]}` : "start");
  const prefix = (node) =>
    tree.depth[node] === 0 ? root(tree.prompt[node]) : ofPrompt(tree.prompt[node], spelled(tree.prefix[node]));
  const ended = (edge) =>
    spelled(tree.action[edge] < 0 ? tree.prefix[tree.from[edge]] : [...tree.prefix[tree.from[edge]], tree.action[edge]]);
  return {
    action,
    prefix,
    ended,
    step: (edge) => `${action(edge)} after ${prefix(tree.from[edge])}`,
    response: (edge) => ofPrompt(tree.prompt[tree.from[edge]], ended(edge) || "∅"),
    // Of formulas: lists of parts, in which tokens can be told from what is written around them.
    value: (node) => ["V[", { code: prefix(node) }, "]"],
    logit: (edge) => ["q[", { code: prefix(tree.from[edge]) }, ", ", { code: action(edge) }, "]"],
    chance: (edge) => ["π[", { code: action(edge) }, "]"],
  };
}

// A formula is a list of texts, numbers {x} and tokens {code}; this is how one is put on the page. A number may say in
// which form it wants to be written.
function formula(parts, element) {
  element.replaceChildren(
    ...parts.map((part) => {
      if (typeof part === "string") return document.createTextNode(part);
      if ("code" in part) {
        const code = document.createElement("code");
        code.textContent = part.code;
        return code;
      }
      const span = document.createElement("span");
      span.className = "number";
      span.dataset.exact = exact(part.x);
      span.textContent = (part.form ?? long)(part.x);
      return span;
    })
  );
}

// Numbers joined by a sign: [a, " + ", b]. A number below 0 stands in brackets.
function joined(numbers, sign) {
  return numbers.flatMap((x, i) => {
    const written = x < 0 && i > 0 ? ["(", { x }, ")"] : [{ x }];
    return i > 0 ? [sign, ...written] : written;
  });
}

function few(numbers, sign, most = 8) {
  return numbers.length > most ? [...joined(numbers.slice(0, most), sign), `${sign}…`] : joined(numbers, sign);
}
