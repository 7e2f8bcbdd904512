// Texts that no node holds: what style sheets put before and after elements and beside those of a list (`content`,
// `list-style-type`, `quotes`). A number may be made of them as well as of texts; then the strings it is made of are not
// sent any more.
import { countedIn, counts } from "./counters.js";
import { forgetSheets, hideContents, unseenContents } from "./css.js";
import { plainDigits } from "./numbers.js";
import { isPseudo, matching, styleRules } from "./rules.js";

/** Elements whose generated texts are read; a page of more has no number that somebody reads. */
const MOST = 1000;
/** So many are looked at for one. */
const LOOKS = 5000;
/** What can make digits. An icon's "\f101" is none. */
const TELLING = /[0-9]|(?:attr|counters?|var)\(|-quote/i;
const COUNTER = /counters?\(/;
const INLINE_COUNTER = '[style*="counter-"]';
const INLINE_TEXT = '[style*="quotes"], [style*="list-style"]';
const PLACES = /** @type {const} */ (["marker", "before", "after"]);
const PART = /"((?:[^"\\]|\\.)*)"|counters?\([^)]*\)|(?:open|close)-quote/g;
/** A page that changes without a pause is looked at so often. */
const PAUSE_MS = 200;

/** A generated text: whose, and where. */
export class GeneratedText {
  /**
   * @param {Element} element
   * @param {"marker" | "before" | "after"} place
   * @param {string} content as the browser writes it
   * @param {string} text
   */
  constructor(element, place, content, text) {
    this.element = element;
    this.place = place;
    this.content = content;
    this.text = text;
  }
}

/** @typedef {{marker?: GeneratedText, before?: GeneratedText, after?: GeneratedText}} Pair */

export class Generated {
  /** @type {Map<Element, Pair>} */ #pairs = new Map();
  #state = "";
  #read = -PAUSE_MS;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #later;

  /**
   * @param {() => void} look told when the page has to be looked at again
   * @param {(node: any) => Node[]} childrenOf the children of an element as they are shown
   */
  constructor(look, childrenOf) {
    this.look = look;
    this.childrenOf = childrenOf;
  }

  /** @param {Element} element @returns {Pair | undefined} */
  of(element) {
    return this.#pairs.get(element);
  }

  /** Read them anew. @param {Iterable<Document | ShadowRoot>} roots */
  read(roots) {
    this.#read = performance.now();
    this.#pairs.clear();
    const { elements, counted, uses } = shownBy(roots);
    const counters = uses ? countedIn(document.documentElement, new Set([...counted, ...elements]), this.childrenOf) : null;
    let looks = LOOKS;
    for (const element of elements) {
      if (this.#pairs.size >= MOST || looks-- === 0) break;
      const pair = pairOf(element, counters?.get(element));
      if (pair) this.#pairs.set(element, pair);
    }
    const state = [...this.#pairs.values()].map((pair) => PLACES.map((place) => pair[place]?.text ?? "").join("\n")).join("\n");
    const changed = state !== this.#state;
    this.#state = state;
    return changed;
  }

  /** Whether they are others now than when they were read last; a page without any is not looked at. @param {Iterable<Document | ShadowRoot>} roots */
  changed(roots) {
    if (this.#later) return false;
    const pause = this.#read + PAUSE_MS - performance.now();
    if (pause <= 0) return this.read(roots);
    this.#later = setTimeout(() => {
      this.#later = undefined;
      this.look();
    }, pause);
    return false;
  }

  forget() {
    clearTimeout(this.#later);
    this.#later = undefined;
    this.#pairs.clear();
    this.#state = "";
  }
}

/**
 * The elements that style sheets put texts with figures beside, those that make or change counters, and whether a text uses
 * one.
 *
 * @param {Iterable<Document | ShadowRoot>} roots
 */
function shownBy(roots) {
  /** @type {Set<Element>} */
  const elements = new Set();
  /** @type {Set<Element>} */
  const counted = new Set();
  let [uses, may] = [false, false];
  for (const root of roots) {
    const texts = new Set([INLINE_TEXT]);
    const counting = new Set([INLINE_COUNTER]);
    for (const { selector, style } of styleRules(root)) {
      const content = isPseudo(selector) ? style.content : "";
      const shown = `${content} ${style.quotes} ${style.listStyleType}`;
      if (TELLING.test(plainDigits(shown))) texts.add(selector);
      uses ||= COUNTER.test(content);
      may ||= /var\(/.test(content);
      if (counts(style)) counting.add(selector);
    }
    for (const selector of texts) for (const element of matching(root, selector)) elements.add(element);
    for (const selector of counting) for (const element of matching(root, selector)) counted.add(element);
  }
  return { elements, counted, uses: uses || (may && counted.size > 0) };
}

/**
 * @param {Element} element
 * @param {{before?: string, after?: string} | undefined} counted its texts, with figures in the place of counters
 * @returns {Pair | null}
 */
function pairOf(element, counted) {
  /** @type {Pair} */
  const pair = {};
  const own = getComputedStyle(element);
  if (own.display === "list-item") {
    const { content } = getComputedStyle(element, "::marker");
    const shown = content === "normal" ? own.listStyleType : content;
    const text = textIn(shown, own.quotes);
    if (text) pair.marker = new GeneratedText(element, "marker", shown, text);
  }
  for (const place of /** @type {const} */ (["before", "after"])) {
    const style = getComputedStyle(element, `::${place}`);
    if (style.display === "none" || style.content === "none" || style.content === "normal") continue;
    const text = textIn(counted?.[place] ?? style.content, style.quotes);
    if (text) pair[place] = new GeneratedText(element, place, `${style.content} ${/-quote/.test(style.content) ? style.quotes : ""}`, text);
  }
  return pair.marker || pair.before || pair.after ? pair : null;
}

/** A generated text is part of a number: no string of it is sent; true where that is new. @param {GeneratedText} piece */
export function hideGenerated({ content }) {
  const before = unseenContents();
  for (const [part, string] of content.matchAll(PART)) {
    if (string) hideContents([read(string)]);
    else if (COUNTER.test(part)) hideContents([null]);
  }
  if (unseenContents() === before) return false;
  forgetSheets();
  return true;
}

/** @param {string} content @param {string} quotes */
function textIn(content, quotes) {
  const marks = [...quotes.matchAll(PART)].map(([, string]) => read(string ?? ""));
  let text = "";
  for (const [part, string] of content.matchAll(PART)) {
    if (string !== undefined) text += read(string);
    else text += part.startsWith("open") ? (marks[0] ?? "") : part.startsWith("close") ? (marks[1] ?? "") : "#";
  }
  return text;
}

/** @param {string} text */
const read = (text) => text.replace(/\\(.)/g, "$1");
