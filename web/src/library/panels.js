// Panels of the player: events, chat, documents, notes, and completeness of the recording.
import { LitElement, html, nothing } from "lit";
import { LanguageController, formatDuration, t } from "../i18n.js";
import "./bookmarks-panel.js";
import "./holds.js";
import "./verdict.js";
import { momentDetail, momentIcon, momentText, outcomeLabel, participantLabel, trackLabel, wordLabel } from "./labels.js";
import { roleOf } from "../link/participants.js";

/** @typedef {import("./recording.js").Recording} Recording */
/** @typedef {import("./types.js").Moment} Moment */

export class LibraryPanels extends LitElement {
  /** @type {import("lit").PropertyDeclarations} */
  static properties = { recording: { attribute: false }, tab: { state: true }, doc: { state: true } };

  constructor() {
    super();
    new LanguageController(this);
    /** @type {Recording} */
    this.recording = /** @type {any} */ (undefined);
    this.tab = "events";
    /** The document that is shown large. */
    this.doc = "";
  }

  createRenderRoot() {
    return this;
  }

  connectedCallback() {
    super.connectedCallback();
    this.recording.addEventListener("change", () => this.requestUpdate());
    this.recording.addEventListener("tick", () => this.follow());
    this.recording.bookmarks.addEventListener("change", () => this.requestUpdate());
  }

  /** Marks what has happened up to now. */
  follow() {
    const now = this.recording.clock.now;
    let last = null;
    for (const item of /** @type {NodeListOf<HTMLElement>} */ (this.querySelectorAll("[data-at]"))) {
      const past = Number(item.dataset.at) <= now;
      item.classList.toggle("past", past);
      item.classList.remove("current");
      if (past) last = item;
    }
    last?.classList.add("current");
  }

  updated() {
    this.follow();
  }

  get moments() {
    return this.recording.manifest?.moments ?? [];
  }

  render() {
    const chat = this.moments.filter(({ kind }) => kind === "chat_sent");
    const documents = this.#documents();
    return html`
      <div class="tabs" role="tablist" @keydown=${this.#arrows}>
        ${this.#tab("events", t("Events"), this.moments.length)} ${this.#tab("chat", t("Chat"), chat.length)}
        ${this.#tab("documents", t("Papers"), documents.length)}
        ${this.#tab("bookmarks", t("Bookmarks"), this.recording.bookmarks.list.length)} ${this.#tab("notes", t("Result"), 0)} ${this.#tab("complete", t("Proof"), 0)}
      </div>
      <div class="panel" role="tabpanel" id="panel" aria-labelledby="tab-${this.tab}" tabindex="0">
        ${this.tab === "events" ? this.#events() : nothing} ${this.tab === "chat" ? this.#chat(chat) : nothing}
        ${this.tab === "documents" ? this.#documentList(documents) : nothing} ${this.tab === "bookmarks" ? html`<library-bookmarks .recording=${this.recording}></library-bookmarks>` : nothing}
        ${this.tab === "notes" ? this.#result() : nothing} ${this.tab === "complete" ? this.#complete() : nothing}
      </div>
      ${this.doc ? this.#large() : nothing}
    `;
  }

