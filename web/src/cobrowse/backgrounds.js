// What style sheets ask for and a copy lacks, for nothing there is loaded: pictures, pointers that are pictures, and fonts.
// Elements that show a picture are marked, and counted.
import { shownAt } from "./mask.js";
import { matching, rulesOf } from "./rules.js";

const PROPERTIES = ["background-image", "list-style-image", "border-image-source", "mask-image", "content"];
/** What a copy cannot show; pictures that are written out in the style sheet it can. */
const ELSEWHERE = /url\((?!\s*["']?(?:data:image\/|#))|(?:image-set|cross-fade|-webkit-canvas|element|paint|image)\(/i;
const INLINE_POINTER = '[style*="cursor"]';
const INLINE = '[style*="url("], [style*="image-set("], [style*="cross-fade("]';
/** Of a font, addresses of what is not written out in the style sheet. */
const FONT = /url\((?!\s*["']?data:)/i;
/** Elements that are looked at; more than these are not counted. */
const MOST = 500;

export class Backgrounds {
  /** @type {Set<Element>} */ #shown = new Set();
  /** Elements with a picture as their pointer. @type {Set<Element>} */ #pointed = new Set();
  /** Fonts that are shown on the page and not in the copy. @type {Set<string>} */ #fonts = new Set();

  /** @param {(element: Element, attributes: Record<string, string | null>) => boolean} change tells the copy */
  constructor(change) {
    this.change = change;
  }

  /** How much there is of each kind, by the code of what is left out. */
  get counts() {
    for (const set of [this.#shown, this.#pointed]) for (const element of set) if (!element.isConnected) set.delete(element);
    return { background: this.#shown.size, cursor: this.#pointed.size, font: this.#fonts.size };
  }

  /** What the copy's element has more than the page's. @param {Element} element */
  of(element) {
    return this.#shown.has(element) ? { "data-cobrowse-omitted": "background" } : {};
  }

  /** Look at the page anew. @param {Iterable<Document | ShadowRoot>} roots @param {boolean} tell whether the copy has its elements */
  scan(roots, tell) {
    /** @type {Set<Element>} */
    const found = new Set();
    /** @type {Set<Element>} */
    const pointed = new Set();
    const fonts = loadedFonts();
    let left = MOST;
    for (const root of roots) {
      const selectors = new Set([INLINE]);
      const pointers = new Set([INLINE_POINTER]);
      for (const { selector, style, rule } of rulesOf(root)) {
        if (rule instanceof CSSFontFaceRule) {
          // What is written out, and what the machine has, is in the copy too.
          if (!FONT.test(style?.getPropertyValue("src") ?? "")) fonts.delete(nameOf(style?.getPropertyValue("font-family") ?? ""));
        } else if (selector && style) {
          if (PROPERTIES.some((name) => asks(style, name))) selectors.add(selector);
          if (asks(style, "cursor")) pointers.add(selector);
        }
      }
      for (const selector of selectors) {
        for (const element of matching(root, selector)) {
          if (!found.has(element) && left-- > 0 && shows(element)) found.add(element);
        }
      }
      for (const selector of pointers) {
        for (const element of matching(root, selector)) {
          if (!pointed.has(element) && left-- > 0 && points(element)) pointed.add(element);
        }
      }
    }
    if (tell) {
      for (const element of this.#shown) if (!found.has(element)) this.change(element, { "data-cobrowse-omitted": null });
      for (const element of found) if (!this.#shown.has(element)) this.change(element, { "data-cobrowse-omitted": "background" });
    }
    this.#shown = found;
    this.#pointed = pointed;
    this.#fonts = fonts;
  }

  forget() {
    for (const set of [this.#shown, this.#pointed, this.#fonts]) set.clear();
  }
}

/** Whether a rule asks, or could ask, for what is elsewhere. @param {CSSStyleDeclaration} style @param {string} name */
function asks(style, name) {
  const value = style.getPropertyValue(name);
  return ELSEWHERE.test(value) || /var\(/.test(value);
}

/** The names of fonts that were loaded: only such a one is seen. */
const loadedFonts = () => new Set([...document.fonts].filter(({ status }) => status === "loaded").map(({ family }) => nameOf(family)));

/** @param {string} family */
const nameOf = (family) => family.replace(/^["']|["']$/g, "").toLowerCase();

/** @param {Element} element */
const points = (element) => element.getClientRects().length > 0 && shownAt(element) !== "nothing" && ELSEWHERE.test(getComputedStyle(element).cursor);

/** @param {Element} element */
function shows(element) {
  // An image has a box and a count of its own.
  if (element instanceof HTMLImageElement || element.getClientRects().length === 0 || shownAt(element) === "nothing") return false;
  return ["", "::before", "::after"].some((place) => {
    const style = getComputedStyle(element, place || null);
    if (place && (style.content === "none" || style.content === "normal")) return false;
    return PROPERTIES.some((name) => ELSEWHERE.test(style.getPropertyValue(name)));
  });
}
