// The page of one ring: its picture goes on, its answers come by themselves, and what is said is sent without a reload.

import { answerNodes, made, sendAnswer } from "./ring-words.js";

export class RingPage {
  #root; #house; #wrong; #over; #shown = 0;

  /** `root`: the element with data-ring-page; `house`: {me, zone, now(), over}. */
  constructor(root, house) {
    this.#root = root;
    this.#house = house;
    this.id = Number(root.dataset.ringPage);
    this.#over = Date.parse(root.dataset.last) / 1000 + house.over;
    this.#wrong = root.querySelector("[data-ring-wrong]");
    for (const form of root.querySelectorAll("[data-ring-form]")) {
      form.addEventListener("submit", (event) => this.#submit(event));
    }
    this.tell();
  }

  get stage() { return this.#root.querySelector("[data-stage]"); }

  update(ring) {
    this.#over = Date.parse(ring.last_at) / 1000 + this.#house.over;
    const presses = ring.presses > 1 ? ` · pressed ${ring.presses} times` : "";
    this.#root.querySelector("[data-ring-presses]").textContent = presses;
    this.#answers(ring.answers);
    this.tell();
  }

  /** They are there for a while after the last press; then they have probably gone. */
  tell() {
    const is = this.#house.now() < this.#over;
    const words = is ? "Somebody rings" : "Somebody rang; by now they have probably gone";
    const state = this.#root.querySelector("[data-ring-state]");
    if (state.dataset.now === String(is)) return;
    state.dataset.now = String(is);
    const shape = made("span", is ? "● " : "○ ");
    shape.ariaHidden = "true";
    state.replaceChildren(shape, words);
  }

  #answers(answers) {
    if (answers.length < this.#shown) return;
    this.#shown = answers.length;
    const list = this.#root.querySelector("[data-answers]");
    list.replaceChildren(...answers.map((one, at) => {
      const line = made("li");
      line.append(...answerNodes(one, at === 0, this.#house));
      return line;
    }));
  }

  async #submit(event) {
    event.preventDefault();
    const form = event.target;
    if (form.dataset.sending) return;
    form.dataset.sending = "1";
    this.#wrong.hidden = true;
    try {
      this.#answers((await sendAnswer(form, event.submitter)).answers);
      form.reset();
    } catch (error) {
      this.#wrong.textContent = error.message;
      this.#wrong.hidden = false;
    }
    delete form.dataset.sending;
  }
}
