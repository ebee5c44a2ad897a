// The page: what is chosen and changed, what is drawn of it, and what is said about it.

const given = JSON.parse(document.getElementById("data").textContent);
const examples = new Map(given.examples.map((example) => [example.id, { ...example, tree: makeTree(example) }]));
const mistakes = new Map(given.mistakes.map((mistake) => [mistake.name, { ...mistake, ...WRONG[mistake.name] }]));
const byId = (id) => document.getElementById(id);
const SHOWN = {
  reward: ["r", short],
  logit: ["q", short],
  policy: ["policy", chance],
  passing: ["passing", chance],
};
const FORMS = { short, long, chance };
const LARGEST = given.largest;

// -- what there is to remember -------------------------------------------------------------------------------------

// Of each example: its rewards and temperature as changed, and what they were before each change.
const changed = new Map(
  [...examples].map(([id, example]) => [
    id,
    { rewards: example.rewards.map(number), temperature: example.temperature, past: [], gesture: null },
  ])
);
const state = { example: given.examples[0].id, shown: "policy", whole: false, edge: 0, mistake: null, walk: null };
let solution = null; // what is shown, and beside a mistake what is right
let before = null; // what was shown before the last change

function number(x) {
  return x === "-inf" ? FORBIDDEN : x;
}

const example = () => examples.get(state.example);
const tree = () => example().tree;
const current = () => changed.get(state.example);

// Changes of one gesture (a slider that is dragged, a number that is typed) are undone at once.
function remember(gesture) {
  const now = current();
  if (gesture === null || gesture !== now.gesture) {
    now.past.push({ rewards: now.rewards, temperature: now.temperature });
  }
  now.gesture = gesture;
}

function endGesture() {
  current().gesture = null;
}

function setReward(edge, reward, gesture = null) {
  if (reward === current().rewards[edge]) return;
  remember(gesture);
  current().rewards = current().rewards.map((r, e) => (e === edge ? reward : r));
  update(`Reward of ${names(tree()).step(edge)}: ${long(reward)}.`);
}

function setTemperature(temperature, gesture = null) {
  if (temperature === current().temperature) return;
  remember(gesture);
  current().temperature = temperature;
  update(`Temperature ${long(temperature)}.`);
}

function toggleForbidden(edge) {
  const now = current();
  const original = number(example().rewards[edge]);
  if (now.rewards[edge] === FORBIDDEN) {
    // Back to what it was before it was forbidden.
    const last = now.past.map((past) => past.rewards[edge]).reverse().find((x) => x !== FORBIDDEN);
    setReward(edge, last ?? (original === FORBIDDEN ? 0 : original));
  } else {
    setReward(edge, FORBIDDEN);
  }
}

function nudge(edge, by) {
  const reward = current().rewards[edge];
  if (reward === FORBIDDEN) return;
  const wanted = Number((reward + by).toFixed(6)); // tenths add up to tenths
  setReward(edge, Math.max(-LARGEST, Math.min(LARGEST, wanted)), `nudge ${edge}`);
}

function undo() {
  const now = current();
  if (!now.past.length) return;
  Object.assign(now, now.past.pop(), { gesture: null });
  update("Undone.");
}

function reset() {
  remember(null);
  Object.assign(current(), { rewards: example().rewards.map(number), temperature: example().temperature });
  update("As it was at first.");
}

function choose(id) {
  state.example = id;
  state.edge = first(tree());
  state.walk = null;
  if (state.mistake !== null && !applies(mistakes.get(state.mistake))) state.mistake = null;
  before = null;
  listChoices();
  update(`${example().title}.`);
}

function first(aTree) {
  return aTree.out[0][0];
}

function applies(mistake) {
  return mistake.aboutReference === (tree().reference !== null);
}

// -- what follows --------------------------------------------------------------------------------------------------

