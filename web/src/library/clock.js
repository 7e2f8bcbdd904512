// The playback clock: everything that is shown follows its session time.

export class PlaybackClock extends EventTarget {
  #at = 0;
  #since = 0;
  #running = false;
  #held = false;

  constructor() {
    super();
    /** Milliseconds that can be played. */
    this.length = 0;
    this.rate = 1;
    /** How much faster than `rate` it runs to keep to the edge of a running call. */
    this.pace = 1;
  }

  /** Milliseconds of the session that pass in a millisecond. */
  get speed() {
    return this.rate * this.pace;
  }

  /** Milliseconds of the session. */
  get now() {
    const moved = this.#running && !this.#held ? (performance.now() - this.#since) * this.speed : 0;
    return Math.min(this.length, this.#at + moved);
  }

  /** Whether it is to run. */
  get playing() {
    return this.#running;
  }

  /** Whether it waits for data. */
  get held() {
    return this.#held;
  }

  play() {
    if (this.#running) return;
    if (this.now >= this.length) this.#at = 0;
    this.#set(this.now, true);
  }

  pause() {
    if (this.#running) this.#set(this.now, false);
  }

  toggle() {
    if (this.#running) this.pause();
    else this.play();
  }

  /** Fires `seek` before it moves. @param {number} ms */
  seek(ms) {
    this.dispatchEvent(new Event("seek"));
    this.#set(Math.max(0, Math.min(this.length, ms)), this.#running);
  }

  /** @param {number} rate */
  setRate(rate) {
    const now = this.now;
    this.rate = rate;
    this.#set(now, this.#running);
  }

  /** As `setRate`, and nobody is told: it changes by a few percent, and often. @param {number} pace */
  setPace(pace) {
    if (pace === this.pace) return;
    this.#at = this.now;
    this.#since = performance.now();
    this.pace = pace;
  }

  /** Pause while data is missing; it goes on by itself afterwards. @param {boolean} held */
  hold(held) {
    if (held === this.#held) return;
    const now = this.now;
    this.#held = held;
    this.#set(now, this.#running);
  }

  /** @param {number} at @param {boolean} running */
  #set(at, running) {
    this.#at = at;
    this.#since = performance.now();
    this.#running = running;
    this.dispatchEvent(new Event("change"));
  }
}
