// The middle of the console during a call: the customer's screen, the customer, the document camera, and oneself.
import { html, nothing } from "lit";
import { CobrowseView } from "../cobrowse/view.js";
import { t } from "../i18n.js";
import { ConsoleElement } from "./element.js";
import { deviceTrouble } from "./devices.js";
import "./quality.js";
import "./video-tile.js";

/** @typedef {import("./state.js").Emphasis} Emphasis */
/** @typedef {import("./video-tile.js").VideoTile} VideoTile */
/** @typedef {{x: number, y: number}} Point fractions of the customer's page */

/** How far an arrow key moves the pointer. */
const STEP = 0.02;

export class ConsoleStage extends ConsoleElement {
  /** @type {CobrowseView | null} */ #view = null;
  /** Where the keyboard has put the pointer. @type {Point} */ #at = { x: 0.5, y: 0.5 };
  /** The peer whose sound is played. @type {import("../media/peer.js").Peer | null} */ #heard = null;
  #cobrowse = (/** @type {Event} */ event) => this.#view?.piece(/** @type {CustomEvent} */ (event).detail);
  #reset = () => this.#view?.reset();

  connectedCallback() {
    super.connectedCallback();
    this.app.desk.addEventListener("cobrowse", this.#cobrowse);
    this.app.desk.addEventListener("cobrowse-reset", this.#reset);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.app.desk.removeEventListener("cobrowse", this.#cobrowse);
    this.app.desk.removeEventListener("cobrowse-reset", this.#reset);
    this.#view?.destroy();
    this.#view = null;
  }

  firstUpdated() {
    const view = new CobrowseView(/** @type {HTMLElement} */ (this.querySelector(".cobrowse")));
    view.addEventListener("need-snapshot", (event) => this.app.desk.refresh(/** @type {CustomEvent} */ (event).detail.failed));
    view.addEventListener("shown", () => this.app.store.set({ shown: true, highlighted: null }));
    this.#view = view;
    this.app.desk.refresh();
  }

  updated() {
    this.#view?.highlight(this.state.highlighted);
    const audio = /** @type {HTMLAudioElement} */ (this.querySelector("audio"));
    const { peer } = this.app.media;
    if (peer !== this.#heard) {
      this.#heard = peer;
      audio.srcObject = peer ? peer.stream("audio0", "audio1", "audio2") : null;
      if (peer) this.#listen(audio);
    }
  }

  /** A browser may keep a page silent until somebody touches it; after a reload that has to be said. @param {HTMLAudioElement} audio */
  #listen(audio) {
    audio.play().catch((/** @type {DOMException} */ error) => {
      if (error.name !== "NotAllowedError") return;
      this.app.store.notify("warning", t("Click anywhere to hear the customer."));
      addEventListener("pointerdown", () => void audio.play().catch(() => undefined), { once: true });
      addEventListener("keydown", () => void audio.play().catch(() => undefined), { once: true });
    });
  }

  render() {
    const { emphasis, session } = this.state;
    const { media } = this.app;
    return html`
      <div role="status">${this.#banner()}</div>
      <div class="stage" data-emphasis=${emphasis} ?data-held=${session?.state === "held"}>
        ${this.#screen()}
        ${this.#video("customer", "F2", t("Customer"), "video0", this.#noPicture(t("The customer's camera sends no picture.")))}
        ${this.#video("camera", "F3", t("Document camera"), "video1", this.#trayEmpty(), this.#trayOpen)}
        <section class="tile self" aria-label=${t("Your own picture")}>
          <video-tile
            mirrored
            .track=${media.muted.camera ? null : media.local.camera}
            label=${t("Your own picture")}
            icon="video-off"
            empty=${media.muted.camera ? t("Your camera is off.") : (deviceTrouble(media.devices, "camera") ?? t("Starting your camera…"))}
          ></video-tile>
          <span class="tile-name"
            >${t("You")}${media.muted.microphone ? html`<wa-icon name="mic-off" label=${t("Microphone is off")}></wa-icon>` : nothing}</span
          >
        </section>
        <console-quality .app=${this.app}></console-quality>
      </div>
      <audio autoplay></audio>
    `;
  }

  /** The document camera is open only from the customer's agreement to a paper until that paper is there. */
  get #trayOpen() {
    const { session } = this.state;
    return session?.state === "active" && session.documents.some(({ state }) => state === "agreed");
  }

  #trayEmpty() {
    return this.#trayOpen
      ? this.#noPicture(t("The document camera is opening…"))
      : t("Closed. It opens when the customer agrees to show a paper.");
  }