function update(said = null, keepsChanges = false) {
  const now = current();
  const right = solve(tree(), now.rewards, now.temperature);
  const mistake = state.mistake === null || state.walk !== null ? null : mistakes.get(state.mistake);
  const wrong = mistake === null ? null : solve(tree(), now.rewards, now.temperature, mistake);
  const shown = wrong ?? right;
  if (!keepsChanges) before = solution?.example === state.example ? solution : null;
  solution = { example: state.example, right, wrong, shown, numbers: { ...shown, r: now.rewards } };
  drawNumbers();
  drawControls();
  drawReading();
  drawWalk();
  drawMistake();
  byId("program").textContent = asPython(tree(), now.rewards, now.temperature, right.A);
  if (said !== null) say([said, whatChanged(), wrong === null ? "" : verdict()].filter(Boolean).join(" "));
  writeLink();
}

// Two numbers that differ by more than rounding can make them.
function differ(x, y) {
  if (x === y) return false;
  if (!Number.isFinite(x) || !Number.isFinite(y)) return true;
  return Math.abs(x - y) > 1e-9 * Math.max(1, Math.abs(x), Math.abs(y));
}

function places(xs, ys) {
  return [...xs.keys()].filter((i) => differ(xs[i], ys[i]));
}

function whatChanged() {
  if (before === null) return "";
  const counted = [
    ["q", "logit", "logits"],
    ["V", "value", "values"],
    ["policy", "step probability", "step probabilities"],
    ["p", "response probability", "response probabilities"],
  ].map(([key, one, more]) => {
    const n = places(before.numbers[key], solution.numbers[key]).length;
    return n === 0 ? "" : `${n} ${n === 1 ? one : more}`;
  });
  const words = counted.filter(Boolean);
  return words.length ? `Changed: ${words.join(", ")}.` : "Nothing else changed.";
}

// -- the drawing and the tables -------------------------------------------------------------------------------------

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

function put(element, x, form) {
  if (x === undefined) {
    element.textContent = "";
    delete element.dataset.exact;
    return;
  }
  element.dataset.exact = exact(x);
  element.textContent = form(x);
}

function drawNumbers() {
  const { numbers, right, wrong } = solution;
  const view = drawing();
  const { drawings, inTables } = views.get(state.example);
  for (const [id, { parts }] of views) for (const part of parts) part.hidden = id !== state.example;
  for (const each of Object.values(drawings)) each.svg.toggleAttribute("hidden", each !== view);

  for (const { element, is, right: beside } of [...view.slots, ...inTables]) {
    const [key, form] =
      element.dataset.slot === "shown" ? SHOWN[state.shown] : [element.dataset.slot, FORMS[element.dataset.form]];
    const at = Number(element.dataset.at);
    const x = numbers[key][at];
    const isWrong = wrong !== null && key !== "r" && differ(x, right[key][at]);
    put(is, x, form);
    if (beside !== null) put(beside, isWrong ? right[key][at] : undefined, form);
    element.classList.toggle("wrong", isWrong);
    element.classList.toggle("changed", before !== null && differ(x, before.numbers[key][at]));
  }

  const name = names(tree());
  for (const [edge, element] of view.edges) {
    const chanceOf = Math.min(1, numbers.passing[edge]);
    element.style.setProperty("--width", `${(0.9 + 10 * chanceOf).toFixed(2)}px`);
    element.classList.toggle("never", chanceOf === 0);
    element.classList.toggle("forbidden", numbers.r[edge] === FORBIDDEN);
    element.classList.toggle("chosen", edge === state.edge);
    element.setAttribute("aria-selected", edge === state.edge);
    element.tabIndex = edge === state.edge ? 0 : -1;
    element.setAttribute(
      "aria-label",
      `${name.step(edge)}: reward ${short(numbers.r[edge])}, logit ${short(numbers.q[edge])}, ` +
        `policy ${chance(numbers.policy[edge])}, passing ${chance(numbers.passing[edge])}`
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
    element.classList.toggle("never", numbers.p[place] === 0);
  }
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

// -- the step that is looked at --------------------------------------------------------------------------------------

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
          ...(hasReference ? [{ x: Math.exp(aTree.reference[edge]) }, " · "] : []),
          "exp(", ...inside, ") = ", { x: right.policy[edge] },
        ],
    byId("reading-policy")
  );
  formula(
    wrong === null
      ? ["passing: ", ...joined([right.reached[node], right.policy[edge]], " · "), " = ", { x: right.passing[edge] }]
      : ["with the mistake: q = ", { x: wrong.q[edge] }, ", π = ", { x: wrong.policy[edge] }],
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
  if (focuses) element.focus();
  drawControls();
  drawReading();
  writeLink();
}

