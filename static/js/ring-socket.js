// The line to the house over which rings and the figure at the bell come, on every page; opened again by itself.

const FIRST_RETRY = 500, LONGEST_RETRY = 30_000, PING_EVERY = 15_000, SILENCE = 40_000;
const LOGGED_OUT = 4401;

const local = () => Date.now() / 1000;

/** `on.rings(list)`: those of now, after each opening; `on.ring(ring)`; `on.badge({missed, unseen})`. */
export class RingSocket {
  #on; #socket = null; #retry = FIRST_RETRY; #timer = 0; #heard = 0; #offset = 0; #best = Infinity; #wanted = false;

  constructor(on) {
    this.#on = on;
    setInterval(() => this.#look(), PING_EVERY);
  }

  /** Seconds since the epoch by the house's clock, as far as it is known. */
  now() { return local() + this.#offset; }

  open() {
    this.#wanted = true;
    clearTimeout(this.#timer);
    if (this.#socket) return;
    const url = new URL("/ws/rings/", location.href);
    url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    const mine = this.#socket = new WebSocket(url);
    this.#heard = performance.now();
    mine.addEventListener("open", () => this.#ping());
    mine.addEventListener("message", ({ data }) => mine === this.#socket && this.#message(JSON.parse(data)));
    mine.addEventListener("close", ({ code }) => this.#closed(mine, code));
  }

  close() {
    this.#wanted = false;
    clearTimeout(this.#timer);
    const mine = this.#socket;
    this.#socket = null;
    mine?.close();
  }

  #ping() {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify({ ping: local() }));
  }

  #look() {
    if (!this.#socket) return;
    this.#ping();
    // A line that has died without a word: the browser would wait for minutes.
    if (performance.now() - this.#heard > SILENCE) {
      const dead = this.#socket;
      this.#closed(dead, 0);
      dead.close();
    }
  }

  #closed(mine, code) {
    if (mine !== this.#socket) return;
    this.#socket = null;
    if (code === LOGGED_OUT || !this.#wanted) return;
    this.#timer = setTimeout(() => this.open(), this.#retry * (0.7 + 0.6 * Math.random()));
    this.#retry = Math.min(this.#retry * 2, LONGEST_RETRY);
  }

  #message(told) {
    this.#heard = performance.now();
    this.#retry = FIRST_RETRY;
    if (told.pong !== undefined) this.#clock(told.pong, told.now);
    if (told.rings) this.#on.rings(told.rings);
    if (told.ring) this.#on.ring(told.ring);
    if (told.badge) this.#on.badge(told.badge);
  }

  /** The quickest answer tells the house's clock best. */
  #clock(sent, house) {
    const way = local() - sent;
    if (way < 0 || way > this.#best) return;
    this.#best = way;
    this.#offset = house - (sent + way / 2);
  }
}
