// What is wider than its place scrolls sideways. Then it must be reachable without a
// mouse, and must say so. The theme does this for code; here for formulas and figures.

const WIDE = "article div.math, article div.cell_output, article .pst-scrollable-table-container";

function markWhatScrolls() {
  for (const node of document.querySelectorAll(WIDE)) {
    if (node.scrollWidth > node.clientWidth + 1) {
      node.tabIndex = 0;
      node.setAttribute("role", "group");
      node.setAttribute("aria-label", "Wider than the page: scrolls sideways");
    } else if (node.getAttribute("role") === "group") {
      for (const name of ["tabindex", "role", "aria-label"]) node.removeAttribute(name);
    }
  }
}

addEventListener("load", async () => {
  await window.MathJax?.startup?.promise;
  markWhatScrolls();
  // A box that opens, a window that narrows.
  document.addEventListener("toggle", markWhatScrolls, true);
  let waiting;
  addEventListener("resize", () => {
    clearTimeout(waiting);
    waiting = setTimeout(markWhatScrolls, 200);
  });
});
