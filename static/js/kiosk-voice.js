// What the screen lets be heard: answers by the browser's own voice, and two notes when the house has taken a ring.

const NOTES = [[880, 0], [660, 0.28]];

export class Voice {
  silent = false;
  language = "en";
  #context = null; #speaking = null;

  constructor() {
    // Voices come late in some browsers; whoever asks for them makes them come.
    window.speechSynthesis?.getVoices();
  }

  /** Whether there is a voice that can be heard. */
  say(text) {
    const synthesis = window.speechSynthesis;
    if (this.silent || !synthesis || !text) return false;
    const utterance = new SpeechSynthesisUtterance(text);
    utterance.lang = this.language;
    utterance.voice = this.#voice(synthesis.getVoices());
    utterance.rate = 0.95;
    synthesis.cancel();
    synthesis.speak(utterance);
    // Else it may be collected while it is being spoken.
    this.#speaking = utterance;
    return true;
  }

  #voice(voices) {
    const exact = voices.find((voice) => voice.lang.replace("_", "-") === this.language);
    const base = this.language.split("-")[0];
    return exact ?? voices.find((voice) => voice.lang.split(/[-_]/)[0] === base) ?? null;
  }

  chime() {
    if (this.silent || !window.AudioContext) return;
    this.#context ??= new AudioContext();
    this.#context.resume().catch(() => {});
    const now = this.#context.currentTime;
    for (const [pitch, after] of NOTES) this.#note(pitch, now + after);
  }

  #note(pitch, at) {
    const tone = this.#context.createOscillator();
    const gain = this.#context.createGain();
    tone.frequency.value = pitch;
    gain.gain.setValueAtTime(0.0001, at);
    gain.gain.exponentialRampToValueAtTime(0.3, at + 0.02);
    gain.gain.exponentialRampToValueAtTime(0.0001, at + 0.7);
    tone.connect(gain).connect(this.#context.destination);
    tone.start(at);
    tone.stop(at + 0.75);
  }
}
