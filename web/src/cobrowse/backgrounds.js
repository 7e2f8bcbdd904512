// Pictures that style sheets ask for: they are not in the copy, for nothing there is loaded. Elements that show one are
// marked, and counted.
import { shownAt } from "./mask.js";

const PROPERTIES = ["background-image", "list-style-image", "border-image-source", "mask-image", "content"];
/** What a copy cannot show; pictures that are written out in the style sheet it can. */
const ELSEWHERE = /url\((?!\s*["']?(?:data:image\/|#))|(?:image-set|cross-fade|-webkit-canvas|element|paint|image)\(/i;
const INLINE = '[style*="url("], [style*="image-set("], [style*="cross-fade("]';
const PSEUDO = /::?(before|after|marker)\b/g;
/** Elements that are looked at; more than these are not counted. */
const MOST = 500;

export class Backgrounds {
  /** @type {Set<Element>} */ #shown = new Set();

  /** @param {(element: Element, attributes: Record<string, string | null>) => boolean} change tells the copy */
  constructor(change) {
    this.change = change;
  }

  get count() {
    for (const element of this.#shown) if (!element.isConnected) this.#shown.delete(element);
    return this.#shown.size;
  }

  /** What the copy's element has more than the page's. @param {Element} element */
  of(element) {
    return this.#shown.has(element) ? { "data-cobrowse-omitted": "background" } : {};
  }

  /** Look at the page anew. @param {Iterable<Document | ShadowRoot>} roots @param {boolean} tell whether the copy has its elements */
  scan(roots, tell) {
    /** @type {Set<Element>} */
    const found = new Set();
    let left = MOST;
    for (const root of roots) {
      const selectors = [INLINE];
      for (const sheet of [...root.styleSheets, ...root.adoptedStyleSheets]) {
        try {
          collect(sheet.cssRules, selectors);
        } catch {
          // A sheet of another origin: its rules are not in the copy either.
        }
      }
      for (const selector of selectors) {
        for (const element of matching(root, selector)) {
          if (!found.has(element) && left-- > 0 && shows(element)) found.add(element);
        }
      }
    }
    if (tell) {
      for (const element of this.#shown) if (!found.has(element)) this.change(element, { "data-cobrowse-omitted": null });
      for (const element of found) if (!this.#shown.has(element)) this.change(element, { "data-cobrowse-omitted": "background" });
    }
    this.#shown = found;
  }

  forget() {
    this.#shown.clear();
  }
}

/** @param {Document | ShadowRoot} root @param {string} selector @returns {Iterable<Element>} */
function matching(root, selector) {
  try {
    return root.querySelectorAll(selector);
  } catch {
    return []; // what a pseudo-element stood in can be no selector by itself
  }
}

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

/** @param {CSSRuleList} rules @param {string[]} selectors @param {string} [outer] */
function collect(rules, selectors, outer = "") {
  for (const rule of /** @type {Iterable<any>} */ (rules)) {
    const selector = rule.selectorText?.replaceAll("&", `:is(${outer || ":root"})`) ?? outer;
    if (selector && rule.style && PROPERTIES.some((name) => ELSEWHERE.test(rule.style.getPropertyValue(name)) || /var\(/.test(rule.style.getPropertyValue(name)))) {
      selectors.push(selector.replace(PSEUDO, "").replace(/(^|[\s,>+~])(?=$|[\s,>+~])/g, "$1*"));
    }
    if (rule.cssRules?.length) collect(rule.cssRules, selectors, selector.replace(PSEUDO, ""));
  }
}