// -- controls --------------------------------------------------------------------------------------------------------

// The slider of the temperature goes by its logarithm, from 1/20 to 20.
const toSlider = (temperature) => Math.round((100 * Math.log(temperature)) / Math.log(20));
const fromSlider = (place) => Number((20 ** (place / 100)).toPrecision(3));

function setValue(input, text) {
  // A field in which somebody types is left alone while it says the same.
  if (document.activeElement === input && Number(input.value) === Number(text) && input.value !== "") return;
  input.value = text;
}

function drawControls() {
  const now = current();
  const name = names(tree());
  byId("example").value = state.example;
  byId("about").textContent = example().about;
  setValue(byId("temperature"), exact(now.temperature));
  byId("temperature-slider").value = toSlider(now.temperature);
  byId("temperature-slider").setAttribute("aria-valuetext", `τ = ${long(now.temperature)}`);
  for (const shown of Object.keys(SHOWN)) byId(`show-${shown}`).setAttribute("aria-pressed", state.shown === shown);
  const hasLive = views.get(state.example).drawings.live !== undefined;
  byId("whole").hidden = !hasLive;
  byId("whole").disabled = hasLive && !canPrune();
  byId("whole").setAttribute("aria-pressed", drawing() === views.get(state.example).drawings.whole);
  byId("undo").disabled = now.past.length === 0;

  const reward = now.rewards[state.edge];
  const forbidden = reward === FORBIDDEN;
  byId("edge").value = state.edge;
  byId("reward-of").textContent = `Reward of ${name.step(state.edge)}`;
  setValue(byId("reward"), forbidden ? "" : exact(reward));
  byId("reward-slider").value = forbidden ? 0 : reward;
  byId("reward-slider").setAttribute("aria-valuetext", long(reward));
  byId("reward").disabled = byId("reward-slider").disabled = forbidden;
  byId("forbidden").checked = forbidden;
  const dead = solution.right.A.findIndex((A) => A === FORBIDDEN);
  byId("nothing").textContent =
    dead < 0
      ? ""
      : `Every response${tree().prompts.length > 1 ? ` to prompt ${tree().prompts[dead]}` : ""} is forbidden: there ` +
        "is no distribution. Allow an action again.";
}

function options(select, rows) {
  select.replaceChildren(
    ...rows.map(([value, text, disabled = false]) => {
      const option = document.createElement("option");
      option.value = value;
      option.textContent = text;
      option.disabled = disabled;
      return option;
    })
  );
}

function listChoices() {
  const [aTree, name] = [tree(), names(tree())];
  const inOrder = [...views.get(state.example).drawings.whole.edges.keys()];
  options(byId("edge"), inOrder.map((edge) => [edge, `${" ".repeat(2 * aTree.depth[aTree.from[edge]])}${name.step(edge)}`]));
  options(byId("response"), aTree.leaves.map((edge, place) => [place, name.response(edge)]));
  options(byId("mistake"), [
    ["", "none"],
    ...[...mistakes.values()].map((mistake) => [mistake.name, mistake.name, !applies(mistake)]),
  ]);
  // The best response, of those that come first.
  const { p } = solve(aTree, current().rewards, current().temperature);
  byId("response").value = p.indexOf(Math.max(...p));
}

// What is typed counts as soon as it is a number in range; what is not is said, and undone when the field is left.
function typed(input, low, high, take) {
  const message = byId(`${input.id}-message`);
  input.addEventListener("input", () => {
    const x = input.value === "" ? NaN : Number(input.value);
    const fits = Number.isFinite(x) && x >= low && x <= high;
    message.textContent = fits ? "" : `A number from ${low} to ${high}, please.`;
    if (fits) input.removeAttribute("aria-invalid");
    else input.setAttribute("aria-invalid", "true");
    if (fits) take(x);
  });
  input.addEventListener("blur", () => {
    message.textContent = "";
    input.removeAttribute("aria-invalid");
    endGesture();
    drawControls();
  });
}

