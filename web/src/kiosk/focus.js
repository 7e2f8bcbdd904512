// Keeps the keyboard focus on the page: the element that had it may be gone with its screen, step or question.

/** Messages over the picture disappear by themselves and must not get the focus. */
const TITLES = "main :is(h1, h2):not(.veil *)";

/** Whether this element can have the focus. @param {Element} element */
const usable = (element) =>
  element.isConnected && element.checkVisibility() && !element.closest("[inert]") && !element.matches(":disabled");

/**
 * When the focused element is gone, hidden or disabled, the focus returns to it if it can (a button that was disabled for
 * a moment), or else goes to the title of the present screen. A tap beside everything removes the focus on purpose, until
 * the next screen.
 *
 * @param {Element} app the page's root element
 * @param {import("./kiosk.js").Kiosk} kiosk
 */
export function keepFocus(app, kiosk) {
  /** The element that had the focus last, unless it was removed on purpose. @type {HTMLElement | null} */
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
    // Dialogs take the focus themselves, and give it back.
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
