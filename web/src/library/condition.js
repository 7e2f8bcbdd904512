// The server's readiness problems, above the list of recordings; polled every two seconds.
import { LitElement, html, nothing } from "lit";
import { LanguageController, msg, t } from "../i18n.js";
import { Refused, readJson } from "./requests.js";

const EVERY_MS = 2000;
/** @type {Record<string, string>} */
const TEXTS = {
  disk: msg("The disk is almost full: no new calls are taken. Calls in progress go on. Please tell the system administrator."),
  database: msg("The database cannot be written: no new calls are taken. Please tell the system administrator."),
  storage: msg("The recordings cannot be written to the disk. Please tell the system administrator."),
  stalled: msg("A call is not recorded completely just now. The specialist and the customer have been told."),
  paused_long: msg("The recording of a call has been paused for over five minutes. Please ask the specialist."),
  not_stamped: msg("The timestamp authority has not answered for over ten minutes: the records lack their time stamps. Please tell the system administrator."),
  recorder: msg("A recording failed within the last minute. Please tell the system administrator."),
  unavailable: msg("The server does not answer as it should. Please tell the system administrator."),
};

export class LibraryCondition extends LitElement {
  /** @type {import("lit").PropertyDeclarations} */
  static properties = { reasons: { state: true } };

  constructor() {
    super();
    new LanguageController(this);
    /** @type {string[]} */
    this.reasons = [];
  }

  createRenderRoot() {
    return this;
  }

  connectedCallback() {
    super.connectedCallback();
    void this.#ask();
    setInterval(() => void this.#ask(), EVERY_MS);
  }

  async #ask() {
    try {
      const told = await readJson("/api/condition", AbortSignal.timeout(EVERY_MS * 2));
      this.reasons = [...told.reasons, ...(told.alarms ?? [])].map((/** @type {{code: string}} */ { code }) => code);
    } catch (error) {
      this.reasons = error instanceof Refused && error.code !== "unavailable" ? [] : ["unavailable"];
    }
  }

  render() {
    if (!this.reasons.length) return nothing;
    return html`<div class="card condition" role="alert">
      <wa-icon name="triangle-alert"></wa-icon>
      <div>${this.reasons.map((reason) => html`<p>${t(TEXTS[reason] ?? TEXTS.unavailable ?? "")}</p>`)}</div>
    </div>`;
  }
}

customElements.define("library-condition", LibraryCondition);
