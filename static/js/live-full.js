// Full screen for a tile, the stage or the wall. Where the browser has none for pages (iPhone), the window is filled.
// While it lasts the screen stays awake, and what lies over the picture goes when nobody moves.

const IDLE = 3_000;
const told = [];
let filled = null, lock = null, asking = false, idle = 0;

/** What is shown in full screen now, or null. */
export function fullElement() { return document.fullscreenElement ?? filled; }

/** Whether a page can have full screen at all; one tile can always be shown alone. */
export const canFull = Boolean(document.fullscreenEnabled);

/** `listener()` is called after each change. For setting up only: it is never taken back. */
export function onFull(listener) { told.push(listener); }

export async function toggleFull(element) {
  if (fullElement() === element) return leave();
  if (canFull && element.requestFullscreen) {
    try {
      return await element.requestFullscreen();
    } catch {
      // Refused: the window is filled instead.
    }
  }
  fill(element);
}

function leave() {
  if (document.fullscreenElement) document.exitFullscreen().catch(() => {});
  else fill(null);
}

function fill(element) {
  filled?.classList.remove("filling");
  filled = element;
  filled?.classList.add("filling");
  changed();
}

let before = null;

function changed() {
  before?.classList.remove("idle");
  before = fullElement();
  clearTimeout(idle);
  stir();
  stayAwake();
  for (const listener of told) listener();
}

/** Somebody is there; what lies over the picture shows for a while. */
function stir() {
  const element = fullElement();
  if (!element) return;
  if (element.classList.contains("idle")) element.classList.remove("idle");
  clearTimeout(idle);
  idle = setTimeout(() => fullElement()?.classList.add("idle"), IDLE);
}

async function stayAwake() {
  const wanted = fullElement() !== null && !document.hidden;
  if (!wanted) {
    lock?.release().catch(() => {});
    lock = null;
  } else if (!lock && !asking && navigator.wakeLock) {
    asking = true;
    try {
      lock = await navigator.wakeLock.request("screen");
      lock.addEventListener("release", () => { lock = null; }, { once: true });
    } catch {
      // An empty battery may forbid it; the screen goes dark as always.
    }
    asking = false;
    if (fullElement() === null) stayAwake();
  }
}

document.addEventListener("fullscreenchange", changed);
document.addEventListener("visibilitychange", stayAwake);
for (const kind of ["pointermove", "pointerdown", "keydown"]) document.addEventListener(kind, stir, { passive: true });
document.addEventListener("keydown", (event) => { if (event.key === "Escape" && filled) fill(null); });
