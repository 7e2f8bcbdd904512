// Where a customer begins: one very large button, and the services.
import { html, nothing } from "lit";
import { language, t } from "../../i18n.js";
import { KioskElement } from "../element.js";
import { hasForm } from "../form/catalogue.js";
import { serviceName, serviceOtherName } from "../labels.js";
import { helpButton, offlineNote } from "./parts.js";

class KioskHome extends KioskElement {
  /** @override */
  render() {
    const { config, elderly, online } = this.state;
    if (!config) return nothing;
    return html`
      <div class="greeting">
        <h1>${t("Hello. What can we do for you today?")}</h1>
        ${elderly ? nothing : html`<p>${t("Our experts are here for you face to face, on this screen.")}</p>`}
      </div>
      <button class="expert" type="button" ?disabled=${!online} @click=${() => this.kiosk.wantExpert()}>
        <span class="expert-icon"><wa-icon name="headset"></wa-icon></span>
        <span class="expert-text">
          ${language() === "en"
            ? html`<span class="first" lang="en">Talk to an expert</span><span class="second" lang="zh-CN">面对面专家服务</span>`
            : html`<span class="first" lang="zh-CN">面对面专家服务</span><span class="second" lang="en">Talk to an expert</span>`}
          ${elderly ? nothing : html`<span class="about">${t("By video, on this screen. No appointment needed.")}</span>`}
        </span>
        <wa-icon class="expert-arrow" name="arrow-right"></wa-icon>
      </button>
      ${online ? nothing : offlineNote()}
      <section class="services" aria-labelledby="services-title">
        <h2 id="services-title">${t("Or choose a service")}</h2>
        <div class="tiles">${config.services.map((service) => this.#tile(service))}</div>
      </section>
      <footer class="home-foot">
        ${helpButton(this.kiosk, "help")}
        <p><wa-icon name="shield-check"></wa-icon>${t("Calls with an expert are recorded. You will be asked first.")}</p>
      </footer>
    `;
  }

  /** @param {import("../state.js").Service} service */
  #tile(service) {
    const form = hasForm(service);
    const pick = () => (form ? this.kiosk.openForm() : this.kiosk.wantExpert(service));
    return html`
      <button class="tile" type="button" ?disabled=${!form && !this.state.online} @click=${pick}>
        <span class="tile-icon"><wa-icon name=${service.icon}></wa-icon></span>
        <span class="tile-name">${serviceName(service)}</span>
        <span class="tile-other">${serviceOtherName(service)}</span>
        <span class="tile-how">
          <wa-icon name=${form ? "square-pen" : "video"}></wa-icon>${form ? t("Do it here yourself") : t("Together with an expert")}
        </span>
      </button>
    `;
  }
}

customElements.define("kiosk-home", KioskHome);
