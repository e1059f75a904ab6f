// Two strokes of a bell, made here; once for each press on this device, whichever of its pages are open.

const OFF = "fairwatch.chime-off", DONE = "fairwatch.chimed";
const STROKES = [[659.3, 0], [523.3, 0.42]];
const PARTIALS = [[1, 0.5, 1.6], [2.01, 0.16, 0.9], [3.02, 0.07, 0.5]];
const LOUDNESS = 0.6;
// How long it may take until there is sound: where somebody has touched the page, and where that is only tried. ms
const TOUCHED = 3_000, UNTOUCHED = 400;

function read(key) {
  try { return localStorage.getItem(key); } catch { return null; }
}

function write(key, value) {
  try { localStorage.setItem(key, value); } catch { /* a browser that keeps nothing */ }
}

class Chime {
  #context = null; #owed = 0; #until = 0;

  constructor() {
    // Some browsers let a page sound only after it has begun to in a gesture.
    for (const kind of ["pointerdown", "keydown"]) {
      addEventListener(kind, () => this.#touched(), { capture: true, passive: true });
    }
  }

  get on() { return read(OFF) !== "1"; }
  set on(value) { write(OFF, value ? "0" : "1"); }

  /** Sound for that press (id and number) unless another page here has done so: "played", "off", "done" or "blocked". */
  async press(ring) {
    const name = `${ring.id}-${ring.presses}`;
    if (!this.on) return "off";
    if (read(DONE) === name) return "done";
    if (!await this.#ready()) {
      this.#owed = performance.now();
      return "blocked";
    }
    if (read(DONE) === name) return "done";
    write(DONE, name);
    this.#strike();
    return "played";
  }

  /** Nobody waits any more: what could not sound need not. */
  over() { this.#owed = 0; }

  async try() {
    if (await this.#ready()) this.#strike();
  }

  async #touched() {
    if (!this.on || (this.#context && !this.#owed)) return;
    const owed = this.#owed && performance.now() - this.#owed < 60_000;
    this.#owed = 0;
    if (!await this.#ready()) return;
    if (owed) this.#strike();
    else this.#rest();
  }

  async #ready() {
    if (typeof AudioContext === "undefined") return false;
    const context = this.#context ??= new AudioContext();
    // Where it is not allowed the promise waits for a gesture, perhaps for ever.
    context.resume().catch(() => {});
    const begin = performance.now(), patience = navigator.userActivation?.hasBeenActive ? TOUCHED : UNTOUCHED;
    while (context.state !== "running" && performance.now() - begin < patience) {
      await new Promise((done) => setTimeout(done, 20));
    }
    return context.state === "running";
  }

  #strike() {
    const context = this.#context;
    const begin = context.currentTime + 0.02;
    for (const [tone, after] of STROKES) {
      for (const [times, loud, long] of PARTIALS) this.#tone(tone * times, loud * LOUDNESS, begin + after, long);
    }
    this.#until = Math.max(this.#until, performance.now() + 2_500);
    setTimeout(() => this.#rest(), 3_000);
  }

  /** A page that is silent keeps no sound open. */
  #rest() { if (performance.now() > this.#until) this.#context.suspend(); }

  #tone(frequency, loud, at, long) {
    const [source, gain] = [this.#context.createOscillator(), this.#context.createGain()];
    source.frequency.value = frequency;
    gain.gain.setValueAtTime(0, at);
    gain.gain.linearRampToValueAtTime(loud, at + 0.008);
    gain.gain.exponentialRampToValueAtTime(0.0001, at + long);
    source.connect(gain).connect(this.#context.destination);
    source.start(at);
    source.stop(at + long);
  }
}

export const chime = new Chime();