function listen() {
  const on = (id, kind, act) => byId(id).addEventListener(kind, act);
  on("example", "change", (event) => choose(event.target.value));
  typed(byId("temperature"), 0.05, 20, (x) => setTemperature(x, "temperature"));
  on("temperature-slider", "input", (event) => setTemperature(fromSlider(Number(event.target.value)), "temperature slider"));
  on("temperature-slider", "change", endGesture);
  for (const shown of Object.keys(SHOWN)) {
    on(`show-${shown}`, "click", () => {
      state.shown = shown;
      update(null, true);
    });
  }
  on("undo", "click", undo);
  on("reset", "click", reset);
  on("edge", "change", (event) => select(Number(event.target.value)));
  typed(byId("reward"), -LARGEST, LARGEST, (x) => setReward(state.edge, x, `reward ${state.edge}`));
  on("reward-slider", "input", (event) => setReward(state.edge, Number(event.target.value), `slider ${state.edge}`));
  on("reward-slider", "change", endGesture);
  on("forbidden", "change", () => toggleForbidden(state.edge));
  on("mistake", "change", (event) => {
    state.mistake = event.target.value || null;
    update(state.mistake === null ? "No mistake." : `With the mistake ${state.mistake}.`, true);
  });
  on("response", "change", (event) => walkTo(Number(event.target.value), 0));
  on("back", "click", () => walkTo(state.walk.place, state.walk.step - 1));
  on("next", "click", () => walkTo(state.walk.place, state.walk.step + 1));
  on("walk-panel", "toggle", (event) => {
    if (!event.target.open) stopWalking();
    else if (state.walk === null) walkTo(Number(byId("response").value), 0);
  });
  on("copy-program", "click", () => copy(byId("program").textContent, "program"));
  on("copy-link", "click", () => {
    writeLinkNow();
    copy(location.href, "link");
  });
  document.addEventListener("keydown", (event) => {
    const inField = event.target.matches("input[type=number]");
    if ((event.ctrlKey || event.metaKey) && !event.shiftKey && event.key === "z" && !inField) {
      event.preventDefault();
      undo();
    }
  });
  for (const { drawings } of views.values()) for (const { edges } of Object.values(drawings)) listenToTree(edges);
  on("whole", "click", () => {
    state.whole = drawing() !== views.get(state.example).drawings.whole;
    if (!state.whole && canPrune() && drawing() === views.get(state.example).drawings.whole) state.edge = first(tree());
    update(null, true);
  });
  window.addEventListener("hashchange", () => {
    if (location.hash.slice(1) !== link()) readLink();
  });
}

async function copy(text, what) {
  try {
    await navigator.clipboard.writeText(text);
    say(`Copied the ${what}.`, true);
  } catch {
    say(`This browser does not let a page copy; take the ${what} from ${what === "link" ? "the address bar" : "the box"}.`, true);
  }
}

// -- keys and pointer in the tree ------------------------------------------------------------------------------------

function listenToTree(edges) {
  for (const [edge, element] of edges) {
    element.addEventListener("click", () => select(edge, true));
    element.addEventListener("focus", () => {
      if (state.edge !== edge) select(edge);
    });
    element.addEventListener("pointerenter", () => {
      hovered = edge;
      drawReading();
    });
    element.addEventListener("pointerleave", () => {
      hovered = null;
      drawReading();
    });
    element.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (inTree(event.key, edge)) event.preventDefault();
    });
  }
}

