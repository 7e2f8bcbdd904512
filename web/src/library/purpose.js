// What a recording is opened for: asked before anything of it is shown, and again when that has run out.
import { LitElement, html, nothing } from "lit";
import { LanguageController, formatDateTime, t } from "../i18n.js";
import { branchName, choiceName, serviceName } from "./labels.js";
import { Refused, post, readBytes } from "./requests.js";

/** @typedef {import("./types.js").Brief} Brief */
/** @typedef {{code: string, zh: string, en: string}} Purpose */
/** @typedef {{promise: Promise<void>, resolve: () => void}} Asking */

/** The purpose that needs words of one's own, as `OTHER` in server/evidence/purposes.py. */
const OTHER = "other";
const WORDS = 200;
const LEAST_WORDS = 4;
const LIST = "/library";

export class LibraryPurpose extends LitElement {
  /** @type {import("lit").PropertyDeclarations} */
  static properties = {
    session: { attribute: false },
    purposes: { attribute: false },
    chosen: { state: true },
    words: { state: true },
    failure: { state: true },
    busy: { state: true },
    again: { state: true },
  };

  /** Whoever waits for the answer, while it is asked for. @type {Asking | null} */ #asking = null;

  constructor() {
    super();
    new LanguageController(this);
    /** @type {Brief} */
    this.session = /** @type {any} */ (undefined);
    /** @type {Purpose[]} */
    this.purposes = [];
    this.chosen = "";
    this.words = "";
    this.failure = "";
    this.busy = false;
    /** Whether something was stated before and has run out. */
    this.again = false;
  }

  createRenderRoot() {
    return this;
  }

  /** Ask, once however many want to know; resolves when the server has the answer. @returns {Promise<void>} */
  async ask() {
    if (this.#asking) return this.#asking.promise;
    const asking = (this.#asking = resolvers());
    this.failure = "";
    this.requestUpdate();
    await this.updateComplete;
    this.#dialog?.showModal();
    /** @type {HTMLElement | null} */ (this.querySelector("input:checked") ?? this.querySelector("input"))?.focus();
    return asking.promise;
  }

  get #dialog() {
    return /** @type {HTMLDialogElement | null} */ (this.querySelector("dialog"));
  }

  get #fits() {
    return Boolean(this.chosen) && (this.chosen !== OTHER || this.words.trim().length >= LEAST_WORDS);
  }

  render() {
    return html`<dialog class="purpose" aria-labelledby="purpose-title" aria-describedby="purpose-kept" @cancel=${this.#leave} @keydown=${this.#key}>
      <form @submit=${this.#submitted}>
        <h2 id="purpose-title"><wa-icon name="shield-check"></wa-icon>${t("What do you open this recording for?")}</h2>
        <p class="purpose-what">${serviceName(this.session)} · ${branchName(this.session)} · ${formatDateTime(this.session.requested_ms)}</p>
        ${this.again ? html`<p class="purpose-again">${t("What you said before has run out. Say it again to go on.")}</p>` : nothing}
        <fieldset>
          <legend class="visually-hidden">${t("Purpose")}</legend>
          ${this.purposes.map(
            (one, at) => html`<label>
              <input type="radio" name="purpose" value=${one.code} .checked=${this.chosen === one.code} @change=${() => (this.chosen = one.code)} />
              <span>${choiceName(one)}</span>${at < 9 ? html`<kbd aria-hidden="true">${at + 1}</kbd>` : nothing}
            </label>`,
          )}
        </fieldset>
        <label class="purpose-words">
          <span>${this.chosen === OTHER ? t("What for, in a few words") : t("Case number or a few words (optional)")}</span>
          <input type="text" name="words" maxlength=${WORDS} autocomplete="off" .value=${this.words} ?required=${this.chosen === OTHER}
            aria-describedby="purpose-kept" @input=${(/** @type {Event} */ event) => (this.words = /** @type {HTMLInputElement} */ (event.target).value)} />
        </label>
        <p class="muted" id="purpose-kept">${t("It is kept in the audit log with your name, also after the recording is deleted. Please name no customers.")}</p>
        ${this.failure ? html`<p class="purpose-failure" role="alert">${this.#failed()}</p>` : nothing}
        <div class="purpose-actions">
          <a class="replay" href=${LIST}>${t("Back to the list")}</a>
          <button class="primary" ?disabled=${!this.#fits || this.busy}>${t("Open the recording")}</button>
        </div>
      </form>
    </dialog>`;
  }

  #failed() {
    if (this.failure === "not_found") return t("It does not exist, or it is not for you.");
    if (this.failure === "bad_message") return t("Please choose a purpose, and use plain words on one line.");
    return t("Please check the connection and try again.");
  }

  /** The number of a purpose chooses it; nothing that is pressed here moves the player. @param {KeyboardEvent} event */
  #key(event) {
    event.stopPropagation();
    const typing = /** @type {HTMLElement} */ (event.target).matches("input[type=text]");
    const one = this.purposes[Number(event.key) - 1];
    if (typing || !one || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    this.chosen = one.code;
    const next = one.code === OTHER ? "input[type=text]" : `input[value="${one.code}"]`;
    /** @type {HTMLElement | null} */ (this.querySelector(next))?.focus();
  }

  /** Without an answer there is nothing to see here. @param {Event} event */
  #leave(event) {
    event.preventDefault();
    location.assign(LIST);
  }

  /** @param {SubmitEvent} event */
  async #submitted(event) {
    event.preventDefault();
    if (!this.#fits || this.busy) return;
    this.busy = true;
    this.failure = "";
    try {
      await post(`/api/sessions/${encodeURIComponent(this.session.id)}/purpose`, { purpose: this.chosen, words: this.words.trim() });
      this.again = true;
      this.#dialog?.close();
      this.#asking?.resolve();
      this.#asking = null;
    } catch (error) {
      this.failure = error instanceof Refused ? error.code : "unavailable";
    }
    this.busy = false;
  }
}

/** Papers are pictures that the browser fetches itself: one that was refused is fetched again once a purpose is stated. */
export function watchPictures() {
  const tried = new WeakSet();
  const again = async (/** @type {Event} */ { target }) => {
    if (!(target instanceof HTMLImageElement) || !target.src.includes("/api/sessions/") || tried.has(target)) return;
    tried.add(target);
    await readBytes(target.src); // which asks, where that was the reason
    target.src = `${target.src}`;
  };
  document.addEventListener("error", (event) => void again(event).catch(() => null), true);
}

/** @returns {Asking} */
function resolvers() {
  let resolve = () => {};
  const promise = /** @type {Promise<void>} */ (new Promise((done) => (resolve = () => done(undefined))));
  return { promise, resolve };
}

customElements.define("library-purpose", LibraryPurpose);
