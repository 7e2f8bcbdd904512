// The keys of the console, on "?".
import { html, nothing } from "lit";
import { t } from "../i18n.js";
import { ConsoleElement } from "./element.js";
import { KEYS, OTHER_KEYS } from "./keys.js";

const ALL = [...KEYS, ...OTHER_KEYS];
const HALF = Math.ceil(ALL.length / 2);

/** @param {{shown: string, text: string}[]} keys */
const column = (keys) =>
  html`<dl>
    ${keys.map(
      ({ shown, text }) =>
        html`<div>
          <dt><kbd class="key">${shown}</kbd></dt>
          <dd>${t(text)}</dd>
        </div>`,
    )}
  </dl>`;

export class ConsoleHelp extends ConsoleElement {
  updated() {
    const dialog = /** @type {HTMLDialogElement} */ (this.querySelector("dialog"));
    if (this.state.help && !dialog.open) dialog.showModal();
    else if (!this.state.help && dialog.open) dialog.close();
  }

  render() {
    const close = () => this.app.store.set({ help: false });
    return html`<dialog class="help" aria-labelledby="help-title" @close=${close} @cancel=${close}>
      ${this.state.help ? this.#content(close) : nothing}
    </dialog>`;
  }

  /** @param {() => void} close */
  #content(close) {
    return html`
      <header class="spread">
        <h2 id="help-title">${t("Keyboard shortcuts")}</h2>
        <button class="icon" aria-label=${t("Close")} autofocus @click=${close}><wa-icon name="x"></wa-icon></button>
      </header>
      <div class="help-columns">${[ALL.slice(0, HALF), ALL.slice(HALF)].map(column)}</div>
      <p class="hint">${t("Letters work alone where nothing is being typed, and with Alt everywhere.")}</p>
    `;
  }
}

customElements.define("console-help", ConsoleHelp);