  /** Why there is no picture, as far as is known: a camera is blamed only while all else is well. @param {string} blame */
  #noPicture(blame) {
    const { session } = this.state;
    const { connection, standing } = this.app.media;
    const well = session?.kiosk_connected && connection === "connected" && !standing;
    return well ? blame : t("No picture just now");
  }

  #banner() {
    const { session, link } = this.state;
    if (!session) return nothing;
    if (!session.kiosk_connected) {
      return banner(
        "danger",
        "unplug",
        t(
          "The connection to the customer's kiosk is lost. The call waits for it, and ends by itself if it does not come back.",
        ),
      );
    }
    if (session.state === "held") {
      return banner("warning", "pause", t("On hold: you and the customer neither hear nor see each other."));
    }
    if (link === "open" && this.app.media.connection !== "connected") {
      return banner("info", "loader", t("Connecting sound and picture…"));
    }
    return nothing;
  }

  #screen() {
    const { emphasis, pointing, highlighted, shown, session } = this.state;
    const large = emphasis === "screen";
    return html`<section class="tile screen ${large ? "large" : ""}" aria-label=${t("Customer's screen")}>
      <header class="tile-bar">
        ${this.#emphasise("screen", "F1", t("Customer's screen"), large)}
        <span class="tile-tools" ?hidden=${!large}>
          <button
            class="tool small"
            aria-pressed=${pointing}
            aria-keyshortcuts="P Alt+P"
            @click=${() => this.togglePointer()}
          >
            <wa-icon name="mouse-pointer-click"></wa-icon><span>${pointing ? t("Pointer on") : t("Pointer off")}</span
            ><kbd aria-hidden="true">P</kbd>
          </button>
          <button
            class="tool small"
            aria-keyshortcuts="X Alt+X"
            ?disabled=${highlighted === null}
            @click=${() => this.app.desk.highlight(null)}
          >
            <wa-icon name="highlighter"></wa-icon><span>${t("Clear outline")}</span><kbd aria-hidden="true">X</kbd>
          </button>
        </span>
      </header>
      <div
        class="cobrowse ${pointing && large ? "pointing" : ""}"
        role="application"
        tabindex=${large ? 0 : -1}
        aria-label=${t("Customer's screen: arrow keys move the pointer, Enter outlines what is under it")}
        @pointermove=${(/** @type {PointerEvent} */ event) => this.#move(event)}
        @pointerleave=${() => this.#point(null)}
        @blur=${() => this.#point(null)}
        @click=${(/** @type {MouseEvent} */ event) => this.#click(event)}
        @keydown=${(/** @type {KeyboardEvent} */ event) => this.#key(event)}
      ></div>
      ${
        shown || session?.state === "held"
          ? nothing
          : html`<div class="no-picture">
              <wa-icon name="monitor"></wa-icon><span>${t("Waiting for the customer's screen…")}</span>
            </div>`
      }
    </section>`;
  }

  /**
   * @param {Emphasis} name
   * @param {string} key
   * @param {string} label
   * @param {"video0" | "video1"} slot
   * @param {string} empty
   * @param {boolean} [open] whether there may be a picture at all: without, none is shown, not even an old one
   */
  #video(name, key, label, slot, empty, open = true) {
    const large = this.state.emphasis === name;
    return html`<section class="tile ${name} ${large ? "large" : ""}" aria-label=${label}>
      <video-tile
        .track=${(open && this.app.media.peer?.tracks[slot]) || null}
        @live=${(/** @type {Event} */ event) => this.#shown(/** @type {VideoTile} */ (event.target))}
        label=${label}
        icon=${name === "camera" ? "scan-line" : "video-off"}
        empty=${empty}
      ></video-tile>
      <header class="tile-bar over">${this.#emphasise(name, key, label, large)}</header>
    </section>`;
  }

  /** @param {VideoTile} tile */
  #shown({ live, track }) {
    if (live) this.app.media.shown(track);
  }

  /**
   * @param {Emphasis} name
   * @param {string} key
   * @param {string} label
   * @param {boolean} large
   */
  #emphasise(name, key, label, large) {
    return html`<button
      class="tile-name"
      aria-pressed=${large}
      aria-keyshortcuts=${key}
      title=${t("Show large")}
      @click=${() => this.app.store.set({ emphasis: name })}
    >
      ${label}<kbd aria-hidden="true">${key}</kbd>
    </button>`;
  }

  togglePointer() {
    const pointing = !this.state.pointing;
    this.app.store.set({ pointing });
    if (!pointing) this.#point(null);
  }

  /** @param {Point | null} at */
  #point(at) {
    this.#view?.point(at);
    this.app.desk.point(at);
  }

  /** @param {PointerEvent} event */
  #move(event) {
    const { pointing, emphasis } = this.state;
    if (pointing && emphasis === "screen") this.#point(this.#view?.toPage(event.clientX, event.clientY) ?? null);
  }

  /** @param {MouseEvent} event */
  #click(event) {
    if (this.state.emphasis !== "screen") this.app.store.set({ emphasis: "screen" });
    else this.#outline(event.clientX, event.clientY);
  }

  /**
   * @param {number} clientX
   * @param {number} clientY
   */
  #outline(clientX, clientY) {
    const node = this.#view?.nodeAt(clientX, clientY) ?? null;
    if (node !== null) this.app.desk.highlight(node === this.state.highlighted ? null : node);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const moves = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] };
    const move = moves[/** @type {keyof typeof moves} */ (event.key)];
    if (move && this.state.pointing) {
      const [dx, dy] = event.shiftKey ? [move[0] * 4, move[1] * 4] : move;
      this.#at = { x: Math.min(1, Math.max(0, this.#at.x + dx)), y: Math.min(1, Math.max(0, this.#at.y + dy)) };
      this.#point(this.#at);
    } else if (event.key === "Enter") {
      const box = this.querySelector(".cobrowse-frame")?.getBoundingClientRect();
      if (box) this.#outline(box.left + this.#at.x * box.width, box.top + this.#at.y * box.height);
    } else {
      return;
    }
    event.preventDefault();
  }
}

/**
 * @param {string} kind
 * @param {string} icon
 * @param {string} text
 */
function banner(kind, icon, text) {
  return html`<div class="banner ${kind}"><wa-icon name=${icon}></wa-icon>${text}</div>`;
}

customElements.define("console-stage", ConsoleStage);
