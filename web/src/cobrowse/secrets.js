// What the customer has typed where it may not be seen: whoever repeats it elsewhere on the page shows it after all. Values
// are kept while a page is recorded, and forgotten with the recording.
import { forgetSheets } from "./css.js";
import { isOrdinary, runsIn } from "./numbers.js";

/** So many characters of a secret, from its beginning, are no coincidence any more; from its middle it takes more. */
const PREFIX = 4;
const PART = 6;
/** Parts that are kept; beyond, only what fields hold now is. */
const MOST = 50_000;
/** A page repeats a key within this time. */
const ECHO_MS = 1000;
/** Longest secret, in digits or characters. */
const LONGEST = 64;
const TYPES = new Set(["text", "password", "tel", "number", "search", "email", "url", "hidden"]);

/** A part of few different characters ("000000") tells nothing. @param {string} part */
const telling = (part) => new Set(part).size > 2;

/** Parts of secrets, to be found in a text in one pass. */
class Parts {
  /** @type {Set<string>} */ prefixes = new Set();
  /** @type {Set<string>} */ parts = new Set();

  /** @param {string} whole @param {number} [prefix] */
  add(whole, prefix = PREFIX) {
    const text = whole.slice(0, LONGEST);
    for (let end = prefix; end <= text.length; end += 1) this.prefixes.add(text.slice(0, end));
    for (let at = 0; at + PART <= text.length; at += 1) {
      const part = text.slice(at, at + PART);
      if (telling(part)) this.parts.add(part);
    }
  }

  /** @param {string} text */
  match(text) {
    if (this.prefixes.has(text)) return true;
    if (this.parts.size > 0) {
      for (let at = 0; at + PART <= text.length; at += 1) if (this.parts.has(text.slice(at, at + PART))) return true;
    }
    return false;
  }

  get size() {
    return this.prefixes.size + this.parts.size;
  }

  clear() {
    this.prefixes.clear();
    this.parts.clear();
  }
}

/** @param {Element} element @returns {string | null} what was typed into it; null where nothing can be */
function valueOf(element) {
  if (element instanceof HTMLInputElement) return TYPES.has(element.type) ? element.value : null;
  if (element instanceof HTMLTextAreaElement) return element.value;
  return element instanceof HTMLElement && element.isContentEditable ? (element.textContent ?? "") : null;
}

export class Secrets {
  /** @type {Map<Element, string>} */ #fields = new Map();
  #digits = new Parts();
  #words = new Parts();
  /** Numbers that were hidden for their form, wherever they stood. */
  #hidden = new Parts();
  /** What was typed a moment ago, where it is short, and when. @type {Map<string, number>} */
  #typed = new Map();
  /** @type {Set<string>} */ #plain = new Set();

  /**
   * @param {(element: Element) => boolean} isPlain whether an input's value may be seen
   * @param {(element: Element) => boolean} isPassword
   * @param {(element: Element) => boolean} isHeld whether somebody types into it: what it will be is not known yet
   */
  constructor(isPlain, isPassword, isHeld) {
    this.isPlain = isPlain;
    this.isPassword = isPassword;
    this.isHeld = isHeld;
  }

  /** Know a field from now on; of other elements nothing is kept. @param {Element} element */
  learn(element) {
    if (this.#fields.has(element) || valueOf(element) === null) return;
    this.#fields.set(element, "");
    this.#read(element);
  }

  /** Look at the fields again. */
  refresh() {
    this.#plain.clear();
    for (const element of this.#fields.keys()) {
      this.#read(element);
      if (!element.isConnected) this.#fields.delete(element);
    }
  }

  /** @param {Element} element */
  #read(element) {
    const value = valueOf(element) ?? "";
    const before = this.#fields.get(element) ?? "";
    if (this.isPlain(element)) {
      this.#fields.set(element, value);
      if (!this.isHeld(element)) for (const { digits } of runsIn(value)) this.#plain.add(digits);
      return;
    }
    if (value === before) return;
    this.#fields.set(element, value);
    forgetSheets();
    if (this.#digits.size + this.#words.size + this.#hidden.size > MOST) this.#clear();
    for (const run of runsIn(value)) if (!isOrdinary(run.text) || run.digits.length > 12) this.#digits.add(run.digits);
    if (this.isPassword(element)) this.#words.add(value);
    if (/\d$/.test(value)) {
      const now = performance.now();
      if (value.length < PREFIX) this.#typed.set(value, now);
      if (value.length === before.length + 1) this.#typed.set(value.slice(-1), now);
    }
  }

  #clear() {
    for (const parts of [this.#digits, this.#words, this.#hidden]) parts.clear();
    for (const element of this.#fields.keys()) this.#fields.set(element, "");
  }

  /** Nothing is known any more. */
  forget() {
    this.#clear();
    this.#fields.clear();
    this.#typed.clear();
    this.#plain.clear();
  }

  /** Keep a number that was hidden, so that no part of it is shown either. @param {string} digits */
  hide(digits) {
    if (this.#hidden.size < MOST) this.#hidden.add(digits, PART);
  }

  /**
   * Whether digits repeat what may not be seen.
   *
   * @param {{text: string, digits: string}} run
   */
  repeats({ text, digits }) {
    if (digits.length < PREFIX) return false;
    return this.#digits.match(digits) || (digits.length >= PART && this.#hidden.match(digits) && !isOrdinary(text));
  }

  /** Whether these few digits are what was typed just now. @param {string} digits */
  echoes(digits) {
    return performance.now() - (this.#typed.get(digits) ?? -ECHO_MS) < ECHO_MS;
  }

  /** Whether these digits stand in a field whose value may be seen. @param {string} digits */
  isOpen(digits) {
    return this.#plain.has(digits);
  }

  /** Whether there is a password that a text could repeat. */
  get hasWords() {
    return this.#words.size > 0;
  }

  /** Where in a line a password is repeated. @param {string} line @returns {[number, number][]} */
  spans(line) {
    if (this.#words.size === 0) return [];
    /** @type {[number, number][]} */
    const found = [];
    for (const { 0: word, index } of line.matchAll(/\S{4,}/g)) {
      if (this.#words.match(word) || this.#startsInside(word)) found.push([index, index + word.length]);
    }
    for (const { 0: letters, index } of line.matchAll(/(?<!\S)(?:\S\s){3,}\S(?!\S)/g)) {
      if (this.#words.match(letters.replace(/\s/g, ""))) found.push([index, index + letters.length]);
    }
    return found;
  }

  /** Whether a short password stands within a word ("pin:8246"). @param {string} word */
  #startsInside(word) {
    for (let at = 0; at < word.length; at += 1) {
      const rest = word.slice(at, at + LONGEST);
      for (const length of [rest.length, PREFIX, PREFIX + 1]) {
        if (length >= PREFIX && /[^\d]/.test(rest) && this.#words.prefixes.has(rest.slice(0, length))) return true;
      }
    }
    return false;
  }
}
