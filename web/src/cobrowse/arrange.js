// The top layer of a copy: modal dialogs and popovers, opened in the order in which the page opened them (layers.js).

/** The number of an element that is open, larger the later it was opened. */
export const LAYER = "data-cobrowse-layer";

export class TopLayer {
  /** What is open, in its order. @type {any[]} */ #open = [];

  /** Forget a copy that is no more. */
  reset() {
    this.#open = [];
  }

  /**
   * Open in the copy what is open on the page, in its order, and close the rest.
   *
   * @param {Iterable<any>} elements elements that may have been opened or closed
   */
  arrange(elements) {
    const wanted = [...new Set([...this.#open, ...elements])].filter((one) => one.isConnected && one.hasAttribute(LAYER));
    wanted.sort((one, other) => one.getAttribute(LAYER) - other.getAttribute(LAYER));
    let same = 0;
    while (same < wanted.length && wanted[same] === this.#open[same] && isOpen(wanted[same])) same += 1;
    for (const element of new Set([...this.#open.slice(same), ...elements])) if (!wanted.slice(0, same).includes(element)) shut(element);
    for (const element of wanted.slice(same)) {
      if (element.hasAttribute("popover")) element.showPopover();
      else element.showModal();
    }
    this.#open = wanted;
  }
}

/** @param {Element} element */
const isOpen = (element) => element.matches(":modal, :popover-open");

/** @param {any} element */
function shut(element) {
  if (!element.isConnected) return;
  if (element.matches(":modal")) element.close();
  else if (element.matches(":popover-open")) element.hidePopover();
}
