// The header: the bank's name, the time, larger type, the other language.
import { html, nothing } from "lit";
import { language, setLanguage, t } from "../../i18n.js";
import { KioskElement, Ticker } from "../element.js";

class KioskHeader extends KioskElement {
  constructor() {
    super();
    new Ticker(this);
  }

  /** @override */
  render() {
    const { config, elderly, clockOff } = this.state;
    const english = language() === "en";
    const bank = (english ? config?.bank_en : config?.bank_zh) ?? "";
    const branch = config ? (english ? config.branch_en : config.branch_zh) : "";
    const time = new Intl.DateTimeFormat("zh-CN", { hour: "2-digit", minute: "2-digit", hour12: false }).format(new Date());
    return html`
      <img class="logo" src="/static/images/visavis.svg" alt="" />
      <div class="whose">
        <strong>${bank ? t("{bank} · Remote expert", { bank }) : t("Remote expert")}</strong>
        <span>${branch}</span>
      </div>
      ${clockOff
        ? html`<strong role="alert">${t("This kiosk's clock is off by {n} s. Please tell the branch staff.", { n: Math.abs(clockOff) })}</strong>`
        : nothing}
      <time>${time}</time>
      <button class="bar-button" type="button" aria-pressed=${elderly ? "true" : "false"}
        @click=${() => this.kiosk.setElderly(!elderly)}>
        <wa-icon name="a-large-small"></wa-icon>${elderly ? t("Standard type") : t("Larger type")}
      </button>
      <button class="bar-button" type="button" lang=${english ? "zh-CN" : "en"}
        @click=${() => void setLanguage(english ? "zh-CN" : "en")}>
        <wa-icon name="languages"></wa-icon>${english ? "中文" : "English"}
      </button>
    `;
  }
}

customElements.define("kiosk-header", KioskHeader);
