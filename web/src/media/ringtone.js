// The sound and the blinking title of a ringing call; the tone is made here, so there is no file to load.

const BEATS = [0, 0.42];
const NOTES = [659.25, 830.61];
const PERIOD_S = 2.4;

/** A context that is allowed to sound once the person has clicked or pressed a key on this page. */
export class Ringtone {
  /** @type {AudioContext | null} */ #context = null;
  /** @type {ReturnType<typeof setInterval> | undefined} */ #timer;
  /** @type {ReturnType<typeof setInterval> | undefined} */ #blink;
  #title = "";

  constructor() {
    for (const type of ["pointerdown", "keydown"]) addEventListener(type, () => void this.#wake(), { passive: true });
  }

  /** Whether the browser keeps the page silent because nobody has touched it since it was loaded. */
  get blocked() {
    return !navigator.userActivation?.hasBeenActive;
  }

  /** Ring until `stop()`. @param {string} title shown in turns with the page's own */
  start(title) {
    this.stop();
    this.#title = document.title;
    void this.#wake();
    this.#play();
    this.#timer = setInterval(() => this.#play(), PERIOD_S * 1000);
    document.title = title;
    this.#blink = setInterval(() => {
      document.title = document.title === title ? this.#title : title;
    }, 900);
  }

  stop() {
    if (this.#timer === undefined) return;
    clearInterval(this.#timer);
    clearInterval(this.#blink);
    this.#timer = undefined;
    document.title = this.#title;
  }

  async #wake() {
    this.#context ??= new AudioContext();
    if (this.#context.state === "suspended") await this.#context.resume().catch(() => undefined);
  }

  /** Two soft bell-like notes, twice. */
  #play() {
    const context = this.#context;
    if (!context || context.state !== "running") return;
    for (const [index, beat] of BEATS.entries()) {
      for (const [harmonic, gain] of [
        [1, 0.16],
        [2, 0.05],
      ]) {
        const start = context.currentTime + beat;
        const oscillator = context.createOscillator();
        const envelope = context.createGain();
        oscillator.frequency.value = NOTES[index] * harmonic;
        envelope.gain.setValueAtTime(0.0001, start);
        envelope.gain.exponentialRampToValueAtTime(gain, start + 0.03);
        envelope.gain.exponentialRampToValueAtTime(0.0001, start + 0.9);
        oscillator.connect(envelope).connect(context.destination);
        oscillator.start(start);
        oscillator.stop(start + 0.95);
      }
    }
  }
}
