// Zoom by pinch, wheel, double tap and keys, and panning by drag: on the live page, and on the wall in full screen.

import { fullElement, onFull } from "./live-full.js";

const LARGEST = 8;
const STEP = 1.5;        // of a key
const TAPPED = 2.5;      // of a double tap
const WHEEL = 0.0022;    // of each pixel a wheel turns, as a power of e
const TAP = { within: 320, apart: 30, still: 10 };
const PAN = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

const zooms = new Map();

/** How far the tile of `element` is zoomed, 1 for not at all. */
export function zoomOf(element) { return zooms.get(element)?.scale ?? 1; }

export function resetZoom(element) { zooms.get(element)?.reset(); }

/** Keys of a zoomable tile; whether this one was of use. */
export function zoomKey(element, key) { return zooms.get(element)?.key(key) ?? false; }

export function setUpZoom(root, tiles) {
  for (const tile of tiles.values()) zooms.set(tile.element, new Zoom(tile, root.hasAttribute("data-full")));
  onFull(() => zooms.forEach((zoom) => zoom.look()));
  window.addEventListener("resize", () => zooms.forEach((zoom) => zoom.settle()));
}

class Zoom {
  scale = 1;
  #x = 0; #y = 0; #tile; #element; #always; #active = false;
  #pointers = new Map(); #spread = 0; #moved = 0; #tapped = { at: -Infinity, x: 0, y: 0 };

