// Signing in again, over whatever is on the screen.
import { html, nothing } from "lit";
import { msg, t } from "../i18n.js";
import { ConsoleElement } from "./element.js";

/** @type {Record<import("./login.js").Refusal, string>} */
const REFUSALS = {
  refused: msg("The name or the password is not right."),
  too_many: msg("Too many attempts. Please wait a moment before you try again."),
  unreachable: msg("The server could not be reached. Please try again."),
};

export class ConsoleSignIn extends ConsoleElement {
  /** @type {import("lit").PropertyDeclarations} */
  static properties = { refusal: { state: true }, busy: { state: true } };

  constructor() {
    super();
    /** @type {import("./login.js").Refusal | null} */
    this.refusal = null;
    this.busy = false;
  }

  get #dialog() {
    return /** @type {HTMLDialogElement} */ (this.querySelector("dialog"));
  }

  updated() {
    const { signingIn } = this.state;
    const dialog = this.#dialog;
    if (signingIn && !dialog.open) {
      dialog.showModal();
      /** @type {HTMLElement | null} */ (this.querySelector(this.app.login.name ? "#again-password" : "#again-login"))?.focus();
    } else if (!signingIn && dialog.open) dialog.close();
  }

  #close() {
    this.refusal = null;
    this.app.store.set({ signingIn: false });
  }

  /** @param {SubmitEvent} event */
  async #submit(event) {
    event.preventDefault();
    if (this.busy) return;
    const name = /** @type {HTMLInputElement} */ (this.querySelector("#again-login"));
    const password = /** @type {HTMLInputElement} */ (this.querySelector("#again-password"));
    this.busy = true;
    this.refusal = await this.app.login.signIn(name.value.trim(), password.value);
    this.busy = false;
    if (!this.refusal) return;
    await this.updateComplete;
    password.select();
  }

  render() {
    const close = () => this.#close();
    return html`<dialog class="sign-in" aria-labelledby="sign-in-title" @close=${close} @cancel=${close}>
      ${this.state.signingIn ? this.#form(close) : nothing}
    </dialog>`;
  }

  /** @param {() => void} close */
  #form(close) {
    const failed = this.refusal !== null;
    return html`<form
      @submit=${(/** @type {SubmitEvent} */ event) => void this.#submit(event)}
      @keydown=${(/** @type {KeyboardEvent} */ event) => {
        // A browser knows no default button among widgets.
        const field = event.target instanceof HTMLInputElement ? event.target : null;
        if (event.key === "Enter" && !event.isComposing) field?.form?.requestSubmit();
      }}
    >
      <h2 id="sign-in-title">${t("Sign in again")}</h2>
      <p class="hint">${t("Nothing of what you are doing is lost.")}</p>
      <div class="field">
        <label for="again-login">${t("User name")}</label>
        <input id="again-login" autocomplete="username" autocapitalize="none" spellcheck="false" maxlength="64" required
          .value=${this.app.login.name} />
      </div>
      <div class="field">
        <label for="again-password">${t("Password")}</label>
        <input id="again-password" type="password" autocomplete="current-password" maxlength="256" required
          aria-invalid=${failed} aria-describedby=${failed ? "sign-in-refusal" : nothing} />
      </div>
      ${failed ? html`<p class="refusal" id="sign-in-refusal" role="alert">${t(REFUSALS[/** @type {import("./login.js").Refusal} */ (this.refusal)])}</p>` : nothing}
      <footer>
        <wa-button appearance="outlined" variant="neutral" @click=${close}>${t("Later")}</wa-button>
        <wa-button type="submit" variant="brand" appearance="accent" ?loading=${this.busy}>${t("Sign in")}</wa-button>
      </footer>
    </form>`;
  }
}

customElements.define("console-sign-in", ConsoleSignIn);
