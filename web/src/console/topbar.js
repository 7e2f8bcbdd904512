// The top bar: customer, duration, recording, and the actions on the call itself.
import { html, nothing } from "lit";
import { LANGUAGES, formatDuration, language, setLanguage, t } from "../i18n.js";
import { ConsoleElement } from "./element.js";
import { branchName, trackLabel } from "./labels.js";
import { inCall, isLead, ownPause } from "./state.js";
import { ownId, roleOf } from "../link/participants.js";

const ARMED_MS = 4000;
/** Icons that need no words where there is little room. */
const KNOWN = new Set(["mic", "mic-off", "video", "video-off"]);

export class ConsoleTopbar extends ConsoleElement {
  static ticking = true;
  /** @type {import("lit").PropertyDeclarations} */
  static properties = { armed: { state: true } };

  /** @type {ReturnType<typeof setTimeout> | undefined} */ #disarm;

  constructor() {
    super();
    /** Ending takes two presses, so that one slip does not end a customer's call. */
    this.armed = false;
  }

  /** First press: ask; second press within a few seconds: end the call. */
  hangUp() {
    clearTimeout(this.#disarm);
    if (this.armed) {
      this.armed = false;
      void this.app.desk.hangUp();
      return;
    }
    this.armed = true;
    this.#disarm = setTimeout(() => {
      this.armed = false;
    }, ARMED_MS);
  }

  render() {
    const { session, closed } = this.state;
    const call = inCall(session) && !closed;
    return html`
      <a class="brand" href="/console"><img src="/static/images/visavis.svg" alt="" />Visavis</a>
      <div class="topbar-call">${call ? this.#call() : nothing}</div>
      <div class="topbar-actions">${call ? this.#actions() : nothing}</div>
      ${this.#person(call)}
    `;
  }

  #call() {
    const { session, sessionAt } = this.state;
    if (!session) return nothing;
    const seconds = session.active_s + (performance.now() - sessionAt) / 1000;
    return html`
      <span class="call-timer number" role="timer" aria-label=${t("Call time")}>${formatDuration(seconds)}</span>
      <span class="call-where">${session.kiosk_name}<small>${branchName(session)}</small></span>
      <span role="status">${this.#recording(session)}</span>
    `;
  }

  /** What is recorded, as far as this page knows. @param {import("../link/messages.js").Session} session */
  #recording(session) {
    const { link } = this.state;
    const { media } = this.app;
    const own = ownId(session, this.state.config?.person);
    if (session.state === "held") return callState("held", "pause", t("On hold"));
    const afterLoss = media.connection === "connected" && (media.justLost || (link !== "open" && media.peer?.quiet));
    if (media.unsure || afterLoss || this.#customerInDoubt(session)) {
      return callState("waiting", "loader", t("Checking the connection…"));
    }
    // Neither messages nor media of this page reach the server; whether the customer's do is not known here.
    if (link !== "open" && media.connection !== "connected") {
      return callState("waiting long", "wifi-off", t("You are not recorded; the customer may be"));
    }
    if (session.pauses?.length) return callState("paused", "lock", t("Recording paused"));
    if (session.stalled?.length) {
      return callState("stalled", "circle-alert", session.stopped ? t("Paused: not recorded") : t("Not all is recorded"));
    }
    if (!session.recording.length) return callState("waiting", "hourglass", t("Recording starts…"));
    const tracks = recordedNow(session, media.connection === "connected").map(({ name }) => trackLabel(name, own));
    if (!tracks.length) return callState("waiting", "wifi-off", t("Nothing is recorded"));
    return html`<span class="call-state recording" title=${tracks.join(", ")}>
      <span class="recording-dot"></span>${t("Recording")}<small>${t("{count} tracks", { count: tracks.length })}</small>
    </span>`;
  }

  /** Nothing arrives from the customer, and the server has not given a reason yet. @param {import("../link/messages.js").Session} session */
  #customerInDoubt(session) {
    const known = !session.kiosk_connected || session.network?.some(({ reason }) => reason === "silent");
    return this.app.media.standing && !known;
  }

  #actions() {
    const { desk, media } = this.app;
    const held = this.state.session?.state === "held";
    const { microphone, camera } = media.muted;
    const paused = ownPause(this.state.session) !== null;
    return html`
      ${this.#tool(
        microphone ? "mic-off" : "mic",
        microphone ? t("Microphone is off") : t("Microphone"),
        "M",
        microphone,
        () => media.toggle("microphone"),
      )}
      ${this.#tool(camera ? "video-off" : "video", camera ? t("Camera is off") : t("Camera"), "V", camera, () =>
        media.toggle("camera"),
      )}
      ${
        isLead(this.state)
          ? this.#tool("lock", paused ? t("Record again") : t("Off the record"), "S", paused, () => void desk.pauseRecording(!paused))
          : nothing
      }
      ${this.#tool(held ? "play" : "pause", held ? t("Resume") : t("Hold"), "H", held, () => void desk.hold(!held))}
      <button
        class="tool hang-up ${this.armed ? "armed" : ""}"
        @click=${() => this.hangUp()}
        aria-keyshortcuts="E Alt+E"
      >
        <wa-icon name="phone-off"></wa-icon><span>${this.armed ? t("Press again to end") : t("End call")}</span
        ><kbd aria-hidden="true">E</kbd>
      </button>
    `;
  }

  /**
   * @param {string} icon
   * @param {string} label
   * @param {string} key
   * @param {boolean} pressed
   * @param {() => void} act
   */
  #tool(icon, label, key, pressed, act) {
    return html`<button class="tool ${KNOWN.has(icon) ? "known" : ""}" aria-pressed=${pressed} aria-keyshortcuts="${key} Alt+${key}" @click=${act}>
      <wa-icon name=${icon}></wa-icon><span>${label}</span><kbd aria-hidden="true">${key}</kbd>
    </button>`;
  }

  /** @param {boolean} call */
  #person(call) {
    const { config } = this.state;
    const other = language() === "en" ? "zh-CN" : "en";
    return html`<div class="topbar-person">
      <button class="quiet" lang=${other} @click=${() => void setLanguage(other)}>
        <wa-icon name="languages"></wa-icon>${LANGUAGES[other]}
      </button>
      <button
        class="quiet"
        aria-keyshortcuts="?"
        aria-label=${t("Keyboard shortcuts")}
        @click=${() => this.app.store.set({ help: true })}
      >
        <wa-icon name="circle-help"></wa-icon><kbd aria-hidden="true">?</kbd>
      </button>
      <span class="person"><wa-icon name="circle-user"></wa-icon>${config?.name ?? ""}</span>
      <form method="post" action="/logout">
        <button class="quiet" ?disabled=${call} title=${t("Sign out")} aria-label=${t("Sign out")}>
          <wa-icon name="log-out"></wa-icon>
        </button>
      </form>
    </div>`;
  }
}

/**
 * @param {string} kind
 * @param {string} icon
 * @param {string} text
 */
function callState(kind, icon, text) {
  return html`<span class="call-state ${kind}"><wa-icon name=${icon}></wa-icon>${text}</span>`;
}

/**
 * The tracks of participants that the server receives; others are not recorded.
 *
 * @param {import("../link/messages.js").Session} session
 * @param {boolean} heard whether the server hears us
 */
function recordedNow(session, heard) {
  const there = session.kiosk_connected;
  const silent = session.network?.some(({ participant, reason }) => roleOf(participant) === "customer" && reason === "silent");
  return session.recording.filter(({ name }) => {
    if (name.startsWith("specialist.")) return heard;
    return there && !(silent && name.startsWith("kiosk."));
  });
}

customElements.define("console-topbar", ConsoleTopbar);
