// The start page: one very large button, and the services.
import { html, nothing } from "lit";
import { t } from "../../i18n.js";
import { KioskElement } from "../element.js";
import { hasForm } from "../form/catalogue.js";
import { serviceName } from "../labels.js";
import { helpAsked, helpButton, offlineNote } from "./parts.js";

class KioskHome extends KioskElement {
  /** @override */
  render() {
    const { config, elderly, online } = this.state;
    if (!config) return nothing;
    return html`
      <div class="greeting">
        <h1>${t("Hello. What can we do for you today?")}</h1>
        ${elderly ? nothing : html`<p>${t("You can speak with an expert of the bank by video.")}</p>`}
      </div>
      ${online ? nothing : offlineNote()}
      <button class="expert" type="button" ?disabled=${!online} @click=${() => this.kiosk.wantExpert()}>
        <span class="expert-icon"><wa-icon name="headset"></wa-icon></span>
        <span class="expert-text">
          <span class="first">${t("Talk to an expert")}</span>
          ${elderly ? nothing : html`<span class="about">${t("By video, on this screen")}</span>`}
        </span>
        <wa-icon class="expert-arrow" name="arrow-right"></wa-icon>
      </button>
      <section class="services" aria-labelledby="services-title">
        <h2 id="services-title">${t("Or choose a service")}</h2>
        <div class="tiles">
          ${config.services.some(hasForm) ? this.#formTile() : nothing}
          ${config.services.map((service) => this.#tile(service))}
        </div>
      </section>
      <footer class="home-foot">
        ${helpAsked(this.kiosk)} ${helpButton(this.kiosk, "help")}
        <p><wa-icon name="shield-check"></wa-icon>${t("Calls with an expert are recorded. You will be asked first.")}</p>
      </footer>
    `;
  }

  /** A service's tile asks for an expert; a form that needs none has a tile of its own. */
  /** @param {import("../state.js").Service} service */
  #tile(service) {
    return html`
      <button class="tile" type="button" ?disabled=${!this.state.online} @click=${() => this.kiosk.wantExpert(service)}>
        <span class="tile-icon"><wa-icon name=${service.icon}></wa-icon></span>
        <span class="tile-name">${serviceName(service)}</span>
        <span class="tile-how"><wa-icon name="video"></wa-icon>${t("Together with an expert")}</span>
      </button>
    `;
  }

  #formTile() {
    return html`
      <button class="tile" type="button" @click=${() => this.kiosk.openForm()}>
        <span class="tile-icon"><wa-icon name="square-pen"></wa-icon></span>
        <span class="tile-name">${t("Buy a wealth product")}</span>
        <span class="tile-how"><wa-icon name="square-pen"></wa-icon>${t("Do it here yourself")}</span>
      </button>
    `;
  }
}

customElements.define("kiosk-home", KioskHome);
