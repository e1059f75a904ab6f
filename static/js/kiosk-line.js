// The line to the house: a socket on which rings and their answers come, opened anew for ever.

import { local } from "./live-clock.js";

const FIRST_RETRY = 500;
const LONGEST_RETRY = 15_000;
const PING = 5_000;
const SILENCE = 12_000;

/** `on.heard()` at every word, `on.open()`, `on.lost()`, `on.pong(sent, received, now)` in seconds, `on.rings([…])`. */
export class Line {
  #on; #socket = null; #retry = FIRST_RETRY; #timer = 0; #heard = 0; #open = false;

  constructor(on) {
    this.#on = on;
    setInterval(() => this.#look(), PING);
    addEventListener("online", () => this.now());
  }

  get isOpen() { return this.#open; }

  /** Do not wait for the next try. */
  now() {
    if (this.#socket) return;
    this.#retry = FIRST_RETRY;
    this.connect();
  }

  connect() {
    clearTimeout(this.#timer);
    if (this.#socket) return;
    const url = new URL("/ws/rings/", location.href);
    url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    let socket;
    try {
      socket = new WebSocket(url);
    } catch {
      this.#later();
      return;
    }
    this.#socket = socket;
    this.#heard = performance.now();
    socket.addEventListener("message", ({ data }) => socket === this.#socket && this.#message(data));
    socket.addEventListener("close", () => this.#closed(socket));
    socket.addEventListener("open", () => {
      if (socket !== this.#socket) return;
      this.#open = true;
      this.#retry = FIRST_RETRY;
      this.#ping();
      this.#on.open();
    });
  }

  #message(data) {
    let message;
    try {
      message = JSON.parse(data);
    } catch {
      return;
    }
    this.#heard = performance.now();
    this.#on.heard();
    if (typeof message.pong === "number") this.#on.pong(message.pong, local(), message.now);
    if (Array.isArray(message.rings)) this.#on.rings(message.rings);
    if (message.ring) this.#on.rings([message.ring]);
  }

  #ping() {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify({ ping: local() }));
  }

  #look() {
    if (!this.#socket) return;
    // A line that has died without a word: the browser would wait for minutes.
    if (performance.now() - this.#heard > SILENCE) {
      const socket = this.#socket;
      this.#closed(socket);
      socket.close();
    } else this.#ping();
  }

  #closed(socket) {
    if (socket !== this.#socket) return;
    this.#socket = null;
    this.#open = false;
    this.#on.lost();
    this.#later();
  }

  #later() {
    this.#timer = setTimeout(() => this.connect(), this.#retry * (0.7 + 0.6 * Math.random()));
    this.#retry = Math.min(this.#retry * 2, LONGEST_RETRY);
  }
}
