// After the call: how it went, by a number key, and back to the next one.
import { html, nothing } from "lit";
import { live } from "lit/directives/live.js";
import { formatDuration, t } from "../i18n.js";
import { ConsoleElement } from "./element.js";
import { branchName, endText, outcomeLabel, serviceName } from "./labels.js";
import { saveState } from "./notes.js";

export class ConsoleWrapup extends ConsoleElement {
  /** @type {import("lit").PropertyDeclarations} */
  static properties = { outcome: { state: true }, saving: { state: true } };

  constructor() {
    super();
    this.outcome = "";
    this.saving = false;
  }

  firstUpdated() {
    /** @type {HTMLElement | null} */ (this.querySelector(".outcomes"))?.focus();
  }

  /** Choose by number, from 1. @param {number} number */
  choose(number) {
    const outcome = this.state.config?.outcomes[number - 1];
    if (!outcome) return;
    this.outcome = outcome;
    void this.updateComplete.then(() => {
      /** @type {HTMLElement | null} */ (this.querySelector("input:checked"))?.focus();
    });
  }

  async save() {
    if (!this.outcome || this.saving) return;
    this.saving = true;
    await this.app.desk.dispose(this.outcome, this.state.note);
    this.saving = false;
  }

  render() {
    const { session, config, note, noteState } = this.state;
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
          ${endText(session)} ${serviceName(session.service)} · ${branchName(session)} ·
          ${t("{time} in the call", { time: formatDuration(session.active_s) })}
          ${session.rated ? html` · <span class="stars" aria-label=${t("Rated {stars} of 5", { stars: session.rated })}>${"★".repeat(session.rated)}</span>` : nothing}
        </p>
      </header>
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
        <wa-button
          variant="brand"
          appearance="accent"
          size="l"
          type="submit"
          ?disabled=${!this.outcome}
          ?loading=${this.saving}
        >
          <wa-icon slot="start" name="check"></wa-icon>${t("Save and take calls")}<kbd aria-hidden="true">Enter</kbd>
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
        @change=${() => (this.outcome = outcome)}
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
