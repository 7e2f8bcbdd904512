// The evidence bundle of a recording: asked for, made by the server, stopped, gone on with, downloaded, removed.
import { LitElement, html, nothing } from "lit";
import { LanguageController, msg, t } from "../i18n.js";
import { left } from "./left.js";
import { Refused, drop, post, readJson } from "./requests.js";

/** @typedef {import("./recording.js").Recording} Recording */
/** @typedef {import("./types.js").BundleReport} BundleReport */

const POLL_MS = 1000;
/** How often it is looked whether somebody has decided. */
const DECIDED_MS = 5000;

/** @type {Record<string, string>} what a bundle may be made for */
export const PURPOSES = {
  court: msg("Court or arbitration"),
  regulator: msg("Regulator"),
  complaint: msg("Complaint"),
  review: msg("Internal review"),
};

/** @type {Record<string, string>} why the server did not do it */
const FAILURES = {
  rate_limited: msg("Too many bundles are kept on the server just now. Remove one, or try again later."),
  approval_required: msg("Somebody else has to approve this export first."),
  not_allowed: msg("Your account may not do this."),
  wrong_state: msg("The bundle is being downloaded, or the call is not over."),
  unavailable: msg("Please check the connection and try again."),
};

/** Fires `change` whenever more is known. */
export class EvidenceBundle extends EventTarget {
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #polling;
  #asked = false;

  /** @param {string} session */
  constructor(session) {
    super();
    this.address = `/api/sessions/${encodeURIComponent(session)}/bundle`;
    this.approvals = `/api/sessions/${encodeURIComponent(session)}/approvals`;
    /** @type {BundleReport} */
    this.report = { state: "none" };
    /** Why the last request was not done: the code of the server's error. */
    this.failure = "";
  }

  get busy() {
    return this.report.state === "waiting" || this.report.state === "running";
  }

  /** Whether one was made before, asked once. */
  begin() {
    if (this.#asked) return;
    this.#asked = true;
    void this.#take(readJson(this.address));
  }

  /** Have it made, or go on. @param {string} purpose */
  make(purpose) {
    void this.#take(post(`${this.address}?purpose=${encodeURIComponent(purpose)}`));
  }

  /** Ask for a second person's yes. @param {string} purpose */
  ask(purpose) {
    void this.#take(post(this.approvals, { kind: "bundle", purpose }).then(() => readJson(this.address)));
  }

  stop() {
    void this.#take(post(`${this.address}/stop`));
  }

  remove() {
    void this.#take(drop(this.address));
  }

  /** @param {Promise<BundleReport>} answer @returns {Promise<void>} */
  async #take(answer) {
    clearTimeout(this.#polling);
    try {
      this.report = await answer;
      this.failure = "";
    } catch (error) {
      this.failure = error instanceof Refused ? error.code : "unavailable";
    }
    const waits = this.busy ? POLL_MS : this.report.approval?.state === "pending" ? DECIDED_MS : 0;
    if (waits) this.#polling = setTimeout(() => void this.#take(readJson(this.address)), waits);
    this.dispatchEvent(new Event("change"));
  }
}

export class LibraryBundle extends LitElement {
  /** @type {import("lit").PropertyDeclarations} */
  static properties = { recording: { attribute: false }, purpose: { state: true } };

  constructor() {
    super();
    new LanguageController(this);
    /** @type {Recording} */
    this.recording = /** @type {any} */ (undefined);
    this.purpose = "";
  }

  createRenderRoot() {
    return this;
  }

