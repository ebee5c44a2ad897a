// What hands do: fields, buttons, keys and pointer.

// The slider of the temperature goes by its logarithm, from 1/20 to 20.
const toSlider = (temperature) => Math.round((100 * Math.log(temperature)) / Math.log(20));
const fromSlider = (place) => Number((20 ** (place / 100)).toPrecision(3));

// The field whose text is being taken: it is left as somebody types it.
let typing = null;

function setValue(input, text) {
  if (typing !== input) input.value = text;
}

// Once the hand rests: the start of a number need not be one.
const complaints = new Map();

function complain(input, text, isInvalid) {
  clearTimeout(complaints.get(input));
  const show = () => {
    byId(`${input.id}-message`).textContent = text;
    if (isInvalid) input.setAttribute("aria-invalid", "true");
  };
  complaints.set(input, setTimeout(show, 500));
}

// What is shown fits again, whatever was typed: there is nothing to complain of.
function calm(input) {
  clearTimeout(complaints.get(input));
  byId(`${input.id}-message`).textContent = "";
  input.removeAttribute("aria-invalid");
}

// The slider reaches as far as the reward; but it does not change under the hand that moves it.
function drawSlider(reward) {
  const slider = byId("reward-slider");
  if (current().gesture !== `slider ${state.edge}`) {
    slider.min = Math.min(-5, Math.floor(reward));
    slider.max = Math.max(5, Math.ceil(reward));
  }
  slider.value = reward;
}

// What is switched off loses the focus, and with it the place of who uses a keyboard.
function switchOff(inputs, isOff, instead) {
  if (isOff && inputs.includes(document.activeElement)) instead.focus();
  for (const input of inputs) input.disabled = isOff;
}

function drawControls() {
  const now = current();
  const name = names(tree());
  for (const id of ["temperature", "reward"]) calm(byId(id));
  byId("example").value = state.example;
  byId("about").textContent = example().about;
  byId("about-of").hidden = isSame(now, original());
  setValue(byId("temperature"), exact(now.temperature));
  byId("temperature-slider").value = toSlider(now.temperature);
  byId("temperature-slider").setAttribute("aria-valuetext", `τ = ${long(now.temperature)}`);
  for (const shown of Object.keys(SHOWN)) byId(`show-${shown}`).setAttribute("aria-pressed", state.shown === shown);
  const hasLive = views.get(state.example).drawings.live !== undefined;
  byId("whole").hidden = !hasLive;
  byId("whole").disabled = hasLive && !canPrune();
  byId("whole").setAttribute("aria-pressed", drawing() === views.get(state.example).drawings.whole);
  byId("undo").setAttribute("aria-disabled", now.past.length === 0); // not disabled: it may have the focus

  const reward = now.rewards[state.edge];
  const forbidden = reward === FORBIDDEN;
  byId("edge").value = state.edge;
  byId("reward-of").textContent = `Reward of ${name.step(state.edge)}`;
  setValue(byId("reward"), forbidden ? "" : exact(reward));
  drawSlider(forbidden ? 0 : reward);
  byId("reward-slider").setAttribute("aria-valuetext", long(reward));
  switchOff([byId("reward"), byId("reward-slider")], forbidden, byId("forbidden"));
  byId("forbidden").checked = forbidden;
  const dead = solution.right.A.findIndex((A) => A === FORBIDDEN);
  byId("nothing").textContent =
    dead < 0
      ? ""
      : `Every response${tree().prompts.length > 1 ? ` to ${name.prompt(dead)}` : ""} is forbidden: there ` +
        "is no distribution. Allow an action again.";
}

function options(parent, rows) {
  parent.replaceChildren(
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
  listMistakes();
  // To walk along, one of the most probable responses; of these a longest, which has the most to show.
  const { p } = solve(aTree, current().rewards, current().temperature);
  const steps = (place) => aTree.paths[place].length;
  const better = (one, other) => (differ(p[one], p[other]) ? p[one] > p[other] : steps(one) > steps(other));
  byId("response").value = [...p.keys()].reduce((best, place) => (better(place, best) ? place : best));
}

const FORBID = "To forbid the step, tick Forbidden (−∞) below.";

// What is typed counts as soon as it is a number in range. What is not is said, changes nothing, and makes room for what
// is when the field is left.
function typed(input, low, high, take, gesture) {
  const limits = `A number from ${low} to ${high}, please.`;
  const number = () => {
    const x = parsed(input.value);
    return x >= low && x <= high ? x : null;
  };
  input.addEventListener("input", () => {
    const x = number();
    typing = input;
    if (x === null) takeBack(gesture());
    else take(x, gesture());
    typing = null;
    if (x === null) complain(input, input.id === "reward" && /inf|∞/i.test(input.value) ? FORBID : limits, true);
    else calm(input);
  });
  input.addEventListener("blur", () => {
    const left = input.value.trim();
    const fits = number() !== null;
    endGesture();
    drawControls();
    if (!fits && left !== "") complain(input, `Not taken: “${left.slice(0, 30)}”. ${limits}`, false);
  });
}

function listen() {
  const on = (id, kind, act) => byId(id).addEventListener(kind, act);
  on("example", "change", (event) => choose(event.target.value));
  typed(byId("temperature"), 0.05, 20, setTemperature, () => "temperature");
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
  typed(byId("reward"), -LARGEST, LARGEST, (x, gesture) => setReward(state.edge, x, gesture), () => `reward ${state.edge}`);
  on("reward", "keydown", (event) => {
    const by = { ArrowUp: 0.1, ArrowDown: -0.1 }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    nudge(state.edge, by);
  });
  on("reward-slider", "input", (event) => setReward(state.edge, Number(event.target.value), `slider ${state.edge}`));
  on("reward-slider", "change", endGesture);
  on("forbidden", "change", () => toggleForbidden(state.edge));
  on("mistake", "change", (event) => {
    state.mistake = event.target.value || null;
    update(state.mistake === null ? "No mistake." : `With the mistake ${state.mistake}.`, true);
    const wrong = drawing().svg.querySelector(".wrong");
    if (wrong !== null) reveal(wrong);
  });
  on("mistake-panel", "toggle", markIdle);
  on("response", "change", (event) => walkTo(Number(event.target.value), 0));
  const stepBy = (by) => {
    walkTo(state.walk.place, state.walk.step + by);
    say(["walk-count", "walk-title", "walk-lines"].map((id) => byId(id).innerText).join(". "), true);
  };
  on("back", "click", () => stepBy(-1));
  on("next", "click", () => stepBy(1));
  on("walk-panel", "toggle", (event) => {
    if (!event.target.open) stopWalking();
    else if (state.walk === null) walkTo(Number(byId("response").value), 0);
  });
  on("close-notice", "click", () => {
    byId("notice").hidden = true;
    byId("example").focus(); // a part that is hidden keeps no focus
  });
  on("copy-program", "click", () => copy(byId("program").textContent, "program"));
  on("copy-link", "click", () => {
    writeLinkNow();
    copy(location.href, "link");
  });
  document.addEventListener("keydown", (event) => {
    const inField = event.target.matches("input[type=text]"); // which undoes by itself what is typed
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
  window.addEventListener("hashchange", followAddress);
}

async function copy(text, what) {
  try {
    await navigator.clipboard.writeText(text);
    say(`Copied the ${what}.`, true);
  } catch {
    say(`This browser does not let a page copy; take the ${what} from ${what === "link" ? "the address bar" : "the box"}.`, true);
  }
}

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
