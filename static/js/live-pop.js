// A tile in a small window above all others: its video itself, or a film made of its canvas.

const PATIENCE = 3_000, AGAIN = 600;

/** Whether what the tile shows now can be popped out by this browser. */
export function canPop(tile) {
  if (!document.pictureInPictureEnabled) return false;
  const surface = tile.surface();
  if (surface instanceof HTMLVideoElement) return Boolean(surface.requestPictureInPicture) && !surface.disablePictureInPicture;
  return surface instanceof HTMLCanvasElement && Boolean(surface.captureStream) && surface.width > 0;
}

/** Popped out, its element has data-popped: it is watched though the page cannot be seen. */
export class PopOut {
  #tile; #changed; #film = null; #video = null; #surface = null; #busy = false;

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
    } catch {
      // The browser would not, say for want of a click: nothing has changed.
      this.#away();
    }
    this.#busy = false;
    this.#changed();
  }

  /** When the tile shows its pictures another way now, so does the window, which needs no click for that. */
  async follow() {
    if (!this.on || this.#busy || this.#tile.surface() === this.#surface || !canPop(this.#tile)) return;
    this.#busy = true;
    try {
      await this.#open();
    } catch {
      // The window keeps its last picture; it is tried again.
    }
    this.#busy = false;
  }

  async #open(again = true) {
    const surface = this.#tile.surface();
    const before = { film: this.#film, video: this.#video };
    const film = surface instanceof HTMLVideoElement ? null : await this.#filmOf(surface);
    const video = film ?? surface;
    this.#video = video;
    try {
      await video.requestPictureInPicture();
    } catch (error) {
      this.#video = before.video;
      end(film);
      // Full screen may just have ended for it: the tile shows its camera in another way then, and no film any more.
      if (film || !again) throw error;
      await new Promise((then) => setTimeout(then, AGAIN));
      return this.#open(false);
    }
    this.#film = film;
    this.#surface = surface;
    end(before.film);
    this.#tile.element.dataset.popped = "";
    video.addEventListener("leavepictureinpicture", () => {
      if (this.#video !== video) return;
      this.#away();
      this.#changed();
    }, { once: true });
  }

  async #filmOf(canvas) {
    const film = document.createElement("video");
    film.className = "popped-film";
    film.muted = film.playsInline = true;
    film.ariaHidden = "true";
    film.srcObject = canvas.captureStream();
    this.#tile.element.append(film);
    const ready = film.readyState ? null : new Promise((done) => film.addEventListener("loadedmetadata", done, { once: true }));
    // A canvas that stands still may never give a picture.
    let late = 0;
    const limit = new Promise((_, fail) => { late = setTimeout(() => fail(new Error("no picture")), PATIENCE); });
    try {
      await Promise.race([Promise.all([ready, film.play()]), limit]);
    } catch (error) {
      end(film);
      throw error;
    } finally {
      clearTimeout(late);
    }
    return film;
  }

  #away() {
    this.#video = this.#surface = null;
    delete this.#tile.element.dataset.popped;
    end(this.#film);
    this.#film = null;
  }
}

function end(film) {
  film?.srcObject?.getTracks().forEach((track) => track.stop());
  film?.remove();
}