// As in any tree: up and down through what is shown, left to where it comes from, right to what follows.
function inTree(key, edge) {
  const aTree = tree();
  const shown = drawing().edges;
  const order = [...shown.keys()];
  const place = order.indexOf(edge);
  const goals = {
    ArrowDown: order[place + 1],
    ArrowUp: order[place - 1],
    ArrowLeft: aTree.into[aTree.from[edge]],
    ArrowRight: aTree.to[edge] < 0 ? undefined : aTree.out[aTree.to[edge]][0],
    Home: order[0],
    End: order[order.length - 1],
  };
  const acts = {
    "+": () => nudge(edge, 0.1),
    "=": () => nudge(edge, 0.1),
    "-": () => nudge(edge, -0.1),
    PageUp: () => nudge(edge, 1),
    PageDown: () => nudge(edge, -1),
    f: () => toggleForbidden(edge),
    Delete: () => toggleForbidden(edge),
    Enter: () => {
      byId("change-panel").open = true;
      byId(current().rewards[edge] === FORBIDDEN ? "forbidden" : "reward").focus();
    },
  };
  if (key in goals) {
    if (shown.has(goals[key])) select(goals[key], true);
    return true;
  }
  if (key in acts) acts[key]();
  return key in acts;
}

// -- the walk ----------------------------------------------------------------------------------------------------------

function walkTo(place, step) {
  state.walk = { place, step };
  update(null, true); // without the mistake, if there is one
}

function stopWalking() {
  state.walk = null;
  update(null, true);
}

function drawWalk() {
  if (state.walk === null) {
    light(null);
    return;
  }
  const now = current();
  const all = walkAlong(tree(), now.rewards, now.temperature, solution.right, state.walk.place);
  const step = Math.max(0, Math.min(state.walk.step, all.length - 1));
  const at = all[step];
  state.walk.step = step;
  byId("response").value = state.walk.place;
  byId("walk-count").textContent = `Step ${step + 1} of ${all.length}`;
  byId("walk-title").textContent = at.title;
  byId("walk-lines").replaceChildren(
    ...at.lines.map((line) => {
      const element = document.createElement("p");
      formula(line, element);
      return element;
    })
  );
  for (const rule of document.querySelectorAll("[data-phase]")) rule.hidden = rule.dataset.phase !== at.phase;
  byId("back").disabled = step === 0;
  byId("next").disabled = step === all.length - 1;
  // A button that is switched off loses the focus, and with it the place of who uses a keyboard.
  if (document.activeElement === document.body || document.activeElement?.disabled) {
    if (step === 0) byId("next").focus();
    else if (step === all.length - 1) byId("back").focus();
  }
  light(at);
}

// -- the mistakes ------------------------------------------------------------------------------------------------------

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
  return [
    { law: tau === 1 ? "V(start) = A" : "V(start) = τ A", left: values, right: scaled },
    { law: "p(y) stepwise = at once", left: found.p, right: found.pR },
    { law: "Σ p(y) = 1", left: found.sum, right: found.A.map((_, i) => (solution.right.A[i] === FORBIDDEN ? 0 : 1)) },
    { law: "M⁻¹(q) = r", left: back, right: rewards },
  ];
}

