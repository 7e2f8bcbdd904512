// The keys of the player, on "?"; letters can be switched off.
import { LitElement, html, nothing } from "lit";
import { LanguageController, t } from "../i18n.js";
import { KEYS } from "./keys.js";

const SETTING = "player-letters";
const HALF = Math.ceil(KEYS.length / 2);

/** Whether letters work alone. */
export function lettersWork() {
  try {
    return localStorage.getItem(SETTING) !== "off";
  } catch {
    return true; // a browser that keeps nothing for pages
  }
}

export class PlayerHelp extends LitElement {
  /** @type {import("lit").PropertyDeclarations} */
  static properties = { open: { type: Boolean } };

  constructor() {
    super();
    new LanguageController(this);
    this.open = false;
  }

  createRenderRoot() {
    return this;
  }

  updated() {
    const dialog = /** @type {HTMLDialogElement} */ (this.querySelector("dialog"));
    if (this.open && !dialog.open) dialog.showModal();
    else if (!this.open && dialog.open) dialog.close();
  }

  render() {
    const close = () => (this.open = false);
    return html`<dialog class="player-help" aria-labelledby="player-help-title" @close=${close} @cancel=${close}>
      ${this.open ? this.#content(close) : nothing}
    </dialog>`;
  }

  /** @param {() => void} close */
  #content(close) {
    const switched = (/** @type {Event} */ event) => {
      const { checked } = /** @type {HTMLInputElement} */ (event.target);
      try {
        localStorage.setItem(SETTING, checked ? "on" : "off");
      } catch {
        // It works until the page is left.
      }
    };
    return html`
      <header>
        <h2 id="player-help-title">${t("Keyboard shortcuts")}</h2>
        <button class="tool" aria-label=${t("Close")} autofocus @click=${close}><wa-icon name="x"></wa-icon></button>
      </header>
      <div class="player-keys">
        ${[KEYS.slice(0, HALF), KEYS.slice(HALF)].map(
          (column) =>
            html`<dl>
              ${column.map(({ shown, text }) => html`<div><dt><kbd>${shown}</kbd></dt><dd>${t(text)}</dd></div>`)}
            </dl>`,
        )}
      </div>
      <label><input type="checkbox" .checked=${lettersWork()} @change=${switched} />${t("Letters, digits and signs work as keys")}</label>
    `;
  }
}

customElements.define("player-help", PlayerHelp);
