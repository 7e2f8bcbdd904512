// Beside the specialist while no form is open: what can be done together, and the documents shown so far.
import { html, nothing } from "lit";
import { msg, t } from "../../i18n.js";
import { KioskElement } from "../element.js";
import { hasForm } from "../form/catalogue.js";
import { documentIcon, documentName, serviceName } from "../labels.js";
import { mute, unseen, wayToServer } from "./parts.js";
import { roleOf } from "../../link/participants.js";

/** @type {Record<string, string>} */
const STATES = {
  stored: msg("The expert is reading it"),
  accepted: msg("Checked and fine"),
  rejected: msg("Needed once more"),
  declined: msg("Not shown"),
};

class KioskDesk extends KioskElement {
  /** @override */
  render() {
    const { session } = this.state;
    if (!session) return nothing;
    // Do not invite a customer to talk who cannot be heard.
    const { online, silent } = wayToServer(this.kiosk);
    const deaf = session.network?.some(({ participant, reason }) => roleOf(participant) !== "customer" && reason === "silent");
    const heard = session.state === "active" && !session.stopped && session.specialist_connected;
    const there = online && !silent && !deaf && heard;
    const documents = session.documents.filter(({ state }) => state in STATES);
    return html`<div class="sheet desk">
      <p class="eyebrow"><wa-icon name=${session.service.icon}></wa-icon>${serviceName(session.service)}</p>
      <h1>${there ? t("Your expert is with you") : t("One moment, please.")}</h1>
      <ul class="together">
        ${there && !mute(this.kiosk)
          ? html`<li>
              <wa-icon name="message-circle"></wa-icon>
              ${unseen(this.kiosk) ? t("Just talk. The expert hears you.") : t("Just talk. The expert hears and sees you.")}
            </li>`
          : nothing}
        ${this.state.documentCamera
          ? html`<li><wa-icon name="scan-line"></wa-icon>${t("Show papers under the document camera when you are asked.")}</li>`
          : nothing}
        <li><wa-icon name="mouse-pointer-click"></wa-icon>${t("The expert can point at this screen, but only you can touch it.")}</li>
      </ul>
      ${hasForm(session.service)
        ? html`<div class="actions">
            <button class="button primary" type="button" @click=${() => this.kiosk.openForm()}>
              <wa-icon name="square-pen"></wa-icon>${t("Open the form")}
            </button>
          </div>`
        : nothing}
      ${documents.length
        ? html`<h2>${t("Your papers")}</h2>
            <ul class="document-list">
              ${documents.map(
                (doc) => html`<li>
                  <wa-icon name=${documentIcon(doc.label)}></wa-icon><b>${documentName(doc.label)}</b>
                  <span class="chip ${doc.state === "accepted" ? "success" : ""}">${t(STATES[doc.state])}</span>
                </li>`,
              )}
            </ul>`
        : nothing}
    </div>`;
  }
}

customElements.define("kiosk-desk", KioskDesk);
