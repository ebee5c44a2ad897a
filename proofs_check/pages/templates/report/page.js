// Filters, order and links for a page that is whole without them. What is asked for stands in the address, after "#?",
// so that a link to the page keeps it; a link to a claim opens its section.
"use strict";
(() => {
  const form = document.querySelector("form.filters");
  const table = document.querySelector("table.verdicts");
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const status = document.getElementById("shown");
  const claims = new Map([...document.querySelectorAll("details.claim")].map(d => [d.dataset.claim, d]));
  const parts = [...document.querySelectorAll(".part-section")];
  const order = form.elements.sort;
  const ranks = [...form.elements.verdict.options].map(option => option.value);
  const verdicts = new Map(rows.map(row => [
    row, new Map(row.dataset.verdicts.split(" ").filter(Boolean).map(each => each.split(":")))]));
  // What counts as having evidence: anything that says something, be it for the claim or against it.
  const SILENT = new Set(["NOT_RUN", "NOT_APPLICABLE"]);

  // -- which rows are shown -----------------------------------------------------------------------------------------

  function asked() {
    const found = new URLSearchParams();
    for (const [name, value] of new FormData(form)) if (value.trim() !== "") found.set(name, value.trim());
    if (order.value && order.dataset.down) found.set("down", "1");
    return found;
  }

  function wanted(row, want) {
    const words = (want.get("text") || "").toLowerCase().split(/\s+/);
    const kind = want.get("kind"), verdict = want.get("verdict"), has = verdicts.get(row);
    const judged = kind ? [has.get(kind)] : [...has.values()];
    return words.every(word => row.dataset.words.includes(word))
      && (!want.has("part") || row.dataset.part === want.get("part"))
      && (!verdict || judged.includes(verdict))
      && (!kind || verdict || (has.has(kind) && !SILENT.has(has.get(kind))))
      && ["unexpected", "erratum", "proof"].every(name => !want.has(name) || name in row.dataset);
  }

  function show() {
    const want = asked();
    let count = 0;
    for (const row of rows) {
      row.hidden = !wanted(row, want);
      if (!row.hidden) count += 1;
      claims.get(row.dataset.claim).hidden = row.hidden;
    }
    for (const part of parts) part.hidden = !part.querySelector("details.claim:not([hidden])");
    document.getElementById("nothing").hidden = count > 0;
    const said = `${count} of ${rows.length} claims shown`;
    if (status.textContent !== said) status.textContent = said;
    return want;
  }

  function remember() {
    const want = String(show());
    const here = location.href.split("#")[0];
    if (want || location.hash.startsWith("#?")) history.replaceState(null, "", want ? `${here}#?${want}` : here);
  }

  // -- the order ----------------------------------------------------------------------------------------------------

  const number = (row, name, place = 0) => {
    const found = row.querySelectorAll(`[data-name="${name}"] data`)[place];
    return found ? Number(found.value.replace("inf", "Infinity")) : NaN;
  };

  function key(row, by) {
    if (by === "claim") return row.dataset.claim;
    if (by === "ratio") {
      const residual = number(row, "residual"), bound = number(row, "bound");
      return residual === 0 ? 0 : residual / bound;
    }
    if (by === "slack") return number(row, "slack");
    if (by === "rejects") return number(row, "rejects") / number(row, "rejects", 1);
    return by ? ranks.indexOf(verdicts.get(row).get(by) || "NOT_APPLICABLE") : Number(row.dataset.place);
  }

  let sorted = false;

  function sort() {
    sorted = true;
    const by = order.value, sign = order.dataset.down ? -1 : 1;
    const keys = new Map(rows.map(row => [row, key(row, by)]));
    const compared = (a, b) => {
      const x = keys.get(a), y = keys.get(b);
      // What has no number comes last, either way; what is alike stays in the order of the paper.
      const unlike = Number.isNaN(x) || Number.isNaN(y) ? Number.isNaN(x) - Number.isNaN(y)
        : sign * (typeof x === "string" ? x.localeCompare(y, "en") : (x > y) - (x < y));
      return unlike || a.dataset.place - b.dataset.place;
    };
    body.append(...[...rows].sort(compared));
    for (const head of heads) {
      const here = head.dataset.sort === by;
      if (here) head.setAttribute("aria-sort", order.dataset.down ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    }
  }

  const heads = [...table.querySelectorAll("th[data-sort]")];
  for (const head of heads) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    order.append(new Option(button.textContent.toLowerCase(), head.dataset.sort));
    button.addEventListener("click", () => {
      const same = order.value === head.dataset.sort;
      order.value = head.dataset.sort;
      order.dataset.down = same && !order.dataset.down ? "1" : "";
      sort();
      remember();
    });
  }

  // -- the address --------------------------------------------------------------------------------------------------

  function restore() {
    const want = new URLSearchParams(location.hash.slice(2));
    for (const field of form.elements) {
      if (field.type === "checkbox") field.checked = want.has(field.name);
      else if (field.name) field.value = want.get(field.name) || "";
    }
    order.dataset.down = want.get("down") || "";
    if (order.value || sorted) sort();
    show();
  }

  function decoded(text) {
    try {
      return decodeURIComponent(text);
    } catch {
      return text;  // a stray %, which stands for itself
    }
  }

  function follow() {
    if (location.hash.startsWith("#?")) return restore();
    const target = document.getElementById(decoded(location.hash.slice(1)));
    if (!target) return;
    // A link says what is to be seen, whatever is asked for above.
    for (let each = target; each; each = each.parentElement) {
      each.hidden = false;
      if (each.tagName === "DETAILS") each.open = true;
    }
    target.scrollIntoView();
  }

  // -- all of it ----------------------------------------------------------------------------------------------------

  let waiting;
  form.addEventListener("input", event => {
    if (event.target === order) { order.dataset.down = ""; sort(); }
    clearTimeout(waiting);
    waiting = setTimeout(remember, event.target.type === "search" ? 150 : 0);
  });
  form.addEventListener("reset", () => setTimeout(() => { order.dataset.down = ""; sort(); remember(); }));
  form.addEventListener("submit", event => event.preventDefault());
  const every = open => () => {
    for (const claim of claims.values()) if (!claim.hidden) claim.open = open;
  };
  document.getElementById("open-all").addEventListener("click", every(true));
  document.getElementById("close-all").addEventListener("click", every(false));

  // On paper nothing can be opened, and no filter is seen: what is left out is said.
  const notes = [...document.querySelectorAll(".filtered")];
  let closed = [];

  function filters() {
    return [...form.elements].filter(field => field !== order && field.name).flatMap(field => {
      const name = field.labels[0].textContent.trim();
      if (field.type === "checkbox") return field.checked ? [name] : [];
      const value = field.tagName === "SELECT" ? field.value && field.selectedOptions[0].text : field.value.trim();
      return value ? [`${name.toLowerCase()}: ${value}`] : [];
    });
  }

  addEventListener("beforeprint", () => {
    closed = [...document.querySelectorAll("details:not([open])")];
    for (const each of closed) each.open = true;
    const count = rows.filter(row => !row.hidden).length;
    for (const note of notes) {
      note.hidden = count === rows.length;
      note.textContent = `Filtered: ${count} of ${rows.length} claims (${filters().join("; ")}).`;
    }
  });
  addEventListener("afterprint", () => {
    for (const each of closed) each.open = false;
    for (const note of notes) note.hidden = true;
  });

  // What can be moved sideways can be reached by keyboard; what cannot be, need not.
  // Only what is open is measured: to measure what is closed would mean to lay it out.
  const BOXES = ".big, table";
  const reach = boxes => {
    const open = boxes.filter(box => !box.closest("details:not([open])"));
    const moved = open.map(box => box.scrollWidth > box.clientWidth + 1);
    open.forEach((box, n) => moved[n] ? box.setAttribute("tabindex", "0") : box.removeAttribute("tabindex"));
  };
  const statements = [...body.querySelectorAll(".statement")];
  const later = window.requestIdleCallback || setTimeout;
  const narrow = matchMedia("(max-width: 40rem)");
  const again = () => later(() => reach([
    ...statements, ...document.querySelectorAll("details[open] :is(.big, table)"),
    ...(narrow.matches ? document.querySelectorAll("figure") : [])]));
  addEventListener("resize", again);
  document.addEventListener("toggle", event => reach([...event.target.querySelectorAll(BOXES)]), true);

  form.hidden = false;
  document.querySelector(".tools").hidden = false;
  addEventListener("hashchange", follow);
  show();
  follow();
  again();
})();
