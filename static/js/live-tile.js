// One camera on the page: shows what comes for it, measures its delay and says in words how the camera stands.

import { Delays } from "./live-clock.js";
import { Film } from "./live-film.js";
import { Pictures } from "./live-picture.js";
import { wayWords, ways } from "./live-ways.js";
import { clockWords, initials, isLive, isPrivate, milliseconds, nameList, set, stateWords } from "./live-words.js";

const GREY = 10;         // seconds: an older picture of a camera that should send more is greyed
const SHOWN = 5;         // seconds over which delays are told on the page
const JPEG = 3;

/**
 * For others: `element`, `slug`, `name`, `surface()`, `snapshot()`, `canSound`, `heard`, `sound(on)`, `captured` (of the
 * picture shown, seconds), `state` (the newest message, or null). `changed()` is called when it wishes to be sent
 * something else: see `wish`.
 */
export class Tile {
  captured = null; state = null; canSound = false; heard = false;
  #clock; #me; #time; #canvas; #video; #image = null; #surface; #pictures; #film; #changed; #again;
  #entry = null; #asked = null; #against = ""; #plain = ""; #lost = ""; #delays = new Delays(); #first = true; #parts = {};

  constructor(element, { clock, me, zone, changed, again }) {
    this.element = element;
    this.slug = element.dataset.camera;
    this.#clock = clock;
    this.#me = me;
    this.#changed = changed;
    this.#again = again;
    this.#time = clockWords(zone);
    this.#canvas = this.#surface = element.querySelector("canvas");
    this.#pictures = new Pictures(this.#canvas, (captured, at) => this.#shown(this.#canvas, captured, at));
    this.#video = element.querySelector("video") ?? beside(this.#canvas, "video");
    this.#film = new Film(this.#video, {
      shown: (captured, at) => this.#shown(this.#video, captured, at),
      anew: () => this.#keep(),
      failed: (why) => this.#failed(why),
    });
    for (const name of ["none", "words", "who"]) this.#parts[name] = element.querySelector(`[data-${name}]`);
    const root = element.closest("[data-full]");
    for (const name of ["names", "size", "fps", "delay", "way"]) this.#parts[name] = root?.querySelector(`[data-${name}]`);
  }

  get name() { return this.element.querySelector(".tile-name")?.textContent.trim() || this.slug; }

  /** The element that shows the picture. */
  surface() { return this.#surface; }

  /** What is to be asked for this tile, in that size ("full" or "small") and, of small pictures, at that rate. */
  wish(size, rate) {
    const film = (size === "full" || this.heard) && ways.films && !this.#against;
    const wish = { as: film ? "mp4" : "jpeg", size };
    if (size === "small" && rate) wish.rate = rate;
    if (film && this.heard) wish.sound = true;
    this.#asked = wish;
    return wish;
  }

  /** Pictures come another way from now on; the last one stays until the next is there. */
  channel(entry) {
    this.#leave();
    this.#entry = entry;
    if (entry.as === "mp4") this.#begin(entry.mime);
    // Sound comes with a film and not otherwise.
    this.canSound = Boolean(entry.sound) && ways.films && !this.#against;
    if (!this.canSound) this.heard = false;
    this.tell();
  }

  #begin(mime) {
    this.#against = ways.against(mime);
    if (this.#against) return this.#changed();
    this.#video.muted = !this.heard;
    // Beneath the last picture, until it has one of its own: what is not laid out browsers do not play in time.
    this.#video.hidden = false;
    this.#film.start(mime);
  }

  piece(kind, captured, data) {
    if (kind === JPEG) this.#pictures.piece(captured, data);
    else this.#film.piece(kind, captured, data);
  }

  /** Pictures from `url` instead of all else, a stream or one by one; null ends it. */
  stream(url) {
    if ((url ?? "") === this.#plain) return;
    if (url && !this.#plain) this.#leave();
    this.#plain = url ?? "";
    this.#image ??= beside(this.#canvas, "img");
    if (url) this.#image.src = url;
    else this.#image.removeAttribute("src");
    this.#show(url ? this.#image : this.#canvas);
  }

  /** The sound of this camera on or off, asked by hand: browsers play none otherwise. */
  sound(on) {
    this.heard = on && this.canSound;
    this.#video.muted = !this.heard;
    this.#changed();
  }

  /** {blob, captured} of the picture as large as it can be had. Throws when there is none. */
  async snapshot() {
    if (this.#surface === this.#video) {
      const copy = document.createElement("canvas");
      copy.width = this.#video.videoWidth;
      copy.height = this.#video.videoHeight;
      copy.getContext("2d").drawImage(this.#video, 0, 0);
      const { captured } = this;
      return { blob: await new Promise((resolve) => copy.toBlob(resolve, "image/jpeg", 0.92)), captured };
    }
    if (this.#asked?.size === "full" && this.#pictures.jpeg) {
      return { blob: new Blob([this.#pictures.jpeg], { type: "image/jpeg" }), captured: this.captured };
    }
    const reply = await fetch(`/live/${this.slug}/frame.jpg`);
    if (!reply.ok) throw new Error("no picture");
    return { blob: await reply.blob(), captured: Number(reply.headers.get("X-Timestamp")) || null };
  }

  told(state) {
    this.state = state;
    this.#lost = "";
    // What was seen before privacy was asked for is shown no more.
    if (isPrivate(state)) this.captured = null;
    this.#names(state.watching ?? []);
    this.tell();
  }

  /** Nobody looks: everything is given back but the last picture. */
  rest() {
    this.#leave();
    this.#entry = null;
    this.#against = "";
    this.#delays.forget();
    if (this.#plain) this.stream(null);
  }

  /** The connection is gone; `words` says what. The last picture stays, greyed and with its age. */
  lost(words) {
    this.rest();
    this.#lost = words;
    this.state = null;
    this.#names([]);
    this.tell();
  }

  /** The right to see is gone, and the picture with it. */
  forget(words) {
    this.lost(words);
    this.captured = null;
    this.#pictures.clear();
    this.#show(this.#canvas);
    this.tell();
  }

  /** The delays of the last `seconds`: {median, max}, or null when there are none. */
  delay(seconds = SHOWN) { return this.#clock.known ? this.#delays.since(this.#clock.now() - seconds) : null; }

  #leave() {
    this.#keep();
    this.#film.stop();
    if (!this.#plain) this.#show(this.#canvas);
    this.#pictures.rest();
  }

  /** The last picture of a film stays until there is another. */
  #keep() {
    this.#first = true;
    if (this.#surface !== this.#video) return;
    this.#pictures.keep(this.#video);
    this.#show(this.#canvas);
  }

  #failed(why) {
    const { mime } = this.#entry ?? {};
    if (!mime) return;
    this.#leave();
    if (ways.failed(mime, why)) this.#again();
    else {
      this.#against = ways.against(mime) || why;
      this.#changed();
    }
    this.tell();
  }

  #shown(surface, captured, at) {
    this.captured = captured;
    // The first picture may have been waiting for somebody to come: its age is not the delay of the way.
    if (this.#clock.known && !this.#first) this.#delays.add(this.#clock.at(at), this.#clock.at(at) - captured);
    this.#first = false;
    if (!surface.hidden && this.#surface === surface) return;
    this.#show(surface);
    this.tell();
  }

  #show(surface) {
    this.#surface = surface;
    this.#canvas.hidden = surface !== this.#canvas || this.captured === null;
    this.#video.hidden = !this.#film.playing;
    if (this.#image) this.#image.hidden = surface !== this.#image;
  }

  get #way() {
    if (this.#plain) return "stream";
    if (!this.#entry || this.state?.state !== "online") return "";
    return this.#entry.as === "mp4" && !this.#against ? "film" : "pictures";
  }

  /** Say again how things stand; called several times a second, since pictures grow old by themselves. */
  tell() {
    const { state, captured } = this;
    const age = captured === null ? Infinity : this.#clock.now() - captured;
    const online = state?.state === "online";
    const rare = 3 / Math.max(state?.fps || 1, 0.01);
    const calm = state?.moving === false && this.#asked?.size === "small" && !this.#asked.rate && this.#way === "pictures";
    const surface = this.#surface;
    surface.classList.toggle("stale", !this.#plain && (!online || age > Math.max(GREY, rare)));
    this.element.dataset.state = this.#lost ? "offline" : state?.state ?? "connecting";
    const live = isLive(age) ? this.delay() : null;
    const words = stateWords({ lost: this.#lost, state, age, captured, delay: live, calm, plain: this.#plain !== "", time: this.#time, me: this.#me });
    const way = wayWords({ way: this.#way, mime: this.#entry?.mime ?? "", codec: state?.codec, against: this.#against, asked: ways.choice, heard: this.heard });
    const stage = this.element.hasAttribute("data-stage");
    set(this.#parts.words, stage || !online || captured === null || !way.short ? words : `${words} · ${way.short}`);
    set(this.#parts.none, stage ? words : words[0]);
    this.element.toggleAttribute("data-private", isPrivate(state));
    this.#parts.none.hidden = !isPrivate(state) && (captured !== null || this.#plain !== "");
    const [width, height] = sizeOf(surface);
    set(this.#parts.size, width ? `${width} × ${height}` : "–");
    set(this.#parts.fps, online && state.fps ? state.fps.toFixed(state.fps < 2 ? 1 : 0) : "–");
    set(this.#parts.delay, live ? `${milliseconds(live.median)}, at most ${milliseconds(live.max)}` : "–");
    set(this.#parts.way, way.long);
  }

  #names(names) {
    const { who, names: all } = this.#parts;
    const others = names.filter((name) => name !== this.#me);
    if (who && others.join("\n") !== who.dataset.names) {
      who.dataset.names = others.join("\n");
      who.replaceChildren(...others.map(initials));
    }
    if (all && names.join("\n") !== all.dataset.names) {
      all.dataset.names = names.join("\n");
      all.replaceChildren(...nameList(names, this.#me));
    }
  }
}

/** A second element for pictures at the same place, beneath. */
function beside(canvas, kind) {
  const made = document.createElement(kind);
  made.className = canvas.className;
  if (kind === "img") made.alt = canvas.ariaLabel ?? "";
  for (const name of ["role", "aria-label", "aria-hidden"]) {
    if (canvas.hasAttribute(name)) made.setAttribute(name, canvas.getAttribute(name));
  }
  made.hidden = true;
  canvas.before(made);
  return made;
}

function sizeOf(surface) {
  if (surface.hidden) return [0, 0];
  if (surface instanceof HTMLCanvasElement) return [surface.width, surface.height];
  return [surface.videoWidth ?? surface.naturalWidth, surface.videoHeight ?? surface.naturalHeight];
}
