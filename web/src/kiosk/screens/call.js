// The call: the specialist large, the customer small, what is recorded, what the specialist writes, and the way out.
import { html, nothing } from "lit";
import { live } from "lit/directives/live.js";
import { repeat } from "lit/directives/repeat.js";
import { formatDuration, msg, t } from "../../i18n.js";
import { Elapsed, KioskElement, Ticker } from "../element.js";
import { deviceNote, errorNote, mute, networkNote, pausedNote, recordingNote, stalledNote, unseen, wayToServer } from "./parts.js";
import { beside, roleOf } from "../../link/participants.js";

const REPLIES = [msg("Yes"), msg("No"), msg("One moment, please"), msg("Please say that again"), msg("Thank you")];
const LINES_SHOWN = 4;
/** How long the page says that the connection is back. */
const BACK_MS = 5000;
/** How long messages may be interrupted before the page says so. */
const AWAY_MS = 2500;

class KioskCall extends KioskElement {
  #elapsed = new Elapsed();
  /** The browser waits for a touch before it plays sound (a page that was loaded again in a call). */
  #silent = false;
  /** The session whose expert has been seen. */
  #met = "";
  /** Whether the call was interrupted and is not restored yet, and until when the page says that it is. */
  #interrupted = false;
  #backUntil = 0;
  /** Since when the service is not reached. @type {number | null} */
  #awayAt = null;
  /** The newest chat line that was scrolled into view, and the list it belongs to. */
  #newest = "";
  /** @type {Element | null} */ #lines = null;
  #resized = new ResizeObserver(() => this.#toNewest());

  constructor() {
    super();
    new Ticker(this);
  }

