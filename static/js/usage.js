"use strict";
// The plots of what space is used: one stop of the Tab key for each, arrow keys move in time, the line beneath tells.
for (const plot of document.querySelectorAll("[data-plot]")) {
  const columns = [...plot.querySelectorAll(".usage-column")];
  const told = plot.closest("section").querySelector("[data-told]");
  const tell = (column) => { told.textContent = column.getAttribute("aria-label"); };
  plot.addEventListener("keydown", (event) => {
    const at = columns.indexOf(event.target.closest(".usage-column"));
    const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: columns.length - 1 }[event.key];
    if (at < 0 || to === undefined) return;
    event.preventDefault();
    const next = columns[Math.max(0, Math.min(columns.length - 1, to))];
    columns[at].setAttribute("tabindex", "-1");
    next.setAttribute("tabindex", "0");
    next.focus();
  });
  for (const column of columns) {
    column.addEventListener("focus", () => tell(column));
    column.addEventListener("pointerenter", () => tell(column));
  }
}
