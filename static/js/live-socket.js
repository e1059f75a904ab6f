// One WebSocket for all tiles of a page: asks for cameras, hands out pictures and states, keeps the server's clock.

const FIRST_RETRY = 250;
const LONGEST_RETRY = 15_000;
const SILENCE = 8_000;
const LOGGED_OUT = 4401;

/** The server's clock, from pings: the answer with the shortest way of the last few tells best. Seconds. */
class Clock {
  #samples = [];

  add(sent, received, server) {
    this.#samples.push({ trip: received - sent, offset: server - (sent + received) / 2 });
    if (this.#samples.length > 12) this.#samples.shift();
  }

  get known() { return this.#samples.length > 0; }

  now() {
    const best = this.#samples.reduce((a, b) => (b.trip < a.trip ? b : a), this.#samples[0] ?? { offset: 0 });
    return local() + best.offset;
  }
}

/** This browser's clock in seconds since the epoch, finer than Date.now and never stepping back. */
function local() { return (performance.timeOrigin + performance.now()) / 1000; }

/**
 * `on.picture(slug, captured, blob)`, `on.state(slug, state)`, `on.error(slug, error)`, `on.connection("open" |
 * "lost" | "out")`: out means logged out, and nothing is tried again.
 */
export class LiveSocket {
  clock = new Clock();
  #page; #wishes; #on;
  #socket = null; #channels = new Map(); #retry = FIRST_RETRY; #retryTimer = 0; #heard = 0; #wanted = false;

  constructor(page, wishes, on) {
    this.#page = page;
    this.#wishes = wishes;
    this.#on = on;
    setInterval(() => this.#look(), 2_000);
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
    this.#heard = performance.now();
    socket.binaryType = "arraybuffer";
    socket.addEventListener("open", () => {
      this.#ping();
      this.#send({ watch: this.#wishes });
    });
    socket.addEventListener("message", (event) => this.#message(socket, event.data));
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

  #send(message) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  #ping() { this.#send({ ping: local() }); }

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
    if (code === LOGGED_OUT) {
      this.#wanted = false;
      this.#on.connection("out");
    } else if (this.#wanted) {
      this.#on.connection("lost");
      this.#retryTimer = setTimeout(() => this.open(), this.#retry * (0.7 + 0.6 * Math.random()));
      this.#retry = Math.min(this.#retry * 2, LONGEST_RETRY);
    }
  }

  #message(socket, data) {
    if (socket !== this.#socket) return;
    this.#heard = performance.now();
    if (typeof data !== "string") {
      const view = new DataView(data);
      const slug = this.#channels.get(view.getUint8(0));
      if (slug !== undefined && view.getUint8(1) === 3) {
        this.#on.picture(slug, view.getFloat64(2), new Blob([new Uint8Array(data, 10)], { type: "image/jpeg" }));
      }
      return;
    }
    const message = JSON.parse(data);
    if (message.pong !== undefined) this.clock.add(message.pong, local(), message.now);
    if (message.cameras) {
      this.#channels = new Map(message.cameras.map((one) => [one.channel, one.camera]));
      this.#retry = FIRST_RETRY;
      this.#on.connection("open");
    }
    if (message.state) this.#on.state(message.state.camera, message.state);
    if (message.error?.camera) this.#on.error(message.error.camera, message.error);
    else if (message.error?.code === "busy") setTimeout(() => this.#send({ watch: this.#wishes }), 3_000);
  }
}
