// A document at full size: zoom, pan and rotate by keyboard or mouse; accept it, or ask for it again with a reason.
import { html, nothing } from "lit";
import { t } from "../i18n.js";
import { hasPicture, incomplete, pictureUrl } from "./documents.js";
import { ConsoleElement } from "./element.js";
import { documentLabel, documentState, REJECTIONS } from "./labels.js";
import { networkWords } from "./network.js";
import { inCall } from "./state.js";

const ZOOM = 1.25;
const PAN = 80;

export class ConsoleViewer extends ConsoleElement {
  /** @type {import("lit").PropertyDeclarations} */
  static properties = { rejecting: { state: true }, trouble: { state: true } };

  /** 1 means that all of the picture is seen. */
  #zoom = 1;
  #x = 0;
  #y = 0;
  #turns = 0;
  #shown = "";
  /** @type {{x: number, y: number} | null} */ #drag = null;

  constructor() {
    super();
    this.rejecting = false;
    /** Whether the picture could not be fetched. */
    this.trouble = false;
  }

  get doc() {
    const { session, document } = this.state;
    return session?.documents.find(({ id }) => id === document) ?? null;
  }

  get #decidable() {
    return this.doc?.state === "stored" && inCall(this.state.session);
  }

  get #dialog() {
    return /** @type {HTMLDialogElement | null} */ (this.querySelector("dialog"));
  }

  get #image() {
    return this.querySelector("img");
  }

  updated() {
    const dialog = this.#dialog;
    const shown = this.doc?.id ?? "";
    if (!dialog || shown === this.#shown) return;
    this.#shown = shown;
    this.rejecting = false;
    this.trouble = false;
    this.#fit();
    if (shown && !dialog.open) dialog.showModal();
    else if (!shown) dialog.close();
  }

  #fit() {
    this.#zoom = 1;
    this.#x = this.#y = this.#turns = 0;
    this.#place();
  }

  /** Pictures are scaled to fit by the style sheet; this only adds what the specialist did. */
  #place() {
    const image = this.#image;
    if (!image) return;
    const sideways = this.#turns % 2 !== 0;
    const box = /** @type {HTMLElement} */ (image.parentElement);
    const turned =
      sideways && image.clientWidth
        ? Math.min(1, box.clientHeight / image.clientWidth, box.clientWidth / image.clientHeight)
        : 1;
    image.style.transform = `translate(${this.#x}px, ${this.#y}px) scale(${this.#zoom * turned}) rotate(${this.#turns * 90}deg)`;
  }

  /** @param {number} factor */
  #scale(factor) {
    const zoom = Math.min(16, Math.max(1, this.#zoom * factor));
    this.#x *= zoom / this.#zoom;
    this.#y *= zoom / this.#zoom;
    this.#zoom = zoom;
    if (zoom === 1) this.#x = this.#y = 0;
    this.#place();
  }

  /** One pixel of the document on one pixel of the screen. */
  #full() {
    const image = this.#image;
    if (!image?.clientWidth) return;
    this.#zoom = Math.max(1, image.naturalWidth / image.clientWidth);
    this.#place();
  }

  /**
   * @param {number} dx
   * @param {number} dy
   */
  #pan(dx, dy) {
    this.#x += dx;
    this.#y += dy;
    this.#place();
  }

  /** @param {number} turns quarters, clockwise */
  #turn(turns) {
    this.#turns += turns;
    this.#place();
  }

  #close() {
    this.app.store.set({ document: null });
  }

  /** @param {number} step */
  #other(step) {
    const documents = this.state.session?.documents.filter(hasPicture) ?? [];
    const index = documents.findIndex(({ id }) => id === this.state.document);
    const next = documents[index + step];
    if (next) this.app.store.set({ document: next.id });
  }

  #accept() {
    const { doc } = this;
    if (!doc || !this.#decidable) return;
    void this.app.desk.decide(doc.id, true, "");
    this.#close();
  }

  #startRejecting() {
    if (!this.#decidable) return;
    this.rejecting = true;
    void this.updateComplete.then(() =>
      /** @type {HTMLElement | null} */ (this.querySelector(".reasons button"))?.focus(),
    );
  }

  #stopRejecting() {
    this.rejecting = false;
    /** @type {HTMLElement | null} */ (this.querySelector(".viewer-stage"))?.focus();
  }

  /** @param {string} reason */
  #reject(reason) {
    const { doc } = this;
    if (!doc || !reason.trim()) return;
    void this.app.desk.decide(doc.id, false, reason.trim());
    this.#close();
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.target instanceof HTMLInputElement || event.ctrlKey || event.altKey || event.metaKey) return;
    if (this.rejecting && /^[1-9]$/.test(event.key)) {
      const reason = REJECTIONS[Number(event.key) - 1];
      if (reason) this.#reject(reason[this.#customerLanguage]);
      return;
    }
    /** @type {Record<string, () => void>} */
    const acts = {
      "+": () => this.#scale(ZOOM),
      "=": () => this.#scale(ZOOM),
      "-": () => this.#scale(1 / ZOOM),
      ArrowLeft: () => this.#pan(PAN, 0),
      ArrowRight: () => this.#pan(-PAN, 0),
      ArrowUp: () => this.#pan(0, PAN),
      ArrowDown: () => this.#pan(0, -PAN),
      0: () => this.#fit(),
      1: () => this.#full(),
      r: () => this.#turn(1),
      R: () => this.#turn(-1),
      a: () => this.#accept(),
      j: () => this.#startRejecting(),
      PageUp: () => this.#other(-1),
      PageDown: () => this.#other(1),
    };
    const act = acts[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  }

  get #customerLanguage() {
    return this.state.session?.language ?? "zh-CN";
  }

  render() {
    return html`<dialog
      class="viewer"
      aria-labelledby="viewer-title"
      @keydown=${(/** @type {KeyboardEvent} */ event) => this.#key(event)}
      @cancel=${(/** @type {Event} */ event) => {
        event.preventDefault();
        if (this.rejecting) this.#stopRejecting();
        else this.#close();
      }}
      @close=${() => {
        // The browser may close it by itself (a second Esc); the state follows.
        if (this.doc) this.#close();
      }}
    >
      ${this.doc ? this.#content(this.doc) : nothing}
    </dialog>`;
  }

  /** @param {import("./documents.js").CallDocument} doc */
  #content(doc) {
    const { session } = this.state;
    const size = doc.width ? `${doc.width} × ${doc.height} · ${(doc.size / 1024 / 1024).toFixed(1)} MB` : "";
    return html`
      <header>
        <h2 id="viewer-title">${documentLabel(doc.label)}</h2>
        <span class="chip ${doc.state === "accepted" ? "success" : doc.state === "stored" ? "warning" : ""}"
          >${documentState(doc.state)}</span
        >
        <small class="number">${size}</small>
        ${doc.incomplete ? incomplete() : nothing}
        <div class="viewer-tools">
          ${tool("zoom-out", t("Smaller"), "−", () => this.#scale(1 / ZOOM))}
          ${tool("zoom-in", t("Larger"), "+", () => this.#scale(ZOOM))}
          ${tool("maximize", t("Whole paper"), "0", () => this.#fit())}
          ${tool("search", t("Full resolution"), "1", () => this.#full())}
          ${tool("rotate-cw", t("Rotate"), "R", () => this.#turn(1))}
          ${tool("x", t("Close"), "Esc", () => this.#close())}
        </div>
      </header>
      <div class="viewer-network" role="status">${this.#network()}</div>
      <div
        class="viewer-stage"
        tabindex="0"
        autofocus
        role="group"
        aria-label=${t("Paper: arrow keys move it")}
        @wheel=${(/** @type {WheelEvent} */ event) => this.#scale(event.deltaY < 0 ? 1.1 : 1 / 1.1)}
        @pointerdown=${(/** @type {PointerEvent} */ event) => {
          this.#drag = { x: event.clientX, y: event.clientY };
          /** @type {Element} */ (event.currentTarget).setPointerCapture(event.pointerId);
        }}
        @pointermove=${(/** @type {PointerEvent} */ event) => {
          if (!this.#drag) return;
          this.#pan(event.clientX - this.#drag.x, event.clientY - this.#drag.y);
          this.#drag = { x: event.clientX, y: event.clientY };
        }}
        @pointerup=${() => (this.#drag = null)}
      >
        ${
          this.trouble
            ? html`<div class="no-picture">
                <wa-icon name="image-off"></wa-icon><span>${t("The picture could not be loaded.")}</span>
              </div>`
            : html`<img
                src=${pictureUrl(session?.id ?? "", doc.id)}
                alt=${documentLabel(doc.label)}
                draggable="false"
                @error=${() => (this.trouble = true)}
              />`
        }
      </div>
      ${this.#decidable ? this.#decision() : nothing}
    `;
  }

  /** The viewer covers the call, so a bad network is shown here as well. */
  #network() {
    if (!inCall(this.state.session)) return nothing;
    const { level, lines, next } = networkWords(this.state, this.app.media, true);
    if (level === "good") return nothing;
    return html`${lines.map(({ level, icon, text }) => html`<b class=${level}><wa-icon name=${icon}></wa-icon>${text}</b>`)}
      ${next ? html`<span>${next}</span>` : nothing}`;
  }

  #decision() {
    if (!this.rejecting) {
      return html`<footer>
        <wa-button appearance="outlined" variant="danger" size="l" @click=${() => this.#startRejecting()}>
          <wa-icon slot="start" name="refresh-cw"></wa-icon>${t("Ask again")}<kbd aria-hidden="true">J</kbd>
        </wa-button>
        <wa-button variant="success" appearance="accent" size="l" @click=${() => this.#accept()}>
          <wa-icon slot="start" name="check"></wa-icon>${t("Accept")}<kbd aria-hidden="true">A</kbd>
        </wa-button>
      </footer>`;
    }
    return html`<footer class="rejecting">
      <strong>${t("Why? The customer reads this.")}</strong>
      <div class="reasons" role="group" aria-label=${t("Why? The customer reads this.")}>
        ${REJECTIONS.map((reason, index) => {
          const text = reason[this.#customerLanguage];
          return html`<button lang=${this.#customerLanguage} @click=${() => this.#reject(text)}>
            <kbd aria-hidden="true">${index + 1}</kbd>${text}
          </button>`;
        })}
      </div>
      <form
        class="inline"
        @submit=${(/** @type {SubmitEvent} */ event) => {
          event.preventDefault();
          this.#reject(/** @type {HTMLInputElement} */ (this.querySelector("#reject-reason")).value);
        }}
      >
        <label class="visually-hidden" for="reject-reason">${t("Another reason")}</label>
        <input id="reject-reason" maxlength="200" autocomplete="off" placeholder=${t("Another reason")} />
        <button class="icon" aria-label=${t("Ask again")}><wa-icon name="send"></wa-icon></button>
      </form>
    </footer>`;
  }
}

/**
 * @param {string} icon
 * @param {string} label
 * @param {string} key
 * @param {() => void} act
 */
function tool(icon, label, key, act) {
  return html`<button class="tool small" aria-label=${label} title=${label} @click=${act}>
    <wa-icon name=${icon}></wa-icon><kbd aria-hidden="true">${key}</kbd>
  </button>`;
}

customElements.define("console-viewer", ConsoleViewer);