  /** @param {string} name @param {string} label @param {number} count */
  #tab(name, label, count) {
    const chosen = this.tab === name;
    return html`<button
      role="tab"
      id="tab-${name}"
      aria-selected=${chosen}
      aria-controls="panel"
      tabindex=${chosen ? 0 : -1}
      @click=${() => (this.tab = name)}
    >
      ${label}${count ? html`<small class="number">${count}</small>` : nothing}
    </button>`;
  }

  /** @param {KeyboardEvent} event */
  #arrows(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    event.stopPropagation();
    const tabs = /** @type {HTMLElement[]} */ ([...this.querySelectorAll("[role=tab]")]);
    const at = tabs.indexOf(/** @type {HTMLElement} */ (document.activeElement));
    const next = tabs[(at + step + tabs.length) % tabs.length];
    next.click();
    next.focus();
  }

  #events() {
    if (!this.moments.length) return this.#nothing("list", t("Nothing has happened yet."));
    return html`<ol class="events">
      ${this.moments.map(
        (moment) => html`<li data-at=${moment.at_ms}>
          <button @click=${() => this.recording.seek(moment.at_ms)}>
            <span class="number">${formatDuration(moment.at_ms / 1000)}</span>
            <wa-icon name=${momentIcon(moment.kind)}></wa-icon>
            <span title=${momentDetail(moment)}>${momentText(moment)}</span>
          </button>
        </li>`,
      )}
    </ol>`;
  }

  /** @param {Moment[]} lines */
  #chat(lines) {
    if (!lines.length) return this.#nothing("message-square-text", t("Nobody wrote anything."));
    return html`<ol class="chat">
      ${lines.map(
        ({ at_ms, data }) => html`<li class=${roleOf(data.sender)} data-at=${at_ms}>
          <button @click=${() => this.recording.seek(at_ms)}>
            <small><b>${participantLabel(data.sender)}</b><span class="number">${formatDuration(at_ms / 1000)}</span></small>
            ${data.text ? html`<span>${data.text}</span>` : html`<span class="muted">${t("These words were deleted.")}</span>`}
          </button>
        </li>`,
      )}
    </ol>`;
  }

  /** The documents that were stored, with what they are and what became of them. */
  #documents() {
    return this.moments
      .filter(({ kind }) => kind === "document_stored")
      .map(({ at_ms, data }) => {
        const asked = this.moments.find(({ kind, data: other }) => kind === "document_requested" && other.document === data.document);
        const decided = this.moments.find(({ kind, data: other }) => kind === "document_decided" && other.document === data.document);
        return { id: data.document, at_ms, data, label: asked?.data.label ?? "", decided: decided?.data ?? null };
      });
  }

  /** @param {ReturnType<LibraryPanels["documents"]>} documents */
  #documentList(documents) {
    if (!documents.length) return this.#nothing("file-image", t("No papers were shown."));
    return html`<ul class="document-list">
      ${documents.map(
        (doc) => html`<li data-at=${doc.at_ms}>
          <button class="document-picture" ?hidden=${this.recording.manifest?.session.deleted} @click=${() => (this.doc = doc.id)} aria-label=${t("Show {label} large", { label: wordLabel(doc.label) })}>
            ${this.recording.manifest?.session.deleted ? nothing : html`<img src=${this.address(doc.id)} alt="" loading="lazy" />`}
          </button>
          <div>
            <b>${wordLabel(doc.label)}</b>
            ${doc.decided
              ? html`<span class="chip ${doc.decided.accepted ? "success" : "danger"}">${doc.decided.accepted ? t("Accepted") : t("Rejected")}</span>`
              : nothing}
            ${doc.data.incomplete
              ? html`<small class="incomplete"><wa-icon name="triangle-alert"></wa-icon>${t("Incomplete picture")}</small>`
              : nothing}
            <small class="muted number">${doc.data.width} × ${doc.data.height}, ${Math.ceil(doc.data.size / 1024)} KiB</small>
            <small class="mono hash" title="SHA-256">${doc.data.sha256}</small>
            <button class="link" @click=${() => this.recording.seek(doc.at_ms)}>
              <wa-icon name="play"></wa-icon>${t("Play from here")} <span class="number">${formatDuration(doc.at_ms / 1000)}</span>
            </button>
          </div>
        </li>`,
      )}
    </ul>`;
  }

  get documents() {
    return () => this.#documents();
  }

  /** @param {string} doc */
  address(doc) {
    return `/api/sessions/${encodeURIComponent(this.recording.session)}/documents/${encodeURIComponent(doc)}`;
  }

  #large() {
    return html`<wa-dialog open light-dismiss class="document-dialog" label=${t("Paper")} @wa-after-hide=${() => (this.doc = "")}>
      <div class="marked"><img src=${this.address(this.doc)} alt=${t("The paper as the specialist saw it")} /></div>
      <a slot="footer" class="replay" href="${this.address(this.doc)}?original=1" download>
        <wa-icon name="download"></wa-icon>${t("Original file")}
      </a>
    </wa-dialog>`;
  }

  /** How the call went, as the specialist said it, and the notes as they were last. */
  #result() {
    const said = this.moments.findLast(({ kind }) => kind === "disposed");
    const saved = this.moments.findLast(({ kind }) => kind === "note_saved");
    const note = said?.data.note || saved?.data.text || "";
    if (!said && !note) return this.#nothing("notebook-pen", t("Nobody said how the call went, and no notes were taken."));
    return html`<dl class="result">
      <dt>${t("Outcome")}</dt>
      <dd>
        <b>${said ? outcomeLabel(said.data.outcome) : t("Not stated")}</b>
        ${said?.data.overdue ? html`<small class="muted">${t("Saved when the time ran out, not confirmed.")}</small>` : nothing}
      </dd>
      <dt>${t("Notes")}</dt>
      <dd class="note" dir="auto">${note || "–"}</dd>
    </dl>`;
  }

  #complete() {
    const deleted = this.recording.manifest?.session.deleted;
    return html`<library-verdict .recording=${this.recording}></library-verdict>${this.#statement()}
      <library-holds .recording=${this.recording}></library-holds>
      ${deleted ? nothing : html`<library-bundle .recording=${this.recording}></library-bundle>`}`;
  }

  #statement() {
    const { manifest } = this.recording;
    if (!manifest?.complete) {
      return this.#nothing("hourglass", manifest?.live ? t("Stated when the call has ended.") : t("There is no completeness statement."));
    }
    const seconds = (/** @type {number} */ ms) => (ms / 1000).toFixed(1);
    return html`<table class="complete">
      <thead>
        <tr>
          <th scope="col">${t("Track")}</th>
          <th scope="col">${t("Expected")}</th>
          <th scope="col">${t("Recorded")}</th>
          <th scope="col">${t("Missing")}</th>
        </tr>
      </thead>
      <tbody>
        ${manifest.complete.map(
          (line) => html`<tr>
            <th scope="row">${trackLabel(line.track)}</th>
            <td class="number">${seconds(line.expected_ms)} s</td>
            <td class="number">${seconds(line.recorded_ms)} s</td>
            <td class="number ${line.gap_ms > 0 ? "missing" : ""}">${seconds(line.gap_ms)} s</td>
          </tr>`,
        )}
      </tbody>
    </table>`;
  }

  /** @param {string} icon @param {string} text */
  #nothing(icon, text) {
    return html`<p class="nothing"><wa-icon name=${icon}></wa-icon>${text}</p>`;
  }
}

customElements.define("library-panels", LibraryPanels);
