// The panel of bookmarks and reviewers' notes.
import { LitElement, html, nothing } from "lit";
import { LanguageController, formatDateTime, formatDuration, msg, t } from "../i18n.js";
import { TEXT } from "./bookmarks.js";

/** @typedef {import("./recording.js").Recording} Recording */
/** @typedef {import("./bookmarks.js").Bookmark} Bookmark */

/** @type {Record<string, string>} by the code of the server's error */
const FAILURES = {
  wrong_state: msg("This recording has as many bookmarks as it may. Please remove some."),
  not_found: msg("The bookmark is not there any more, or the recording was deleted."),
  bad_message: msg("This text cannot be kept: it has signs that cannot be seen."),
  unavailable: msg("It was not saved. Please check the connection and try again."),
};

export class LibraryBookmarks extends LitElement {
  /** @type {import("lit").PropertyDeclarations} */
  static properties = { recording: { attribute: false }, edited: { state: true } };

  constructor() {
    super();
    new LanguageController(this);
    /** @type {Recording} */
    this.recording = /** @type {any} */ (undefined);
    /** The id of the bookmark that is being changed. */
    this.edited = "";
    this.update_ = () => this.requestUpdate();
  }

  createRenderRoot() {
    return this;
  }

  connectedCallback() {
    super.connectedCallback();
    this.recording.bookmarks.addEventListener("change", this.update_);
    this.recording.addEventListener("tick", this.#follow);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.recording.bookmarks.removeEventListener("change", this.update_);
    this.recording.removeEventListener("tick", this.#follow);
  }

  updated() {
    this.#follow();
  }

  /** The moment that a new one will have, without drawing everything again. */
  #follow = () => {
    const time = this.querySelector(".bookmark-now");
    const text = formatDuration(this.recording.clock.now / 1000);
    if (time && time.textContent !== text) time.textContent = text;
  };

  render() {
    const { bookmarks } = this.recording;
    return html`
      <form class="bookmark-new" @submit=${this.#add}>
        <label for="bookmark-text">${t("Note at")} <b class="number bookmark-now"></b></label>
        <textarea id="bookmark-text" name="text" rows="2" maxlength=${TEXT} @keydown=${submitByKeys}></textarea>
        <button class="tool" ?disabled=${bookmarks.busy}><wa-icon name="bookmark-plus"></wa-icon>${t("Bookmark")}</button>
      </form>
      ${bookmarks.failure ? html`<p class="bookmark-failure" role="alert">${t(FAILURES[bookmarks.failure] ?? FAILURES.unavailable)}</p>` : nothing}
      ${bookmarks.list.length
        ? html`<ol class="bookmark-list">${bookmarks.list.map((one) => this.#one(one))}</ol>`
        : html`<p class="nothing"><wa-icon name="bookmark"></wa-icon>${t("No bookmarks yet. Everybody who may see this recording sees them.")}</p>`}
    `;
  }

  /** @param {Bookmark} bookmark */
  #one(bookmark) {
    const { id, at_ms, text, name, own, changed_ms } = bookmark;
    const at = formatDuration(at_ms / 1000);
    if (this.edited === id) return html`<li>${this.#form(bookmark)}</li>`;
    return html`<li data-at=${at_ms}>
      <button class="bookmark-go" @click=${() => this.recording.seek(at_ms)}>
        <span class="number">${at}</span>
        <span class="bookmark-text" dir="auto">${text || t("Bookmark")}</span>
        <small>${name} · ${formatDateTime(changed_ms)}</small>
      </button>
      ${own
        ? html`<span class="bookmark-own">
            <button class="quiet" aria-label=${t("Change the note at {time}", { time: at })} @click=${() => (this.edited = id)}>
              <wa-icon name="pencil"></wa-icon>
            </button>
            <button class="quiet" aria-label=${t("Remove the bookmark at {time}", { time: at })} @click=${() => void this.recording.bookmarks.remove(id)}>
              <wa-icon name="trash-2"></wa-icon>
            </button>
          </span>`
        : nothing}
    </li>`;
  }

  /** @param {Bookmark} bookmark */
  #form({ id, at_ms, text }) {
    const save = async (/** @type {SubmitEvent} */ event) => {
      event.preventDefault();
      const said = new FormData(/** @type {HTMLFormElement} */ (event.target)).get("text");
      if (await this.recording.bookmarks.change(id, String(said ?? "").trim())) this.edited = "";
    };
    return html`<form class="bookmark-edit" @submit=${save}>
      <label class="visually-hidden" for="bookmark-edited">${t("Note at")} ${formatDuration(at_ms / 1000)}</label>
      <textarea id="bookmark-edited" name="text" rows="3" maxlength=${TEXT} .value=${text} @keydown=${submitByKeys}></textarea>
      <button class="tool">${t("Save")}</button>
      <button class="tool" type="button" @click=${() => (this.edited = "")}>${t("Cancel")}</button>
    </form>`;
  }

  /** @param {SubmitEvent} event */
  async #add(event) {
    event.preventDefault();
    const form = /** @type {HTMLFormElement} */ (event.target);
    const text = String(new FormData(form).get("text") ?? "").trim();
    if (await this.recording.bookmarks.add(this.recording.clock.now, text)) form.reset();
  }
}

/** Ctrl and Enter save, as Enter alone makes a new line. @param {KeyboardEvent} event */
function submitByKeys(event) {
  if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
  event.preventDefault();
  /** @type {HTMLTextAreaElement} */ (event.target).form?.requestSubmit();
}

customElements.define("library-bookmarks", LibraryBookmarks);
