// Live pictures for cards and the page of a ring: loaded when somebody rings, and fed while the page can be seen.

import { LiveSocket } from "./live-socket.js";
import { Tile } from "./live-tile.js";

// Wider than so many pixels of the screen a picture comes whole. Pictures a second of a small one. Milliseconds.
const LARGE = 960, RATE = 15, TELL = 250;

/** As the server makes them: only that it is nobody else's matters. */
function newPage() {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_");
}

export class RingPictures {
  #tiles = new Map(); #socket; #me; #zone;

  constructor({ me, zone }) {
    this.#me = me;
    this.#zone = zone;
    // Of a page that shows cameras already it is the same viewing.
    const page = document.querySelector("[data-live]")?.dataset.page ?? newPage();
    this.#socket = new LiveSocket(page, {
      channel: (slug, entry) => this.#tiles.get(slug)?.channel(entry),
      piece: (slug, kind, captured, data) => this.#tiles.get(slug)?.piece(kind, captured, data),
      state: (slug, state) => this.#tiles.get(slug)?.told(state),
      error: (slug) => this.#tiles.get(slug)?.forget("You may not watch this camera"),
      connection: (how) => this.#connection(how),
    });
    document.addEventListener("visibilitychange", () => this.#look());
    addEventListener("pagehide", () => this.#sleep());
    addEventListener("pageshow", () => this.#look());
    setInterval(() => document.hidden || this.#tiles.forEach((tile) => tile.tell()), TELL);
  }

  /** Show the camera named by the element's data-camera in it. */
  show(element) {
    const slug = element.dataset.camera;
    this.#tiles.set(slug, new Tile(element, {
      clock: this.#socket.clock, me: this.#me, zone: this.#zone,
      changed: () => this.#wish(slug),
      again: () => this.#socket.again(slug),
    }));
    this.#look();
  }

  drop(element) {
    const slug = element.dataset.camera;
    const tile = this.#tiles.get(slug);
    if (tile?.element !== element) return;
    tile.rest();
    this.#tiles.delete(slug);
    this.#socket.wish(slug, null);
    this.#look();
  }

  #wish(slug) {
    const tile = this.#tiles.get(slug);
    const size = tile.element.clientWidth * devicePixelRatio > LARGE ? "full" : "small";
    this.#socket.wish(slug, tile.wish(size, RATE));
  }

  /** Who cannot see the page does not watch. */
  #look() {
    if (document.hidden || !this.#tiles.size) {
      this.#sleep();
      return;
    }
    for (const slug of this.#tiles.keys()) this.#wish(slug);
    this.#socket.open();
  }

  #sleep() {
    this.#socket.close();
    this.#tiles.forEach((tile) => tile.rest());
  }

  #connection(how) {
    if (how === "out") this.#tiles.forEach((tile) => tile.forget("Logged out"));
    else if (how === "lost") this.#tiles.forEach((tile) => tile.lost("No connection"));
  }
}
