// The address of the page holds what was changed, so that a link keeps it.

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

// What a link may say.
const LINKED = ["example", "r", "t", "show", "step", "mistake", "walk"];

// What the address says. It may also end in the name of a part of the page, and says nothing then.
function addressed() {
  const text = location.hash.slice(1);
  return new URLSearchParams(text.includes("=") ? text : "");
}

function unknown(parts) {
  return [...parts.keys()].filter((key) => !LINKED.includes(key));
}

function followAddress() {
  if (location.hash.slice(1) === link()) return;
  const parts = addressed();
  if (LINKED.some((key) => parts.has(key))) {
    readLink();
  } else {
    complainOfLink(unknown(parts));
    writeLink();
  }
}

// All edits that a link lists, as [edge, reward]; or null, if a single one of them is none.
function readEdits(text, nEdges) {
  const edits = text.split(",").map((edit) => {
    const [, edge, value] = /^(\d+):([^:]+)$/.exec(edit) ?? [null, NaN, ""];
    return [Number(edge), value === "-inf" ? FORBIDDEN : parsed(value)];
  });
  const fits = ([edge, reward]) => edge < nEdges && (reward === FORBIDDEN || Math.abs(reward) <= LARGEST);
  return edits.every(fits) ? edits : null;
}

// Whatever a link says is checked: each part is taken as a whole or left out, and what is left out is said.
function readLink() {
  const parts = addressed();
  const odd = [];
  const take = (key, read) => {
    if (!parts.has(key)) return;
    if (!read(parts.get(key))) odd.push(key);
  };
  take("example", (id) => examples.has(id) && ((state.example = id), true));
  // Steps and temperatures of an example that there is not are none of another one.
  const ofExample = (read) => (odd.includes("example") ? () => false : read);
  const now = current();
  const was = { rewards: now.rewards, temperature: now.temperature };
  const inside = (text, most) => /^\d+$/.test(text) && Number(text) < most;
  state.edge = first(tree());
  state.walk = state.mistake = null;
  state.whole = false;
  state.shown = "policy";
  Object.assign(now, original());
  take("r", ofExample((text) => {
    const edits = readEdits(text, now.rewards.length);
    for (const [edge, reward] of edits ?? []) now.rewards[edge] = reward;
    return edits !== null;
  }));
  take("t", ofExample((text) => {
    const temperature = parsed(text);
    const fits = temperature >= 0.05 && temperature <= 20;
    if (fits) now.temperature = temperature;
    return fits;
  }));
  take("show", (text) => Object.keys(SHOWN).includes(text) && ((state.shown = text), true));
  take("step", ofExample((text) => inside(text, tree().nEdges) && ((state.edge = Number(text)), true)));
  take("mistake", (text) => mistakes.has(text) && applies(mistakes.get(text)) && ((state.mistake = text), true));
  take("walk", ofExample((text) => {
    const [, place, step] = /^(\d+)\.(\d{1,6})$/.exec(text) ?? [null, "", ""];
    if (!inside(place, tree().leaves.length)) return false;
    state.walk = { place: Number(place), step: Number(step) };
    return true;
  }));
  // What was changed by hand, before somebody followed another link, can be had again.
  endGesture();
  if (solution !== null && !isSame(now, was)) now.past.push(was);
  before = null;
  solution = null;
  listChoices();
  if (state.walk !== null) byId("walk-panel").open = true;
  else if (state.mistake !== null) byId("mistake-panel").open = true;
  else if (byId("walk-panel").open) byId("change-panel").open = true;
  update();
  complainOfLink([...odd, ...unknown(parts)]);
  if (state.walk === null) revealFirst();
}

// For all to see, until it is closed or another link is followed.
function complainOfLink(odd) {
  const names = odd.map((name) => (name.length > 20 ? `${name.slice(0, 20)}…` : name)).join(", ");
  const text = odd.length ? `The link was not understood at: ${names}. That was left out.` : "";
  byId("notice-text").textContent = text;
  byId("notice").hidden = text === "";
  if (text !== "") say(text);
}
