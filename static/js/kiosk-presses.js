// Presses of the button: kept before they are sent, until the house has said that it has them. A reload, a power cut or
// a week without a line loses none.

const KEY = "fairwatch-presses";
const MOST = 50;
// The house takes none that are older.
const OLDEST = 7 * 24 * 3600 - 60;
const RETRIES = [1_000, 2_000, 4_000, 8_000, 15_000];
const PATIENCE = 9_000;

const id = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
const seconds = () => Date.now() / 1000;

/**
 * `house`: {clock, csrf(), refresh()}; refresh asks for the state anew, and with it for a log-in. `on`: taken(press),
 * kept(press), refused(press, code), out() when this screen is none of the house's any more.
 */
export class Presses {
  #house; #on; #list; #sending = false; #tries = 0; #timer = 0; #began = new Map();

  constructor(house, on) {
    this.#house = house;
    this.#on = on;
    this.#list = read();
  }

  get waiting() { return this.#list.length; }

  /** Somebody presses now. Kept first: what comes after may fail in any way. */
  add() {
    const clock = this.#house.clock;
    const press = { id: id(), at: clock.known ? clock.now() : null, local: seconds() };
    this.#began.set(press.id, performance.now());
    // What does not fit replaces the newest: the first and the last of many are what counts.
    if (this.#list.length >= MOST) this.#list.pop();
    this.#list.push(press);
    write(this.#list);
    this.#tries = 0;
    this.send();
    return press;
  }

  /** Try now, for instance because the line is back. */
  hurry() {
    this.#tries = 0;
    this.send();
  }

  async send() {
    if (this.#sending) return;
    this.#sending = true;
    clearTimeout(this.#timer);
    try {
      // The newest first: whoever pressed it stands there now.
      while (this.#list.length && (await this.#post(this.#list[this.#list.length - 1])));
    } finally {
      this.#sending = false;
    }
    if (this.#list.length) {
      const wait = RETRIES[Math.min(this.#tries++, RETRIES.length - 1)];
      this.#timer = setTimeout(() => this.send(), wait * (0.8 + 0.4 * Math.random()));
    }
  }

  /** Whether to go on with the next one. */
  async #post(press) {
    let reply;
    let answer = null;
    try {
      reply = await fetch("/kiosk/ring/", {
        method: "POST",
        headers: { "Content-Type": "application/json", "X-CSRFToken": this.#house.csrf() },
        body: JSON.stringify({ id: press.id, at: this.#at(press) }),
        signal: AbortSignal.timeout(PATIENCE),
      });
      answer = await reply.json().catch(() => null);
    } catch {
      this.#on.kept(press);
      return false;
    }
    if (reply.ok && Number.isInteger(answer?.event)) {
      this.#drop(press);
      this.#on.taken(press);
      return true;
    }
    if ([400, 404, 409].includes(reply.status)) {
      this.#drop(press);
      this.#on.refused(press, answer?.error?.code ?? "");
      return true;
    }
    this.#on.kept(press);
    if (reply.status === 401) this.#on.out();
    // Another log-in than that of the page: its token against forgery is not this one's any more.
    else if (reply.status === 403) await this.#house.refresh();
    return false;
  }

  /** When it was, by the house's clock. */
  #at(press) {
    const clock = this.#house.clock;
    if (press.at !== null || !clock.known) return press.at ?? undefined;
    const began = this.#began.get(press.id);
    const age = began === undefined ? seconds() - press.local : (performance.now() - began) / 1000;
    return clock.now() - Math.min(OLDEST, Math.max(0, age));
  }

  #drop(press) {
    this.#began.delete(press.id);
    this.#list = this.#list.filter((one) => one.id !== press.id);
    write(this.#list);
  }
}

/** This screen is none of the house's any more: what it kept is nobody's. */
export function forget() {
  try {
    localStorage.removeItem(KEY);
  } catch {
    // There is nothing to forget where nothing may be kept.
  }
}

function read() {
  try {
    const found = JSON.parse(localStorage.getItem(KEY) ?? "[]");
    return Array.isArray(found) ? found.filter(isPress).slice(-MOST) : [];
  } catch {
    return [];
  }
}

function isPress(one) {
  return typeof one?.id === "string" && Number.isFinite(one.local) && (one.at === null || Number.isFinite(one.at));
}

function write(list) {
  try {
    localStorage.setItem(KEY, JSON.stringify(list));
  } catch {
    // Full, or forbidden: the page keeps them as long as it lives.
  }
}
