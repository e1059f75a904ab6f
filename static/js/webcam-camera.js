// This device's camera: opens it, tells which there are, and makes JPEGs of what it sees.

const QUALITIES = [0.75, 0.6, 0.45, 0.3];
// A camera that has shown the same picture for this long shows an old one, and that is not sent as of now.
const STANDS_STILL = 3_000;

export class Camera {
  #video; #canvas = document.createElement("canvas"); #stream = null; #quality = 0; #on;
  #muted = false; #paused = false; #seen = { time: -1, at: 0 };

  /** `on.ended()`: unplugged or taken away; `on.paused(bool)`: the device gives no pictures for a while. */
  constructor(video, on) {
    this.#video = video;
    this.#on = on;
  }

  /** Whether the device gave no pictures when it was last asked for one. */
  get paused() { return this.#paused; }

  get running() { return this.#stream !== null; }

  /** Open a camera: `which` is "environment", "user" or a device's id. Throws what getUserMedia throws. */
  async open(which, width) {
    this.close();
    const video = { width: { ideal: width }, height: { ideal: Math.round(width * 9 / 16) } };
    if (which === "environment" || which === "user") video.facingMode = { ideal: which };
    else video.deviceId = { exact: which };
    const stream = await navigator.mediaDevices.getUserMedia({ video, audio: false });
    this.#stream = stream;
    const [track] = stream.getVideoTracks();
    track.addEventListener("ended", () => { if (this.#stream === stream) this.#on.ended(); });
    track.addEventListener("mute", () => { this.#muted ||= this.#stream === stream; });
    track.addEventListener("unmute", () => { this.#muted &&= this.#stream !== stream; });
    this.#muted = this.#paused = false;
    this.#seen = { time: -1, at: performance.now() };
    this.#video.srcObject = stream;
    await this.#video.play();
  }

  close() {
    this.#stream?.getTracks().forEach((track) => track.stop());
    this.#stream = null;
    this.#video.srcObject = null;
  }

  /** The cameras of this device; their names are known only once one was allowed. */
  async list() {
    const devices = await navigator.mediaDevices.enumerateDevices();
    return devices.filter((one) => one.kind === "videoinput" && one.deviceId);
  }

  get deviceId() { return this.#stream?.getVideoTracks()[0]?.getSettings().deviceId ?? ""; }

  /** Whether the device gives pictures just now; says so when that changes. */
  #flows() {
    const now = performance.now(), { currentTime } = this.#video;
    if (currentTime !== this.#seen.time) this.#seen = { time: currentTime, at: now };
    const paused = this.#muted || now - this.#seen.at > STANDS_STILL;
    if (paused !== this.#paused) this.#on.paused(this.#paused = paused);
    return !paused;
  }

  /** What the camera sees now, at most `width` wide: {blob, width, height}; null while there is no new picture. */
  async grab(width) {
    const video = this.#video;
    if (!this.#stream || !this.#flows() || !video.videoWidth) return null;
    const scale = Math.min(1, width / video.videoWidth);
    this.#canvas.width = Math.round(video.videoWidth * scale);
    this.#canvas.height = Math.round(video.videoHeight * scale);
    this.#canvas.getContext("2d").drawImage(video, 0, 0, this.#canvas.width, this.#canvas.height);
    const blob = await new Promise((resolve) => this.#canvas.toBlob(resolve, "image/jpeg", QUALITIES[this.#quality]));
    return blob && { blob, width: this.#canvas.width, height: this.#canvas.height };
  }

  /** The last picture was too large: the next ones are made coarser. False when they cannot be any coarser. */
  coarser() {
    if (this.#quality + 1 >= QUALITIES.length) return false;
    this.#quality += 1;
    return true;
  }

  finest() { this.#quality = 0; }
}
