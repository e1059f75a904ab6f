// Without the socket: MJPEG streams in <img>, or single pictures where there are many, and the states by asking for them.

// Browsers open six connections to a host: with more tiles each gets a picture now and then.
const MOST_STREAMS = 5;
const EVERY = 3_000, ASK = 5_000, TIMEOUT = 4_000;

export class Plain {
  #page; #tiles; #out; #on = false; #shown = []; #timers = []; #trying = false;

  /** `out()`: the viewer is logged out. */
  constructor(page, tiles, out) {
    this.#page = page;
    this.#tiles = tiles;
    this.#out = out;
  }

  /** No socket opens. Where the house answers all the same streams are shown, else `lost()` is called. */
  async tryOut(shown, lost) {
    if (this.#on || this.#trying) return;
    this.#trying = true;
    let status = 0;
    try {
      const reply = await fetch(`/live/${shown[0].slug}/stream.mjpg`, { method: "HEAD", signal: AbortSignal.timeout(TIMEOUT) });
      status = reply.status;
    } catch { /* the house is away */ }
    this.#trying = false;
    if (status === 401) this.#out();
    else if (status === 200) this.start(shown);
    else lost();
  }

  start(shown) {
    this.#on = true;
    this.look(shown);
    if (this.#timers.length) return;
    this.#timers = [setInterval(() => this.#renew(), EVERY), setInterval(() => this.#ask(), ASK)];
    this.#ask();
  }

  /** These tiles are seen now. */
  look(shown) {
    this.#shown = shown;
    if (!this.#on) return;
    for (const tile of this.#tiles.values()) if (!shown.includes(tile)) tile.stream(null);
    for (const tile of shown) tile.stream(this.#url(tile));
  }

  stop() {
    this.#timers.forEach(clearInterval);
    this.#timers = [];
    if (this.#on) for (const tile of this.#tiles.values()) tile.stream(null);
    this.#on = false;
  }

  get #streams() { return this.#shown.length <= MOST_STREAMS; }

  #url({ slug }) {
    return this.#streams ? `/live/${slug}/stream.mjpg?page=${this.#page}` : `/live/${slug}/frame.jpg?at=${Date.now()}`;
  }

  #renew() { if (!this.#streams) for (const tile of this.#shown) tile.stream(this.#url(tile)); }

  async #ask() {
    for (const tile of [...this.#shown]) {
      try {
        const reply = await fetch(`/api/v1/cameras/${tile.slug}`, { signal: AbortSignal.timeout(TIMEOUT) });
        if (reply.status === 401) return this.#out();
        if (!this.#on) return;
        if (reply.ok) tile.told(await reply.json());
        else if (reply.status === 404) tile.forget("You may not watch this camera any more");
      } catch {
        if (this.#on) tile.told({ state: "offline", text: "no connection to the house" });
      }
    }
  }
}
