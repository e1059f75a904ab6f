// A live film in a <video>: pieces into Media Source Extensions as they come, and playback kept close behind the newest.

import { pictureTrack, shownAt } from "./live-boxes.js";

// iPhones have the managed kind only.
const Source = globalThis.MediaSource ?? globalThis.ManagedMediaSource;
// Seconds behind the newest picture: from JUMP on playback leaps there. Closer by, it runs the faster the further behind
// it is, and a little slower where it is about to run out of pictures; with sound in a few steps, and never so fast,
// since a buffer that runs dry is heard.
const JUMP = 1;
const EDGE = 0.02;
const AIM = 0.01, SLOWEST = -0.05, FASTEST = 0.5;
const RATES_HEARD = [[0.5, 1.2], [0.3, 1.08], [0.15, 1.03]];
// What lies so far back is removed once it is that much further. Seconds.
const KEEP = 2, REMOVE_FROM = 10;
// A film that has its first piece and shows nothing in this time does not work here. Milliseconds.
const PATIENCE = 5_000;
// Pieces that wait for the browser to take them; it takes them at once, or something is wrong.
const MOST_WAITING = 900;
// The capture times of so many pictures are known: more than lie in the buffer ahead.
const TIMES = 1024;
const CLOSE = 0.002;

export const INIT = 0, KEY = 1;

/** Whether this browser says it can play such films. */
export function plays(mime) { return Boolean(Source?.isTypeSupported(mime)); }

/** When each picture of the film was captured, by its time in the film. Of the newest ones. */
class Times {
  #film = new Float64Array(TIMES).fill(NaN); #captured = new Float64Array(TIMES); #next = 0;

  /** When the newest picture is to be shown. */
  newest = NaN;

  add(film, captured) {
    this.newest = Math.max(this.newest || 0, film);
    this.#film[this.#next] = film;
    this.#captured[this.#next] = captured;
    this.#next = (this.#next + 1) % TIMES;
  }

  /** The capture time of the picture that is shown at `film`: that of this very one, else of the last before. */
  at(film) {
    let best = -1;
    for (let n = 0; n < TIMES; n++) {
      if (this.#film[n] <= film + CLOSE && !(this.#film[n] <= this.#film[best])) best = n;
    }
    return best < 0 ? null : this.#captured[best];
  }
}

/**
 * Plays what `piece` is given. `on.shown(captured, at)`: a picture captured then stands on the screen at `at`
 * (milliseconds as performance.now()); `on.anew()`: the film begins anew, what is shown now is gone in a moment;
 * `on.failed(why)`, once: "unsupported", "error", "nothing" or "blocked".
 */
export class Film {
  #video; #on; #mime = ""; #source = null; #buffer = null; #waiting = []; #head = null; #keys = []; #end = null;
  #times = null; #track = null; #patience = 0; #jumped = 0; #jumpAt = JUMP;

  constructor(video, on) {
    this.#video = video;
    this.#on = on;
    video.muted = video.playsInline = video.autoplay = true;
    // Without it the managed kind does not open: the house is no film that a television could fetch.
    video.disableRemotePlayback = true;
  }

