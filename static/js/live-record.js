// «Record this session» on the live page: asks the API for the session of this page, and says how it stands.

const LATER = "▯ To be recorded as soon as the camera sends pictures, while this page is open";
const SOON = "▯ Recording begins …";
// Seconds until the states tell what was asked for.
const SETTLED = 3;
const WORDS = { always: "always on", motion: "motion", watched: "somebody watches", ring: "somebody rings" };
const TIMEOUT = 8_000;
const TOLD = {
  engine_down: "The engine is down, so nothing can be recorded now. Live pictures and recording come back with it.",
  not_found: "This page was not being watched any more. Ask again once the picture is back.",
};

/** Why it is recorded, for people: «motion, you asked». main/recording_words.py says the same. */
export function reasonWords(reasons, me, session) {
  const told = (reasons ?? []).map((reason) => {
    const at = reason.indexOf(":");
    const kind = at < 0 ? reason : reason.slice(0, at);
    const detail = reason.slice(at + 1);
    if (kind === "session") return detail === String(session) ? "you asked" : "a viewer asked";
    if (kind === "manual") return detail === me ? "you asked" : `${detail} asked`;
    return WORDS[kind] ?? kind;
  });
  return [...new Set(told)].join(", ");
}

export class RecordButton {
  #form; #button; #line; #told; #me; #session; #asked; #busy = false; #state = null; #askedAt = -Infinity;

  constructor(root) {
    this.#form = root.querySelector("[data-record]");
    this.#line = root.querySelector("[data-recording]");
    this.#told = root.querySelector("[data-record-told]");
    this.#me = root.dataset.me;
    this.#session = this.#form?.dataset.session ?? "";
    this.#asked = this.#form?.hasAttribute("data-asked") ?? false;
    this.#button = this.#form?.querySelector("button");
    this.#form?.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#ask(!this.#asked);
    });
  }

  /** The camera's newest state, with the session of this page: another one when the page was hidden for a while. */
  state(state) {
    this.#state = state;
    const session = String(state.session ?? this.#session);
    if (session !== this.#session) {
      this.#session = session;
      this.#asked = false;
    }
    const settled = performance.now() / 1000 - this.#askedAt > SETTLED;
    if (!this.#busy && settled && state.reasons?.includes(`session:${session}`)) this.#asked = true;
    this.#show();
  }

  async #ask(on) {
    if (this.#busy) return;
    this.#busy = true;
    this.#say("");
    this.#show();
    try {
      const reply = await fetch(`/api/v1/cameras/${this.#form.dataset.record}/record`, {
        method: "POST",
        headers: { "Content-Type": "application/json", "X-CSRFToken": this.#form.elements.csrfmiddlewaretoken.value },
        body: JSON.stringify({ on, session: Number(this.#session) }),
        signal: AbortSignal.timeout(TIMEOUT),
      });
      const answer = await reply.json().catch(() => ({}));
      if (reply.ok) this.#took(on, answer);
      else this.#say(TOLD[answer.error?.code] ?? answer.error?.message ?? "It could not be done. Load the page again.");
    } catch {
      this.#say("No connection to the house. Try again in a moment.");
    }
    this.#busy = false;
    this.#show();
  }

  #took(on, answer) {
    this.#asked = on;
    this.#askedAt = performance.now() / 1000;
    if (this.#state) Object.assign(this.#state, { recording: answer.recording, reasons: answer.reasons });
  }

  #say(words) {
    this.#told.textContent = words;
    this.#told.hidden = !words;
  }

  #show() {
    if (this.#button) {
      const words = this.#busy ? "Asking …" : this.#asked ? "Stop recording" : "Record this session";
      if (this.#button.textContent !== words) this.#button.textContent = words;
      // Not `disabled`: that would take the focus away.
      this.#button.ariaBusy = String(this.#busy);
      this.#button.value = this.#asked ? "0" : "1";
    }
    if (!this.#state && !this.#asked) return;
    const why = reasonWords(this.#state?.reasons, this.#me, this.#session);
    const on = this.#state?.recording;
    const words = on ? `▮ Recording${why ? ` (${why})` : ""}` : this.#asked ? (this.#state?.state === "online" ? SOON : LATER) : "";
    this.#line.hidden = !words;
    if (this.#line.textContent !== words) this.#line.textContent = words;
  }
}
