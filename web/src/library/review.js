// Who reviews the session that is shown, and whether that is done: for the bar on top of the player.
import { LitElement, html, nothing } from "lit";
import { LanguageController, t } from "../i18n.js";
import { pageData } from "../link/login.js";
import { post } from "./requests.js";

export class LibraryReview extends LitElement {
  /** @type {import("lit").PropertyDeclarations} */
  static properties = { review: { state: true }, failed: { state: true }, busy: { state: true } };

  constructor() {
    super();
    new LanguageController(this);
    const { review = null, session = null, person = "" } = pageData();
    /** @type {import("./types.js").Review | null} */
    this.review = review;
    this.session = session?.id ?? "";
    this.person = person;
    this.failed = false;
    this.busy = false;
  }

  createRenderRoot() {
    return this;
  }

  render() {
    const { review } = this;
    if (!review) return nothing;
    const who = review.reviewer === this.person ? t("You review this") : t("Reviewed by {name}", { name: review.name });
    return html`<span class="review" role="status">${this.failed ? t("That did not work. Please try again.") : review.done ? t("Review done") : who}</span>
      <button class="quiet" ?disabled=${this.busy} @click=${() => void this.#say(!review.done)}>
        <wa-icon name=${review.done ? "rotate-ccw" : "check"}></wa-icon><span>${review.done ? t("Open the review again") : t("Review is done")}</span>
      </button>`;
  }

  /** @param {boolean} done */
  async #say(done) {
    this.busy = true;
    try {
      await post(`/api/sessions/${encodeURIComponent(this.session)}/review`, { done });
      if (this.review) this.review = { ...this.review, done };
      this.failed = false;
    } catch {
      this.failed = true;
    }
    this.busy = false;
  }
}

customElements.define("library-review", LibraryReview);
