// What stands above the rest of a page (its top layer): modal dialogs and popovers, in the order in which they were opened.
//
// No page can ask for that order, so it is written down as it comes about; the copy opens them again by it.
import { LAYER } from "./arrange.js";

/** @type {WeakMap<Element, number>} */
const opened = new WeakMap();
let count = 0;
/** @type {((element: Element) => void) | null} */
let listener = null;

/** @param {Element} element */
const isOpen = (element) => element.matches(":modal, :popover-open");

/** @param {any} event */
function hear({ target, newState }) {
  if (!(target instanceof Element)) return;
  if (newState === "open") opened.set(target, ++count);
  // It is open, or not, when everybody has heard of it.
  queueMicrotask(() => setTimeout(() => listener?.(target)));
}

// From the page's beginning: what is open when a recording starts was opened in some order too.
addEventListener("beforetoggle", hear, true);
for (const [prototype, name] of [[HTMLDialogElement.prototype, "showModal"], [HTMLElement.prototype, "showPopover"]]) {
  const show = /** @type {any} */ (prototype)[/** @type {string} */ (name)];
  if (!show) continue;
  /** @type {any} */ (prototype)[/** @type {string} */ (name)] = new Proxy(show, {
    apply(target, element, given) {
      Reflect.apply(target, element, given);
      // Within a shadow tree nobody else hears it.
      if (element.getRootNode() !== document) hear({ target: element, newState: "open" });
    },
  });
}

/** Whom to tell of what was opened or closed. @param {((element: Element) => void) | null} told */
export function onLayer(told) {
  listener = told;
}

/**
 * The attributes of an element that say where in the top layer it is; of one that was in it, that it is no more.
 *
 * @param {Element} element
 * @returns {Record<string, string | null>}
 */
export function layerOf(element) {
  if (!element.hasAttribute("popover") && element.tagName !== "DIALOG") return {};
  const layer = isOpen(element) ? String(opened.get(element) ?? 0) : null;
  // Nothing but the page closes what is open in a copy.
  return { ...(element.hasAttribute("popover") ? { popover: "manual" } : {}), ...(layer || opened.has(element) ? { [LAYER]: layer } : {}) };
}
