// The page: what follows from a change is computed, drawn and said.

function update(said = null, keepsChanges = false) {
  const now = current();
  const right = solve(tree(), now.rewards, now.temperature);
  const mistake = state.mistake === null || state.walk !== null ? null : mistakes.get(state.mistake);
  const wrong = mistake === null ? null : solve(tree(), now.rewards, now.temperature, mistake);
  // Marked is what a change of rewards or temperature changed; a mistake that is switched on has marks of its own.
  const comparable = solution !== null && solution.example === state.example && solution.mistake === mistake;
  if (!comparable) before = null;
  else if (!keepsChanges) before = solution;
  right.r = now.rewards;
  if (wrong !== null) wrong.r = now.rewards;
  solution = { example: state.example, mistake, right, wrong, numbers: wrong ?? right };
  drawNumbers();
  drawMeeting();
  drawControls();
  drawReading();
  drawWalk();
  drawMistake();
  putProgram(asPython(tree(), now.rewards, now.temperature, right.A), byId("program"));
  byId("program-of").textContent =
    mistake === null ? "these numbers" : `the right numbers, without the mistake ${mistake.name},`;
  // The panel in which it was chosen may be closed.
  byId("mistake-on").hidden = state.mistake === null;
  byId("mistake-on").textContent =
    mistake !== null
      ? `The mistake ${mistake.name} is put in: numbers in red are wrong; the right ones stand beside them, in green.`
      : `The mistake ${state.mistake} is laid aside while the walk is open.`;
  byId("printed").textContent =
    `Example: ${example().title}${isSame(now, original()) ? "" : ", changed"}. Temperature τ = ${signed(exact(now.temperature))}. ` +
    (mistake === null ? "No mistake." : `With the mistake ${mistake.name}.`);
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
  const lit = drawing().svg.querySelectorAll(".edge.lit .label, .node.lit rect, .leaf.lit .end");
  if (lit.length) reveal(lit[lit.length - 1]);
}

// -- what is said --------------------------------------------------------------------------------------------------------

let saying = 0;

// Once the hand rests: who listens does not want every number that a slider passes.
function say(text, atOnce = false) {
  clearTimeout(saying);
  saying = setTimeout(() => (byId("said").textContent = text), atOnce ? 0 : 400);
}

document.documentElement.classList.add("scripted");
listen();
readLink();
