// Detects that nobody touches the page any more.

const SIGNS = ["pointerdown", "pointermove", "keydown", "input", "wheel"];

/**
 * Counts seconds without a touch. Calls `onLeft(seconds)` during the last of them (then null when somebody touches the
 * page), and `onOver()` at the end.
 */
export class IdleTimer {
  #last = performance.now();
  #warned = false;

  /**
   * @param {object} options
   * @param {() => number | null} options.limit seconds allowed now; null: no limit
   * @param {() => number} options.warning for how many of them the customer is asked
   * @param {(left: number | null) => void} options.onLeft
   * @param {() => void} options.onOver
   */
  constructor({ limit, warning, onLeft, onOver }) {
    this.limit = limit;
    this.warning = warning;
    this.onLeft = onLeft;
    this.onOver = onOver;
    for (const sign of SIGNS) addEventListener(sign, (event) => this.#sign(event), { passive: true, capture: true });
    setInterval(() => this.#look(), 500);
  }

  /** Somebody is there. */
  touch() {
    this.#last = performance.now();
    if (this.#warned) this.#tell(null);
  }

  /** While the question is shown, its own buttons decide; a touch beside it counts as an answer too. */
  #sign(/** @type {Event} */ event) {
    const inQuestion = event.target instanceof Element && event.target.closest("[role=alertdialog]") !== null;
    if (!this.#warned || (event.type === "pointerdown" && !inQuestion)) this.touch();
  }

  #look() {
    const limit = this.limit();
    if (limit === null) {
      this.touch();
      return;
    }
    const now = performance.now();
    // The question always comes first, also when the limit became shorter meanwhile.
    if (!this.#warned && Number.isFinite(limit)) this.#last = Math.max(this.#last, now - (limit - this.warning()) * 1000);
    const left = Math.ceil(limit - (now - this.#last) / 1000);
    if (left <= 0) {
      this.touch();
      this.onOver();
    } else if (left <= this.warning()) {
      this.#tell(left);
    } else if (this.#warned) {
      this.#tell(null);
    }
  }

  /** @param {number | null} left */
  #tell(left) {
    this.#warned = left !== null;
    this.onLeft(left);
  }
}
