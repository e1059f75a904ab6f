// Reads the clock bar of the demo scene from what a page shows. The format stands in camera/video/clockbar.py.
// Kept apart from the pages' own scripts: it is the witness against them.

(() => {
  const CELLS = 60, ROWS = 12, OF_ROWS = 540, WIDTH = 960, LEAST = 2;
  const scratch = new OffscreenCanvas(WIDTH, ROWS);
  const context = scratch.getContext("2d", { willReadFrequently: true });

  function checkSum(bytes) {
    let crc = 0;
    for (const byte of bytes) {
      crc ^= byte;
      for (let bit = 0; bit < 8; bit++) crc = (crc & 0x80 ? crc << 1 ^ 7 : crc << 1) & 255;
    }
    return crc;
  }

  /** The capture time in milliseconds of what a <video> or <canvas> shows now; null when no bar is to be seen. */
  function read(surface) {
    const width = surface.videoWidth ?? surface.width, height = surface.videoHeight ?? surface.height;
    if (!width || !height) return null;
    const rows = height * ROWS / OF_ROWS;
    context.drawImage(surface, 0, height - rows, width, rows, 0, 0, WIDTH, ROWS);
    const { data } = context.getImageData(0, 2, WIDTH, ROWS - 4);
    const half = (cell, side) => {
      let sum = 0;
      for (let y = 0; y < ROWS - 4; y++) {
        for (let x = cell * 16 + side * 8 + 2; x < cell * 16 + side * 8 + 6; x++) sum += data[(y * WIDTH + x) * 4 + 1];
      }
      return sum / (4 * (ROWS - 4));
    };
    let bits = 0n;
    for (let cell = 0; cell < CELLS; cell++) {
      const difference = half(cell, 0) - half(cell, 1);
      if (Math.abs(difference) < LEAST) return null;
      bits = bits << 1n | (difference > 0 ? 1n : 0n);
    }
    const time = bits >> 8n & (1n << 48n) - 1n;
    const bytes = [5n, 4n, 3n, 2n, 1n, 0n].map((n) => Number(time >> 8n * n & 255n));
    return bits >> 56n === 0b1010n && Number(bits & 255n) === checkSum(bytes) ? Number(time) : null;
  }

  const samples = [];

  /**
   * A picture with the bar `bar` stands on the screen since `at` (as performance.now() tells it): noted by the system's
   * clock, with what the page takes for its capture time.
   */
  function note(bar, at, tile) {
    if (bar === null || samples.at(-1)?.bar === bar) return;
    const set = Date.now() - performance.timeOrigin - performance.now();
    samples.push({ bar, at: performance.timeOrigin + at + set, told: tile.captured * 1000 });
  }

  function followVideo(tile, video) {
    video.requestVideoFrameCallback((_, frame) => {
      note(read(video), frame.expectedDisplayTime, tile);
      followVideo(tile, video);
    });
  }

  function followCanvas(tile, canvas) {
    const painted = new MessageChannel();
    painted.port1.onmessage = () => {
      const now = performance.now();
      note(read(canvas), now, tile);
      followCanvas(tile, canvas);
    };
    requestAnimationFrame(() => painted.port2.postMessage(0));
  }

  /** Begin to read what a tile shows. */
  function follow(tile) {
    const surface = tile.surface();
    (surface instanceof HTMLVideoElement ? followVideo : followCanvas)(tile, surface);
  }

  /** What was read in the last seconds, and the median delay that the tile tells of them, in seconds. */
  function lately(tile, seconds) {
    const since = Date.now() - seconds * 1000;
    return { found: samples.filter((one) => one.at > since), shown: tile.delay(seconds)?.median ?? null };
  }

  window.clockBar = { read, follow, lately };
  // The page tells of its tiles once, before they are started.
  window.addEventListener("live-tiles", (event) => { window.liveTiles = event.detail.tiles; }, true);
})();
