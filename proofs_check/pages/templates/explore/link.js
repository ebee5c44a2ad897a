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
  else if (byId("walk-panel").open) byId("change-panel").open = true;
  update(odd.length ? `The link was not understood at: ${odd.join(", ")}.` : null);
  if (state.walk === null) revealFirst();
}
