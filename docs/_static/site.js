// A browser does not let a page that was opened as a file read others: search then shows titles without excerpts.
if (location.protocol === "file:" && typeof DOCUMENTATION_OPTIONS !== "undefined") {
  DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
}

// What scrolls in a box of its own has to be reached by the keyboard, in browsers too that do not see to it themselves.
function reachable() {
  for (const box of document.querySelectorAll("pre, .table-wrapper, .display, .picture")) {
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
    else box.removeAttribute("tabindex");
  }
}
addEventListener("DOMContentLoaded", reachable);
addEventListener("resize", reachable);
