// Texts that no node holds: what style sheets put before and after elements (`content`). A number may be made of them as
// well as of texts; then the strings it is made of are not sent any more.
import { forgetSheets, hideContents, unseenContents } from "./css.js";
import { plainDigits } from "./numbers.js";

/** Elements whose generated texts are read; a page of more has no number that somebody reads. */
const MOST = 1000;
const PSEUDO = /::?(before|after)\b/g;
/** What can make digits. An icon's "\f101" is none. */
const TELLING = /[0-9]|(?:attr|counters?|var)\(/i;
const PART = /"((?:[^"\\]|\\.)*)"|counters?\(\s*([\w-]+)[^)]*\)/g;
/** A page that changes without a pause is looked at so often. */
const PAUSE_MS = 200;

/** A generated text: whose, and where. */
export class GeneratedText {
  /** @param {Element} element @param {"before" | "after"} place @param {string} text */
  constructor(element, place, text) {
    this.element = element;
    this.place = place;
    this.text = text;
  }
}

/** @typedef {{before?: GeneratedText, after?: GeneratedText}} Pair */

export class Generated {
  /** @type {Map<Element, Pair>} */ #pairs = new Map();
  #state = "";
  #read = -PAUSE_MS;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #later;

  /** @param {() => void} look told when the page has to be looked at again */
  constructor(look) {
    this.look = look;
  }

  /** @param {Element} element @returns {Pair | undefined} */
  of(element) {
    return this.#pairs.get(element);
  }

  /** Read them anew. @param {Iterable<Document | ShadowRoot>} roots */
  read(roots) {
    this.#read = performance.now();
    this.#pairs.clear();
    for (const root of roots) {
      const selectors = new Set();
      for (const sheet of [...root.styleSheets, ...root.adoptedStyleSheets]) {
        try {
          collect(sheet.cssRules, selectors);
        } catch {
          // A sheet of another origin: its rules are not in the copy either.
        }
      }
      for (const selector of selectors) this.#match(root, selector);
    }
    const state = [...this.#pairs.values()].map(({ before, after }) => `${before?.text ?? ""}\n${after?.text ?? ""}`).join("\n");
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

  /** @param {Document | ShadowRoot} root @param {string} selector */
  #match(root, selector) {
    let found;
    try {
      found = root.querySelectorAll(selector);
    } catch {
      return; // what a pseudo-element stood in can be no selector by itself
    }
    for (const element of found) {
      if (this.#pairs.size >= MOST) return;
      if (this.#pairs.has(element)) continue;
      /** @type {Pair} */
      const pair = {};
      for (const place of /** @type {("before" | "after")[]} */ (["before", "after"])) {
        const text = textOf(getComputedStyle(element, `::${place}`), element);
        if (text) pair[place] = new GeneratedText(element, place, text);
      }
      if (pair.before || pair.after) this.#pairs.set(element, pair);
    }
  }
}

/** A generated text is part of a number: no string of it is sent; true where that is new. @param {GeneratedText} piece */
export function hideGenerated({ element, place }) {
  const before = unseenContents();
  const { content } = getComputedStyle(element, `::${place}`);
  hideContents([...content.matchAll(PART)].map(([, string, counter]) => (counter === undefined ? read(string ?? "") : null)));
  if (unseenContents() === before) return false;
  forgetSheets();
  return true;
}

/** @param {CSSStyleDeclaration} style @param {Element} element */
function textOf(style, element) {
  if (style.display === "none" || !style.content.includes('"') && !style.content.includes("counter")) return "";
  let text = "";
  for (const [, string, counter] of style.content.matchAll(PART)) text += counter === undefined ? read(string ?? "") : valueOf(element, counter);
  return text;
}

/** What a counter is where its own element sets it; elsewhere it counts. @param {Element} element @param {string} name */
function valueOf(element, name) {
  const style = getComputedStyle(element);
  const at = (/** @type {string} */ list) => {
    const words = list.split(" ");
    const found = words.indexOf(name);
    return found < 0 ? null : Number(words[found + 1]);
  };
  const set = at(style.counterSet) ?? at(style.counterReset);
  return set === null ? "#" : String(set);
}

/** @param {string} text */
const read = (text) => text.replace(/\\(.)/g, "$1");

/** @param {CSSRuleList} rules @param {Set<string>} selectors @param {string} [outer] */
function collect(rules, selectors, outer = "") {
  for (const rule of /** @type {Iterable<any>} */ (rules)) {
    const selector = rule.selectorText?.replaceAll("&", `:is(${outer || ":root"})`) ?? outer;
    const content = rule.selectorText && rule.style?.content;
    if (content && selector.match(PSEUDO) && TELLING.test(plainDigits(content))) {
      selectors.add(selector.replace(PSEUDO, "").replace(/(^|[\s,>+~])(?=$|[\s,>+~])/g, "$1*"));
    }
    if (rule.cssRules?.length) collect(rule.cssRules, selectors, selector.replace(PSEUDO, ""));
  }
}
