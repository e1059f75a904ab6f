// Arranging the wall: tiles are dragged to their place by mouse at any time, by finger at their handles, or moved with
// the keys. The tile that is moved never leaves the page: the others step aside, so its film and the focus go on.

const FAR = 12;          // pixels before a press of the mouse is a drag
const EDGE = 64;         // pixels from the upper and lower edge where a drag scrolls
const LINGER = 600;      // milliseconds over «Next» or «Previous» until the page is turned
const ARROWS = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"];

export class Order {
  #list; #pages; #say; #kept; #drag = null; #held = null; #arranging = false; #wasDragged = false;

  /** `say(words)` speaks; `kept(slugs)` is called with the new order when a tile has been put down elsewhere. */
  constructor(list, pages, { say, kept, button, hint }) {
    this.#list = list;
    this.#pages = pages;
    this.#say = say;
    this.#kept = kept;
    list.addEventListener("pointerdown", (event) => this.#down(event));
    list.addEventListener("click", (event) => this.#click(event), true);
    list.addEventListener("keydown", (event) => this.#key(event));
    list.addEventListener("dragstart", (event) => event.preventDefault());
    list.addEventListener("focusout", (event) => this.#left(event));
    for (const [kind, work] of [["pointermove", this.#move], ["pointerup", this.#up], ["pointercancel", this.#cancel]]) {
      document.addEventListener(kind, (event) => { if (event.pointerId === this.#drag?.pointer) work.call(this, event); });
    }
    document.addEventListener("keydown", (event) => this.#escape(event));
    if (!button) return;
    button.hidden = false;
    button.addEventListener("click", () => this.arrange(!this.#arranging));
    this.button = button;
    this.hint = hint;
  }

  get arranging() { return this.#arranging; }

  /** The mode in which each tile has a handle and leads nowhere. */
  arrange(on) {
    if (!on) this.#drop();
    this.#arranging = on;
    this.#list.classList.toggle("arranging", on);
    for (const handle of this.#list.querySelectorAll("[data-handle]")) handle.hidden = !on;
    this.button.ariaPressed = String(on);
    this.button.textContent = on ? "Done" : "Arrange";
    this.hint.hidden = !on;
    this.#say(on ? `Arranging. ${this.hint.textContent}` : "");
  }

  /** Move `tile` to a place among all tiles, counted from 0, by moving the others round it. */
  #moveTo(tile, place) {
    const all = this.#pages.all;
    const from = all.indexOf(tile);
    if (place > from) for (const other of all.slice(from + 1, place + 1)) tile.before(other);
    else for (const other of all.slice(place, from).reverse()) tile.after(other);
    const page = this.#pages.pageOf(tile);
    if (page === this.#pages.number) this.#pages.lay();
    else this.#pages.turn(page);
  }

  #slugs() { return this.#pages.all.map((one) => one.dataset.camera); }

  #tellKept(before) {
    const now = this.#slugs();
    if (now.join() !== before.join()) this.#kept(now);
  }

  // By mouse or finger

  #down(event) {
    this.#wasDragged = false;
    const handle = event.target.closest("[data-handle]");
    const tile = event.target.closest("[data-camera]");
    const mouse = event.pointerType === "mouse";
    // A finger scrolls and taps, unless it takes the handle; buttons are for pressing.
    if (event.button || !tile || document.fullscreenElement === tile || tile.classList.contains("filling")) return;
    if (!handle && (!mouse || event.target.closest("button, [data-act]"))) return;
    if (this.#pages.all.length < 2 || this.#drag) return;
    this.#drop();
    this.#drag = { pointer: event.pointerId, tile, x: event.clientX, y: event.clientY, on: false, before: this.#slugs() };
  }

  #begin() {
    const drag = this.#drag;
    drag.on = this.#wasDragged = true;
    drag.tile.classList.add("lifted", "dragged");
    this.#list.classList.add("dragging");
    drag.tile.setPointerCapture(drag.pointer);
    const box = drag.tile.getBoundingClientRect();
    drag.grip = { x: (drag.x - box.left) / box.width, y: (drag.y - box.top) / box.height };
    this.#measure();
  }

  /** Where the places of this page are, in the page's own pixels; they stay while the tiles change theirs. */
  #measure() {
    const { tile } = this.#drag;
    tile.style.transform = "";
    this.#drag.slots = this.#pages.shown.map((one) => {
      const box = one.getBoundingClientRect();
      return { left: box.left + scrollX, top: box.top + scrollY, width: box.width, height: box.height };
    });
    this.#drag.first = this.#pages.all.indexOf(this.#pages.shown[0]);
  }

  #move(event) {
    const drag = this.#drag;
    const far = Math.hypot(event.clientX - drag.x, event.clientY - drag.y);
    if (!drag.on && far < FAR) return;
    if (event.pointerType === "mouse" && !event.buttons) return this.#up();
    if (!drag.on) this.#begin();
    drag.at = { x: event.clientX, y: event.clientY };
    event.preventDefault();
    this.#follow();
    this.#overPager();
    if (!drag.scrolling) this.#scroll();
  }

  #follow() {
    const { tile, at, slots, first, grip } = this.#drag;
    const x = at.x + scrollX, y = at.y + scrollY;
    const over = slots.findIndex((one) => x >= one.left && x < one.left + one.width && y >= one.top && y < one.top + one.height);
    if (over >= 0 && this.#pages.all[first + over] !== tile) this.#moveTo(tile, first + over);
    const slot = slots[this.#pages.all.indexOf(tile) - first];
    if (slot) tile.style.transform = `translate(${x - slot.left - grip.x * slot.width}px, ${y - slot.top - grip.y * slot.height}px)`;
  }

  /** Near the edge the page scrolls, as long as the pointer stays there. */
  #scroll() {
    const drag = this.#drag;
    if (!drag?.on) return;
    const speed = drag.at.y < EDGE ? drag.at.y - EDGE : Math.max(0, drag.at.y - innerHeight + EDGE);
    drag.scrolling = speed !== 0;
    if (!drag.scrolling) return;
    scrollBy(0, speed / 4);
    this.#follow();
    requestAnimationFrame(() => { if (this.#drag === drag) this.#scroll(); });
  }

  #overPager() {
    const drag = this.#drag;
    const link = document.elementFromPoint(drag.at.x, drag.at.y)?.closest("[data-turn]") ?? null;
    if (link === drag.link) return;
    drag.link = link;
    clearTimeout(drag.turning);
    if (link) drag.turning = setTimeout(() => this.#take(Number(link.dataset.turn)), LINGER);
  }

  /** Turn the page and take the tile along, to its first place. */
  #take(step) {
    const drag = this.#drag;
    const pages = this.#pages;
    const number = (pages.number - 1 + step + pages.count) % pages.count;
    this.#moveTo(drag.tile, Math.min(number * pages.held, pages.all.length - 1));
    this.#measure();
    this.#follow();
    this.#say(pages.words);
    drag.link = null;
  }

  #up() { this.#end(false); }

  #cancel() { this.#end(true); }

  #end(back) {
    const drag = this.#drag;
    this.#drag = null;
    clearTimeout(drag.turning);
    if (!drag.on) return;
    drag.tile.classList.remove("lifted", "dragged");
    drag.tile.style.transform = "";
    this.#list.classList.remove("dragging");
    if (back) this.#restore(drag.before, drag.tile);
    else this.#put(drag.tile, drag.before);
  }

  #put(tile, before) {
    this.#say(`${nameOf(tile)} put down at place ${this.#place(tile)}.`);
    this.#tellKept(before);
  }

  #restore(before, tile) {
    this.#moveTo(tile, before.indexOf(tile.dataset.camera));
    this.#say(`${nameOf(tile)} is back at place ${this.#place(tile)}.`);
  }

  #place(tile) { return `${this.#pages.all.indexOf(tile) + 1} of ${this.#pages.all.length}`; }

  /** A drag is no click; and while the wall is arranged tiles lead nowhere. */
  #click(event) {
    const link = event.target.closest(".tile-link");
    if (!this.#wasDragged && !(this.#arranging && link)) return;
    this.#wasDragged = false;
    event.preventDefault();
    event.stopPropagation();
  }

  // By keyboard

  #key(event) {
    const handle = event.target.closest("[data-handle]");
    if (!handle || event.ctrlKey || event.metaKey || event.altKey) return;
    const tile = handle.closest("[data-camera]");
    if (event.key === " " || event.key === "Enter") {
      if (event.repeat) return;
      if (this.#held) this.#drop();
      else this.#lift(tile, handle);
    } else if (ARROWS.includes(event.key)) {
      if (this.#held) this.#step(tile, event.key);
      else this.#pages.neighbour(tile, event.key)?.querySelector("[data-handle]").focus();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  #lift(tile, handle) {
    this.#held = { tile, handle, before: this.#slugs() };
    tile.classList.add("lifted");
    handle.ariaPressed = "true";
    this.#say(`${nameOf(tile)} taken up at place ${this.#place(tile)}. The arrows move it, Space puts it down, Escape puts it back.`);
  }

  #step(tile, key) {
    const all = this.#pages.all;
    const from = all.indexOf(tile);
    const beside = { ArrowLeft: from - 1, ArrowRight: from + 1 }[key];
    const to = beside ?? all.indexOf(this.#pages.neighbour(tile, key));
    if (to < 0 || to >= all.length) return;
    this.#moveTo(tile, to);
    tile.scrollIntoView({ block: "nearest" });
    this.#say(`Place ${this.#place(tile)}.`);
  }

  /** Put down what the keys have taken up, if there is anything. */
  #drop() {
    const held = this.#release();
    if (held) this.#put(held.tile, held.before);
  }

  #release() {
    const held = this.#held;
    this.#held = null;
    held?.tile.classList.remove("lifted");
    if (held) held.handle.ariaPressed = "false";
    return held;
  }

  /** Who goes elsewhere leaves the tile where it is. */
  #left(event) {
    if (this.#held && event.relatedTarget && event.relatedTarget !== this.#held.handle) this.#drop();
  }

  #escape(event) {
    if (event.key !== "Escape" || event.defaultPrevented) return;
    if (this.#drag) this.#end(true);
    else if (this.#held) {
      const { tile, before } = this.#release();
      this.#restore(before, tile);
    } else if (this.#arranging && this.#list.closest(".wall").contains(document.activeElement)) {
      this.arrange(false);
      this.button.focus();
    } else return;
    event.preventDefault();
  }
}

function nameOf(tile) { return tile.querySelector(".tile-name").textContent; }
