// Base of every part of the kiosk page: renders the kiosk's state into the light DOM, so that one style sheet serves all
// parts, and the page can be recorded and pointed at as a whole.
import { LitElement } from "lit";
import { LanguageController } from "../i18n.js";

/** A part of the page. `kiosk` is set by its parent; it is drawn again when the state, the media or the language change. */
export class KioskElement extends LitElement {
  /** @override */
  static properties = { kiosk: { attribute: false } };

  #update = () => this.requestUpdate();

  constructor() {
    super();
    /** @type {import("./kiosk.js").Kiosk} */
    this.kiosk = /** @type {any} */ (undefined);
    new LanguageController(this);
  }

  get state() {
    return this.kiosk.state;
  }

  /** @override */
  createRenderRoot() {
    return this;
  }

  /** @override */
  connectedCallback() {
    super.connectedCallback();
    this.kiosk.addEventListener("change", this.#update);
    this.kiosk.capture.addEventListener("change", this.#update);
  }

  /** @override */
  disconnectedCallback() {
    super.disconnectedCallback();
    this.kiosk.removeEventListener("change", this.#update);
    this.kiosk.capture.removeEventListener("change", this.#update);
  }
}

/**
 * Draws its element once a second, for running times: a controller, as Lit calls it.
 */
export class Ticker {
  /** @type {ReturnType<typeof setInterval> | undefined} */ #timer;

  /** @param {import("lit").ReactiveControllerHost} host */
  constructor(host) {
    this.host = host;
    host.addController(this);
  }

  hostConnected() {
    this.#timer = setInterval(() => this.host.requestUpdate(), 1000);
  }

  hostDisconnected() {
    clearInterval(this.#timer);
  }
}

/**
 * Seconds that count on between two messages of the server; call it with the server's count on every update.
 */
export class Elapsed {
  #said = -1;
  #at = 0;

  /** @param {number} seconds as the server last said */
  now(seconds) {
    if (seconds !== this.#said) {
      this.#said = seconds;
      this.#at = performance.now();
    }
    return seconds + (performance.now() - this.#at) / 1000;
  }
}
