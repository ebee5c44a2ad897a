// What there is to remember: which example, its rewards and temperature as changed, and what they were before.

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
const FORMS = { short, long: (x, log) => (log === undefined ? long(x) : ofLog(log)), chance };
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

// What a gesture changed is as it was before it: the start of what somebody types may be another number than the whole.
function takeBack(gesture) {
  const now = current();
  if (now.gesture !== gesture) return;
  Object.assign(now, now.past.pop(), { gesture: null });
  update();
}

// Whether two pairs of rewards and temperature are one.
function isSame(one, other) {
  return one.temperature === other.temperature && one.rewards.every((r, edge) => r === other.rewards[edge]);
}

// What the example starts from.
function original() {
  return { rewards: example().rewards.map(number), temperature: example().temperature };
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
  const atFirst = number(example().rewards[edge]);
  if (now.rewards[edge] === FORBIDDEN) {
    // Back to what it was before it was forbidden.
    const last = now.past.map((past) => past.rewards[edge]).reverse().find((x) => x !== FORBIDDEN);
    setReward(edge, last ?? (atFirst === FORBIDDEN ? 0 : atFirst));
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
  endGesture();
  if (!isSame(current(), original())) {
    remember(null);
    Object.assign(current(), original());
  }
  update("As it was at first.");
}

function choose(id) {
  state.example = id;
  state.edge = first(tree());
  if (state.mistake !== null && !applies(mistakes.get(state.mistake))) state.mistake = null;
  before = null;
  listChoices();
  if (state.walk !== null) state.walk = { place: Number(byId("response").value), step: 0 }; // a walk begins anew
  update(`${example().title}.`);
  revealFirst();
}

function first(aTree) {
  return aTree.out[0][0];
}

function applies(mistake) {
  return mistake.aboutReference === (tree().reference !== null);
}
