// The choice of a service.
import { html, nothing } from "lit";
import { t } from "../../i18n.js";
import { KioskElement } from "../element.js";
import { serviceName } from "../labels.js";
import { offlineNote } from "./parts.js";

class KioskServices extends KioskElement {
  /** @override */
  render() {
    const { config, online } = this.state;
    if (!config) return nothing;
    return html`
      <div class="sheet">
        <h1>${t("What would you like to talk about?")}</h1>
        <p class="lead">${t("So that the right expert answers you.")}</p>
        <div class="choices">
          ${config.services.map(
            (service) => html`<button class="choice" type="button" ?disabled=${!online}
              @click=${() => this.kiosk.wantExpert(service)}>
              <span class="tile-icon"><wa-icon name=${service.icon}></wa-icon></span>
              <span class="choice-text"><b>${serviceName(service)}</b></span>
              <wa-icon name="chevron-right"></wa-icon>
            </button>`,
          )}
        </div>
        ${online ? nothing : offlineNote()}
        <div class="actions">
          <button class="button quiet" type="button" @click=${() => this.kiosk.back()}>
            <wa-icon name="arrow-left"></wa-icon>${t("Back")}
          </button>
        </div>
      </div>
    `;
  }
}

customElements.define("kiosk-services", KioskServices);
