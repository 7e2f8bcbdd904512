// Exports that wait for a second person: those that this person may decide, and their own.
import { LitElement, html, nothing } from "lit";
import { LanguageController, formatDateTime, t } from "../i18n.js";
import { PURPOSES } from "./bundle.js";
import { branchName, serviceName } from "./labels.js";
import { left } from "./left.js";
import { Refused, post, readJson } from "./requests.js";

/** @typedef {import("./types.js").Approval} Approval */

const POLL_MS = 15_000;

export class LibraryApprovals extends LitElement {
  /** @type {import("lit").PropertyDeclarations} */
  static properties = { decide: { state: true }, mine: { state: true }, failure: { state: true }, said: { state: true }, busy: { state: true } };

  constructor() {
    super();
    new LanguageController(this);
    /** @type {Approval[]} */
    this.decide = [];
    /** @type {Approval[]} */
    this.mine = [];
    this.failure = "";
    this.said = "";
    this.busy = false;
  }

  createRenderRoot() {
    return this;
  }

  connectedCallback() {
    super.connectedCallback();
    void this.load();
    this.polling = setInterval(() => document.hidden || void this.load(), POLL_MS);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    clearInterval(this.polling);
  }

  async load() {
    const found = await readJson("/api/approvals").catch(() => null);
    if (!found) return; // the list says what is the matter
    this.decide = found.to_decide;
    this.mine = found.mine;
  }

  render() {
    if (!this.decide.length && !this.mine.length && !this.said) return nothing;
    return html`<section class="approvals card" aria-labelledby="approvals-title">
      <h2 id="approvals-title" tabindex="-1"><wa-icon name="stamp"></wa-icon>${t("Exports that need a second person")}</h2>
      <p class="muted" role="status">${this.said}</p>
      ${this.failure ? html`<p class="bulk-failure" role="alert">${this.#failed()}</p>` : nothing}
      <ul>
        ${this.decide.map((one) => this.#toDecide(one))} ${this.mine.map((one) => this.#own(one))}
      </ul>
    </section>`;
  }

  #failed() {
    if (this.failure === "wrong_state" || this.failure === "not_found") return t("It was decided already, or has expired.");
    return t("Please check the connection and try again.");
  }

  /** @param {Approval} one */
  #what(one) {
    const link = html`<a href=${`/library/${encodeURIComponent(one.session)}`}>${one.requested_ms ? formatDateTime(one.requested_ms) : one.session}</a>`;
    return html`<span>${link} ${one.requested_ms ? html`· ${serviceName(one)} · ${branchName(one)}` : nothing}
      <small>${kind(one.kind)}, ${t(PURPOSES[one.purpose] ?? one.purpose)}</small></span>`;
  }

  /** @param {Approval} one */
  #toDecide(one) {
    return html`<li>
      ${this.#what(one)}
      <small>${t("Asked for by {name}, {time}", { name: one.asked_by, time: formatDateTime(one.asked_ms) })}<br />${left(one)}</small>
      <button class="primary" ?disabled=${this.busy} @click=${() => void this.#say(one, true)}><wa-icon name="check"></wa-icon>${t("Approve")}</button>
      <button class="quiet-button" ?disabled=${this.busy} @click=${() => void this.#say(one, false)}><wa-icon name="x"></wa-icon>${t("Refuse")}</button>
    </li>`;
  }

  /** @param {Approval} one */
  #own(one) {
    const approved = one.state === "approved";
    return html`<li>
      ${this.#what(one)}
      <small>${left(one)}</small>
      <span class="chip ${approved ? "success" : "warning"}">${approved ? t("Approved by {name}", { name: one.decided_by }) : t("You asked for it")}</span>
    </li>`;
  }

  /** @param {Approval} one @param {boolean} approve */
  async #say(one, approve) {
    this.busy = true;
    this.failure = this.said = "";
    try {
      await post(`/api/sessions/${encodeURIComponent(one.session)}/approvals/${encodeURIComponent(one.id)}`, { approve });
      this.said = approve ? t("Approved. It can be used once.") : t("Refused.");
    } catch (error) {
      this.failure = error instanceof Refused ? error.code : "unavailable";
    }
    await this.load();
    this.busy = false;
    await this.updateComplete;
    /** @type {HTMLElement | null} */ (this.querySelector("h2"))?.focus(); // its buttons are gone
  }
}

/** @param {string} code */
const kind = (code) => (code === "bundle" ? t("Evidence bundle") : t("Viewing copy"));

customElements.define("library-approvals", LibraryApprovals);
