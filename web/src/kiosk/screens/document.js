// The specialist asks for a document: what, how to lay it, yes or no; then how it went.
import { html, nothing } from "lit";
import { t } from "../../i18n.js";
import { KioskElement } from "../element.js";
import { howToLay, documentFailure, documentIcon, documentName } from "../labels.js";
import { openDocument } from "../state.js";

/** How long "it is there" stays on the screen. */
const DONE_MS = 5000;

class KioskDocument extends KioskElement {
  #last = "";
  /** @type {{name: string, at: number} | null} */ #done = null;
  #busy = "";
  #focused = "";

  /** @override */
  render() {
    const doc = openDocument(this.state.session);
    this.#notice(doc);
    const card = doc ? this.#ask(doc) : this.#done ? this.#thanks(this.#done.name) : nothing;
    return html`${this.#seen()}${card}`;
  }

  /** For as long as the camera is open, whatever else there is to see. */
  #seen() {
    if (!this.state.trayOpen) return nothing;
    return html`<p class="tray-seen" role="status">
      <span class="recording-dot"></span>${t("The document camera is on: the expert sees the tray")}
    </p>`;
  }

  /** The keyboard goes to a new question, unless the customer is just typing. */
  /** @override */
  updated() {
    const doc = openDocument(this.state.session);
    const asked = doc && doc.state !== "agreed" ? `${doc.id} ${doc.state}` : "";
    if (asked === this.#focused) return;
    this.#focused = asked;
    const typing = document.activeElement?.matches("input, textarea") ?? false;
    if (asked && !typing) /** @type {HTMLElement | null} */ (this.querySelector(".document"))?.focus({ preventScroll: true });
  }

  /** Remember a document that just arrived, to say so for a while. @param {import("../state.js").Document | null} doc */
  #notice(doc) {
    if (doc) {
      this.#last = doc.id;
      this.#done = null;
      if (this.#busy !== `${doc.id} ${doc.state}`) this.#busy = "";
      return;
    }
    const stored = this.state.session?.documents.find(({ id }) => id === this.#last);
    this.#last = "";
    if (!stored || !["stored", "accepted"].includes(stored.state)) return;
    const done = { name: documentName(stored.label), at: performance.now() };
    this.#done = done;
    setTimeout(() => {
      // A document that came meanwhile is shown for its own time.
      if (this.#done !== done) return;
      this.#done = null;
      this.requestUpdate();
    }, DONE_MS);
  }

  /** @param {import("../state.js").Document} doc */
  #ask(doc) {
    const { documentCamera } = this.state;
    const taking = doc.state === "agreed";
    const again = doc.state === "rejected" || doc.state === "failed";
    return html`<section class="document" role="dialog" tabindex="-1" aria-labelledby="document-title" aria-live="assertive">
      <span class="tile-icon"><wa-icon name=${documentIcon(doc.label)}></wa-icon></span>
      <div class="document-text">
        <h2 id="document-title">
          ${taking
            ? t("Your paper is being taken: {name}", { name: documentName(doc.label) })
            : again
              ? t("Once more, please: {name}", { name: documentName(doc.label) })
              : t("The expert asks to see: {name}", { name: documentName(doc.label) })}
        </h2>
        ${doc.note && !again ? html`<blockquote>${doc.note}</blockquote>` : nothing}
        ${doc.state === "rejected" && doc.reason ? html`<blockquote>${doc.reason}</blockquote>` : nothing}
        ${doc.state === "failed" ? html`<blockquote>${documentFailure(doc.reason)}</blockquote>` : nothing}
        ${taking
          ? html`<p>${t("Please leave it where it is.")}</p>
              <div class="progress" role="progressbar" aria-label=${t("Your paper is being taken")}><i></i></div>`
          : documentCamera
            ? html`<p>${howToLay(doc.label)}</p>`
            : html`<p>${t("This kiosk has no document camera. Please tell the expert.")}</p>`}
      </div>
      ${taking ? this.#takeBack(doc) : this.#buttons(doc, again)}
    </section>`;
  }

  /** Withdraws the customer's agreement, which closes the camera at once. @param {import("../state.js").Document} doc */
  #takeBack(doc) {
    return html`<div class="actions">
      <button class="button quiet" type="button" @click=${() => this.#answer(doc, false)}>
        <wa-icon name="x"></wa-icon>${t("Stop, do not show it")}
      </button>
    </div>`;
  }

  /** @param {import("../state.js").Document} doc @param {boolean} again */
  #buttons(doc, again) {
    // An answer that cannot be given now would be an error to read.
    const busy = this.#busy !== "" || !this.state.online;
    return html`<div class="actions">
      <button class="button quiet" type="button" ?disabled=${busy} @click=${() => this.#answer(doc, false)}>
        ${t("No, thank you")}
      </button>
      ${this.state.documentCamera
        ? html`<button class="button primary big" type="button" ?disabled=${busy} @click=${(/** @type {Event} */ event) => event.isTrusted && this.#answer(doc, true)}>
            <wa-icon name="camera"></wa-icon>${again ? t("It is ready, take the photo again") : t("It is ready, take the photo")}
          </button>`
        : nothing}
    </div>`;
  }

  /** @param {string} name */
  #thanks(name) {
    return html`<section class="document sent" role="status">
      <span class="tile-icon"><wa-icon name="check"></wa-icon></span>
      <div class="document-text">
        <h2>${t("The expert has it: {name}", { name })}</h2>
        <p>${t("The document camera is off again. Please take your paper back.")}</p>
      </div>
    </section>`;
  }

  /** @param {import("../state.js").Document} doc @param {boolean} agreed */
  async #answer(doc, agreed) {
    this.#busy = `${doc.id} ${doc.state}`;
    this.requestUpdate();
    await this.kiosk.answerDocument(doc.id, agreed);
    this.#busy = "";
    this.requestUpdate();
  }
}

customElements.define("kiosk-document", KioskDocument);