  constructor(tile, always) {
    this.#tile = tile;
    this.#element = tile.element;
    this.#always = always;
    const listen = (kind, work, options) => this.#element.addEventListener(kind, (event) => {
      if (this.#active) work(event);
    }, options);
    listen("pointerdown", (event) => this.#down(event));
    listen("pointermove", (event) => this.#move(event));
    listen("pointerup", (event) => this.#up(event));
    listen("pointercancel", (event) => this.#gone(event));
    listen("wheel", (event) => this.#wheel(event), { passive: false });
    // Two fingers are for the picture, not for the page.
    listen("touchmove", (event) => { if (event.touches.length > 1 && event.cancelable) event.preventDefault(); }, { passive: false });
    listen("dragstart", (event) => event.preventDefault());
    this.look();
  }

  /** Zoomable on the live page always, on the wall in full screen only. */
  look() {
    const active = this.#always || fullElement() === this.#element;
    if (active !== this.#active) {
      this.#active = active;
      this.#element.classList.toggle("zoomable", active);
    }
    if (!active) this.reset();
    else this.settle();
  }

  reset() { this.#set(1, 0, 0); }

  /** Within its limits again, after the tile has another size. */
  settle() { if (this.scale > 1) this.#set(this.scale, this.#x, this.#y); }

  key(key) {
    if (!this.#active) return false;
    if (key === "+" || key === "=") this.#by(STEP);
    else if (key === "-" || key === "−") this.#by(1 / STEP);
    else if (key === "0") this.reset();
    else if (PAN[key] && this.scale > 1) {
      const [x, y] = PAN[key];
      this.#set(this.scale, this.#x + x * this.#element.clientWidth / 8, this.#y + y * this.#element.clientHeight / 8);
    } else return false;
    return true;
  }

  /** Larger by `factor`, with what lies at (x, y) of the window, else in the middle, staying there. */
  #by(factor, x, y) {
    const scale = Math.min(Math.max(this.scale * factor, 1), LARGEST);
    const box = this.#element.getBoundingClientRect();
    const px = x === undefined ? 0 : x - box.left - box.width / 2;
    const py = y === undefined ? 0 : y - box.top - box.height / 2;
    const grown = scale / this.scale;
    this.#set(scale, px - (px - this.#x) * grown, py - (py - this.#y) * grown);
  }

  #set(scale, x, y) {
    const [mostX, mostY] = this.#limits(scale);
    scale = scale < 1.01 ? 1 : scale;
    this.#x = Math.min(Math.max(x, -mostX), mostX);
    this.#y = Math.min(Math.max(y, -mostY), mostY);
    if (scale === 1 && this.scale === 1) return;
    this.scale = scale;
    const style = this.#element.style;
    style.setProperty("--zoom", scale.toFixed(4));
    style.setProperty("--zoom-x", `${this.#x.toFixed(1)}px`);
    style.setProperty("--zoom-y", `${this.#y.toFixed(1)}px`);
    this.#element.classList.toggle("zoomed", scale > 1);
    this.#element.dispatchEvent(new CustomEvent("tile-zoom", { detail: scale }));
  }

  /** How far the picture may be moved each way: until its own edge meets the tile's. */
  #limits(scale) {
    const surface = this.#tile.surface();
    const width = surface?.videoWidth || surface?.naturalWidth || surface?.width || 16;
    const height = surface?.videoHeight || surface?.naturalHeight || surface?.height || 9;
    const { clientWidth, clientHeight } = this.#element;
    const fit = Math.min(clientWidth / width, clientHeight / height) * scale;
    return [Math.max(0, (width * fit - clientWidth) / 2), Math.max(0, (height * fit - clientHeight) / 2)];
  }

  #wheel(event) {
    const full = fullElement() === this.#element;
    // On the live page the wheel is the page's too: it zooms in at its top, and out again before it scrolls on.
    const wanted = event.ctrlKey || full || this.scale > 1 || (event.deltaY < 0 && window.scrollY <= 0);
    if (!wanted || (event.target.closest("button, a, select") && !event.target.closest(".tile-link"))) return;
    if (!event.ctrlKey && !full && this.scale === 1 && event.deltaY > 0) return;
    event.preventDefault();
    const pixels = event.deltaY * (event.deltaMode === 1 ? 16 : event.deltaMode === 2 ? 400 : 1);
    // A pinch on a touchpad comes as a wheel with Ctrl, in small steps.
    const speed = event.ctrlKey && Math.abs(pixels) < 30 ? WHEEL * 4 : WHEEL;
    this.#by(Math.exp(-pixels * speed), event.clientX, event.clientY);
  }

  #down(event) {
    if (event.button > 0) return;
    this.#pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    // On a button one finger presses; two zoom there too.
    if (this.#pointers.size === 1) this.#moved = onAct(event) ? Infinity : 0;
    this.#spread = spread(this.#pointers);
  }

  #move(event) {
    const held = this.#pointers.get(event.pointerId);
    if (!held) return;
    // Let go outside the tile.
    if (event.pointerType === "mouse" && !event.buttons) return this.#gone(event);
    const dx = event.clientX - held.x, dy = event.clientY - held.y;
    held.x = event.clientX;
    held.y = event.clientY;
    this.#moved += Math.hypot(dx, dy);
    const fingers = this.#pointers.size;
    if (fingers === 2) {
      const [middle, now] = [center(this.#pointers), spread(this.#pointers)];
      if (this.#spread > 0 && now > 0) this.#by(now / this.#spread, middle.x, middle.y);
      this.#spread = now;
      this.#set(this.scale, this.#x + dx / 2, this.#y + dy / 2);
    } else if (fingers === 1 && this.scale > 1 && this.#moved > TAP.still && this.#moved < Infinity) {
      if (!this.#element.hasPointerCapture(event.pointerId)) this.#element.setPointerCapture(event.pointerId);
      this.#element.classList.add("panned");
      this.#set(this.scale, this.#x + dx, this.#y + dy);
    }
  }

  #up(event) {
    const alone = this.#pointers.size === 1 && this.#pointers.has(event.pointerId);
    this.#gone(event);
    if (!alone || this.#moved > TAP.still) return;
    const last = this.#tapped;
    const near = Math.hypot(event.clientX - last.x, event.clientY - last.y) < TAP.apart;
    if (near && event.timeStamp - last.at < TAP.within) {
      this.#tapped = { at: -Infinity, x: 0, y: 0 };
      if (this.scale > 1) this.reset();
      else this.#by(TAPPED, event.clientX, event.clientY);
    } else this.#tapped = { at: event.timeStamp, x: event.clientX, y: event.clientY };
  }

  #gone(event) {
    this.#pointers.delete(event.pointerId);
    this.#spread = spread(this.#pointers);
    if (!this.#pointers.size) this.#element.classList.remove("panned");
  }
}

function onAct(event) { return Boolean(event.target.closest(".tile-acts, .tile-more, .stage-button")); }

function center(pointers) {
  const [a, b] = [...pointers.values()];
  return { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 };
}

/** How far two fingers are apart; 0 for any other number. Pixels. */
function spread(pointers) {
  const [a, b, more] = [...pointers.values()];
  return a && b && !more ? Math.hypot(a.x - b.x, a.y - b.y) : 0;
}
