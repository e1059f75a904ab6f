// One camera on the page: draws the newest picture, measures its delay and says in words how the camera stands.

const LIVE = 2;          // seconds: an older picture is not called live
const GREY = 10;         // seconds: an older one of a camera that should send more is greyed
const MEASURED = 5;      // seconds over which delays are told
const WORDS = {
  connecting: ["◌", "Connecting"],
  online: ["●", "Live"],
  offline: ["▲", "No picture"],
  paused: ["◐", "Privacy pause"],
  disabled: ["○", "Switched off"],
};

export class Tile {
  #clock; #me; #time; #element; #canvas; #context; #waiting = null; #busy = false;
  #captured = null; #state = null; #lost = ""; #delays = []; #parts = {};

  constructor(element, { clock, me, zone }) {
    this.slug = element.dataset.camera;
    this.#element = element;
    this.#clock = clock;
    this.#me = me;
    this.#time = clockWords(zone);
    this.#canvas = element.querySelector("canvas");
    this.#context = this.#canvas.getContext("2d", { alpha: false, desynchronized: true });
    for (const name of ["none", "words", "who"]) this.#parts[name] = element.querySelector(`[data-${name}]`);
    const page = element.closest("[data-full]");
    for (const name of ["names", "size", "fps", "delay"]) this.#parts[name] = page?.querySelector(`[data-${name}]`);
  }

  /** A picture has come. While one is being decoded only the newest is kept. */
  picture(captured, blob) {
    this.#waiting = { captured, blob };
    if (!this.#busy) this.#draw();
  }

  state(state) {
    this.#state = state;
    this.#lost = "";
    this.#tellNames(state.watching);
    this.tell();
  }

  /** The connection is gone; `words` says what. The last picture stays, greyed and with its age. */
  lost(words) {
    this.#lost = words;
    this.#state = null;
    this.#delays = [];
    this.#tellNames([]);
    this.tell();
  }

  /** The right to see is gone, and the picture with it. */
  forget(words) {
    this.#captured = this.#waiting = null;
    this.#canvas.hidden = true;
    this.#context.clearRect(0, 0, this.#canvas.width, this.#canvas.height);
    this.lost(words);
  }

  /** The delays of the last seconds: {median, max}, or null when there are none. */
  delay() {
    const since = this.#clock.now() - MEASURED;
    this.#delays = this.#delays.filter(([at]) => at > since);
    if (!this.#delays.length || !this.#clock.known) return null;
    const sorted = this.#delays.map(([, delay]) => delay).sort((a, b) => a - b);
    return { median: sorted[sorted.length >> 1], max: sorted[sorted.length - 1] };
  }

  async #draw() {
    this.#busy = true;
    while (this.#waiting) {
      const { captured, blob } = this.#waiting;
      this.#waiting = null;
      try {
        const bitmap = await createImageBitmap(blob);
        await painting();
        this.#paint(bitmap);
        this.#took(captured);
      } catch {
        continue; // a picture that cannot be decoded is one picture less
      }
    }
    this.#busy = false;
  }

  #paint(bitmap) {
    if (this.#canvas.width !== bitmap.width || this.#canvas.height !== bitmap.height) {
      this.#canvas.width = bitmap.width;
      this.#canvas.height = bitmap.height;
    }
    this.#context.drawImage(bitmap, 0, 0);
    bitmap.close();
  }

  #took(captured) {
    const now = this.#clock.now();
    this.#captured = captured;
    if (this.#clock.known) this.#delays.push([now, Math.max(0, now - captured)]);
    if (this.#canvas.hidden) {
      this.#canvas.hidden = false;
      this.tell();
    }
  }

