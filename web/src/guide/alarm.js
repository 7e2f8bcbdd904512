// Calls the guide's attention: sound, vibration and title, until somebody goes; and keeps the phone's screen on.
import { Ringtone } from "../media/ringtone.js";

const VIBRATION = [300, 150, 300, 150, 600];
const PERIOD_MS = 4000;

export class Alarm {
  /** @type {ReturnType<typeof setInterval> | undefined} */ #timer;
  #ringtone = new Ringtone();
  /** Switched off by the guide, who is looking at the page. */
  silent = false;

  constructor() {
    document.addEventListener("visibilitychange", () => void this.#stayAwake());
    void this.#stayAwake();
  }

  /** Whether the browser keeps the page silent because nobody has touched it since it was loaded. */
  get blocked() {
    return this.#ringtone.blocked;
  }

  /** @param {string} title */
  start(title) {
    if (this.#timer !== undefined || this.silent) return;
    this.#ringtone.start(title);
    this.#vibrate();
    this.#timer = setInterval(() => this.#vibrate(), PERIOD_MS);
  }

  stop() {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#ringtone.stop();
  }

  #vibrate() {
    // A browser refuses vibration before the first touch of the page.
    if (navigator.userActivation?.hasBeenActive) navigator.vibrate?.(VIBRATION);
  }

  async #stayAwake() {
    if (document.visibilityState !== "visible") return;
    await navigator.wakeLock?.request("screen").catch(() => undefined);
  }
}
