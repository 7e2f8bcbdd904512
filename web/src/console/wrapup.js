// After the call: choose the outcome by a number key, then take the next call.
import { html, nothing } from "lit";
import { live } from "lit/directives/live.js";
import { formatDuration, t } from "../i18n.js";
import { ConsoleElement } from "./element.js";
import { branchName, endText, outcomeLabel, serviceName } from "./labels.js";
import { saveState } from "./notes.js";
import { missingPieces } from "./recorded.js";
import { ownId } from "../link/participants.js";

/** From so many seconds on the remaining time is announced and coloured. */
const SHORT_S = 120;

export class ConsoleWrapup extends ConsoleElement {
  static ticking = true;
  /** @type {import("lit").PropertyDeclarations} */
  static properties = { outcome: { state: true }, saving: { state: true } };

  constructor() {
    super();
    this.outcome = "";
    this.saving = false;
  }

  willUpdate() {
    const { session } = this.state;
    if (!this.outcome && session?.chosen) this.outcome = session.chosen;
  }

  firstUpdated() {
    /** @type {HTMLElement | null} */ (this.querySelector(".outcomes"))?.focus();
  }

  /** Choose by number, from 1. @param {number} number */
  choose(number) {
    const outcome = this.state.config?.outcomes[number - 1];
    if (!outcome) return;
    this.#choose(outcome);
    void this.updateComplete.then(() => {
      /** @type {HTMLElement | null} */ (this.querySelector("input:checked"))?.focus();
    });
  }

  /** @param {string} outcome */
  #choose(outcome) {
    this.outcome = outcome;
    void this.app.desk.choose(outcome);
  }

  /** @param {boolean} [available] whether calls come afterwards; left out: as was said before */
  async save(available = this.state.takesCalls) {
    if (!this.outcome || this.saving) return;
    this.saving = true;
    await this.app.desk.dispose(this.outcome, this.state.note, available);
    this.saving = false;
  }

  /** How long there is, what happens then, and more time. @param {import("./state.js").Session} session */
  #time(session) {
    if (session.closes_s === null || session.closes_s === undefined) return nothing;
    const left = Math.max(0, session.closes_s - (performance.now() - this.state.sessionAt) / 1000);
    const short = left <= SHORT_S;
    return html`<div class="wrapup-time ${short ? "short" : ""}">
      <span role="timer" aria-label=${t("Time left to save")}><wa-icon name="hourglass"></wa-icon><b class="number">${formatDuration(left)}</b></span>
      <span role="status"
        >${
          !short
            ? t("left to save")
            : this.outcome
              ? t("Soon what is chosen and noted here is saved by itself, and no more calls come to you.")
              : t("Soon this closes without an outcome; your notes are kept. Please choose one.")
        }</span
      >
      <button type="button" class="tool small" ?disabled=${!session.extensions} @click=${() => void this.app.desk.extend()}>
        <wa-icon name="clock"></wa-icon><span>${t("More time")}</span>
      </button>
    </div>`;
  }

  /** Whether all of the call is on record, in a sentence, and what is not. @param {import("./state.js").Session} session */
  #recorded(session) {
    const { statement, config } = this.state;
    if (!statement?.final) return html`<p class="on-record" role="status"><wa-icon name="loader"></wa-icon>${t("The recording is being completed…")}</p>`;
    const { complete } = statement;
    return html`<div class="on-record ${complete ? "complete" : "incomplete"}" role="status">
      <wa-icon name=${complete ? "circle-check" : "circle-alert"}></wa-icon>
      <div>
        <b>${complete ? t("The recording is complete.") : t("Parts of this call are not on record.")}</b>
        ${complete ? nothing : html`<p>${t("Say so in the notes, and call the customer again where the bank's rules ask for it.")}</p>`}
        ${complete ? nothing : missingPieces(session, statement, ownId(session, config?.person))}
      </div>
    </div>`;
  }

  render() {
    const { session, config, note, noteState, takesCalls } = this.state;
    if (!session || !config) return nothing;
    return html`<form
      class="wrapup card"
      aria-labelledby="wrapup-title"
      @submit=${(/** @type {Event} */ event) => {
        event.preventDefault();
        void this.save();
      }}
    >
      <header>
        <h1 id="wrapup-title">${t("How did the call go?")}</h1>
        <p class="muted">
          ${endText(session, ownId(session, this.state.config?.person))} ${serviceName(session.service)} ·&nbsp;${branchName(session)}
          ·&nbsp;${t("{time} in the call", { time: formatDuration(session.active_s) })}
          ${session.rated ? html` ·&nbsp;<span class="stars" aria-label=${t("Rated {stars} of 5", { stars: session.rated })}>${"★".repeat(session.rated)}</span>` : nothing}
        </p>
      </header>
      ${this.#recorded(session)} ${this.#time(session)}
      <div class="outcomes" role="radiogroup" tabindex="-1" aria-label=${t("Outcome")}>
        ${config.outcomes.map((outcome, index) => this.#option(outcome, index + 1))}
      </div>
      <div class="field">
        <div class="spread"><label for="wrapup-note">${t("Notes")}</label>${note ? saveState(noteState) : nothing}</div>
        <textarea
          id="wrapup-note"
          maxlength="8000"
          rows="5"
          placeholder=${t("Only the bank sees these.")}
          .value=${live(note)}
          @input=${(/** @type {Event} */ event) => this.app.desk.typeNote(/** @type {HTMLTextAreaElement} */ (event.target).value)}
          @keydown=${(/** @type {KeyboardEvent} */ event) => {
            if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) void this.save();
          }}
        ></textarea>
      </div>
      <footer class="spread">
        <p class="hint">${t("Choose with a number key, then press Enter. In the notes, press Ctrl and Enter.")}</p>
        <button
          type="button"
          class="quiet"
          ?disabled=${!this.outcome || this.saving}
          @click=${() => void this.save(!takesCalls)}
        >
          ${takesCalls ? t("Save and take no calls") : t("Save and take calls")}
        </button>
        <wa-button
          variant="brand"
          appearance="accent"
          size="l"
          type="submit"
          ?disabled=${!this.outcome}
          ?loading=${this.saving}
        >
          <wa-icon slot="start" name="check"></wa-icon>${takesCalls ? t("Save and take calls") : t("Save and take no calls")}<kbd aria-hidden="true">Enter</kbd>
        </wa-button>
      </footer>
    </form>`;
  }

  /**
   * @param {string} outcome
   * @param {number} number
   */
  #option(outcome, number) {
    return html`<label class="outcome">
      <input
        type="radio"
        name="outcome"
        value=${outcome}
        .checked=${live(this.outcome === outcome)}
        @change=${() => this.#choose(outcome)}
        @keydown=${(/** @type {KeyboardEvent} */ event) => {
          if (event.key !== "Enter") return;
          event.preventDefault();
          void this.save();
        }}
      />
      <kbd aria-hidden="true">${number}</kbd><span>${outcomeLabel(outcome)}</span>
    </label>`;
  }
}

customElements.define("console-wrapup", ConsoleWrapup);
