// The drawing and the tables: numbers, widths and colours are put into what the page holds already.

function slotsIn(part) {
  return [...part.querySelectorAll("[data-slot]")].map((element) => ({
    element,
    is: element.querySelector(".is"),
    right: element.querySelector(".right"),
  }));
}

function numbered(part, selector) {
  return new Map([...part.querySelectorAll(selector)].map((element) => [Number(element.dataset.of), element]));
}

// Of each example: its parts of the page, its tables, and its drawings, the whole one and perhaps one of the live part.
const views = new Map(
  given.examples.map(({ id }) => {
    const parts = [...document.querySelectorAll(`[data-example="${CSS.escape(id)}"]`)];
    const drawings = {};
    for (const svg of parts.flatMap((part) => [...part.querySelectorAll("[data-drawing]")])) {
      drawings[svg.dataset.drawing] = {
        svg,
        slots: slotsIn(svg),
        edges: numbered(svg, ".edge"),
        nodes: numbered(svg, ".node"),
        leaves: numbered(svg, ".leaf"),
      };
    }
    const inTables = parts.filter((part) => part.matches(".tables")).flatMap(slotsIn);
    return [id, { parts, drawings, inTables }];
  })
);

// Without what is below dead prefixes there is room for the rest; but only as long as all of it is dead.
function canPrune() {
  const { live } = views.get(state.example).drawings;
  return live !== undefined && solution.right.V.every((V, node) => V === FORBIDDEN || live.nodes.has(node));
}

function drawing() {
  const { live, whole } = views.get(state.example).drawings;
  const wanted = [state.edge, ...(state.walk === null ? [] : tree().paths[state.walk.place])];
  return !state.whole && canPrune() && wanted.every((edge) => live.edges.has(edge)) ? live : whole;
}

// A number, and its logarithm if it is a probability.
function put(element, x, log, text) {
  element.textContent = text;
  element.dataset.exact = exact(x);
  if (log !== undefined && outOfSight(log)) element.dataset.log = exact(log);
  else delete element.dataset.log;
}

// In a table, the wrong number and then the right one: who does not see how they look is told which is which.
function tell(slot, isWrong) {
  for (const word of slot.querySelectorAll(".unseen")) word.remove();
  if (!isWrong || slot.localName !== "td") return;
  for (const [selector, text] of [[".is", "wrong: "], [".right", "right: "]]) {
    const word = document.createElement("span");
    word.className = "unseen";
    word.textContent = text;
    slot.querySelector(selector).before(word);
  }
}

function drawNumbers() {
  const { numbers, right, wrong } = solution;
  const view = drawing();
  const held = document.activeElement?.closest(".edge") ?? null;
  const { drawings, inTables } = views.get(state.example);
  for (const [id, { parts }] of views) for (const part of parts) part.hidden = id !== state.example;
  for (const each of Object.values(drawings)) each.svg.toggleAttribute("hidden", each !== view);

  for (const { element, is, right: beside } of [...view.slots, ...inTables]) {
    const [key, form] =
      element.dataset.slot === "shown" ? SHOWN[state.shown] : [element.dataset.slot, FORMS[element.dataset.form]];
    const at = Number(element.dataset.at);
    const x = numbers[key][at];
    const isWrong = wrong !== null && key !== "r" && differ(x, right[key][at]);
    const log = numbers.logs[key]?.[at];
    put(is, x, log, form(x, log));
    if (isWrong) {
      const [y, logY] = [right[key][at], right.logs[key]?.[at]];
      put(beside, y, logY, form(y, logY));
      // Where they would look alike, a table has room for more digits; the drawing shows only that one is wrong.
      if (is.textContent === beside.textContent) {
        if (form === FORMS.long) [is.textContent, beside.textContent] = apart(x, y);
        else beside.textContent = "";
      }
    } else if (beside !== null) {
      beside.textContent = "";
      delete beside.dataset.exact;
    }
    if (isWrong !== element.classList.contains("wrong")) tell(element, isWrong);
    element.classList.toggle("wrong", isWrong);
    element.classList.toggle("changed", before !== null && differ(x, before.numbers[key][at]));
  }

  const name = names(tree());
  const said = (key, edge, form) => {
    const [x, y] = [numbers, right].map((found) => form(found[key][edge], found.logs[key]?.[edge]));
    return x === y ? x : `${x} (right: ${y})`;
  };
  for (const [edge, element] of view.edges) {
    const chanceOf = Math.min(1, numbers.passing[edge]);
    element.style.setProperty("--width", `${(0.9 + 10 * chanceOf).toFixed(2)}px`);
    element.classList.toggle("never", numbers.logs.passing[edge] === FORBIDDEN);
    element.classList.toggle("forbidden", numbers.r[edge] === FORBIDDEN);
    element.classList.toggle("chosen", edge === state.edge);
    element.setAttribute("aria-selected", edge === state.edge);
    element.tabIndex = edge === state.edge ? 0 : -1;
    element.setAttribute(
      "aria-label",
      `${name.step(edge)}: reward ${short(numbers.r[edge])}, logit ${said("q", edge, short)}, ` +
        `policy ${said("policy", edge, chance)}, passing ${said("passing", edge, chance)}`
    );
  }
  const finite = numbers.V.filter(Number.isFinite);
  const [low, high] = [Math.min(...finite), Math.max(...finite)];
  for (const [node, element] of view.nodes) {
    const V = numbers.V[node];
    const share = Number.isFinite(V) && high > low ? (V - low) / (high - low) : 0.5;
    element.style.setProperty("--share", `${(100 * share).toFixed(1)}%`);
    element.classList.toggle("deep", share > 0.5);
    element.classList.toggle("dead", V === FORBIDDEN);
  }
  for (const [place, element] of view.leaves) {
    element.querySelector(".bar").style.transform = `scaleX(${Math.min(1, numbers.p[place]).toFixed(4)})`;
    element.classList.toggle("never", numbers.logs.p[place] === FORBIDDEN);
  }
  // One drawing may have taken the place of another; what had the focus has it there.
  if (held !== null && !view.svg.contains(held)) view.edges.get(state.edge).focus({ preventScroll: true });
}

