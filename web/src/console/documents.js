// Documents of the call: ask for one, see how far each is, open it.
import { html, nothing } from "lit";
import { msg, t } from "../i18n.js";
import { ConsoleElement } from "./element.js";
import { documentDetail, documentIcon, documentLabel, documentState } from "./labels.js";
import { inCall } from "./state.js";

/** @typedef {import("../link/messages.js").Document} CallDocument */

/** @type {Record<string, string>} */
const COLOURS = { stored: "warning", accepted: "success", declined: "danger", failed: "danger", rejected: "" };

const ON_HOLD = msg("Resume the call first: a customer on hold cannot be asked for papers.");

/** Whether there is a picture to look at. @param {CallDocument} doc */
export const hasPicture = ({ state }) => state === "stored" || state === "accepted" || state === "rejected";

/** Where the server serves it. @param {string} session @param {string} doc */
export const pictureUrl = (session, doc) => `/api/sessions/${session}/documents/${doc}`;

/** The mark of a picture of which a part is missing. */
export const incomplete = () =>
  html`<small class="incomplete"><wa-icon name="triangle-alert"></wa-icon>${t("Incomplete picture")}</small>`;

export class ConsoleDocuments extends ConsoleElement {
  /** @type {import("lit").PropertyDeclarations} */
  static properties = { other: { state: true } };

  constructor() {
    super();
    /** Whether the field for what other document is wanted is open. */
    this.other = false;
  }

  /** Move the focus to the first document that can be asked for, or say why there is none. */
  focusAsk() {
    if (this.#held) this.app.store.notify("info", ON_HOLD);
    else /** @type {HTMLElement | null} */ (this.querySelector(".ask button"))?.focus();
  }

  /** A customer on hold is told that nobody sees them, so no document may be asked for. */
  get #held() {
    return this.state.session?.state === "held";
  }

  /** @param {string} label */
  #ask(label) {
    if (label === "other") {
      this.other = !this.other;
      void this.updateComplete.then(() =>
        /** @type {HTMLElement | null} */ (this.querySelector("#other-document"))?.focus(),
      );
      return;
    }
    void this.app.desk.askDocument(label, "");
  }

  /** @param {SubmitEvent} event */
  #askOther(event) {
    event.preventDefault();
    const field = /** @type {HTMLInputElement} */ (this.querySelector("#other-document"));
    if (!field.value.trim()) return;
    void this.app.desk.askDocument("other", field.value.trim());
    this.other = false;
  }

  render() {
    const { session, config } = this.state;
    if (!session) return nothing;
    const active = inCall(session);
    const held = this.#held;
    // The newest first, before them those that wait for a decision.
    const waits = (/** @type {CallDocument} */ { state }) => Number(state === "stored");
    const documents = [...session.documents].reverse().sort((one, other) => waits(other) - waits(one));
    return html`<section class="panel documents" aria-labelledby="documents-title">
      <header class="panel-head">
        <h2 id="documents-title">${t("Papers")}</h2>
        ${active ? html`<kbd aria-hidden="true">D</kbd>` : nothing}
      </header>
      ${
        active
          ? html`<div class="ask" role="group" aria-label=${t("Ask the customer for")}>
                ${(config?.document_labels ?? []).map(
                  (label) =>
                    html`<button
                      aria-expanded=${label === "other" ? String(this.other && !held) : nothing}
                      aria-describedby=${held ? "ask-on-hold" : nothing}
                      ?disabled=${held}
                      @click=${() => this.#ask(label)}
                    >
                      <wa-icon name=${documentIcon(label)}></wa-icon>${documentLabel(label)}
                    </button>`,
                )}
              </div>
              ${held ? html`<p class="hint" id="ask-on-hold">${t(ON_HOLD)}</p>` : nothing}
              ${
                this.other && !held
                  ? html`<form class="inline" @submit=${(/** @type {SubmitEvent} */ event) => this.#askOther(event)}>
                      <label class="visually-hidden" for="other-document">${t("Which paper?")}</label>
                      <input id="other-document" maxlength="200" placeholder=${t("Which paper?")} autocomplete="off" />
                      <button class="icon" aria-label=${t("Ask")}><wa-icon name="send"></wa-icon></button>
                    </form>`
                  : nothing
              }`
          : nothing
      }
      ${
        documents.length
          ? html`<ul class="document-list" aria-live="polite">
              ${documents.map((doc) => this.#document(session.id, doc))}
            </ul>`
          : held
            ? nothing
            : html`<p class="hint">${t("Nothing has been asked for yet. The customer must agree to each paper.")}</p>`
      }
    </section>`;
  }

  /**
   * @param {string} session
   * @param {CallDocument} doc
   */
  #document(session, doc) {
    const picture = hasPicture(doc);
    const detail = documentDetail(doc);
    const body = html`
      <span class="thumbnail">
        ${
          picture
            ? html`<img src=${pictureUrl(session, doc.id)} alt="" loading="lazy" />`
            : html`<wa-icon name=${documentIcon(doc.label)}></wa-icon>`
        }
      </span>
      <span class="what">
        <strong>${documentLabel(doc.label)}</strong>
        <span class="chip ${COLOURS[doc.state] ?? ""}"
          >${doc.state === "agreed" ? html`<wa-spinner></wa-spinner>` : nothing}${documentState(doc.state)}</span
        >
        ${picture && doc.incomplete ? incomplete() : nothing} ${detail ? html`<small>${detail}</small>` : nothing}
      </span>
    `;
    return html`<li data-state=${doc.state}>
      ${
        picture
          ? html`<button class="document" @click=${() => this.app.store.set({ document: doc.id })}>
              ${body}<wa-icon class="open" name="maximize" label=${t("Open at full size")}></wa-icon>
            </button>`
          : html`<div class="document">${body}</div>`
      }
    </li>`;
  }
}

customElements.define("console-documents", ConsoleDocuments);
