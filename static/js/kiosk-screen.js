// What stands on the screen. Texts go in as texts, never as markup: names and answers are strangers' words.

import { spoken, words } from "./kiosk-words.js";

const SIZES = 6;
const NOTICE_SIZES = 4;
const TURN = 8_000;
const SHIFT = 60_000;
// Around a small circle, so that no edge stands in one place.
const PLACES = [[0, 0], [6, 2], [8, 8], [2, 6], [-4, 8], [-8, 4], [-6, -2], [-8, -8], [-2, -6], [4, -8], [8, -4], [2, 0]];

const one = (id) => document.querySelector(`#kiosk-${id}`);

export class Screen {
  #state; #clock; #turn = 0; #place = 0; #until = 0; #parts = {}; #formats = { key: "" };

  constructor(state, clock) {
    for (const id of ["house", "line", "idle", "time", "date", "text", "say", "words", "by", "recorded", "watched", "ring-word"]) {
      this.#parts[id] = one(id);
    }
    this.button = one("ring");
    this.#clock = clock;
    this.take(state);
    addEventListener("resize", () => this.#fit());
    setInterval(() => this.tick(), 1_000);
    setInterval(() => { this.#turn++; this.#notices(); }, TURN);
    setInterval(() => this.shift(), SHIFT);
  }

  /** A new state of the house. */
  take(state) {
    this.#state = state;
    this.words = words(state.language);
    document.documentElement.lang = state.language;
    document.title = state.house;
    put(this.#parts.house, state.house);
    const bell = state.camera !== null;
    this.button.disabled = !bell;
    put(this.#parts["ring-word"], this.words(bell ? "ring" : "no_bell"));
    this.#notices();
    this.tick();
  }

  get speaking() { return performance.now() < this.#until; }

  /** The house's hour, null while its clock is not known. */
  hour() {
    if (!this.#clock.known) return null;
    const format = new Intl.DateTimeFormat("en", { timeZone: this.#state.zone, hour: "numeric", hourCycle: "h23" });
    return Number(format.format(this.#clock.now() * 1000));
  }

  /** A moment of the house's clock, as people there write it. */
  told(seconds) { return this.#format().time.format(seconds * 1000); }

  tick() {
    if (performance.now() >= this.#until) this.quiet();
    if (!this.#clock.known) return;
    const now = this.#clock.now() * 1000;
    const { time, date } = this.#format();
    put(this.#parts.time, time.format(now));
    put(this.#parts.date, date.format(now));
  }

  #format() {
    const { language, zone } = this.#state;
    const key = `${language} ${zone}`;
    if (this.#formats.key !== key) {
      const usual = { timeZone: zone };
      this.#formats = {
        key,
        time: new Intl.DateTimeFormat("en-GB", { ...usual, hour: "2-digit", minute: "2-digit", hourCycle: "h23" }),
        date: new Intl.DateTimeFormat(language === "en" ? "en-GB" : language, { ...usual, weekday: "long", day: "numeric", month: "long" }),
      };
    }
    return this.#formats;
  }

  /** Say it large, for so many seconds. */
  say(text, { by = "", tone = "", seconds = 30, language = this.#state.language } = {}) {
    const { say, idle, words: place } = this.#parts;
    put(place, text);
    place.lang = language;
    put(this.#parts.by, by);
    say.dataset.tone = tone;
    say.hidden = false;
    idle.hidden = true;
    this.#fit();
    this.#until = performance.now() + seconds * 1000;
  }

  /** As large as it fits: which size that is depends on the words, the letters and the screen. */
  #fit() {
    const { say, words: place, idle, text } = this.#parts;
    const [around, inside, sizes] = say.hidden ? [idle, text, NOTICE_SIZES] : [say, place, SIZES];
    for (let size = 0; size < sizes; size++) {
      around.dataset.size = size;
      if (inside.scrollHeight <= inside.clientHeight + 1) break;
    }
  }

  quiet() {
    if (this.#parts.say.hidden) return;
    this.#parts.say.hidden = true;
    this.#parts.idle.hidden = false;
    this.#fit();
  }

  /** What is wrong with the line, if anything; empty for nothing. */
  line(text) {
    if (this.#parts.line.textContent === text) return;
    put(this.#parts.line, text);
    this.#parts.line.hidden = !text;
    // Who watches is not known then; what is not known is not told.
    this.#parts.watched.hidden = Boolean(text);
    this.#fit();
  }

  #notices() {
    const { texts, language, filmed, keeps, watching } = this.#state;
    const languages = spoken(language);
    const turned = languages[this.#turn % languages.length];
    const say = words(turned);
    const { recorded, watched, text } = this.#parts;
    recorded.lang = watched.lang = turned;
    put(recorded, filmed ? say({ always: "always", ring: "only", never: "never" }[keeps]) : "");
    const names = new Intl.ListFormat(turned).format(watching);
    put(watched, filmed ? (watching.length ? say("watched", { names }) : say("nobody")) : "");
    const shown = texts.length ? texts[this.#turn % texts.length] : null;
    text.lang = shown?.lang || language;
    put(text, shown?.text ?? "");
    this.#fit();
  }

  shift() {
    this.#place = (this.#place + 1) % PLACES.length;
    const [x, y] = PLACES[this.#place];
    document.documentElement.style.setProperty("--kiosk-x", `${x}px`);
    document.documentElement.style.setProperty("--kiosk-y", `${y}px`);
  }
}

function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