// Move what scrolls around a part of the drawing, and not the page: a hand may rest on a button of it.
function reveal(element) {
  const box = element.closest(".box");
  const [inner, outer] = [element.getBoundingClientRect(), box.getBoundingClientRect()];
  const past = (from, to, low, high) => (from < low ? from - low : Math.max(0, Math.min(to - high, from - low)));
  box.scrollTop += past(inner.top - 48, inner.bottom + 48, outer.top, outer.bottom);
  box.scrollLeft += past(inner.left - 48, inner.right + 48, outer.left, outer.right);
}

// What is seen first: the start, with its tree around it; or the step that a link names.
function revealFirst() {
  if (state.edge !== first(tree())) {
    reveal(drawing().edges.get(state.edge).querySelector(".label"));
    return;
  }
  const start = drawing().nodes.get(0);
  const box = start.closest(".box");
  const middle = (element, low, size) => element.getBoundingClientRect()[low] + element.getBoundingClientRect()[size] / 2;
  box.scrollTop += middle(start, "top", "height") - middle(box, "top", "height");
  box.scrollLeft += middle(start, "left", "width") - middle(box, "left", "width");
}

function light(about) {
  const shown = drawing();
  for (const each of Object.values(views.get(state.example).drawings)) {
    const walking = about !== null && each === shown;
    each.svg.classList.toggle("walking", walking);
    for (const kind of ["edges", "nodes", "leaves"]) {
      for (const [i, element] of each[kind]) element.classList.toggle("lit", walking && (about[kind] ?? []).includes(i));
    }
  }
}

let hovered = null;

function drawReading() {
  const edge = hovered ?? state.edge;
  const now = current();
  const { right, wrong } = solution;
  const [aTree, name, tau] = [tree(), names(tree()), now.temperature];
  const [node, next] = [aTree.from[edge], aTree.to[edge]];
  const hasReference = aTree.reference !== null;
  byId("reading-step").textContent = name.step(edge);
  formula(
    next < 0
      ? ["q = r = ", { x: right.q[edge] }, ": the response ends here"]
      : ["q = r + ", ...name.value(next), " = ", ...joined([now.rewards[edge], right.V[next]], " + "), " = ", { x: right.q[edge] }],
    byId("reading-logit")
  );
  const difference = joined([right.q[edge], right.V[node]], " − ");
  const inside = tau === 1 ? difference : ["(", ...difference, ")/", { x: tau }];
  formula(
    right.V[node] === FORBIDDEN
      ? ["π = 0: ", ...name.value(node), " = −∞, nothing is allowed below"]
      : [
          hasReference ? "π = π_ref exp(" : "π = exp(", tau === 1 ? "q − V" : "(q − V)/τ", ") = ",
          ...(hasReference ? [{ log: aTree.reference[edge] }, " · "] : []),
          "exp(", ...inside, ") = ", { log: right.logs.policy[edge] },
        ],
    byId("reading-policy")
  );
  formula(
    wrong === null
      ? [
          "passing: ", { log: right.logs.reached[node] }, " · ", { log: right.logs.policy[edge] }, " = ",
          { log: right.logs.passing[edge] },
        ]
      : ["with the mistake: q = ", { x: wrong.q[edge] }, ", π = ", { log: wrong.logs.policy[edge] }],
    byId("reading-passing")
  );
}

function select(edge, focuses = false) {
  state.edge = edge;
  endGesture();
  const { svg, edges } = drawing();
  // A step of the list may be one that the drawing leaves out.
  if (svg.hasAttribute("hidden")) drawNumbers();
  const element = edges.get(edge);
  for (const [other, each] of edges) {
    each.classList.toggle("chosen", other === edge);
    each.setAttribute("aria-selected", other === edge);
    each.tabIndex = other === edge ? 0 : -1;
  }
  if (focuses) element.focus({ preventScroll: true });
  reveal(element.querySelector(".label"));
  drawControls();
  drawReading();
  writeLink();
}
