// Fields whose value may be seen, while somebody types into them: what a number becomes is known only when all of it is
// there. Until the field is left, more than a few digits in a row are not told, unless the field cannot hold a long number.
import { isAmount, isOrdinary } from "./numbers.js";

/** So many digits are told whatever they become. */
const FEW = 4;
/** A field that takes so many characters, or digits, cannot hold a number that may not be seen. */
const SHORT = 8;
/** What is added at once to a value by a key, or by a page's own keypad. */
const STEP = 4;
/** Nobody has typed for this long: a round figure is one; and where no field has the focus, the value is complete. */
const ROUND_MS = 2000;
const IDLE_MS = 10_000;
const NUMERIC = new Set(["number", "range"]);
const ROUND = /(?:^|\D)[1-9]\d*00(?:\.\d{1,2})?\D*$/;

/** @typedef {HTMLInputElement | HTMLTextAreaElement} Field */

export class Typing {
  /** Fields that are being typed into, and the timer that ends it. @type {Map<Field, ReturnType<typeof setTimeout>>} */ #held = new Map();
  /** Fields that an event says somebody types into. @type {WeakSet<EventTarget>} */ #heard = new WeakSet();
  /** @type {WeakMap<Field, string>} */ #values = new WeakMap();
  /** @type {(field: Field) => void} */ #tell = () => undefined;
  #hear = (/** @type {Event} */ event) => {
    const field = event.composedPath()[0];
    if (field && event.type === "input") this.#heard.add(field);
    else if (field) this.#release(/** @type {Field} */ (field));
  };

  /** @param {(field: Field) => void} tell told when the value of a field may be seen after all */
  open(tell) {
    this.#tell = tell;
    for (const name of ["input", "change", "focusout"]) addEventListener(name, this.#hear, true);
  }

  close() {
    for (const name of ["input", "change", "focusout"]) removeEventListener(name, this.#hear, true);
    for (const timer of this.#held.values()) clearTimeout(timer);
    this.#held.clear();
    this.#heard = new WeakSet();
    this.#values = new WeakMap();
  }

  /** A field has another value. @param {Field} field */
  changed(field) {
    const { value } = field;
    const before = this.#values.get(field) ?? "";
    this.#values.set(field, value);
    const heard = this.#heard.delete(field);
    if (isShort(field) || value === before) return;
    const more = value.length - before.length;
    if (!heard && !this.#held.has(field) && (more < 1 || more > STEP)) return;
    clearTimeout(this.#held.get(field));
    this.#held.set(field, setTimeout(() => this.#rest(field), ROUND_MS));
  }

  /** A picture of the whole page is taken: what nobody types into is complete. */
  settle() {
    for (const field of [...this.#held.keys()]) if (!field.matches(":focus")) this.#forget(field);
  }

  /** Whether digits of a field are not to be told yet. @param {unknown} field @param {import("./numbers.js").Run} run */
  holds(field, run) {
    return this.isHeld(field) && run.digits.length > FEW && (isAmount(run) || !isOrdinary(run.text));
  }

  /** @param {unknown} field */
  isHeld(field) {
    return this.#held.has(/** @type {Field} */ (field));
  }

  /** @param {Field} field */
  #rest(field) {
    if (ROUND.test(field.value) || !field.isConnected) this.#release(field);
    else if (!field.matches(":focus")) this.#held.set(field, setTimeout(() => this.#release(field), IDLE_MS - ROUND_MS));
  }

  /** @param {Field} field */
  #release(field) {
    if (!this.isHeld(field)) return;
    this.#forget(field);
    if (field.isConnected) this.#tell(field);
  }

  /** @param {Field} field */
  #forget(field) {
    clearTimeout(this.#held.get(field));
    this.#held.delete(field);
  }
}

/** Whether a field takes no long number, as it says itself. @param {Field} field */
function isShort(field) {
  if (field.maxLength > 0 && field.maxLength <= SHORT) return true;
  return field instanceof HTMLInputElement && NUMERIC.has(field.type) && /^\d+$/.test(field.max) && field.max.length <= SHORT;
}
