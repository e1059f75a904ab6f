// Single pictures on a <canvas>: one is decoded while the newest waits, everything in between is left out.

export class Pictures {
  #canvas; #context; #shown; #waiting = null; #busy = false; #data = null; #round = 0;

  /** `shown(captured, at)`: a picture captured then stands on the screen since `at`, milliseconds as performance.now(). */
  constructor(canvas, shown) {
    this.#canvas = canvas;
    this.#context = canvas.getContext("2d", { alpha: false, desynchronized: true });
    this.#shown = shown;
  }

  /** The JPEG that is shown, as it came; null when there is none. */
  get jpeg() { return this.#data; }

  piece(captured, data) {
    this.#waiting = { captured, data };
    if (!this.#busy) this.#draw();
  }

  /** What has not been shown yet never will be; the picture stays. */
  rest() {
    this.#waiting = this.#data = null;
    this.#round++;
  }

  clear() {
    this.rest();
    this.#context.clearRect(0, 0, this.#canvas.width, this.#canvas.height);
  }

  /** Keep what another element shows, as large as it is but no larger than `longest` pixels. Whether there was anything. */
  keep(video, longest = 1280) {
    const { videoWidth: width, videoHeight: height } = video;
    if (!width || !height || video.readyState < 2) return false;
    const by = Math.min(1, longest / Math.max(width, height));
    this.#resize(Math.round(width * by), Math.round(height * by));
    this.#context.drawImage(video, 0, 0, this.#canvas.width, this.#canvas.height);
    this.#data = null;
    return true;
  }

  async #draw() {
    this.#busy = true;
    while (this.#waiting) {
      const { captured, data } = this.#waiting;
      const round = this.#round;
      this.#waiting = null;
      try {
        const bitmap = await createImageBitmap(new Blob([data], { type: "image/jpeg" }));
        await frame();
        if (round === this.#round) this.#paint(bitmap, data);
        bitmap.close();
        await painted();
        if (round === this.#round) this.#shown(captured, performance.now());
      } catch {
        continue; // a picture that cannot be decoded is one picture less
      }
    }
    this.#busy = false;
  }

  #paint(bitmap, data) {
    this.#resize(bitmap.width, bitmap.height);
    this.#context.drawImage(bitmap, 0, 0);
    this.#data = data;
  }

  #resize(width, height) {
    if (this.#canvas.width === width && this.#canvas.height === height) return;
    this.#canvas.width = width;
    this.#canvas.height = height;
  }
}

/** The next moment to paint, soon also where the browser saves on frames. */
function frame() {
  return new Promise((resolve) => {
    const late = setTimeout(resolve, 100);
    requestAnimationFrame(() => { clearTimeout(late); resolve(); });
  });
}

const tasks = new MessageChannel();
const due = [];
tasks.port1.onmessage = () => due.shift()?.();

/** When what was drawn in this frame has been painted: a task after it. */
function painted() {
  return new Promise((resolve) => {
    due.push(resolve);
    tasks.port2.postMessage(0);
  });
}
