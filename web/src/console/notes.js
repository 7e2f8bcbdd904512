// The specialist's notes: saved automatically, with the state of saving.
import { html, nothing } from "lit";
import { live } from "lit/directives/live.js";
import { msg, t } from "../i18n.js";
import { ConsoleElement } from "./element.js";

/** @type {Record<import("./state.js").SaveState, {icon: string, text: string}>} */
const STATES = {
  saved: { icon: "check", text: msg("Saved") },
  typing: { icon: "pen-line", text: msg("Not saved yet") },
  saving: { icon: "loader", text: msg("Saving…") },
  failed: { icon: "triangle-alert", text: msg("Could not be saved; it will be tried again") },
};

/** The note's state in words. @param {import("./state.js").SaveState} state */
export function saveState(state) {
  const { icon, text } = STATES[state];
  return html`<span class="save-state ${state}" role="status"><wa-icon name=${icon}></wa-icon>${t(text)}</span>`;
}

export class ConsoleNotes extends ConsoleElement {
  /** Move the focus into the field. */
  focusField() {
    this.querySelector("textarea")?.focus();
  }

  render() {
    const { session, note, noteState } = this.state;
    if (!session) return nothing;
    return html`<section class="panel notes" aria-labelledby="notes-title">
      <header class="panel-head">
        <h2 id="notes-title">${t("Notes")}</h2>
        ${note || noteState !== "saved" ? saveState(noteState) : nothing}
        <kbd aria-hidden="true">N</kbd>
      </header>
      <textarea
        aria-labelledby="notes-title"
        maxlength="8000"
        placeholder=${t("Only the bank sees these.")}
        .value=${live(note)}
        @input=${(/** @type {Event} */ event) => this.app.desk.typeNote(/** @type {HTMLTextAreaElement} */ (event.target).value)}
      ></textarea>
    </section>`;
  }
}

customElements.define("console-notes", ConsoleNotes);
