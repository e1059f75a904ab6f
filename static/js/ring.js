// On every page of a person: who rings is told with a chime and a card, and the bell says what waits.

import { RingCard } from "./ring-card.js";
import { chime } from "./ring-chime.js";
import { RingPage } from "./ring-page.js";
import { RingSocket } from "./ring-socket.js";

// Who pressed the button this long ago may still stand there. Seconds.
const OVER = 120;
// A card that was answered stays a little, so that it can be read; one that was answered here less long. Milliseconds.
const READ = 15_000, READ_OWN = 6_000, TELL = 1_000;
const MOST_CARDS = 3, MOST_KEPT = 50;
const CLOSED = "fairwatch.rings-closed";
// As in ring.css: there the card lies over the picture's half.
const LOW = "(max-height: 30rem) and (min-width: 30rem)";

/** What was closed on this device: the number of presses by then, by the ring's id. */
function closedHere() {
  try { return JSON.parse(localStorage.getItem(CLOSED)) ?? {}; } catch { return {}; }
}

function closeHere(ring) {
  const kept = Object.entries(closedHere()).slice(-MOST_KEPT);
  try { localStorage.setItem(CLOSED, JSON.stringify({ ...Object.fromEntries(kept), [ring.id]: ring.presses })); } catch { /* not kept */ }
}

/** The page itself shows that camera large, where a card leaves it free: not on a phone that lies on its side. */
function standsHere(camera) {
  const there = document.querySelector("[data-live][data-full] [data-camera], [data-ring-page] [data-camera]");
  if (there?.dataset.camera !== camera || matchMedia(LOW).matches) return false;
  const { top, bottom } = there.getBoundingClientRect();
  return Math.min(bottom, innerHeight) - Math.max(top, 0) > (bottom - top) / 2;
}

class Rings {
  #host; #template; #cards = new Map(); #known = new Map(); #pictures = null; #page = null; #title = "";