  /** @override */
  willUpdate() {
    const { session, online } = this.state;
    if (!session) return;
    if (session.specialist_connected) this.#met = session.id;
    const { silent } = wayToServer(this.kiosk);
    if ((!online && silent) || this.#expertLost(session)) this.#interrupted = true;
    else if (this.#interrupted && online && !silent && !session.network?.some(({ reason }) => reason === "silent")) {
      this.#interrupted = false;
      this.#backUntil = performance.now() + BACK_MS;
    }
    this.#awayAt = online ? null : (this.#awayAt ?? performance.now());
  }

  /** @override */
  render() {
    const { session } = this.state;
    if (!session) return nothing;
    const held = session.state === "held";
    const veil = this.#veil(session);
    const back = veil === nothing && this.state.online && performance.now() < this.#backUntil;
    const away = veil === nothing && this.#awayAt !== null && performance.now() - this.#awayAt > AWAY_MS;
    return html`
      <div class="screen-of-call ${held ? "held" : ""}">
        <video class="remote" aria-label=${t("The expert")} autoplay playsinline .srcObject=${live(this.kiosk.capture.remote)}
          @loadedmetadata=${this.#play}></video>
        <div role="status">
          ${veil}
          ${back ? html`<p class="back-again"><wa-icon name="circle-check"></wa-icon>${t("The connection is back")}</p>` : nothing}
        </div>
        <div class="name-plate">
          <wa-icon name="user-round"></wa-icon><b>${session.specialist_name}</b>
          <span class="number">${formatDuration(this.#elapsed.now(session.active_s))}</span>
        </div>
        ${this.#others(session)}
        ${this.kiosk.capture.self
          ? html`<video class="self" aria-label=${t("Your own picture")} autoplay muted playsinline .srcObject=${live(this.kiosk.capture.self)}></video>`
          : html`<div class="self none"><wa-icon name="camera-off"></wa-icon></div>`}
        ${this.#silent
          ? html`<button class="button primary hear" type="button" @click=${this.#play}>
              <wa-icon name="volume-2"></wa-icon>${t("Touch to hear the expert")}
            </button>`
          : nothing}
      </div>
      <div class="call-bar">
        ${recordingNote(session, wayToServer(this.kiosk))}
        <button class="button danger" type="button" @click=${() => this.kiosk.confirmEnding(true)}>
          <wa-icon name="phone-off"></wa-icon>${t("End the call")}
        </button>
      </div>
      ${this.state.online ? html`${stalledNote(session)} ${pausedNote(session)}` : nothing}
      ${session.stalled?.length || session.pauses?.length ? nothing : networkNote(session, this.state.online, away)}
      ${deviceNote(this.kiosk)} ${errorNote(this.kiosk)} ${this.#chat()}
    `;
  }

  /** Who else of the bank takes part, seen beside the expert. @param {import("../state.js").Session} session */
  #others(session) {
    const others = beside(session);
    if (!others.length) return nothing;
    const names = others.map(({ name }) => name).join("、");
    return html`<figure class="others" aria-label=${t("Also in the call: {names}", { names })}>
      ${this.kiosk.capture.others
        .slice(0, others.length)
        .map((stream) => html`<video autoplay muted playsinline .srcObject=${live(stream)}></video>`)}
      <figcaption>${t("Also in the call: {names}", { names })}</figcaption>
    </figure>`;
  }

  /** Keep the newest line visible: long ones before it must not push it out. */
  /** @override */
  updated() {
    const newest = this.state.chat.at(-1)?.id ?? "";
    if (newest === this.#newest) return;
    this.#newest = newest;
    const lines = this.querySelector(".chat ol");
    if (lines && lines !== this.#lines) this.#resized.observe(lines);
    this.#lines = lines;
    this.#toNewest();
  }

  /** @override */
  disconnectedCallback() {
    super.disconnectedCallback();
    this.#resized.disconnect();
  }

  #toNewest() {
    if (this.#lines) this.#lines.scrollTop = this.#lines.scrollHeight;
  }

  /**
   * Whether the expert was connected and is gone; false while the expert is still connecting, or is seen and heard and only
   * messages are interrupted.
   *
   * @param {import("../state.js").Session} session
   */
  #expertLost(session) {
    return !session.specialist_connected && this.#met === session.id && !this.#expertFlows();
  }

  #expertFlows() {
    const { connected, standing } = this.kiosk.capture;
    return connected && !standing;
  }

  /** @param {import("../state.js").Session} session */
  #veil(session) {
    if (!this.state.online && wayToServer(this.kiosk).silent) {
      const text = t("We are restoring it, usually within seconds. Please stay here.");
      return this.#curtain("wifi-off", t("The connection is interrupted"), text);
    }
    if (session.state === "held") {
      return this.#curtain("pause", t("Please hold on a moment"), t("The expert will be back in a moment. Nobody hears or sees you now."));
    }
    if (session.stopped) {
      const text = t("What is said here has to be recorded, and that does not work just now. Until it does, nobody hears or sees you. Please stay here.");
      return this.#curtain("circle-alert", t("The call is paused"), text);
    }
    if (this.#expertLost(session)) {
      const text = t("We reconnect you, or call another expert for you first. Please stay here.");
      return this.#curtain("unplug", t("Your expert is cut off just now"), text);
    }
    if (!session.specialist_connected && this.#met !== session.id) {
      return this.#curtain("loader", t("Connecting you to the expert"), t("One moment, please."));
    }
    if (!this.kiosk.capture.connected) {
      const neither = mute(this.kiosk) && unseen(this.kiosk);
      const title = neither ? t("Connecting you to the expert") : t("Connecting camera and microphone");
      return this.#curtain("loader", title, t("One moment, please."));
    }
    return nothing;
  }

  /** @param {string} icon @param {string} title @param {string} text */
  #curtain(icon, title, text) {
    return html`<div class="veil">
      <wa-icon name=${icon}></wa-icon>
      <h2>${title}</h2>
      <p>${text}</p>
    </div>`;
  }

  #chat() {
    const { chat } = this.state;
    // A customer who cannot be heard gets the buttons to answer, also before anybody has written.
    if (chat.length === 0 && !mute(this.kiosk)) return nothing;
    return html`<section class="chat" aria-label=${t("Messages")}>
      <ol aria-live="polite" tabindex="0" aria-label=${t("Messages")}>
        ${repeat(
          chat.slice(-LINES_SHOWN),
          ({ id }) => id,
          ({ sender, text }) => html`<li dir="auto" class=${roleOf(sender) === "customer" ? "mine" : "theirs"}>${text}</li>`,
        )}
      </ol>
      <div class="replies">
        ${REPLIES.map(
          (reply) =>
            html`<button class="reply" type="button" @click=${() => void this.kiosk.say(t(reply))}>${t(reply)}</button>`,
        )}
      </div>
    </section>`;
  }

  #play = () => {
    const video = /** @type {HTMLVideoElement | null} */ (this.querySelector("video.remote"));
    video
      ?.play()
      .then(() => this.#hear(false))
      .catch((error) => this.#hear(error instanceof DOMException && error.name === "NotAllowedError"));
  };

  /** @param {boolean} silent */
  #hear(silent) {
    this.#silent = silent;
    this.requestUpdate();
  }
}

customElements.define("kiosk-call", KioskCall);
