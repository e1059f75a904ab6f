// Which way pictures come to this browser: a film over the socket, single pictures over the socket, or a plain stream.
// Chosen by what works, remembered in this browser, told in words.

import { plays } from "./live-film.js";

const KEY = "fairwatch.ways";
// What did not work is tried again after a day: browsers and cameras get better. Milliseconds.
const AGAIN = 24 * 60 * 60 * 1000;
// One error may be a lost piece; two in this time are not.
const ERRORS = 2, ERRORS_IN = 10 * 60 * 1000;
/** So often no socket could be opened, one try after another, before something else is tried. */
export const REFUSED = 2;
const CODECS = { avc1: "H.264", avc3: "H.264", hvc1: "H.265", hev1: "H.265", av01: "AV1", mp4v: "MPEG-4" };
const NAMES = { mjpeg: "JPEG", h264: "H.264", hevc: "H.265", av1: "AV1", mpeg4: "MPEG-4", rawvideo: "raw pictures" };
const WHY = {
  unsupported: (codec) => `this browser cannot play ${codec}`,
  nothing: (codec) => `the ${codec} film showed nothing here within 5 s`,
  error: (codec) => `this browser could not play the ${codec} film`,
  blocked: () => "this browser does not start films by itself; a phone that saves power does so",
};

/** «H.264» for `video/mp4; codecs="avc1.64001f"`. */
export function codecOf(mime) {
  const [, name] = /codecs="?([a-z0-9]{4})/i.exec(mime) ?? [];
  return CODECS[name] ?? name ?? "video";
}

class Ways {
  #memory = read(); #errors = new Map(); #page = new Map();

  /** What the viewer wants: "auto", "film", "pictures" or "stream". */
  get choice() { return this.#memory.choice ?? "auto"; }

  choose(choice) {
    this.#memory = { choice, failed: {} };
    this.#errors.clear();
    this.#page.clear();
    write(this.#memory);
  }

  get films() { return !["pictures", "stream"].includes(this.choice); }

  /** Why a film of that kind is not to be tried here; empty when it is. */
  against(mime) {
    const codec = codecOf(mime);
    if (!plays(mime)) return "unsupported";
    if (this.#page.has(codec)) return this.#page.get(codec);
    const failed = this.#memory.failed?.[codec];
    return failed && Date.now() - failed.at < AGAIN && failed.at <= Date.now() && failed.why in WHY ? failed.why : "";
  }

  /** A film did not play. Whether it is worth another try. */
  failed(mime, why) {
    const codec = codecOf(mime), now = Date.now();
    if (why === "error") {
      const errors = [...(this.#errors.get(codec) ?? []).filter((at) => now - at < ERRORS_IN), now];
      this.#errors.set(codec, errors);
      if (errors.length < ERRORS) return true;
      this.#errors.delete(codec);
    }
    if (["error", "nothing"].includes(why)) {
      this.#memory = { ...this.#memory, failed: { ...this.#memory.failed, [codec]: { why, at: now } } };
      write(this.#memory);
    } else {
      // Saving power passes with the next charge, and what is not supported is asked each time.
      this.#page.set(codec, why);
    }
    return false;
  }
}

/**
 * The way a tile's pictures come, in a sentence and in a word. `tile`: {way, mime, codec (the camera's), against, asked
 * (what the viewer chose), heard}.
 */
export function wayWords({ way, mime, codec, against, asked, heard }) {
  if (way === "stream") {
    const why = asked === "stream" ? "as you chose" : "because no live connection can be opened from here";
    return { long: `A plain stream of pictures, ${why}`, short: "plain stream" };
  }
  if (way === "film") return { long: `Film, ${codecOf(mime)} untouched${heard ? ", with sound" : ""}`, short: "film" };
  if (way !== "pictures") return { long: "–", short: "" };
  return { long: `Single pictures, ${pictureWhy(NAMES[codec] ?? codec, against, asked)}`, short: "pictures" };
}

function pictureWhy(codec, against, asked) {
  if (codec === "JPEG" || !codec) return "as the camera sends them";
  if (asked === "pictures") return `as you chose, made from the camera’s ${codec}`;
  return against ? `because ${WHY[against](codec)}` : `made from the camera’s ${codec}`;
}

function read() {
  try {
    const found = JSON.parse(localStorage.getItem(KEY));
    return found && typeof found === "object" ? found : {};
  } catch {
    return {}; // nothing is remembered where browsers are told to forget
  }
}

function write(memory) {
  try {
    localStorage.setItem(KEY, JSON.stringify(memory));
  } catch { /* as above */ }
}

export const ways = new Ways();
