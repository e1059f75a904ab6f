// The pad under the picture: the camera moves while a button, the ring or a key is held, and stops when it is let go,
// when the window loses the focus, and when the page goes. Words go by the live socket; where there is none, by the API.

const EVERY = 250;       // milliseconds from message to message while something is held; the house hears silence after 500
const STEP = 0.5;        // seconds of a step, where there is no socket
const DEAD = 0.15;       // of the ring's radius: in its middle nothing moves
const TIMEOUT = 8_000;
const KEYS = {
  ArrowLeft: [-1, 0, 0], ArrowRight: [1, 0, 0], ArrowUp: [0, 1, 0], ArrowDown: [0, -1, 0],
  "+": [0, 0, 1], "=": [0, 0, 1], "-": [0, 0, -1], "−": [0, 0, -1],
};
const DOWN = "The connection to the house is gone. Try again in a moment.";

export class MovePad {
  #root; #slug; #socket; #zoomed; #me; #pad; #knob; #mover; #told; #held = new Map(); #timer = 0; #asking = false; #still = true;

  /** `zoomed()`: whether the picture itself is zoomed, and the arrows belong to that. */
  constructor(root, socket, zoomed) {
    this.#root = root.querySelector("[data-move]");
    this.#me = root.dataset.me;
    if (!this.#root) return;
    this.#socket = socket;
    this.#zoomed = zoomed;
    this.#slug = this.#root.dataset.move;
    const find = (name) => this.#root.querySelector(`[data-${name}]`);
    [this.#pad, this.#knob, this.#mover, this.#told] = ["move-pad", "move-knob", "mover", "move-told"].map(find);
    this.#root.classList.add("move-live");
    const hint = find("move-hint");
    if (hint) hint.hidden = false;
    for (const button of this.#root.querySelectorAll("[data-turn]")) this.#button(button);
    if (this.#pad) this.#ring();
    find("home")?.addEventListener("click", (event) => this.#home(event));
    const stage = root.querySelector("[data-stage]");
    for (const element of [this.#root, stage]) {
      element?.addEventListener("keydown", (event) => this.#key(event));
      // What was held when the focus went would never be let go.
      element?.addEventListener("focusout", () => this.#letGoKeys());
    }
    document.addEventListener("keyup", (event) => this.#letGo(`key ${event.code}`));
    window.addEventListener("blur", () => this.stop());
    window.addEventListener("pagehide", () => this.stop());
    document.addEventListener("visibilitychange", () => { if (document.hidden) this.stop(); });
  }

  /** The camera's newest state: who moves it. */
  state({ mover }) {
    if (!this.#mover) return;
    const other = mover && mover !== this.#me ? mover : "";
    this.#mover.hidden = !other;
    if (this.#mover.dataset.name === other) return;
    this.#mover.dataset.name = other;
    const name = document.createElement("bdi");
    name.textContent = other;
    this.#mover.replaceChildren(...(other ? [name, " is moving it"] : []));
  }

  /** The house has refused a movement. */
  failed(error) {
    this.stop();
    this.#say(error.message);
  }

  /** Let go of everything. */
  stop() {
    this.#held.clear();
    this.#look();
  }

  // What is held: each by its own name, all together making the direction.

  #hold(name, motion) {
    if (!this.#held.size) this.#say("");
    this.#held.set(name, motion);
    this.#look(true);
  }

  #letGo(name) { if (this.#held.delete(name)) this.#look(); }

  #letGoKeys() {
    for (const name of [...this.#held.keys()]) if (name.startsWith("key ")) this.#held.delete(name);
    this.#look();
  }

  get #motion() {
    const sum = [0, 0, 0];
    for (const motion of this.#held.values()) motion.forEach((part, n) => { sum[n] += part; });
    const [pan, tilt, zoom] = sum.map((part) => Math.round(Math.min(Math.max(part, -1), 1) * 100) / 100);
    return { pan, tilt, zoom };
  }

  /** Say how it moves now: at once when that is news, and again and again while it is held. */
  #look(news = false) {
    const { pan, tilt, zoom } = this.#motion;
    const still = !pan && !tilt && !zoom;
    if (still && this.#still) return;
    if (still || news || this.#still) this.#send({ pan, tilt, zoom });
    this.#still = still;
    if (still) {
      clearInterval(this.#timer);
      this.#timer = 0;
    } else this.#timer ||= setInterval(() => this.#send(this.#motion), EVERY);
    for (const button of this.#root.querySelectorAll("[data-turn]")) {
      button.classList.toggle("held", !still && points(turnOf(button), [pan, tilt, zoom]));
    }
  }

  #send(motion) {
    if (this.#socket.move(this.#slug, motion)) return;
    const still = !motion.pan && !motion.tilt && !motion.zoom;
    if (this.#asking && !still) return;
    this.#ask(motion, still);
  }

  /** Where no socket is open: one question at a time, each a step of its own that the engine ends. */
  async #ask(motion, still) {
    this.#asking = true;
    try {
      const reply = await fetch(`/api/v1/cameras/${this.#slug}/move`, {
        method: "POST",
        headers: { "Content-Type": "application/json", "X-CSRFToken": this.#token },
        body: JSON.stringify({ ...motion, seconds: STEP }),
        keepalive: still,
        signal: AbortSignal.timeout(TIMEOUT),
      });
      if (!reply.ok) this.#refused(await reply.json().catch(() => ({})));
    } catch {
      if (!still) this.#say(DOWN);
    }
    this.#asking = false;
  }

  get #token() { return this.#root.querySelector("[name=csrfmiddlewaretoken]").value; }

  #refused(answer) {
    this.failed({ message: answer.error?.message ?? DOWN });
  }

  /** Home is a position and no movement: asked once. Its answer comes with the saved positions. */
  async #home(event) {
    event.preventDefault();
    this.#say("");
    const body = new URLSearchParams({ home: "1" });
    try {
      const reply = await fetch(`/live/${this.#slug}/presets/`, {
        method: "POST", body, headers: { "X-CSRFToken": this.#token, "HX-Request": "true" }, signal: AbortSignal.timeout(15_000),
      });
      const part = new DOMParser().parseFromString(await reply.text(), "text/html");
      const fault = part.querySelector(".move-fault");
      if (!reply.ok || fault) this.#say(fault?.textContent ?? DOWN);
    } catch {
      this.#say(DOWN);
    }
  }

  #button(button) {
    const name = `button ${button.value}`;
    button.addEventListener("click", (event) => event.preventDefault());
    button.addEventListener("contextmenu", (event) => event.preventDefault());
    button.addEventListener("pointerdown", (event) => {
      if (event.button > 0) return;
      button.setPointerCapture(event.pointerId);
      this.#hold(name, turnOf(button));
    });
    for (const kind of ["pointerup", "pointercancel", "lostpointercapture"]) button.addEventListener(kind, () => this.#letGo(name));
    // By keyboard it is held too.
    button.addEventListener("keydown", (event) => {
      if ((event.key !== " " && event.key !== "Enter") || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      if (!event.repeat) this.#hold(`key ${event.code}`, turnOf(button));
    });
  }

  #ring() {
    const pad = this.#pad;
    pad.tabIndex = 0;
    pad.addEventListener("pointerdown", (event) => {
      if (event.button > 0 || event.target.closest("button")) return;
      pad.setPointerCapture(event.pointerId);
      pad.classList.add("held-pad");
      this.#drag(event);
    });
    pad.addEventListener("pointermove", (event) => { if (pad.hasPointerCapture(event.pointerId)) this.#drag(event); });
    for (const kind of ["pointerup", "pointercancel", "lostpointercapture"]) {
      pad.addEventListener(kind, (event) => { if (event.target === pad) this.#dropped(); });
    }
  }

  #drag(event) {
    const box = this.#pad.getBoundingClientRect(), radius = box.width / 2;
    let x = (event.clientX - box.left - radius) / radius, y = (event.clientY - box.top - radius) / radius;
    const far = Math.hypot(x, y);
    if (far > 1) [x, y] = [x / far, y / far];
    this.#knob.style.setProperty("--knob-x", `${(x * radius * 0.7).toFixed(0)}px`);
    this.#knob.style.setProperty("--knob-y", `${(y * radius * 0.7).toFixed(0)}px`);
    const speed = Math.max(0, Math.min(far, 1) - DEAD) / (1 - DEAD), long = Math.min(far, 1) || 1;
    const now = [(x / long) * speed, (-y / long) * speed, 0];
    // Each pixel is no news: the next message tells it anyhow.
    const before = this.#held.get("ring");
    if (!before) this.#hold("ring", now);
    else {
      this.#held.set("ring", now);
      this.#look(before.some((part, n) => Math.abs(part - now[n]) > 0.25));
    }
  }

  #dropped() {
    this.#pad.classList.remove("held-pad");
    for (const name of ["--knob-x", "--knob-y"]) this.#knob.style.removeProperty(name);
    this.#letGo("ring");
  }

  #key(event) {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (event.target.closest("input, textarea, select, [contenteditable], dialog, summary")) return;
    const turn = KEYS[event.key];
    if (!turn || !("turns" in this.#root.dataset || turn[2]) || (turn[2] && !("zooms" in this.#root.dataset))) return;
    // A picture that is zoomed is moved by its arrows, not the camera.
    if (!turn[2] && this.#zoomed() && !this.#root.contains(event.target)) return;
    event.preventDefault();
    if (!event.repeat) this.#hold(`key ${event.code}`, turn);
  }

  #say(words) {
    if (!this.#told) return;
    this.#told.hidden = !words;
    if (this.#told.textContent !== words) this.#told.textContent = words;
  }
}

function turnOf(button) { return button.dataset.turn.split(" ").map(Number); }

/** Whether that button's direction is part of the movement. */
function points(turn, motion) { return turn.some((part, n) => part && part * motion[n] > 0.3); }
