// A tile in a small window above all others: its video itself, or a film made of its canvas.

const PATIENCE = 3_000;

/** Whether what the tile shows now can be popped out by this browser. */
export function canPop(tile) {
  if (!document.pictureInPictureEnabled) return false;
  const surface = tile.surface();
  if (surface instanceof HTMLVideoElement) return Boolean(surface.requestPictureInPicture) && !surface.disablePictureInPicture;
  return surface instanceof HTMLCanvasElement && Boolean(surface.captureStream) && surface.width > 0;
}

/** Popped out, its element has data-popped: it is watched though the page cannot be seen. */
export class PopOut {
  #tile; #changed; #film = null; #video = null; #busy = false;

  constructor(tile, changed) {
    this.#tile = tile;
    this.#changed = changed;
  }

  get on() { return this.#video !== null; }

  async toggle() {
    if (this.#busy) return;
    this.#busy = true;
    try {
      if (this.on) await document.exitPictureInPicture();
      else await this.#open();
    } catch (error) {
      console.log("POP", String(error));
      // The browser would not, say for want of a click: nothing has changed.
      if (!this.on) this.#away();
    }
    this.#busy = false;
    this.#changed();
  }

  async #open() {
    const surface = this.#tile.surface();
    const video = surface instanceof HTMLVideoElement ? surface : await this.#filmOf(surface);
    await video.requestPictureInPicture();
    this.#video = video;
    this.#tile.element.dataset.popped = "";
    video.addEventListener("leavepictureinpicture", () => {
      this.#away();
      this.#changed();
    }, { once: true });
  }

  async #filmOf(canvas) {
    this.#film = document.createElement("video");
    this.#film.className = "popped-film";
    this.#film.muted = this.#film.playsInline = true;
    this.#film.ariaHidden = "true";
    this.#film.srcObject = canvas.captureStream();
    this.#tile.element.append(this.#film);
    const ready = this.#film.readyState ? null : new Promise((done) => this.#film.addEventListener("loadedmetadata", done, { once: true }));
    // A canvas that stands still may never give a picture.
    let late = 0;
    const limit = new Promise((_, fail) => { late = setTimeout(() => fail(new Error("no picture")), PATIENCE); });
    await Promise.race([Promise.all([ready, this.#film.play()]), limit]).finally(() => clearTimeout(late));
    return this.#film;
  }

  #away() {
    this.#video = null;
    delete this.#tile.element.dataset.popped;
    this.#film?.srcObject?.getTracks().forEach((track) => track.stop());
    this.#film?.remove();
    this.#film = null;
  }
}
