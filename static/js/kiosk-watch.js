// The page begins anew when it has to, and never while the house is away: what the browser would show then leads nowhere.

const LOOK = 10_000;
// The house answers, but not with what this page asks for; milliseconds.
const STALE = 180_000;
const QUIET = 60_000;
// Once a night, by the house's clock: browsers forget little, but not nothing, and the cookie is renewed.
const NIGHT = [3, 5];
const OLD = 20 * 3600 * 1000;
// Never in a circle.
const APART = 120_000;
const MARK = "fairwatch-reloaded";

export class Watch {
  #page; #good = performance.now(); #began = performance.now(); #faults = 0; #reloading = false;

  /** `page`: {idle() → ms since anything happened, hour() → 0…23 or null, version() → of the newest state}. */
  constructor(page) {
    this.#page = page;
    this.first = page.version();
    setInterval(() => this.look(), LOOK);
    for (const kind of ["error", "unhandledrejection"]) addEventListener(kind, () => this.#faults++);
  }

  /** The house has told its state, and the page shows it. */
  good() { this.#good = performance.now(); }

  look() {
    const age = performance.now() - this.#began;
    const hour = this.#page.hour();
    const night = hour !== null && hour >= NIGHT[0] && hour < NIGHT[1] && age > OLD;
    const quiet = this.#page.idle() > QUIET;
    if (performance.now() - this.#good > STALE) this.reload();
    else if (quiet && (night || this.#faults > 2 || this.#page.version() !== this.first)) this.reload();
  }

  /** `at once`: this screen is none of the house's any more. */
  async reload(atOnce = false) {
    if (this.#reloading || (!atOnce && performance.now() - this.#began < APART && this.#hasReloaded())) return;
    this.#reloading = true;
    try {
      const reply = await fetch("/kiosk/", { cache: "no-store", signal: AbortSignal.timeout(8_000) });
      if (!reply.ok || !(await reply.text()).includes('id="kiosk')) return;
      this.#mark();
      location.reload();
    } catch {
      // The house is away. What stands here is better than nothing.
    } finally {
      this.#reloading = false;
    }
  }

  #mark() {
    try {
      sessionStorage.setItem(MARK, "1");
    } catch {
      // Then only the time since this page began counts.
    }
  }

  #hasReloaded() {
    try {
      return sessionStorage.getItem(MARK) !== null;
    } catch {
      return true;
    }
  }
}
