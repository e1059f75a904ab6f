// The house's clock as this browser knows it, and the delays measured by it. Nothing here grows.

// Pings of so many seconds count; the one with the shortest way tells best, and clocks drift too slowly to matter.
const WINDOW = 60;
// Further apart than their ways and so many seconds explain: one of the clocks has been set, or this machine has slept.
const SET = 0.01;

/** This browser's clock in seconds since 1970, finer than Date.now and never stepping back. */
export function local() { return seconds(performance.now()); }

function seconds(milliseconds) { return (performance.timeOrigin + milliseconds) / 1000; }

export class HouseClock {
  #samples = []; #best = null;

  /** A ping: when it was sent and answered by this browser's clock, and the house's time in between. Seconds. */
  add(sent, received, house) {
    const sample = { at: received, trip: received - sent, offset: house - (sent + received) / 2 };
    if (!(sample.trip >= 0) || !Number.isFinite(sample.offset)) return;
    const best = this.#best;
    if (best && Math.abs(sample.offset - best.offset) > (sample.trip + best.trip) / 2 + SET) this.#samples = [];
    this.#samples = this.#samples.filter((one) => received - one.at < WINDOW);
    this.#samples.push(sample);
    this.#best = this.#samples.reduce((a, b) => (b.trip < a.trip ? b : a));
  }

  get known() { return this.#best !== null; }

  /** The house's time in seconds since 1970. */
  now() { return this.at(performance.now()); }

  /** The house's time at a moment of this page, as performance.now() and frames tell it. Milliseconds → seconds. */
  at(milliseconds) { return seconds(milliseconds) + (this.#best?.offset ?? 0); }
}

// At 60 pictures a second the last 17 seconds.
const KEPT = 1024;

/** From capture to screen, of the last pictures. */
export class Delays {
  #at = new Float64Array(KEPT); #delay = new Float64Array(KEPT); #next = 0;

  constructor() { this.forget(); }

  add(at, delay) {
    this.#at[this.#next] = at;
    this.#delay[this.#next] = Math.max(0, delay);
    this.#next = (this.#next + 1) % KEPT;
  }

  forget() { this.#at.fill(-Infinity); }

  /** Those since a moment of the house's clock: {median, max} in seconds, or null when there are none. */
  since(moment) {
    const found = this.#delay.filter((_, n) => this.#at[n] > moment).sort();
    return found.length ? { median: found[found.length >> 1], max: found[found.length - 1] } : null;
  }
}
