// Searches that this person keeps: to open one again, to forget it, and to keep the one that is shown.
import { LitElement, html, nothing } from "lit";
import { LanguageController, t } from "../i18n.js";
import { Refused, readJson, send } from "./requests.js";

const PATH = "/api/library/searches";

export class LibraryKept extends LitElement {
  /** @type {import("lit").PropertyDeclarations} */
  static properties = { search: { type: String }, kept: { state: true }, failure: { state: true }, said: { state: true } };

  constructor() {
    super();
    new LanguageController(this);
    /** The query of the search that is shown; empty for all sessions. */
    this.search = "";
    /** @type {{id: string, name: string, query: string}[]} */
    this.kept = [];
    this.failure = "";
    this.said = "";
  }

  createRenderRoot() {
    return this;
  }

  connectedCallback() {
    super.connectedCallback();
    void this.#load();
  }

  async #load() {
    try {
      this.kept = (await readJson(PATH)).searches;
    } catch {
      this.kept = []; // the list itself says what is the matter
    }
  }

  render() {
    const known = this.kept.some(({ query }) => query === this.search);
    return html`<details class="kept card">
      <summary><wa-icon name="star"></wa-icon>${t("Saved searches")}${this.kept.length ? html` <span class="chip">${this.kept.length}</span>` : nothing}</summary>
      ${this.kept.length ? html`<ul>${this.kept.map((one) => this.#one(one))}</ul>` : html`<p class="muted">${t("You have saved no search yet.")}</p>`}
      <form class="keep" @submit=${this.#keep}>
        <label><span>${t("Name of this search")}</span><input name="name" maxlength="60" required autocomplete="off" ?disabled=${!this.search || known} /></label>
        <button class="primary" ?disabled=${!this.search || known}>${t("Save this search")}</button>
      </form>
      <p class="muted" role="status">${this.#note(known)}</p>
    </details>`;
  }

  /** @param {boolean} known */
  #note(known) {
    if (this.failure === "wrong_state") return t("No more than 50 searches can be saved. Remove one first.");
    if (this.failure) return t("That did not work. Please try again.");
    if (this.said) return this.said;
    if (!this.search) return t("Choose filters first: then this search can be saved.");
    return known ? t("This search is saved.") : nothing;
  }

  /** @param {{id: string, name: string, query: string}} one */
  #one({ id, name, query }) {
    return html`<li>
      <a href=${`/library?${query}`} aria-current=${query === this.search ? "true" : nothing} dir="auto">${name}</a>
      <button type="button" class="icon" aria-label=${t("Remove “{name}”", { name })} title=${t("Remove “{name}”", { name })} @click=${() => void this.#forget(id)}>
        <wa-icon name="trash-2"></wa-icon>
      </button>
    </li>`;
  }

  /** @param {SubmitEvent} event */
  async #keep(event) {
    event.preventDefault();
    const form = /** @type {HTMLFormElement} */ (event.target);
    const name = String(new FormData(form).get("name") ?? "").trim();
    if (!name) return;
    await this.#try(async () => {
      await send("POST", PATH, { name, query: this.search });
      form.reset();
      this.said = t("The search was saved.");
    });
  }

  /** @param {string} id */
  async #forget(id) {
    await this.#try(async () => {
      await send("DELETE", `${PATH}/${encodeURIComponent(id)}`);
      this.said = t("The search was removed.");
    });
    /** @type {HTMLElement | null} */ (this.querySelector("summary"))?.focus(); // its button is gone
  }

  /** @param {() => Promise<void>} act */
  async #try(act) {
    this.failure = this.said = "";
    try {
      await act();
    } catch (error) {
      this.failure = error instanceof Refused ? error.code : "unavailable";
    }
    await this.#load();
  }
}

customElements.define("library-kept", LibraryKept);
