// The wall and the live page: puts tiles, socket and buttons together. What cannot be seen is not watched.

import { setUpActs } from "./live-acts.js";
import { MovePad } from "./live-move.js";
import { Plain } from "./live-plain.js";
import { RecordButton } from "./live-record.js";
import { LiveSocket } from "./live-socket.js";
import { Tile } from "./live-tile.js";
import { REFUSED, ways } from "./live-ways.js";
import { setUpZoom, zoomOf } from "./live-zoom.js";
import { setUpWall } from "./wall.js";

// Wider than so many pixels of the screen a tile gets whole pictures; narrower than the second one small ones again.
const LARGE = 960, SMALLER = 880;
// Pictures a second of a small tile that somebody points at, and how long it keeps them afterwards. Milliseconds.
const RATE = 15, LINGER = 1_500;
const TELL = 250, REPORT = 10_000;

class Live {
  #root; #line; #socket; #plain; #button = null; #move = null; #tiles = new Map(); #seen = new Set(); #near = new Map(); #large = new Set();

  constructor(root) {
    this.#root = root;
    this.#line = document.getElementById("live-line");
    this.#socket = new LiveSocket(root.dataset.page, {
      channel: (slug, entry) => this.#tiles.get(slug)?.channel(entry),
      piece: (slug, kind, captured, data) => this.#tiles.get(slug)?.piece(kind, captured, data),
      state: (slug, state) => {
        this.#tiles.get(slug)?.told(state);
        this.#button?.state(state);
        this.#move?.state(state);
      },
      error: (slug, error) => this.#refused(slug, error),
      connection: (how, refused) => this.#connection(how, refused),
    });
    if (root.hasAttribute("data-full")) {
      this.#button = new RecordButton(root);
      this.#move = new MovePad(root, this.#socket, () => zoomOf(root.querySelector("[data-stage]")) > 1);
    }
    for (const element of root.querySelectorAll("[data-camera]")) this.#add(element);
    this.#plain = new Plain(root.dataset.page, this.#tiles, () => this.#connection("out"));
  }

  #add(element) {
    const { me, zone } = this.#root.dataset;
    const slug = element.dataset.camera;
    this.#tiles.set(slug, new Tile(element, {
      clock: this.#socket.clock, me, zone,
      changed: () => this.#wish(slug),
      again: () => this.#socket.again(slug),
    }));
    for (const [kind, near] of [["pointerenter", true], ["focusin", true], ["pointerleave", false], ["focusout", false]]) {
      element.addEventListener(kind, () => this.#point(slug, near));
    }
  }

  start() {
    setUpWall(this.#root, this.#tiles);
    setUpActs(this.#root, this.#tiles);
    setUpZoom(this.#root, this.#tiles);
    this.#root.dispatchEvent(new CustomEvent("live-tiles", { detail: { tiles: this.#tiles, socket: this.#socket } }));
    this.#chooseWay();
    // The live page has its picture on top, and no time to lose.
    if (this.#root.hasAttribute("data-full")) for (const slug of this.#tiles.keys()) this.#seen.add(slug);
    this.#look();
    const sight = new IntersectionObserver((entries) => this.#sighted(entries));
    const sizes = new ResizeObserver((entries) => entries.forEach(({ target }) => this.#wish(target.dataset.camera)));
    for (const tile of this.#tiles.values()) {
      sight.observe(tile.element);
      sizes.observe(tile.element);
      // Popped out, a tile is seen though the page is not.
      new MutationObserver(() => this.#look()).observe(tile.element, { attributeFilter: ["data-popped"] });
    }
    document.addEventListener("visibilitychange", () => this.#look());
    window.addEventListener("pagehide", () => this.#sleep());
    window.addEventListener("pageshow", () => this.#look());
    setInterval(() => this.#shown().forEach((tile) => tile.tell()), TELL);
    setInterval(() => this.#report(), REPORT);
  }

  /** The tiles that somebody can see now. */
  #shown() {
    return [...this.#tiles.values()].filter(({ slug, element }) =>
      "popped" in element.dataset || (!document.hidden && this.#seen.has(slug)));
  }

  #sighted(entries) {
    for (const { target, isIntersecting } of entries) {
      if (isIntersecting) this.#seen.add(target.dataset.camera);
      else this.#seen.delete(target.dataset.camera);
    }
    this.#look();
  }

  /** Watch what can be seen, and nothing else. */
  #look() {
    const shown = this.#shown();
    if (document.hidden && !shown.length) return this.#sleep();
    for (const slug of this.#tiles.keys()) this.#wish(slug);
    if (ways.choice === "stream") this.#plain.start(shown);
    else {
      this.#plain.look(shown);
      this.#socket.open();
    }
  }

  #sleep() {
    this.#report();
    this.#socket.close();
    this.#plain.stop();
    for (const tile of this.#tiles.values()) tile.rest();
  }

  #wish(slug) {
    const tile = this.#tiles.get(slug);
    if (!this.#shown().includes(tile)) {
      this.#socket.wish(slug, null);
      tile.rest();
      return;
    }
    this.#socket.wish(slug, tile.wish(this.#size(tile), this.#near.has(slug) ? RATE : null));
  }

  #size({ slug, element }) {
    if (this.#root.hasAttribute("data-full")) return "full";
    const pixels = element.clientWidth * devicePixelRatio;
    if (pixels > LARGE) this.#large.add(slug);
    else if (pixels < SMALLER) this.#large.delete(slug);
    return this.#large.has(slug) ? "full" : "small";
  }

  /** Somebody points at a tile: it moves as fast as it can, and for a moment longer. */
  #point(slug, near) {
    clearTimeout(this.#near.get(slug));
    if (near) this.#near.set(slug, 0);
    else {
      this.#near.set(slug, setTimeout(() => {
        this.#near.delete(slug);
        this.#wish(slug);
      }, LINGER));
    }
    this.#wish(slug);
  }

  /** Seeing is over, or a movement was refused. */
  #refused(slug, error) {
    if (error.code === "not_found" || error.code === "gone") this.#tiles.get(slug)?.forget("You may not watch this camera any more");
    else this.#move?.failed(error);
  }

  #connection(how, refused = 0) {
    if (how === "open") {
      this.#say("");
      this.#plain.stop();
    } else if (how === "out") {
      this.#say("You are logged out. Load the page again to log in.");
      this.#plain.stop();
      this.#tiles.forEach((tile) => tile.forget("Logged out"));
    } else if (refused >= REFUSED && this.#shown().length) {
      this.#plain.tryOut(this.#shown(), () => this.#lost());
    } else this.#lost();
  }

  #lost() {
    this.#say("No connection to the house. Trying again by itself …");
    this.#tiles.forEach((tile) => tile.lost("No connection"));
  }

  #report() {
    const measured = {};
    for (const tile of this.#tiles.values()) {
      const delay = tile.delay(REPORT / 1000);
      if (delay) measured[tile.slug] = delay;
    }
    if (Object.keys(measured).length) this.#socket.delays(measured);
  }

  /** The viewer may choose the way; kept in this browser. */
  #chooseWay() {
    const choice = this.#root.querySelector("[data-way-choice]");
    if (!choice) return;
    choice.value = ways.choice;
    choice.closest("[data-way-field]").hidden = false;
    choice.addEventListener("change", () => {
      ways.choose(choice.value);
      this.#sleep();
      this.#look();
    });
  }

  #say(words) {
    this.#line.hidden = !words;
    if (this.#line.textContent !== words) this.#line.textContent = words;
  }
}

const root = document.querySelector("[data-live]");
if (root) new Live(root).start();
