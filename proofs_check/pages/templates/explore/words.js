// How numbers and steps are written down.

// A minus sign is longer than a hyphen; exponents lose the + that says nothing.
function signed(text) {
  return text.replace("e+", "e").replace(/-/g, "−");
}

function infinite(x) {
  // +Infinity comes of M⁻¹ only: a finite logit minus the value of a dead prefix. No reward has that logit.
  return x > 0 ? "none" : "−∞";
}

// For the drawing: two decimals.
function short(x) {
  if (!Number.isFinite(x)) return infinite(x);
  if (Math.abs(x) >= 999.995) return signed(x.toExponential(2));
  const text = x.toFixed(2);
  return signed(Number(text) === 0 ? "0.00" : text);
}

// For tables and formulas: four decimals, or three digits of what is very small or very large; or more digits.
function long(x, more = 0) {
  if (!Number.isFinite(x)) return infinite(x);
  if (x === 0) return "0";
  const size = Math.abs(x);
  return signed(size >= 1e10 || size < 5e-5 ? x.toExponential(2 + more) : x.toFixed(4 + more));
}

// Two numbers that differ, with as many digits as it takes to see it.
function apart(x, y) {
  let more = 0;
  while (more < 12 && long(x, more) === long(y, more)) more += 1;
  return [long(x, more), long(y, more)];
}

// Whether what has this logarithm is too small or too large to be computed with as it is.
function outOfSight(log) {
  return log !== FORBIDDEN && Math.abs(log) > 690;
}

// What has this logarithm: it is never 0 for being small, and has no largest size.
function ofLog(log) {
  return outOfSight(log) ? `e^${long(log)}` : long(Math.exp(log));
}

// A probability as a percentage; what is not 0 or 100 % never looks as if it were. Small ones are told from 0 by their
// logarithms.
function chance(p, log = Math.log(p)) {
  const percent = 100 * p;
  if (log === FORBIDDEN) return "0%";
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

// A number as people type it, with a decimal point or a decimal comma, a hyphen or a minus sign; NaN for anything else.
// Nothing is left out and nothing is guessed: 0x10, 1:2 and 1,000.5 are no numbers.
function parsed(text) {
  const plain = text.trim().replaceAll("−", "-").replace(",", ".");
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(plain) ? Number(plain) : NaN;
}

// -- scripts that run from right to left -------------------------------------------------------------------------------

const LEFTWARD = "\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}";
const RUNS_LEFT = new RegExp(`[${LEFTWARD}]`, "u");
const LEFTWARD_RUNS = new RegExp(`([${LEFTWARD}]+)`, "u");

// A text that does not turn round what is written beside it.
function isolated(text) {
  return RUNS_LEFT.test(text) ? `\u2068${text}\u2069` : text;
}

// The same for a program, which must not have a character more.
function putProgram(text, element) {
  element.replaceChildren(
    ...text.split(LEFTWARD_RUNS).map((part, i) => {
      if (i % 2 === 0) return document.createTextNode(part);
      const bdi = document.createElement("bdi");
      bdi.textContent = part;
      return bdi;
    })
  );
}

// What steps, prefixes and responses of a tree are called.
function names(tree) {
  const several = tree.prompts.length > 1;
  const prompts = tree.prompts.map(isolated);
  const between = tree.tokens.every((token) => [...token].length === 1) ? "" : " ";
  const spelled = (tokens) => isolated(tokens.map((token) => tree.tokens[token]).join(between));
  const ofPrompt = (prompt, text) => (several ? `${prompts[prompt]} | ${text}` : text);
  const action = (edge) => (tree.action[edge] < 0 ? "EOS" : isolated(tree.tokens[tree.action[edge]]));
  const root = (prompt) => (several ? `prompt ${prompts[prompt]}` : "start");
  const prefix = (node) =>
    tree.depth[node] === 0 ? root(tree.prompt[node]) : ofPrompt(tree.prompt[node], spelled(tree.prefix[node]));
  const ended = (edge) =>
    spelled(tree.action[edge] < 0 ? tree.prefix[tree.from[edge]] : [...tree.prefix[tree.from[edge]], tree.action[edge]]);
  return {
    action,
    prefix,
    ended,
    // What is said of one prompt, where there are several.
    prompt: (prompt) => (several ? `prompt ${prompts[prompt]}` : ""),
    step: (edge) => `${action(edge)} after ${prefix(tree.from[edge])}`,
    response: (edge) => ofPrompt(tree.prompt[tree.from[edge]], ended(edge) || "∅"),
    // Of formulas: lists of parts, in which tokens can be told from what is written around them.
    value: (node) => ["V[", { code: prefix(node) }, "]"],
    logit: (edge) => ["q[", { code: prefix(tree.from[edge]) }, ", ", { code: action(edge) }, "]"],
    chance: (edge) => ["π[", { code: action(edge) }, "]"],
  };
}

// A formula is a list of texts, numbers {x}, numbers {log} given by their logarithms, and tokens {code}; this is how one
// is put on the page. A number may say in which form it wants to be written.
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
      if ("log" in part) {
        span.dataset.exact = exact(Math.exp(part.log));
        span.dataset.log = exact(part.log);
        span.textContent = ofLog(part.log);
      } else {
        span.dataset.exact = exact(part.x);
        span.textContent = (part.form ?? long)(part.x);
      }
      return span;
    })
  );
}

// Numbers, as they are or as parts of a formula, joined by a sign: [a, " + ", b]. One below 0 stands in brackets.
function joined(numbers, sign) {
  return numbers.flatMap((number, i) => {
    const part = typeof number === "number" ? { x: number } : number;
    const written = part.x < 0 && i > 0 ? ["(", part, ")"] : [part];
    return i > 0 ? [sign, ...written] : written;
  });
}

function few(numbers, sign, most = 8) {
  return numbers.length > most ? [...joined(numbers.slice(0, most), sign), `${sign}…`] : joined(numbers, sign);
}