  connectedCallback() {
    super.connectedCallback();
    this.recording.bundle.addEventListener("change", this.#update);
    this.recording.addEventListener("change", this.#update);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.recording.bundle.removeEventListener("change", this.#update);
    this.recording.removeEventListener("change", this.#update);
  }

  #update = () => this.requestUpdate();

  updated() {
    if (this.recording.manifest && !this.recording.live) this.recording.bundle.begin();
  }

  render() {
    if (!this.recording.manifest || this.recording.live) return nothing;
    const { bundle } = this.recording;
    const { report, failure } = bundle;
    return html`<section class="bundle" aria-labelledby="bundle-title">
      <h2 id="bundle-title"><wa-icon name="archive"></wa-icon>${t("Evidence bundle")}</h2>
      <p>${t("Everything as it is stored, with a report for printing and a program that checks it without this server.")}</p>
      <p class="bundle-warning">
        <wa-icon name="triangle-alert"></wa-icon>${t("It contains the key of this recording: whoever has the bundle can see and hear everything.")}
      </p>
      <div role="status">${this.#state(report)}${this.#approval(report)}</div>
      ${failure ? html`<p class="bundle-failure" role="alert">${t(FAILURES[failure] ?? FAILURES.unavailable)}</p>` : nothing}
      <div class="bundle-actions">${this.#actions(report)}</div>
    </section>`;
  }

  /** Where a second person has to say yes: how that stands. @param {BundleReport} report */
  #approval({ state, approval }) {
    if (!approval || !(state === "none" || state === "stopped" || state === "failed")) return nothing;
    const { state: decided, left_s = 0, decided_by: name = "" } = approval;
    if (decided === "pending") {
      return html`<p class="approval pending"><wa-icon name="hourglass"></wa-icon>${t("Waits for the approval of a second supervisor.")} ${left({ left_s })}</p>`;
    }
    if (decided === "approved") {
      return html`<p class="approval approved"><wa-icon name="badge-check"></wa-icon>${t("Approved by {name}, to be used once.", { name })} ${left({ left_s })}</p>`;
    }
    return html`${decided === "refused" ? html`<p class="approval refused"><wa-icon name="ban"></wa-icon>${t("Refused by {name}.", { name })}</p>` : nothing}
      ${decided === "expired" ? html`<p class="approval"><wa-icon name="clock"></wa-icon>${t("The last request has expired.")}</p>` : nothing}
      <p class="approval"><wa-icon name="stamp"></wa-icon>${t("A second supervisor has to approve this export. It can then be made once.")}</p>`;
  }

  /** The next one may be for something else. */
  #remove() {
    this.purpose = "";
    this.recording.bundle.remove();
  }

  /** @param {BundleReport} report */
  #state(report) {
    if (report.state === "waiting") return html`<p>${t("Waiting for other bundles")}</p>`;
    if (report.state === "running") {
      const done = report.total ? Math.floor(((report.done ?? 0) / report.total) * 100) : 0;
      return html`<p>${t("Being made: {n} %", { n: done })}</p>
        <progress max="100" value=${done} aria-label=${t("Progress of the bundle")}></progress>`;
    }
    if (report.state === "stopped") return html`<p>${t("Stopped. What is written is kept for an hour.")}</p>`;
    if (report.state === "failed") {
      return html`<p>${t("It could not be made: perhaps the disk has too little room. Please tell the system administrator.")}</p>`;
    }
    if (report.state !== "done") return nothing;
    return html`<p>
        ${report.verdict === "sound" ? t("Made, and checked: sound.") : t("Made. The check found something broken: the report in it says what.")}
      </p>
      <p class="muted">${t("It is kept on the server for an hour after you last looked at it.")}</p>`;
  }

  /** @param {BundleReport} report */
  #actions(report) {
    const { bundle } = this.recording;
    const removing = html`<button class="tool" @click=${() => this.#remove()}><wa-icon name="trash-2"></wa-icon>${t("Remove from the server")}</button>`;
    if (bundle.busy) return html`<button class="tool" @click=${() => bundle.stop()}><wa-icon name="x"></wa-icon>${t("Cancel")}</button>`;
    if (report.state === "done") {
      return html`<a class="replay" href="${bundle.address}/file" download><wa-icon name="download"></wa-icon>${t("Download")}</a>${removing}`;
    }
    const again = report.state === "stopped" || report.state === "failed";
    const { approval } = report;
    if (approval?.state === "pending") return again ? removing : nothing;
    // What was approved is approved for its purpose; what was begun with it goes on without another.
    const fixed = approval?.state === "approved" ? (approval.purpose ?? "") : "";
    const chosen = fixed || this.purpose || (again ? (report.purpose ?? "") : "");
    const asks = approval && !fixed && !(again && chosen === report.purpose);
    return html`<label>
        ${t("Made for")}
        <select ?disabled=${Boolean(fixed)} @change=${(/** @type {Event} */ event) => (this.purpose = /** @type {HTMLSelectElement} */ (event.target).value)}>
          <option value="" ?selected=${!chosen}>${t("Please choose")}</option>
          ${Object.entries(PURPOSES).map(([code, text]) => html`<option value=${code} ?selected=${chosen === code}>${t(text)}</option>`)}
        </select>
      </label>
      ${asks
        ? html`<button class="tool" ?disabled=${!chosen} @click=${() => bundle.ask(chosen)}><wa-icon name="stamp"></wa-icon>${t("Ask for approval")}</button>`
        : html`<button class="tool" ?disabled=${!chosen} @click=${() => bundle.make(chosen)}>
            <wa-icon name=${again ? "play" : "archive"}></wa-icon>${again ? t("Go on") : t("Make the bundle")}
          </button>`}
      ${again ? removing : nothing}`;
  }
}

customElements.define("library-bundle", LibraryBundle);
