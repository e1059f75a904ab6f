// The line to the house: a WebSocket, or single posts where none can be opened; connects again by itself.

const FIRST_RETRY = 500;
const LONGEST_RETRY = 15_000;
const NO_ANSWER = 10_000;
const LOOK_EVERY = 3_000;
// After these the house will not take anything however often it is asked.
const OVER = new Set(["logged_out", "gone", "link_over", "taken_over", "not_allowed", "disabled", "csrf"]);
// The largest message the house takes is a mebibyte, with the capture time in front.
export const LARGEST = 1024 * 1024 - 8;

/** The house's clock: of the last answers the one with the shortest way tells best. Seconds. */
class Clock {
  #samples = [];

  add(sent, server) {
    const received = local();
    this.#samples.push({ trip: received - sent, offset: server - (sent + received) / 2 });
    if (this.#samples.length > 12) this.#samples.shift();
  }

  now() {
    const best = this.#samples.reduce((a, b) => (b.trip < a.trip ? b : a), this.#samples[0] ?? { offset: 0 });
    return local() + best.offset;
  }
}

/** This browser's clock in seconds since the epoch, finer than Date.now and never stepping back. */
function local() { return (performance.timeOrigin + performance.now()) / 1000; }

/**
 * `where`: {socket, frames, csrf, join, camera}. `on.ready({name, camera, house})`, `on.taken(more, rate)`,
 * `on.trouble(error)` (it goes on), `on.lost()` (it tries again), `on.over(error)` (it does not).
 */
export class Line {
  clock = new Clock();
  #where; #on; #socket = null; #posting = false; #wanted = false; #ready = false; #byPosts = false;
  #failed = 0; #retry = FIRST_RETRY; #retryTimer = 0; #lookTimer = 0; #asked = 0; #counted = 0;

  constructor(where, on) {
    this.#where = where;
    this.#on = on;
  }

  get ready() { return this.#ready; }
  get byPosts() { return this.#byPosts; }

  open() {
    this.#wanted = true;
    clearInterval(this.#lookTimer);
    this.#lookTimer = setInterval(() => this.#look(), LOOK_EVERY);
    this.#connect();
  }

  close() {
    this.#wanted = this.#ready = false;
    clearTimeout(this.#retryTimer);
    clearInterval(this.#lookTimer);
    const socket = this.#socket;
    this.#socket = null;
    socket?.close(1000);
  }

  /** Send a picture grabbed at `captured` by the house's clock; false when the line has not taken the last one yet. */
  async send(captured, blob) {
    if (!this.#ready) return false;
    if (this.#byPosts) return this.#post(captured, blob);
    const socket = this.#socket;
    if (!socket || socket.bufferedAmount > 0) return false;
    const message = new Uint8Array(8 + blob.size);
    new DataView(message.buffer).setFloat64(0, captured);
    message.set(new Uint8Array(await blob.arrayBuffer()), 8);
    if (socket.readyState !== WebSocket.OPEN) return false;
    socket.send(message);
    return true;
  }

  #connect() {
    clearTimeout(this.#retryTimer);
    this.#byPosts = this.#failed >= 2;
    if (this.#byPosts) {
      this.#failed = 0;
      this.#post(0, null);
      return;
    }
    const url = new URL(this.#where.socket, location.href);
    url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(url);
    this.#socket = socket;
    this.#asked = performance.now();
    let began = 0;
    socket.addEventListener("open", () => {
      began = local();
      this.#asked = performance.now();
      const { camera, join } = this.#where;
      socket.send(JSON.stringify({ hello: { ...(camera && { camera }), ...(join && { join }) } }));
    });
    socket.addEventListener("message", (event) => this.#message(socket, JSON.parse(event.data), began));
    socket.addEventListener("close", () => this.#closed(socket));
  }

  #message(socket, message, began) {
    if (socket !== this.#socket) return;
    this.#asked = 0;
    if (message.pong !== undefined) this.clock.add(message.pong, message.now);
    if (message.error) this.#error(message.error);
    else if (message.name !== undefined) {
      this.clock.add(began, message.now);
      this.#counted = 0;
      this.#isReady(message);
    } else if (message.taken !== undefined) {
      this.#on.taken(message.taken - this.#counted, message.rate);
      this.#counted = message.taken;
    }
  }

  #isReady(hello) {
    this.#ready = true;
    this.#failed = 0;
    this.#retry = FIRST_RETRY;
    // From now on this camera and no other, should the own webcam be deleted meanwhile.
    this.#where.camera = hello.camera;
    this.#on.ready(hello);
    this.#ping();
  }

  #error(error) {
    if (!OVER.has(error.code)) {
      this.#on.trouble(error);
      return;
    }
    this.close();
    this.#on.over(error);
  }

  #closed(socket) {
    if (socket !== this.#socket) return;
    this.#socket = null;
    if (!this.#ready) this.#failed += 1;
    this.#lost();
  }

  #lost() {
    this.#ready = false;
    if (!this.#wanted) return;
    this.#on.lost();
    this.#retryTimer = setTimeout(() => this.#connect(), this.#retry * (0.7 + 0.6 * Math.random()));
    this.#retry = Math.min(this.#retry * 2, LONGEST_RETRY);
  }

  #ping() {
    if (this.#socket?.readyState !== WebSocket.OPEN) return;
    this.#asked ||= performance.now();
    this.#socket.send(JSON.stringify({ ping: local() }));
  }

  #look() {
    const socket = this.#socket;
    if (!socket) return;
    // A line that has died without a word: the browser would wait for minutes.
    if (this.#asked && performance.now() - this.#asked > NO_ANSWER) {
      this.#closed(socket);
      socket.close();
    } else this.#ping();
  }

  /** One picture by a request of its own; without one: who we send as. */
  async #post(captured, blob) {
    if (this.#posting) return false;
    this.#posting = true;
    try {
      const { frames, csrf, join, camera } = this.#where;
      const url = new URL(frames, location.href);
      if (camera) url.searchParams.set("camera", camera);
      const headers = { "Content-Type": "image/jpeg", ...(join ? { "X-Join-Token": join } : { "X-CSRFToken": csrf }) };
      if (blob) headers["X-Captured-At"] = captured.toFixed(3);
      const began = local();
      const reply = await fetch(url, { method: "POST", headers, body: blob, signal: AbortSignal.timeout(NO_ANSWER) });
      const answer = await reply.json();
      if (!this.#wanted) return false;
      if (answer.now !== undefined) this.clock.add(began, answer.now);
      if (answer.error) this.#error(answer.error);
      else if (answer.name !== undefined) this.#isReady(answer);
      else this.#on.taken(answer.taken, answer.rate);
      if (answer.error && !this.#ready) this.#lost();
    } catch {
      this.#lost();
    } finally {
      this.#posting = false;
    }
    return true;
  }
}