function drawMistake() {
  const table = byId("laws");
  const mistake = state.mistake === null ? null : mistakes.get(state.mistake);
  byId("mistake").value = state.mistake ?? "";
  byId("mistake-summary").textContent = mistake === null ? "" : `${mistake.summary}.`;
  const { right, wrong } = solution;
  byId("verdict").textContent = wrong === null ? "" : verdict();
  byId("wrong").hidden = wrong === null;
  if (wrong === null) return;

  const name = names(tree());
  const where = {
    0: (i) => (tree().prompts.length > 1 ? `prompt ${tree().prompts[i]}` : ""),
    1: (i) => `y = ${name.response(tree().leaves[i])}`,
    2: (i) => (tree().prompts.length > 1 ? `prompt ${tree().prompts[i]}` : ""),
    3: (i) => name.step(i),
  };
  table.replaceChildren(
    ...laws(wrong).map(({ law, left, right: other }, i) => {
      const { place } = worst(left, other);
      const at = Math.max(0, place);
      const fails = place >= 0;
      return row([law, fails ? where[i](at) : ""], left[at], [fails ? "≠" : "="], other[at], fails);
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
  const cells = [{ x: left }, ...sign, { x: right }].map((part) => {
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
  const keys = ["q", "V", "policy", "p", "pR", "A", "back"];
  const of = Object.fromEntries(keys.map((key) => [key, places(wrong[key], right[key]).length]));
  if (keys.every((key) => of[key] === 0)) return `No difference on these rewards. ${hint()}`.trim();
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
  const lost = wrong.sum.findIndex((sum, i) => differ(sum, 1) && right.A[i] !== FORBIDDEN);
  if (lost >= 0) {
    const total = wrong.sum[lost];
    const leaks = wrong.policy.some((pi, e) => pi > 0 && tree().to[e] >= 0 && right.V[tree().to[e]] === FORBIDDEN);
    said.push(
      `The probabilities add up to ${long(total)}` +
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

// -- what is said, and the link ------------------------------------------------------------------------------------------

let saying = 0;

// Once the hand rests: who listens does not want every number that a slider passes.
function say(text, atOnce = false) {
  clearTimeout(saying);
  saying = setTimeout(() => (byId("said").textContent = text), atOnce ? 0 : 400);
}

function link() {
  const now = current();
  const parts = new URLSearchParams({ example: state.example });
  const edits = example().rewards.flatMap((r, e) => (number(r) === now.rewards[e] ? [] : [`${e}:${exact(now.rewards[e])}`]));
  if (edits.length) parts.set("r", edits.join(","));
  if (now.temperature !== example().temperature) parts.set("t", exact(now.temperature));
  if (state.shown !== "policy") parts.set("show", state.shown);
  if (state.edge !== first(tree())) parts.set("step", state.edge);
  if (state.mistake !== null) parts.set("mistake", state.mistake);
  if (state.walk !== null) parts.set("walk", `${state.walk.place}.${state.walk.step}`);
  return parts.toString();
}

let writing = 0;

// Browsers allow a page few changes of its address in a short time; so only once the hand rests.
function writeLink() {
  clearTimeout(writing);
  writing = setTimeout(writeLinkNow, 300);
}

function writeLinkNow() {
  clearTimeout(writing);
  if (location.hash.slice(1) === link()) return;
  try {
    history.replaceState(null, "", `#${link()}`);
  } catch {
    // A page without an address of its own (in a frame) has no link to keep.
  }
}

// Whatever a link says is checked: what cannot be is left out, and said.
function readLink() {
  const parts = new URLSearchParams(location.hash.slice(1));
  const odd = [];
  const take = (key, read) => {
    if (!parts.has(key)) return;
    if (!read(parts.get(key))) odd.push(key);
  };
  take("example", (id) => examples.has(id) && ((state.example = id), true));
  const now = current();
  const numbers = example().rewards.map(number);
  const inside = (text, most) => /^\d+$/.test(text) && Number(text) < most;
  state.edge = first(tree());
  state.walk = state.mistake = null;
  state.whole = false;
  state.shown = "policy";
  Object.assign(now, { temperature: example().temperature, past: [], gesture: null });
  take("r", (text) =>
    text.split(",").every((edit) => {
      const [edge, value = ""] = edit.split(":");
      const reward = value === "-inf" ? FORBIDDEN : Number(value);
      const fits = value !== "" && (reward === FORBIDDEN || Math.abs(reward) <= LARGEST) && inside(edge, numbers.length);
      if (fits) numbers[Number(edge)] = reward;
      return fits;
    })
  );
  now.rewards = numbers;
  take("t", (text) => text !== "" && Number(text) >= 0.05 && Number(text) <= 20 && ((now.temperature = Number(text)), true));
  take("show", (text) => Object.keys(SHOWN).includes(text) && ((state.shown = text), true));
  take("step", (text) => inside(text, tree().nEdges) && ((state.edge = Number(text)), true));
  take("mistake", (text) => mistakes.has(text) && applies(mistakes.get(text)) && ((state.mistake = text), true));
  take("walk", (text) => {
    const [place, step = ""] = text.split(".");
    if (!inside(place, tree().leaves.length) || !inside(step, 1e6)) return false;
    state.walk = { place: Number(place), step: Number(step) };
    return true;
  });
  before = null;
  solution = null;
  listChoices();
  if (state.walk !== null) byId("walk-panel").open = true;
  else if (state.mistake !== null) byId("mistake-panel").open = true;
  update(odd.length ? `The link was not understood at: ${odd.join(", ")}.` : null);
}

document.documentElement.classList.add("scripted");
listen();
readLink();
