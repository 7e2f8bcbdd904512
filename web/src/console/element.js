// Base of every part of the console: renders the store into the light DOM, in the page's language.
import { LitElement } from "lit";
import { LanguageController } from "../i18n.js";

/** @typedef {{store: import("./state.js").Store, desk: import("./session.js").Desk, login: import("./login.js").Login,
 *   media: import("./media.js").Media, ringtone: import("../media/ringtone.js").Ringtone}} App */

/** A part of the console. `app` is set by its parent; it is drawn again when the store, the media or the language change. */
export class ConsoleElement extends LitElement {
  /** @type {import("lit").PropertyDeclarations} */
  static properties = { app: { attribute: false } };

  /** Set to true in parts that show running seconds. */
  static ticking = false;

  #update = () => this.requestUpdate();

  constructor() {
    super();
    /** @type {App} */
    this.app = /** @type {any} */ (undefined);
    new LanguageController(this);
  }

  get state() {
    return this.app.store.state;
  }

  /** Styles are in console.css: no shadow, so that labels, focus and the page's language work across parts. */
  createRenderRoot() {
    return this;
  }

  connectedCallback() {
    super.connectedCallback();
    const { store, media } = this.app;
    store.addEventListener("change", this.#update);
    media.addEventListener("change", this.#update);
    if (/** @type {typeof ConsoleElement} */ (this.constructor).ticking) store.addEventListener("second", this.#update);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    const { store, media } = this.app;
    store.removeEventListener("change", this.#update);
    media.removeEventListener("change", this.#update);
    store.removeEventListener("second", this.#update);
  }
}