  get playing() { return this.#end !== null; }

  start(mime) {
    this.stop();
    this.#mime = mime;
    this.#end = new AbortController();
    const { signal } = this.#end;
    this.#times = new Times();
    this.#source = new Source();
    this.#source.addEventListener("sourceopen", () => this.#opened(), { signal, once: true });
    this.#video.addEventListener("error", () => this.#fail("error"), { signal });
    this.#video.addEventListener("seeked", () => this.#sought(), { signal });
    const url = URL.createObjectURL(this.#source);
    this.#video.src = url;
    this.#source.addEventListener("sourceopen", () => URL.revokeObjectURL(url), { once: true });
    this.#follow(signal);
    this.#play();
  }

  /** Nothing is held afterwards. */
  stop() {
    if (!this.#end) return;
    this.#end.abort();
    clearTimeout(this.#patience);
    this.#end = this.#source = this.#buffer = this.#head = this.#track = this.#times = null;
    this.#waiting = [];
    this.#keys = [];
    this.#patience = this.#jumped = 0;
    this.#jumpAt = JUMP;
    this.#video.playbackRate = 1;
    this.#video.removeAttribute("src");
    this.#video.load();
  }

  piece(kind, captured, data) {
    if (!this.#end) return;
    if (kind === INIT) {
      // Another beginning, with other times: easiest told apart by a player of its own.
      if (this.#head) {
        this.#on.anew();
        this.start(this.#mime);
      }
      this.#head = data;
      this.#track = pictureTrack(data);
      if (!this.#track) return this.#fail("error");
    } else {
      if (!this.#head) return;
      this.#note(kind, captured, data);
    }
    this.#waiting.push(data);
    if (this.#waiting.length > MOST_WAITING) this.#fail("error");
    else this.#append();
  }

  #note(kind, captured, data) {
    const at = shownAt(data, this.#track);
    if (at === null) return;
    this.#times.add(at, captured);
    if (kind !== KEY) return;
    this.#keys.push(at);
    this.#patience ||= setTimeout(() => this.#fail("nothing"), PATIENCE);
  }

  #opened() {
    try {
      this.#buffer = this.#source.addSourceBuffer(this.#mime);
      this.#buffer.mode = "segments";
      // A film without an end is what browsers play without holding pictures back.
      this.#source.duration = Infinity;
    } catch {
      return this.#fail("unsupported");
    }
    const { signal } = this.#end;
    this.#buffer.addEventListener("error", () => this.#fail("error"), { signal });
    this.#buffer.addEventListener("updateend", () => this.#updated(), { signal });
    this.#append();
  }

  #updated() {
    if (!this.#buffer || this.#source.readyState !== "open") return;
    this.#keepUp();
    // The word comes a little late: it may be busy with the next piece by now.
    if (this.#buffer.updating) return;
    if (!this.#tidy(REMOVE_FROM)) this.#append();
  }

  #append() {
    const buffer = this.#buffer;
    if (!buffer || buffer.updating || !this.#waiting.length) return;
    const pieces = this.#waiting;
    try {
      buffer.appendBuffer(pieces.length === 1 ? pieces[0] : joined(pieces));
      this.#waiting = [];
    } catch (error) {
      // The browser's buffer is full: away with everything that has been seen, and once more at the next `updateend`.
      if (error.name !== "QuotaExceededError" || !this.#tidy(0)) this.#fail("error");
    }
  }

  /** Remove what was seen; whether there was anything to remove. Always up to a key picture: browsers go on to the next. */
  #tidy(least) {
    const { buffered, currentTime } = this.#video;
    if (!buffered.length) return false;
    const seen = this.#keys.filter((at) => at <= currentTime - (least ? KEEP : 0));
    const until = seen.at(-1);
    if (until === undefined || until - buffered.start(0) <= least) return false;
    this.#keys = this.#keys.filter((at) => at >= until);
    this.#buffer.remove(0, until - CLOSE / 2);
    return true;
  }

  #keepUp() {
    const video = this.#video;
    const { buffered, currentTime } = video;
    if (!buffered.length) return;
    const begin = buffered.start(buffered.length - 1), end = buffered.end(buffered.length - 1);
    // Behind the newest picture's beginning: how long it stays, nobody knows.
    const lag = Math.min(this.#times.newest, end) - currentTime;
    if (lag > this.#jumpAt || currentTime < begin) {
      if (!video.seeking || currentTime < begin) {
        this.#jumped = performance.now();
        video.currentTime = Math.max(begin, end - EDGE);
      }
    } else {
      const rate = video.muted ? rateFor(lag) : RATES_HEARD.find(([from]) => lag > from)?.[1] ?? 1;
      if (video.playbackRate !== rate) video.playbackRate = rate;
    }
    if (video.paused) this.#play();
  }

  /** A leap is decoded from its key picture on. One that took long must not be followed by the next for that alone. */
  #sought() {
    const took = (performance.now() - this.#jumped) / 1000;
    if (this.#jumped) this.#jumpAt = Math.min(Math.max(JUMP, 1.5 * took), 10);
  }

  #play() {
    this.#video.play().catch((error) => {
      if (error.name !== "NotAllowedError" || !this.#end) return;
      // Sound that nobody asked for by hand is refused; pictures are, where power is saved.
      if (this.#video.muted) this.#fail("blocked");
      else this.#video.muted = true;
    });
  }

  #follow(signal) {
    const video = this.#video;
    if (!video.requestVideoFrameCallback) {
      video.addEventListener("timeupdate", () => this.#shown(video.currentTime, performance.now()), { signal });
      return;
    }
    const next = () => video.requestVideoFrameCallback((_, frame) => {
      if (signal.aborted) return;
      this.#shown(frame.mediaTime, frame.expectedDisplayTime);
      next();
    });
    next();
  }

  #shown(film, at) {
    const captured = this.#times?.at(film) ?? null;
    if (captured === null) return;
    clearTimeout(this.#patience);
    this.#patience = -1;
    this.#on.shown(captured, at);
  }

  #fail(why) {
    if (!this.#end) return;
    // Told first: the last picture can still be kept.
    this.#on.failed(why);
    this.stop();
  }
}

/** In hundredths: each change costs the browser a little. */
function rateFor(lag) {
  return Math.round(100 * (1 + Math.min(FASTEST, Math.max(SLOWEST, lag - AIM)))) / 100;
}

function joined(pieces) {
  const all = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.byteLength, 0));
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.byteLength;
  }
  return all;
}
