// The right column's first card: what is known of the customer, and the step of their form.
import { html, nothing } from "lit";
import { formatDuration, t } from "../i18n.js";
import { ConsoleElement } from "./element.js";
import { branchName, languageName, serviceName, stepLabel } from "./labels.js";

export class ConsoleCustomer extends ConsoleElement {
  render() {
    const { session } = this.state;
    if (!session) return nothing;
    return html`<section class="panel customer" aria-labelledby="customer-title">
      <header class="panel-head">
        <span class="service-icon"><wa-icon name=${session.service.icon}></wa-icon></span>
        <h2 id="customer-title">${serviceName(session.service)}</h2>
        ${
          session.elderly
            ? html`<span class="chip warning"><wa-icon name="accessibility"></wa-icon>${t("Elderly mode")}</span>`
            : nothing
        }
      </header>
      <dl class="facts compact">
        <div>
          <dt>${t("Branch")}</dt>
          <dd>${branchName(session)}</dd>
        </div>
        <div>
          <dt>${t("Kiosk")}</dt>
          <dd>${session.kiosk_name}</dd>
        </div>
        <div>
          <dt>${t("Language")}</dt>
          <dd lang=${session.language}>${languageName(session.language)}</dd>
        </div>
        <div>
          <dt>${t("Has waited")}</dt>
          <dd class="number">${formatDuration(session.waited_s)}</dd>
        </div>
      </dl>
      <p class="step" role="status">
        <wa-icon name="text-cursor-input"></wa-icon>${t("Form step")}<strong>${stepLabel(session.step)}</strong>
      </p>
    </section>`;
  }
}

customElements.define("console-customer", ConsoleCustomer);
