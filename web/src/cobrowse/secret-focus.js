// Watches whether the customer is in a field for secrets, and lets the server know until it does: nothing is recorded then.
import { isSecret } from "./mask.js";

/** So long after a field was left it still counts: the hand is there, and the next field may be one as well. */
export const LEAVE_MS = 500;
const AGAIN_MS = 1000;

/** The element that has the focus, in whatever shadow tree. @returns {Element | null} */
function focused() {
  let element = document.activeElement;
  while (element?.shadowRoot?.activeElement) element = element.shadowRoot.activeElement;
  return element;
}

export class SecretFocus {
  #running = false;
  #now = false;
  /** What the server is known to know. @type {boolean | null} */ #told = null;
  #telling = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #leaving;
  #look = () => this.#see(isSecret(focused()));

  /** @param {(inSecret: boolean) => Promise<boolean>} tell lets the server know; false: not now, try again */
  constructor(tell) {
    this.tell = tell;
  }

  /** Watch from now on, and say how it is; does nothing while watching. */
  start() {
    if (this.#running) return;
    this.#running = true;
    this.#now = false;
    for (const name of ["focusin", "focusout"]) addEventListener(name, this.#look, true);
    this.#look();
    this.repeat();
  }

  /** Watch no more; the server forgets with the call. */
  stop() {
    this.#running = false;
    clearTimeout(this.#leaving);
    for (const name of ["focusin", "focusout"]) removeEventListener(name, this.#look, true);
  }

  /** The server may not know: say it again. */
  repeat() {
    this.#told = null;
    void this.#say();
  }

  /** @param {boolean} inSecret */
  #see(inSecret) {
    clearTimeout(this.#leaving);
    if (inSecret) this.#set(true);
    else if (this.#now) this.#leaving = setTimeout(() => this.#set(isSecret(focused())), LEAVE_MS);
  }

  /** @param {boolean} now */
  #set(now) {
    this.#now = now;
    void this.#say();
  }

  /** One message at a time, the newest state last. */
  async #say() {
    if (this.#telling) return;
    this.#telling = true;
    while (this.#running && this.#told !== this.#now) {
      const said = this.#now;
      if (await this.tell(said)) this.#told = said;
      else await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
    }
    this.#telling = false;
  }
}
