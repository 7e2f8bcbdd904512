// The name on a picture, which makes that picture the large one.
import { html } from "lit";
import { t } from "../i18n.js";

/**
 * @param {import("./element.js").App} app
 * @param {import("./state.js").Emphasis} name
 * @param {string} key
 * @param {string} label
 */
export function emphasise(app, name, key, label) {
  return html`<button
    class="tile-name"
    aria-pressed=${app.store.state.emphasis === name}
    aria-keyshortcuts=${key}
    title=${t("Show large")}
    @click=${() => app.store.set({ emphasis: name })}
  >
    ${label}<kbd aria-hidden="true">${key}</kbd>
  </button>`;
}
