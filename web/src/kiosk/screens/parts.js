// Small pieces that several screens use.
import { html, nothing } from "lit";
import { language, t } from "../../i18n.js";
import { awayMessages, errorText, networkMessages, recorded } from "../labels.js";

/** @typedef {import("../kiosk.js").Kiosk} Kiosk */

/**
 * Asks for a person of the branch; says so once one was asked, and who comes.
 *
 * @param {Kiosk} kiosk
 * @param {string} reason
 */
export function helpButton(kiosk, reason) {
  const { asked, taken_by: name } = kiosk.state.assistance;
  if (asked) {
    return html`<p class="help-asked" role="status">
      <wa-icon name=${name ? "user-check" : "bell-ring"}></wa-icon>
      ${name ? t("{name} is coming to you.", { name }) : t("The lobby staff know. Somebody will come to you.")}
    </p>`;
  }
  return html`<button class="button quiet" type="button" ?disabled=${!kiosk.state.online}
    @click=${() => void kiosk.askForHelp(reason)}>
    <wa-icon name="hand-helping"></wa-icon>${t("Ask the lobby staff")}
  </button>`;
}

/**
 * What this page can know of the way to the server: whether messages pass (`online`), and whether it may be that sound and
 * picture do not (`silent`). Each may pass without the other.
 *
 * @param {Kiosk} kiosk
 * @returns {{online: boolean, silent: boolean}}
 */
export function wayToServer({ state, capture }) {
  const { online, link, silent, session } = state;
  const unheard = session?.network?.some(({ participant, reason }) => participant === "kiosk" && reason === "silent") ?? false;
  return { online, silent: silent || link !== "open" || !capture.connected || (online && unheard) };
}

/**
 * What is being recorded just now, in words. Without any way to the server nobody here knows; also not while that is being
 * found out.
 *
 * @param {import("../state.js").Session} session
 * @param {{online: boolean, silent: boolean}} way
 */
export function recordingNote(session, { online, silent }) {
  const all = recorded(session.recording);
  const lost = !online && silent;
  const doubt = !online || (silent && all.length > 0);
  const what = doubt ? [] : all;
  const none = lost
    ? t("No connection, recording may pause")
    : doubt
      ? t("Checking the connection…")
      : session.state === "held"
        ? t("Nothing is recorded while you hold")
        : t("The recording is being started");
  return html`<p class="recording ${what.length ? "" : "paused"}" role="status">
    <span class="recording-dot"></span>
    <span>${what.length ? t("Recording: {what}", { what: what.join(t(", ")) }) : none}</span>
  </p>`;
}

export function offlineNote() {
  return html`<div class="note warning" role="status">
    <wa-icon name="wifi-off"></wa-icon>
    <p>${t("The expert service cannot be reached just now. We keep trying. The lobby staff are glad to help you.")}</p>
  </div>`;
}

/**
 * Whose network is weak and what happens next, said politely to who listens; the Chinese text with the English beside it.
 *
 * @param {import("../state.js").Session} session
 * @param {boolean} online while the service cannot be reached, what it said last is old
 * @param {boolean} away messages have not passed for a while, sound and picture do
 */
export function networkNote(session, online, away) {
  const known = online && session.state === "active" ? networkMessages(session.network ?? []) : null;
  const said = away ? awayMessages : known;
  return html`<div class="network-live" role="status" aria-live="polite">
    ${
      said
        ? html`<div class="note network ${said.bad ? "bad" : "weak"}">
            <wa-icon name=${said.bad ? "wifi-off" : "wifi"}></wa-icon>
            <p>
              <b>${t(said.messages[0])}</b>
              <span>${t(said.messages[1])}</span>
              ${language() === "en" ? nothing : html`<span class="other" lang="en">${said.messages[0]}. <i>${said.messages[1]}</i></span>`}
            </p>
          </div>`
        : nothing
    }
  </div>`;
}

/** What last went wrong, in words. @param {Kiosk} kiosk */
export function errorNote(kiosk) {
  const { error } = kiosk.state;
  if (!error) return nothing;
  return html`<div class="note danger" role="alert">
    <wa-icon name="circle-alert"></wa-icon>
    <p>${errorText(error)}</p>
  </div>`;
}

/** What is missing of camera and microphone, in plain words. @param {Kiosk} kiosk */
export function deviceNote(kiosk) {
  const { camera, microphone } = kiosk.capture.devices;
  const missing = (/** @type {string} */ state) => !["on", "asking", "off"].includes(state);
  if (!missing(camera) && !missing(microphone)) return nothing;
  const text =
    missing(camera) && missing(microphone)
      ? t("This kiosk's camera and microphone do not work just now. You see and hear the expert, and can answer by the buttons.")
      : missing(camera)
        ? t("This kiosk's camera does not work just now. The expert hears you but does not see you.")
        : t("This kiosk's microphone does not work just now. The expert sees you but does not hear you. Please answer by the buttons.");
  return html`<div class="note warning" role="status">
    <wa-icon name=${missing(microphone) ? "mic-off" : "camera-off"}></wa-icon>
    <p>${text}</p>
  </div>`;
}
