// The keyboard is never nowhere: what had it may be gone with the screen, the step or the answer it belonged to.

/** What is said over the picture goes away by itself, and is no place to begin at. */
const TITLES = "main :is(h1, h2):not(.veil *)";

/** Whether the keyboard could be at this element. @param {Element} element */
const usable = (element) =>
  element.isConnected && element.checkVisibility() && !element.closest("[inert]") && !element.matches(":disabled");

/**
 * Whenever what had the keyboard is gone, hidden or disabled, it goes back there if it can (a button that was disabled for
 * a moment), or else to the title of what is shown now. Who taps beside everything has taken it away on purpose, until the
 * next screen.
 *
 * @param {Element} app the page's root element
 * @param {import("./kiosk.js").Kiosk} kiosk
 */
export function keepFocus(app, kiosk) {
  /** What had the keyboard last, unless that was given up on purpose. @type {HTMLElement | null} */
  let last = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let due;

  /** @type {string} */
  let screen = kiosk.screen;

  const look = () => {
    const before = screen;
    screen = kiosk.screen;
    const active = document.activeElement;
    if (active && active !== document.body && active.checkVisibility()) return;
    if (!last && (before === screen || before === "starting")) return;
    if (last && usable(last)) return last.focus({ preventScroll: true });
    // Each question takes the keyboard itself, and gives it back.
    if (app.querySelector("[role=alertdialog]")) return;
    const title = [...app.querySelectorAll(TITLES)].find(usable);
    if (!(title instanceof HTMLElement)) return;
    title.tabIndex = -1;
    title.focus({ preventScroll: true });
  };
  // After the parts of the new screen are drawn.
  const lookSoon = () => {
    clearTimeout(due);
    due = setTimeout(look);
  };

  document.addEventListener("focusin", ({ target }) => {
    if (target instanceof HTMLElement) last = target;
  });
  document.addEventListener("focusout", ({ target, relatedTarget }) => {
    if (relatedTarget) return;
    setTimeout(() => {
      if (document.activeElement === target) return;
      if (target === last && last && usable(last)) last = null;
      else lookSoon();
    });
  });
  kiosk.addEventListener("change", lookSoon);
}
