// The recording notice. Nothing is captured before the customer agrees.
import { html, nothing } from "lit";
import { language, t } from "../../i18n.js";
import { KioskElement } from "../element.js";
import { serviceName } from "../labels.js";
import { errorNote, helpAsked, helpButton, offlineNote } from "./parts.js";

class KioskNotice extends KioskElement {
  /** @override */
  render() {
    const { config, service, busy, error, online } = this.state;
    if (!config || !service) return nothing;
    const { notice } = config;
    const text = language() === "en" ? notice.text_en : notice.text_zh;
    return html`
      <div class="sheet notice">
        <p class="eyebrow"><wa-icon name=${service.icon}></wa-icon>${serviceName(service)}</p>
        <h1>${t("This conversation will be recorded")}</h1>
        <ul class="recorded-kinds">
          <li><wa-icon name="video"></wa-icon>${t("Your picture and the expert's")}</li>
          <li><wa-icon name="mic"></wa-icon>${t("Your voice and the expert's")}</li>
          <li><wa-icon name="monitor"></wa-icon>${t("This screen, without numbers and passwords")}</li>
          <li><wa-icon name="file-text"></wa-icon>${t("Papers you agree to show")}</li>
        </ul>
        <div class="notice-text" tabindex="0">
          ${text.split(/\n+/).map((paragraph) => html`<p>${paragraph}</p>`)}
          <p class="version">${t("Notice {version}", { version: notice.version })}</p>
        </div>
        ${online ? nothing : offlineNote()} ${errorNote(this.kiosk)} ${error ? helpAsked(this.kiosk) : nothing}
        <div class="actions">
          <button class="button quiet" type="button" ?disabled=${busy} @click=${() => this.kiosk.back()}>
            ${t("Not now")}
          </button>
          ${error ? helpButton(this.kiosk, "help") : nothing}
          <button class="button primary big" type="button" ?disabled=${busy || !online} @click=${() => void this.kiosk.agree()}>
            <wa-icon name=${busy ? "loader" : "check"}></wa-icon>${t("I agree, continue")}
          </button>
        </div>
      </div>
    `;
  }
}

customElements.define("kiosk-notice", KioskNotice);
