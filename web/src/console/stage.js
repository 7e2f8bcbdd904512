// The middle of the console during a call: the customer's screen, the customer, the document camera, and oneself.
import { html, nothing } from "lit";
import { msg, t } from "../i18n.js";
import { ConsoleElement } from "./element.js";
import { emphasise } from "./emphasis.js";
import { deviceTrouble } from "./devices.js";
import "./quality.js";
import "./screen.js";
import "./video-tile.js";
import { othersIn, ownId } from "../link/participants.js";

/** @typedef {import("./state.js").Emphasis} Emphasis */
/** @typedef {import("./video-tile.js").VideoTile} VideoTile */

export class ConsoleStage extends ConsoleElement {
  /** The peer whose sound is played. @type {import("../media/peer.js").Peer | null} */ #heard = null;

  updated() {
    const audio = /** @type {HTMLAudioElement} */ (this.querySelector("audio"));
    const { peer } = this.app.media;
    if (peer !== this.#heard) {
      this.#heard = peer;
      audio.srcObject = peer ? peer.stream("audio0", "audio1", "audio2") : null;
      if (peer) this.#listen(audio);
    }
  }

  /** A browser may block sound until the page is touched; after a reload the page has to say so. @param {HTMLAudioElement} audio */
  #listen(audio) {
    audio.play().catch((/** @type {DOMException} */ error) => {
      if (error.name !== "NotAllowedError") return;
      this.app.store.notify("warning", msg("Click anywhere to hear the customer."));
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
        <console-screen .app=${this.app}></console-screen>
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

  /** The document camera is open only from the customer's agreement to a document until that document is there. */
  get #trayOpen() {
    const { session } = this.state;
    return session?.state === "active" && session.documents.some(({ state }) => state === "agreed");
  }

  #trayEmpty() {
    return this.#trayOpen
      ? this.#noPicture(t("The document camera is opening…"))
      : t("Closed. It opens when the customer agrees to show a paper.");
  }

  /** Why there is no picture; the camera is named only while nothing else can be the reason. @param {string} blame */
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
      <header class="tile-bar over">${emphasise(this.app, name, key, label)}</header>
      ${name === "customer" ? this.#colleagues() : nothing}
    </section>`;
  }

  /** Who else of the bank is in the call: the one who spoke last is seen. */
  #colleagues() {
    const { session, config } = this.state;
    const others = othersIn(session, ownId(session, config?.person));
    if (!others.length) return nothing;
    const names = others.map(({ name }) => name).join(", ");
    return html`<figure class="colleagues" aria-label=${t("Also in the call: {names}", { names })}>
      <video-tile .track=${this.app.media.peer?.tracks.video2 ?? null} label=${names} icon="user-round" empty=""></video-tile>
      <figcaption>${names}</figcaption>
    </figure>`;
  }

  /** @param {VideoTile} tile */
  #shown({ live, track }) {
    if (live) this.app.media.shown(track);
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