  /** Say again how things stand; called several times a second, since pictures grow old by themselves. */
  tell() {
    const age = this.#captured === null ? Infinity : this.#clock.now() - this.#captured;
    const online = this.#state?.state === "online";
    const rare = 3 / Math.max(this.#state?.fps || 1, 0.01);
    this.#canvas.classList.toggle("stale", !online || age > Math.max(GREY, rare));
    this.#element.dataset.state = this.#lost ? "offline" : this.#state?.state ?? "connecting";
    const words = this.#words(age);
    set(this.#parts.words, words);
    set(this.#parts.none, this.#element.hasAttribute("data-stage") ? words : words[0]);
    this.#parts.none.hidden = this.#captured !== null;
    set(this.#parts.size, this.#canvas.hidden ? "–" : `${this.#canvas.width} × ${this.#canvas.height}`);
    set(this.#parts.fps, online && this.#state.fps ? this.#state.fps.toFixed(this.#state.fps < 2 ? 1 : 0) : "–");
    const delay = age < LIVE ? this.delay() : null;
    set(this.#parts.delay, delay ? `${milliseconds(delay.median)}, at most ${milliseconds(delay.max)}` : "–");
  }

  #words(age) {
    if (this.#lost) return `▲ ${this.#lost}${this.#old(age)}`;
    if (!this.#state) return `◌ Connecting${this.#old(age)}`;
    const { state, text, detail, since, recording } = this.#state;
    const [shape, word] = WORDS[state] ?? WORDS.offline;
    if (state !== "online") {
      const when = since && state !== "connecting" ? ` since ${this.#time(since)}` : "";
      const why = text ? ` — ${text}${detail ? ` (${detail})` : ""}` : "";
      return `${shape} ${word}${when}${why}${this.#old(age)}`;
    }
    const kept = recording ? " · ▮ Recording" : "";
    if (age === Infinity) return `◌ Waiting for the first picture${kept}`;
    if (age >= LIVE) return `◌ ${ago(age)}${kept}`;
    const delay = this.delay();
    return `${shape} ${word}${delay ? ` · ${milliseconds(delay.median)}` : ""}${kept}`;
  }

  /** What the greyed picture is, when there is one. */
  #old(age) {
    return this.#captured === null ? "" : ` · picture of ${this.#time(this.#captured)}, ${ago(age)}`;
  }

  #tellNames(names) {
    if (this.#parts.who) {
      const others = names.filter((name) => name !== this.#me);
      if (others.join("\n") !== this.#parts.who.dataset.names) {
        this.#parts.who.dataset.names = others.join("\n");
        this.#parts.who.replaceChildren(...others.map(initials));
      }
    }
    const told = names.map((name) => (name === this.#me ? "you" : name));
    if (this.#parts.names && told.join("\n") !== this.#parts.names.dataset.names) {
      this.#parts.names.dataset.names = told.join("\n");
      this.#parts.names.replaceChildren(...told.flatMap((name, n) => [n ? ", " : "", isolated(name)]));
    }
  }
}

function set(element, words) {
  if (element && element.textContent !== words) element.textContent = words;
}

function isolated(name) {
  const element = document.createElement("bdi");
  element.textContent = name;
  return element;
}

function initials(name) {
  const [all, shown, spoken] = ["span", "span", "span"].map((tag) => document.createElement(tag));
  all.className = "initials";
  all.title = `${name} is watching`;
  shown.ariaHidden = "true";
  shown.textContent = [...name].slice(0, 2).join("").toUpperCase();
  spoken.className = "visually-hidden";
  spoken.textContent = `${name} is watching`;
  all.append(shown, spoken);
  return all;
}

function milliseconds(seconds) {
  return seconds < 1 ? `${Math.round(seconds * 100) * 10} ms` : `${seconds.toFixed(1)} s`;
}

function ago(seconds) {
  if (seconds < 90) return `${Math.round(seconds)} s ago`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min ago`;
  return `${Math.round(seconds / 3600)} h ago`;
}

/** The time of day in the house's zone; with the date when it was not in the last 20 hours. */
function clockWords(zone) {
  const make = (options) => {
    try {
      return new Intl.DateTimeFormat("en-GB", { ...options, timeZone: zone });
    } catch {
      return new Intl.DateTimeFormat("en-GB", options);
    }
  };
  const time = make({ hour: "2-digit", minute: "2-digit" });
  const date = make({ day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
  return (seconds) => (Date.now() / 1000 - seconds < 72_000 ? time : date).format(seconds * 1000);
}

/** The next moment to paint, soon also where the browser saves on frames. */
function painting() {
  return new Promise((resolve) => {
    const late = setTimeout(resolve, 100);
    requestAnimationFrame(() => { clearTimeout(late); resolve(); });
  });
}
