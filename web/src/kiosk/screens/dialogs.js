// Modal questions: end the call? still there?
import { html, nothing } from "lit";
import { msg, t } from "../../i18n.js";
import { KioskElement } from "../element.js";
import { screenOf } from "../state.js";

/**
 * What happens when the time runs out, depending on what would be lost.
 *
 * @param {import("../state.js").State} state
 * @param {import("../state.js").Screen} screen
 */
function atTheEnd({ form, assistance }, screen) {
  if (screen === "waiting") {
    return form
      ? msg("In {seconds} seconds you give up your place in line, and everything you entered is erased.")
      : msg("In {seconds} seconds you give up your place in line.");
  }
  if (screen === "call") {
    return form
      ? msg("In {seconds} seconds the call ends and everything you entered is erased.")
      : msg("In {seconds} seconds the call ends.");
  }
  if (form) return msg("In {seconds} seconds everything you entered is erased.");
  return assistance.asked
    ? msg("In {seconds} seconds your request to the lobby staff is withdrawn.")
    : msg("In {seconds} seconds this page goes back to the start.");
}

class KioskDialogs extends KioskElement {
  /** The element that had the focus before the question, and gets it back. @type {Element | null} */
  #before = null;
  /** @type {Element | null} */
  #after = null;

  /** @override */
  render() {
    const { ending, idleLeft } = this.state;
    if (ending) {
      return this.#dialog(
        "phone-off",
        t("End the call?"),
        t("The expert will no longer see or hear you."),
        html`<button class="button big" type="button" data-first @click=${() => this.kiosk.confirmEnding(false)}>
            ${t("Go on talking")}
          </button>
          <button class="button danger big" type="button" @click=${() => this.kiosk.leave()}>
            <wa-icon name="phone-off"></wa-icon>${t("Yes, end the call")}
          </button>`,
      );
    }
    if (idleLeft === null) return nothing;
    const screen = screenOf(this.state);
    const text = t(atTheEnd(this.state, screen), { seconds: idleLeft });
    if (screen === "waiting") {
      return this.#dialog(
        "hourglass",
        t("Are you still there?"),
        text,
        html`<button class="button quiet big" type="button" @click=${this.#stopWaiting}>${t("Stop waiting")}</button>
          <button class="button primary big" type="button" data-first @click=${() => this.kiosk.stay()}>
            ${t("I am still waiting")}
          </button>`,
      );
    }
    if (screen === "call") {
      return this.#dialog(
        "hourglass",
        t("Are you still there?"),
        text,
        html`<button class="button primary big" type="button" data-first @click=${() => this.kiosk.stay()}>
          ${t("Go on talking")}
        </button>`,
        true,
      );
    }
    return this.#dialog(
      "hourglass",
      t("Are you still there?"),
      text,
      html`<button class="button quiet big" type="button" @click=${() => this.kiosk.finish()}>
          ${this.state.form ? t("Finish and erase") : t("Finish")}
        </button>
        <button class="button primary big" type="button" data-first @click=${() => this.kiosk.stay()}>
          ${t("I am still here")}
        </button>`,
    );
  }

  /**
   * @param {string} icon
   * @param {string} title
   * @param {string} text
   * @param {unknown} buttons
   * @param {boolean} [beside] whether what goes on is to be seen meanwhile
   */
  #dialog(icon, title, text, buttons, beside = false) {
    return html`<div class="backdrop" ?data-beside=${beside}>
      <div class="dialog" role="alertdialog" aria-modal="true" aria-labelledby="dialog-title" aria-describedby="dialog-text">
        <span class="seal"><wa-icon name=${icon}></wa-icon></span>
        <h1 id="dialog-title">${title}</h1>
        <p id="dialog-text" class="lead number">${text}</p>
        <div class="actions">${buttons}</div>
      </div>
    </div>`;
  }

  #stopWaiting = () => {
    this.kiosk.stay();
    this.kiosk.leave();
  };

  /** @override */
  willUpdate() {
    // Everything below is inert while the question is shown, and an inert element loses the focus.
    const { ending, idleLeft } = this.state;
    const asked = ending || idleLeft !== null;
    if (asked && !this.#before) this.#before = document.activeElement;
    if (!asked) this.#after = this.#before;
    if (!asked) this.#before = null;
  }

  /** The focus starts at the button that changes nothing, and returns afterwards. */
  /** @override */
  updated() {
    const open = this.querySelector(".dialog");
    if (open && !open.contains(document.activeElement)) {
      /** @type {HTMLElement | null} */ (open.querySelector("[data-first]"))?.focus({ preventScroll: true });
    }
    const after = this.#after;
    this.#after = null;
    // The rest of the page is drawn, and no longer inert, after the microtasks of this change.
    if (after instanceof HTMLElement) setTimeout(() => after.focus({ preventScroll: true }));
  }
}

customElements.define("kiosk-dialogs", KioskDialogs);