  constructor(host) {
    this.#host = host;
    this.#template = document.getElementById("ring-card");
    const socket = new RingSocket({
      rings: (list) => list.toReversed().forEach((ring) => this.#ring(ring)),
      ring: (ring) => this.#ring(ring),
      badge: (badge) => showBadge(badge),
    });
    const { me, zone } = host.dataset;
    this.house = { me, zone, over: OVER, now: () => socket.now() };
    const page = document.querySelector("[data-ring-page]");
    if (page) this.#page = new RingPage(page, this.house);
    if (this.#page?.stage) this.#show(this.#page.stage);
    setInterval(() => this.#tell(), TELL);
    addEventListener("pagehide", () => socket.close());
    addEventListener("pageshow", () => socket.open());
    // Closed on one page of this device it is closed on all.
    addEventListener("storage", ({ key }) => key === CLOSED && this.#closeClosed());
    document.addEventListener("fullscreenchange", () => this.#onTop());
    // What is done to a card is not done to the tile that it stands in.
    for (const kind of ["pointerdown", "pointerup", "click", "dblclick", "wheel", "touchstart", "keydown"]) {
      host.addEventListener(kind, (event) => event.stopPropagation(), { passive: true });
    }
    socket.open();
  }

  #isOver(ring) { return this.house.now() - Date.parse(ring.last_at) / 1000 > OVER; }

  #ring(ring) {
    const before = this.#known.get(ring.id);
    this.#known.set(ring.id, ring);
    if (this.#page?.id === ring.id) this.#page.update(ring);
    this.#cards.get(ring.id)?.update(ring);
    if (ring.answers.length) this.#answered(ring);
    if (this.#isOver(ring) || (before && ring.presses <= before.presses)) return;
    // Pressed just now, or met for the first time with nobody having answered.
    const dismissed = (closedHere()[ring.id] ?? 0) >= ring.presses;
    if (dismissed || (!before && ring.answers.length)) return;
    this.#open(ring);
    this.#sound(ring);
  }

  async #sound(ring) {
    const how = await chime.press(ring);
    this.#cards.get(ring.id)?.silent(how === "blocked");
  }

  #open(ring) {
    if (this.#page?.id === ring.id || this.#cards.has(ring.id)) return;
    // Of one camera the newest; of many what fits.
    for (const [id, card] of this.#cards) if (card.ring.camera === ring.camera) this.#close(id);
    if (this.#cards.size >= MOST_CARDS) this.#close(this.#cards.keys().next().value);
    const card = new RingCard(ring, this.#template, this.house, (byHand) => this.#done(ring.id, byHand));
    this.#cards.set(ring.id, card);
    this.#host.prepend(card.element);
    this.#onTop();
    this.#name();
    // Nobody is anywhere else: then the keyboard begins at the card.
    if (!document.activeElement || document.activeElement === document.body) card.element.focus({ preventScroll: true });
    if (!ring.camera) card.tile.remove();
    else if (standsHere(ring.camera)) card.beside();
    else this.#show(card.tile);
  }

  async #show(element) {
    const { RingPictures } = await import("./ring-live.js");
    this.#pictures ??= new RingPictures(this.house);
    if (element.isConnected) this.#pictures.show(element);
  }

  #done(id, byHand) {
    const card = this.#cards.get(id);
    if (!card) return;
    closeHere(card.ring);
    if (byHand) this.#close(id);
    else this.#later(card, READ_OWN);
  }

  #answered(ring) {
    const card = this.#cards.get(ring.id);
    chime.over();
    if (card) this.#later(card, ring.answers[0].by === this.house.me ? READ_OWN : READ);
    this.#name();
  }

  /** It goes after that long, but not from under somebody's hand. */
  #later(card, wait) {
    clearTimeout(card.timer);
    card.timer = setTimeout(() => {
      if (card.element.matches(":hover, :focus-within") && !this.#isOver(card.ring)) this.#later(card, wait);
      else this.#close(card.ring.id);
    }, wait);
  }

  #close(id) {
    const card = this.#cards.get(id);
    if (!card) return;
    const focused = card.element.contains(document.activeElement);
    clearTimeout(card.timer);
    this.#cards.delete(id);
    this.#pictures?.drop(card.tile);
    card.element.remove();
    if (focused) document.getElementById("main")?.focus({ preventScroll: true });
    this.#onTop();
    this.#name();
  }

  #closeClosed() {
    const closed = closedHere();
    for (const [id, card] of this.#cards) {
      if ((closed[id] ?? 0) >= card.ring.presses && !card.ring.answers.length) this.#close(id);
    }
  }

  #tell() {
    this.#page?.tell();
    for (const [id, card] of this.#cards) {
      if (this.#isOver(card.ring)) this.#close(id);
      else card.tell();
    }
    for (const [id, ring] of this.#known) if (this.#isOver(ring)) this.#known.delete(id);
  }

  /** Above everything. What stands outside a tile in full screen cannot be touched, so the cards go into it. */
  #onTop() {
    const full = document.fullscreenElement;
    const place = full && !full.matches("canvas, iframe, img, video") ? full : document.body;
    if (this.#host.parentElement !== place) place.append(this.#host);
    if (!("popover" in HTMLElement.prototype)) return;
    this.#host.popover = "manual";
    if (this.#host.matches(":popover-open")) this.#host.hidePopover();
    if (this.#cards.size) this.#host.showPopover();
  }

  /** Who has another page in front sees it at the tab. */
  #name() {
    const waiting = [...this.#cards.values()].filter(({ ring }) => !ring.answers.length);
    this.#title ||= document.title;
    const wanted = waiting.length ? `● ${waiting.at(-1).ring.name} rings · ${this.#title}` : this.#title;
    if (document.title !== wanted) document.title = wanted;
  }
}

const many = (number, one, several) => `${number >= 100 ? "99+" : number} ${number === 1 ? one : several}`;

function showBadge({ missed, unseen }) {
  document.dispatchEvent(new CustomEvent("fairwatch:badge", { detail: { missed, unseen } }));
  const bell = document.getElementById("house-bell");
  if (!bell) return;
  const words = [
    missed ? many(missed, "missed ring", "missed rings") : "",
    unseen ? many(unseen, "new event", "new events") : "",
  ].filter(Boolean).join(", ");
  const figure = bell.querySelector("[data-bell-figure]");
  const number = missed || unseen;
  figure.textContent = number >= 100 ? "99+" : `${number}`;
  figure.hidden = !number;
  bell.classList.toggle("house-bell-missed", missed > 0);
  bell.querySelector("[data-bell-words]").textContent = `At the door${words ? `: ${words}` : ""}`;
  bell.title = words;
  bell.href = unseen && !missed ? bell.dataset.events : bell.dataset.rings;
}

/** «On this device»: whether it chimes, and how that sounds. */
function setUpDevice(section) {
  const box = section.querySelector("[data-chime-switch]");
  box.checked = chime.on;
  box.addEventListener("change", () => { chime.on = box.checked; });
  section.querySelector("[data-chime-try]").addEventListener("click", () => chime.try());
  section.hidden = false;
}

const host = document.getElementById("ring-host");
if (host) new Rings(host);
const device = document.querySelector("[data-ring-device]");
if (device) setUpDevice(device);
