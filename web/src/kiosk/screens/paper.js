// The specialist asks for a paper: what, how to lay it, yes or no; then how it went.
import { html, nothing } from "lit";
import { t } from "../../i18n.js";
import { KioskElement } from "../element.js";
import { howToLay, paperFailure, paperIcon, paperName } from "../labels.js";
import { openPaper } from "../state.js";

/** How long "it is there" stays on the screen. */
const DONE_MS = 5000;

class KioskPaper extends KioskElement {
  #last = "";
  /** @type {{name: string, at: number} | null} */ #done = null;
  #busy = "";
  #focused = "";

  /** @override */
  render() {
    const paper = openPaper(this.state.session);
    this.#notice(paper);
    const card = paper ? this.#ask(paper) : this.#done ? this.#thanks(this.#done.name) : nothing;
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
    const paper = openPaper(this.state.session);
    const asked = paper && paper.state !== "agreed" ? `${paper.id} ${paper.state}` : "";
    if (asked === this.#focused) return;
    this.#focused = asked;
    const typing = document.activeElement?.matches("input, textarea") ?? false;
    if (asked && !typing) /** @type {HTMLElement | null} */ (this.querySelector(".paper"))?.focus({ preventScroll: true });
  }

  /** Remember a paper that just arrived, to say so for a while. @param {import("../state.js").Document | null} paper */
  #notice(paper) {
    if (paper) {
      this.#last = paper.id;
      this.#done = null;
      if (this.#busy !== `${paper.id} ${paper.state}`) this.#busy = "";
      return;
    }
    const stored = this.state.session?.documents.find(({ id }) => id === this.#last);
    this.#last = "";
    if (!stored || !["stored", "accepted"].includes(stored.state)) return;
    const done = { name: paperName(stored.label), at: performance.now() };
    this.#done = done;
    setTimeout(() => {
      // A paper that came meanwhile is shown for its own time.
      if (this.#done !== done) return;
      this.#done = null;
      this.requestUpdate();
    }, DONE_MS);
  }

  /** @param {import("../state.js").Document} paper */
  #ask(paper) {
    const { documentCamera } = this.state;
    const taking = paper.state === "agreed";
    const again = paper.state === "rejected" || paper.state === "failed";
    return html`<section class="paper" role="dialog" tabindex="-1" aria-labelledby="paper-title" aria-live="assertive">
      <span class="tile-icon"><wa-icon name=${paperIcon(paper.label)}></wa-icon></span>
      <div class="paper-text">
        <h2 id="paper-title">
          ${taking
            ? t("Your paper is being taken: {name}", { name: paperName(paper.label) })
            : again
              ? t("Once more, please: {name}", { name: paperName(paper.label) })
              : t("The expert asks to see: {name}", { name: paperName(paper.label) })}
        </h2>
        ${paper.note && !again ? html`<blockquote>${paper.note}</blockquote>` : nothing}
        ${paper.state === "rejected" && paper.reason ? html`<blockquote>${paper.reason}</blockquote>` : nothing}
        ${paper.state === "failed" ? html`<blockquote>${paperFailure(paper.reason)}</blockquote>` : nothing}
        ${taking
          ? html`<p>${t("Please leave it where it is.")}</p>
              <div class="progress" role="progressbar" aria-label=${t("Your paper is being taken")}><i></i></div>`
          : documentCamera
            ? html`<p>${howToLay(paper.label)}</p>`
            : html`<p>${t("This kiosk has no document camera. Please tell the expert.")}</p>`}
      </div>
      ${taking ? this.#takeBack(paper) : this.#buttons(paper, again)}
    </section>`;
  }

  /** Who agreed may think again: that closes the camera at once. @param {import("../state.js").Document} paper */
  #takeBack(paper) {
    return html`<div class="actions">
      <button class="button quiet" type="button" @click=${() => this.#answer(paper, false)}>
        <wa-icon name="x"></wa-icon>${t("Stop, do not show it")}
      </button>
    </div>`;
  }

  /** @param {import("../state.js").Document} paper @param {boolean} again */
  #buttons(paper, again) {
    // An answer that cannot be given now would be an error to read.
    const busy = this.#busy !== "" || !this.state.online;
    return html`<div class="actions">
      <button class="button quiet" type="button" ?disabled=${busy} @click=${() => this.#answer(paper, false)}>
        ${t("No, thank you")}
      </button>
      ${this.state.documentCamera
        ? html`<button class="button primary big" type="button" ?disabled=${busy} @click=${(/** @type {Event} */ event) => event.isTrusted && this.#answer(paper, true)}>
            <wa-icon name="camera"></wa-icon>${again ? t("It is ready, take the photo again") : t("It is ready, take the photo")}
          </button>`
        : nothing}
    </div>`;
  }

  /** @param {string} name */
  #thanks(name) {
    return html`<section class="paper sent" role="status">
      <span class="tile-icon"><wa-icon name="check"></wa-icon></span>
      <div class="paper-text">
        <h2>${t("The expert has it: {name}", { name })}</h2>
        <p>${t("The document camera is off again. Please take your paper back.")}</p>
      </div>
    </section>`;
  }

  /** @param {import("../state.js").Document} paper @param {boolean} agreed */
  async #answer(paper, agreed) {
    this.#busy = `${paper.id} ${paper.state}`;
    this.requestUpdate();
    await this.kiosk.answerPaper(paper.id, agreed);
    this.#busy = "";
    this.requestUpdate();
  }
}

customElements.define("kiosk-paper", KioskPaper);
