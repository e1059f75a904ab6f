// The wall: layouts and pages, the order of tiles, its keys. What is chosen is kept by the house for this person.

import { notForUs } from "./live-acts.js";
import { canFull, fullElement, onFull, toggleFull } from "./live-full.js";
import { Order } from "./wall-order.js";
import { Pages } from "./wall-pages.js";

const LAYOUTS = { 1: "1", 4: "4", 9: "9", 0: "auto" };
const ARROWS = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"];
const TIMEOUT = 8_000;

export function setUpWall(root, tiles) {
  if (root.matches("[data-wall]")) new Wall(root, tiles);
}

class Wall {
  #wall; #list; #form; #told; #pages; #order; #full;

  constructor(list) {
    this.#list = list;
    this.#wall = list.closest(".wall");
    this.#form = this.#wall.querySelector("[data-choice]");
    this.#told = this.#wall.querySelector("[data-told]");
    this.#full = this.#wall.querySelector("[data-wall-full]");
    const keeper = new Keeper(this.#form, this.#wall.querySelector("[data-fault]"));
    this.#pages = new Pages(list, () => this.#say(this.#pages.words));
    this.#order = new Order(list, this.#pages, {
      say: (words) => this.#say(words),
      kept: (slugs) => keeper.keep({ order: slugs.join(",") }),
      button: this.#wall.querySelector("[data-arrange]"),
      hint: this.#wall.querySelector("[data-hint]"),
    });
    this.#form?.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#choose(event.submitter.value, keeper);
    });
    this.#wall.querySelector("[data-pager]").addEventListener("click", (event) => this.#turn(event));
    document.addEventListener("keydown", (event) => this.#key(event, keeper));
    this.#fullScreen();
  }

  #say(words) { this.#told.textContent = words; }

  #choose(layout, keeper) {
    if (!this.#form || layout === this.#pages.layout) return;
    const first = this.#tile() ?? this.#pages.shown[0];
    this.#pages.choose(layout, first);
    for (const button of this.#form.querySelectorAll("[name=layout]")) button.ariaPressed = String(button.value === layout);
    keeper.keep({ layout });
  }

  #turn(event) {
    const link = event.target.closest("[data-turn]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    this.#pages.turn(this.#pages.number + Number(link.dataset.turn));
  }

  /** The tile that has the focus, or nothing. */
  #tile() { return document.activeElement?.closest("[data-wall] > [data-camera]") ?? null; }

  #key(event, keeper) {
    const alone = fullElement();
    if (notForUs(event) || (alone && alone !== this.#wall)) return;
    const focused = document.activeElement;
    const here = this.#wall.contains(focused);
    if (ARROWS.includes(event.key)) {
      if (this.#arrow(event, here, focused)) event.preventDefault();
    } else if (here && !event.repeat && LAYOUTS[event.key]) {
      event.preventDefault();
      this.#choose(LAYOUTS[event.key], keeper);
    } else if (here && !event.repeat && !event.shiftKey && event.key.toLowerCase() === "f" && !this.#tile() && canFull) {
      event.preventDefault();
      toggleFull(this.#wall);
    }
  }

  /** From tile to tile; with nothing chosen left and right turn the page. Whether the key was of use. */
  #arrow(event, here, focused) {
    const tile = this.#tile();
    const forth = event.key === "ArrowRight", back = event.key === "ArrowLeft";
    if (tile) {
      const next = this.#pages.neighbour(tile, event.key);
      if (next) this.#focus(next);
      else if ((forth || back) && this.#pages.count > 1) {
        this.#pages.turn(this.#pages.number + (forth ? 1 : -1));
        this.#focus(this.#pages.shown.at(forth ? 0 : -1));
      } else return false;
      return true;
    }
    if (!(forth || back) || (!here && focused !== document.body)) return false;
    if (this.#pages.count > 1) this.#pages.turn(this.#pages.number + (forth ? 1 : -1));
    else this.#focus(this.#pages.shown.at(forth ? 0 : -1));
    return true;
  }

  #focus(tile) {
    tile.querySelector(this.#order.arranging ? "[data-handle]" : ".tile-link").focus();
    tile.scrollIntoView({ block: "nearest" });
  }

  #fullScreen() {
    if (!canFull) return;
    this.#full.hidden = false;
    this.#full.addEventListener("click", () => toggleFull(this.#wall));
    onFull(() => { this.#full.ariaPressed = String(document.fullscreenElement === this.#wall); });
  }
}

/** Tells the house what was chosen; one request at a time, the newest of what waits. */
class Keeper {
  #form; #fault; #waiting = null; #busy = false;

  constructor(form, fault) {
    this.#form = form;
    this.#fault = fault;
  }

  keep(values) {
    this.#waiting = { ...this.#waiting, ...values };
    if (!this.#busy) this.#work();
  }

  async #work() {
    this.#busy = true;
    while (this.#waiting) {
      const values = this.#waiting;
      this.#waiting = null;
      this.#say(await this.#send(values));
    }
    this.#busy = false;
  }

  /** What went wrong, in words; nothing when all went well. */
  async #send(values) {
    try {
      const reply = await fetch(this.#form.action, {
        method: "POST",
        headers: { Accept: "application/json", "X-CSRFToken": this.#form.elements.csrfmiddlewaretoken.value },
        body: new URLSearchParams(values),
        signal: AbortSignal.timeout(TIMEOUT),
      });
      if (reply.redirected || reply.status === 403) return "You are logged out, so this was not kept. Load the page again to log in.";
      return reply.ok ? "" : "The house could not keep this. It stands so until the page is loaded again.";
    } catch {
      return "No connection to the house: this was not kept. It stands so until the page is loaded again.";
    }
  }

  #say(words) {
    this.#fault.hidden = !words;
    this.#fault.textContent = words;
  }
}
