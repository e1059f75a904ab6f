// The card of one ring: who waits, the live picture, what can be said, and who has said something.

import { answerNodes, sendAnswer, whenWords } from "./ring-words.js";

export class RingCard {
  #house; #closed; #parts = {}; #sending = false;

  /** `house`: {me, zone, now()}; `closed(by hand?)` is called when it is to go. */
  constructor(ring, template, house, closed) {
    this.#house = house;
    this.#closed = closed;
    this.element = template.content.firstElementChild.cloneNode(true);
    for (const name of ["what", "name", "when", "told", "answer", "look", "page", "mute", "close"]) {
      this.#parts[name] = this.element.querySelector(`[data-${name}]`);
    }
    this.tile = this.element.querySelector(".tile");
    this.tile.dataset.camera = ring.camera;
    this.element.dataset.ring = ring.id;
    this.#parts.name.textContent = ring.name;
    this.element.setAttribute("aria-label", `Somebody rings: ${ring.name}`);
    this.tile.querySelector("canvas").setAttribute("aria-label", `Live picture of ${ring.name}`);
    this.#parts.answer.action = `/rings/${ring.id}/answer/`;
    this.#parts.look.href = `/live/${ring.camera}/`;
    this.#parts.look.hidden = !ring.camera;
    this.#parts.page.href = `/rings/${ring.id}/`;
    this.#parts.close.addEventListener("click", () => closed(true));
    this.#parts.answer.addEventListener("submit", (event) => this.#submit(event));
    this.element.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || event.defaultPrevented) return;
      event.preventDefault();
      closed(true);
    });
    this.update(ring);
  }

  update(ring) {
    this.ring = ring;
    this.tell();
    const { answers } = ring;
    this.element.classList.toggle("ring-answered", answers.length > 0);
    this.#parts.what.textContent = answers.length ? "Answered" : "Somebody rings";
    if (!answers.length) return;
    this.silent(false);
    const nodes = answerNodes(answers[0], true, this.#house);
    const last = answers.at(-1);
    if (answers.length > 1) nodes.push(document.createElement("br"), ...answerNodes(last, false, this.#house));
    this.#say(nodes, false);
  }

  /** The page shows the camera itself: no second picture, and on a phone not over the first. */
  beside() {
    this.tile.remove();
    this.element.classList.add("ring-beside");
    if (document.querySelector("[data-live][data-full]")) this.#parts.look.hidden = true;
  }

  /** Say again how long ago it was. */
  tell() {
    const words = whenWords(this.ring, this.#house.now());
    if (this.#parts.when.textContent !== words) this.#parts.when.textContent = words;
  }

  /** There was no sound, since nobody has touched this page. */
  silent(is) { this.#parts.mute.hidden = !is; }

  #say(nodes, wrong) {
    this.#parts.told.replaceChildren(...nodes);
    this.#parts.told.classList.toggle("ring-wrong", wrong);
    this.#parts.told.hidden = false;
  }

  async #submit(event) {
    event.preventDefault();
    if (this.#sending) return;
    this.#sending = true;
    this.element.classList.add("ring-sending");
    try {
      const { answers } = await sendAnswer(event.target, event.submitter);
      // The socket's word may have come before this one, and know more.
      if (answers.length >= this.ring.answers.length) this.update({ ...this.ring, answers });
      this.#closed(false);
    } catch (error) {
      this.#say([error.message], true);
    }
    this.#sending = false;
    this.element.classList.remove("ring-sending");
  }
}
