// What one can do with a tile: full screen, a small window above others, a snapshot to disk, sound, the whole picture.
// Buttons are brought up where the browser can do it; keys work while a tile has the focus.

import { fullElement, onFull, toggleFull } from "./live-full.js";
import { PopOut, canPop } from "./live-pop.js";
import { resetZoom, zoomKey, zoomOf } from "./live-zoom.js";

const LOOK_EVERY = 1_000;
// Milliseconds: by then the browser has taken what it was to save.
const SAVED = 30_000;
const LETTERS = { f: "full", s: "snapshot", p: "pop", m: "sound" };

/** `<slug>_<YYYY-MM-DD>_<HH-MM-SS>.jpg`, by the house's clock. `captured`: seconds since the epoch. */
export function snapshotName(slug, captured, zone) {
  const options = { year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" };
  let words;
  try {
    words = new Intl.DateTimeFormat("en-CA", { ...options, timeZone: zone });
  } catch {
    words = new Intl.DateTimeFormat("en-CA", options);
  }
  const part = Object.fromEntries(words.formatToParts(captured * 1000).map(({ type, value }) => [type, value]));
  return `${slug}_${part.year}-${part.month}-${part.day}_${part.hour}-${part.minute}-${part.second}.jpg`;
}

/** Whether keys are meant for a field, or for the browser. */
export function notForUs(event) {
  return event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing
    || Boolean(event.target.closest?.("input, textarea, select, [contenteditable], dialog"));
}

export function setUpActs(root, tiles) {
  const acts = new Map();
  for (const tile of tiles.values()) {
    if (tile.element.querySelector("[data-acts]")) acts.set(tile.element, new Acts(root, tile));
  }
  if (!acts.size) return;
  const all = [...acts.values()];
  const actsOf = (element) => acts.get(element?.closest?.("[data-camera]"));
  // On the live page some stand beneath the picture too.
  const only = all.length === 1 && root.hasAttribute("data-full") ? all[0] : undefined;
  root.addEventListener("click", (event) => {
    const button = event.target.closest("[data-act]");
    if (button) (actsOf(button) ?? only)?.click(event, button.dataset.act, all);
    if (event.target.closest("[data-more]")) actsOf(event.target)?.open();
    // In full screen a tap is for the picture; it leads nowhere.
    else if (event.target.closest(".tile-link") && actsOf(event.target)?.alone) event.preventDefault();
  });
  document.addEventListener("pointerdown", (event) => {
    for (const one of all) if (!one.element.contains(event.target)) one.open(false);
  }, { passive: true });
  document.addEventListener("keydown", (event) => {
    if (notForUs(event)) return;
    const focused = document.activeElement;
    const one = acts.get(fullElement()) ?? actsOf(focused);
    // On the live page only the picture's own focus counts: there are forms around it.
    if (one?.key(event, all)) event.preventDefault();
  });
  const look = () => all.forEach((one) => one.look());
  onFull(look);
  setInterval(look, LOOK_EVERY);
  if (root.hasAttribute("data-full")) all.forEach((one) => one.makeFocusable());
  setUpKeys();
  look();
}

/** The dialog that tells the keys: by its button, and by «?» while something of the page has the focus. */
function setUpKeys() {
  const dialog = document.querySelector("[data-keys]");
  if (!dialog) return;
  for (const button of document.querySelectorAll("[data-show-keys]")) {
    button.hidden = false;
    button.addEventListener("click", () => dialog.showModal());
  }
  document.addEventListener("keydown", (event) => {
    if (event.key !== "?" || notForUs(event) || !document.activeElement?.closest(".wall, [data-stage]")) return;
    event.preventDefault();
    dialog.showModal();
  });
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
}

class Acts {
  #root; #tile; #buttons = {}; #pop; #saving = false; #more;

  constructor(root, tile) {
    this.#root = root;
    this.#tile = tile;
    this.element = tile.element;
    for (const button of tile.element.querySelectorAll("[data-act]")) this.#buttons[button.dataset.act] = button;
    this.#more = tile.element.querySelector("[data-more]");
    if (this.#more) this.#more.hidden = false;
    this.#pop = new PopOut(tile, () => this.look());
    this.element.addEventListener("tile-zoom", () => this.look());
  }

  get heard() { return Boolean(this.#tile.heard); }
  get alone() { return fullElement() === this.element; }

  /** The stage of the live page can be chosen by keyboard, for the keys. */
  makeFocusable() {
    this.element.tabIndex = 0;
    this.element.ariaLabel ??= `Live picture of ${this.#tile.name}`;
  }

  /** Which buttons there are, and how they stand, now. */
  look() {
    const zoom = zoomOf(this.element);
    show(this.#buttons.whole, zoom > 1);
    if (zoom > 1) say(this.#buttons.whole, `Whole picture (now ${zoom.toFixed(1)} ×)`);
    show(this.#buttons.full, true);
    press(this.#buttons.full, this.alone);
    this.#pop.follow();
    show(this.#buttons.pop, this.#pop.on || canPop(this.#tile));
    press(this.#buttons.pop, this.#pop.on);
    show(this.#buttons.sound, Boolean(this.#tile.canSound));
    press(this.#buttons.sound, this.heard);
  }

  /** On a touch screen: bring the acts up, or put them away. */
  open(on = !this.element.classList.contains("acts-open")) {
    if (on === this.element.classList.contains("acts-open")) return;
    this.element.classList.toggle("acts-open", on);
    if (this.#more) this.#more.ariaExpanded = String(on);
    if (on) this.look();
  }

  click(event, act, all) {
    if (act === "snapshot") {
      // The browser follows the link itself where no script has the picture.
      if (!this.#tile.captured) return;
      event.preventDefault();
    }
    this.do(act, all);
  }

  /** Whether the key was one of ours. */
  key(event, all) {
    if (zoomKey(this.element, event.key)) return true;
    const act = LETTERS[event.key.toLowerCase()];
    if (!act || event.repeat || event.shiftKey) return false;
    this.do(act, all);
    return true;
  }

  do(act, all) {
    this.look();
    if (this.#buttons[act]?.hidden) return;
    if (act === "full") toggleFull(this.element);
    if (act === "whole") this.#whole();
    if (act === "snapshot") this.#save();
    if (act === "pop") this.#pop.toggle();
    if (act === "sound") this.#sound(!this.heard, all);
  }

  #whole() {
    resetZoom(this.element);
    // The button that goes takes the focus along.
    (this.element.tabIndex >= 0 ? this.element : this.element.querySelector(".tile-link"))?.focus();
  }

  /** One tile is heard at a time. */
  #sound(on, all) {
    if (on) for (const other of all) if (other !== this && other.heard) other.#sound(false, all);
    this.#tile.sound(on);
    this.look();
  }

  async #save() {
    if (this.#saving) return;
    this.#saving = true;
    try {
      const { blob, captured } = await this.#tile.snapshot();
      const url = URL.createObjectURL(blob);
      download(url, snapshotName(this.#tile.slug, captured ?? Date.now() / 1000, this.#root.dataset.zone));
      setTimeout(() => URL.revokeObjectURL(url), SAVED);
    } catch {
      // Nothing shown yet that could be saved: the house is asked for its newest picture.
      const link = this.#buttons.snapshot;
      if (link) download(link.href, snapshotName(this.#tile.slug, Date.now() / 1000, this.#root.dataset.zone));
    }
    this.#saving = false;
  }
}

function download(url, name) {
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
}

function show(element, on) { if (element && element.hidden === on) element.hidden = !on; }

function press(element, on) {
  if (element && element.ariaPressed !== String(on)) element.ariaPressed = String(on);
}

function say(element, words) { if (element && element.textContent !== words) element.textContent = words; }
