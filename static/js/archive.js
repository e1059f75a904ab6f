// The archive with a script: a place on a day's strip leads to that moment, and only what is chosen can be acted upon.
const TWO = { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false };
const STEP = 600, FINE = 60;

function strip(element) {
  const plot = element.querySelector("svg"), told = element.querySelector("[data-told]");
  const cursor = element.querySelector("[data-cursor]");
  const start = Number(element.dataset.start), length = Number(element.dataset.seconds);
  const zone = document.querySelector("[data-zone]")?.dataset.zone;
  let at = null;
  // A day without anything is words alone.
  if (!plot) return;

  function show(moment, words = "") {
    at = Math.min(Math.max(moment, start), start + length - 1);
    const x = `${(100 * (at - start)) / length}%`;
    cursor.setAttribute("x1", x);
    cursor.setAttribute("x2", x);
    cursor.setAttribute("visibility", "visible");
    told.textContent = words || new Date(at * 1000).toLocaleTimeString("en-GB", { ...TWO, timeZone: zone });
  }
  function hide() {
    cursor.setAttribute("visibility", "hidden");
    told.textContent = "";
  }
  const moment = (event) => {
    const box = plot.getBoundingClientRect();
    return start + ((event.clientX - box.left) / box.width) * length;
  };
  const words = (target) => target.closest?.("a")?.querySelector("title")?.textContent ?? "";
  // A busy day has hundreds of things: the tab key goes past them, the arrow keys go through them.
  const things = [...plot.querySelectorAll("a")].map((link) => {
    link.tabIndex = -1;
    return { at: Number(new URL(link.href.baseVal, location.href).searchParams.get("t")), words: words(link) };
  }).sort((one, other) => one.at - other.at);
  function thing(step) {
    const found = step > 0 ? things.find((one) => one.at > (at ?? -Infinity)) : things.findLast((one) => one.at < (at ?? Infinity));
    if (found) show(found.at, found.words);
  }
  const go = () => location.assign(`${element.dataset.at}?t=${at.toFixed(0)}`);

  plot.tabIndex = 0;
  plot.addEventListener("pointermove", (event) => show(moment(event), words(event.target)));
  plot.addEventListener("pointerleave", hide);
  plot.addEventListener("click", (event) => {
    // Letters and the keyboard (no place of the pointer) lead where their links do.
    if (event.detail === 0 || event.target.closest("text.strip-mark")) return;
    event.preventDefault();
    show(moment(event));
    go();
  });
  plot.addEventListener("focusin", (event) => { if (event.target !== plot) told.textContent = words(event.target); });
  plot.addEventListener("keydown", (event) => {
    if (event.target !== plot) return;
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step) show((at ?? start + length / 2) + step * (event.shiftKey ? FINE : STEP));
    else if (event.key === "ArrowDown") thing(1);
    else if (event.key === "ArrowUp") thing(-1);
    else if (event.key === "Home") show(start);
    else if (event.key === "End") show(start + length);
    else if (event.key === "Enter" && at !== null) go();
    else if (event.key === "Escape") hide();
    else return;
    event.preventDefault();
  });
}

function several(form) {
  const acts = form.querySelector("[data-several-acts]"), count = form.querySelector("[data-several-count]");
  if (!acts) return;
  function tell() {
    const chosen = form.querySelectorAll("input[name=pk]:checked").length;
    acts.hidden = !chosen;
    count.textContent = `${chosen} chosen:`;
  }
  form.addEventListener("change", tell);
  // The browser may have kept the choice when the page was left.
  window.addEventListener("pageshow", tell);
  tell();
}

document.querySelectorAll("[data-strip]").forEach(strip);
document.querySelectorAll("[data-several]").forEach(several);
