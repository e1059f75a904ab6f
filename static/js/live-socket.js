// One WebSocket for all tiles of a page: asks for cameras, hands out pieces and states, keeps the house's clock.

import { HouseClock, local } from "./live-clock.js";

const FIRST_RETRY = 250;
const LONGEST_RETRY = 15_000;
const SILENCE = 8_000;
const LOOK = 2_000;
// The first pings follow each other fast: with the first picture its delay is to be told.
const EARLY_PINGS = [150, 400, 900];
const LOGGED_OUT = 4401;
const HEAD = 10;

/**
 * `on.channel(slug, entry)`: how the pictures of a tile come from now on; `on.piece(slug, kind, captured, data)`: what
 * comes, kind 0–3; `on.state(slug, state)`, `on.error(slug, error)`; `on.connection("open" | "lost" | "out", refused)`:
 * out means logged out, and nothing is tried again; `refused` is how often no socket could be opened, one after another.
 */
export class LiveSocket {
  clock = new HouseClock();
  #page; #on; #wishes = new Map(); #entries = new Map(); #channels = new Map(); #asking = false;
  #socket = null; #retry = FIRST_RETRY; #retryTimer = 0; #heard = 0; #wanted = false; #refused = 0; #opened = false;

  constructor(page, on) {
    this.#page = page;
    this.#on = on;
    setInterval(() => this.#look(), LOOK);
  }

  /** From now on that camera as wished ({as, size, rate?, sound?}), or not at all: null. Told soon, all wishes at once. */
  wish(slug, wish) {
    const known = JSON.stringify(this.#wishes.get(slug) ?? null);
    if (known === JSON.stringify(wish)) return;
    if (wish) this.#wishes.set(slug, wish);
    else this.#wishes.delete(slug);
    this.#ask();
  }

  /** That camera from its beginning: a film that broke needs its first piece again. */
  again(slug) {
    if (!this.#wishes.has(slug)) return;
    this.#watch(slug);
    this.#ask();
  }

  open() {
    this.#wanted = true;
    clearTimeout(this.#retryTimer);
    if (this.#socket) return;
    const url = new URL("/ws/live/", location.href);
    url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    url.searchParams.set("page", this.#page);
    const socket = new WebSocket(url);
    this.#socket = socket;
    this.#opened = false;
    this.#heard = performance.now();
    this.#entries.clear();
    this.#channels.clear();
    socket.binaryType = "arraybuffer";
    socket.addEventListener("open", () => {
      this.#opened = true;
      this.#refused = 0;
      this.#ping();
      for (const wait of EARLY_PINGS) setTimeout(() => socket === this.#socket && this.#ping(), wait);
      if (this.#wishes.size) this.#watch();
    });
    socket.addEventListener("message", ({ data }) => socket === this.#socket && this.#message(data));
    socket.addEventListener("close", (event) => this.#closed(socket, event.code));
  }

  /** Stop watching until `open`; the session ends. */
  close() {
    this.#wanted = false;
    clearTimeout(this.#retryTimer);
    this.#socket?.close();
    this.#socket = null;
  }

  delays(measured) { this.#send({ delay: measured }); }

  /** Move that camera ({pan, tilt, zoom}); whether it could be said. */
  move(slug, motion) { return this.#send({ move: { camera: slug, ...motion } }); }

  #send(message) {
    const open = this.#socket?.readyState === WebSocket.OPEN;
    if (open) this.#socket.send(JSON.stringify(message));
    return open;
  }

  #ping() { this.#send({ ping: local() }); }

  #ask() {
    if (this.#asking) return;
    this.#asking = true;
    queueMicrotask(() => {
      this.#asking = false;
      this.#watch();
    });
  }

  #watch(without = "") {
    const wanted = [...this.#wishes].filter(([slug]) => slug !== without);
    this.#send({ watch: wanted.map(([camera, wish]) => ({ camera, ...wish })) });
  }

  #look() {
    if (!this.#socket) return;
    this.#ping();
    // A line that has died without a word: the browser would wait for minutes.
    if (performance.now() - this.#heard > SILENCE) {
      const socket = this.#socket;
      this.#closed(socket, 0);
      socket.close();
    }
  }

  #closed(socket, code) {
    if (socket !== this.#socket) return;
    this.#socket = null;
    if (!this.#opened) this.#refused++;
    if (code === LOGGED_OUT) {
      this.#wanted = false;
      this.#on.connection("out", 0);
    } else if (this.#wanted) {
      this.#on.connection("lost", this.#refused);
      this.#retryTimer = setTimeout(() => this.open(), this.#retry * (0.7 + 0.6 * Math.random()));
      this.#retry = Math.min(this.#retry * 2, LONGEST_RETRY);
    }
  }

  #message(data) {
    this.#heard = performance.now();
    if (typeof data === "string") {
      this.#text(JSON.parse(data));
      return;
    }
    if (data.byteLength <= HEAD) return;
    const view = new DataView(data);
    // What was on its way for a channel that is no more belongs to nobody.
    const slug = this.#channels.get(view.getUint8(0));
    if (slug !== undefined) this.#on.piece(slug, view.getUint8(1), view.getFloat64(2), new Uint8Array(data, HEAD));
  }

  #text(message) {
    if (message.pong !== undefined) this.clock.add(message.pong, local(), message.now);
    if (message.cameras) this.#announced(message.cameras);
    if (message.state) this.#on.state(message.state.camera, message.state);
    if (message.error?.camera) this.#on.error(message.error.camera, message.error);
    else if (message.error?.code === "busy") setTimeout(() => this.#watch(), 3_000);
  }

  /** The list is always whole. A tile whose form has changed has another channel. */
  #announced(cameras) {
    const before = this.#entries;
    this.#entries = new Map(cameras.map((one) => [one.camera, one]));
    this.#channels = new Map(cameras.map((one) => [one.channel, one.camera]));
    this.#retry = FIRST_RETRY;
    this.#on.connection("open", 0);
    for (const entry of cameras) {
      const known = before.get(entry.camera);
      const same = known && ["channel", "as", "mime", "sound"].every((name) => known[name] === entry[name]);
      if (!same) this.#on.channel(entry.camera, entry);
    }
  }
}
