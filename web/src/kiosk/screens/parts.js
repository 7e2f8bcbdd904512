// Small pieces that several screens use.
import { html, nothing } from "lit";
import { t } from "../../i18n.js";
import { awayMessages, errorText, networkMessages, recorded, unrecorded } from "../labels.js";
import { isTalking } from "../state.js";
import { roleOf } from "../../link/participants.js";

/** @typedef {import("../kiosk.js").Kiosk} Kiosk */

/** Shows that lobby staff was asked for, and who comes. @param {Kiosk} kiosk */
export function helpAsked({ state }) {
  const { asked, taken_by: name } = state.assistance;
  if (!asked) return nothing;
  return html`<p class="help-asked" role="status">
    <wa-icon name=${name ? "user-check" : "bell-ring"}></wa-icon>
    ${name
      ? t("{name} is coming to you.", { name })
      : t("Your request is sent; nobody has taken it yet. You can also speak to the lobby staff.")}
  </p>`;
}

/**
 * Asks for a person of the branch, once. A button that reaches nobody is no help: the note that says so sends to the lobby.
 *
 * @param {Kiosk} kiosk
 * @param {string} reason
 * @param {string} [look] class of the button
 */
export function helpButton(kiosk, reason, look = "quiet") {
  if (kiosk.state.assistance.asked || !kiosk.state.online) return nothing;
  return html`<button class="button ${look}" type="button"
    @click=${() => void kiosk.askForHelp(reason)}>
    <wa-icon name="hand-helping"></wa-icon>${t("Ask the lobby staff")}
  </button>`;
}

/**
 * What this page knows of the connection to the server: whether messages pass (`online`), and whether media may be
 * interrupted (`silent`). Each may work without the other.
 *
 * @param {Kiosk} kiosk
 * @returns {{online: boolean, silent: boolean, trayOpen: boolean}}
 */
export function wayToServer({ state, capture }) {
  const { online, link, silent, session, trayOpen } = state;
  const unheard = session?.network?.some(({ participant, reason }) => roleOf(participant) === "customer" && reason === "silent") ?? false;
  return { online, trayOpen, silent: silent || link !== "open" || !capture.connected || (online && unheard) };
}

/**
 * What is being recorded just now, in words; unknown without a connection to the server, or while that is being checked.
 *
 * @param {import("../state.js").Session} session
 * @param {{online: boolean, silent: boolean, trayOpen: boolean}} way
 */
export function recordingNote(session, { online, silent, trayOpen }) {
  // Documents are recorded only while the document camera is open.
  const stalled = unrecorded(session.stalled ?? []).length > 0;
  const all = stalled ? [] : recorded(session.recording.filter(({ name }) => !name.endsWith(".auxiliary") || trayOpen));
  const pause = session.pauses?.[0];
  const lost = !online && silent;
  const doubt = !online || (silent && all.length > 0);
  const what = doubt ? [] : all;
  const none = lost
    ? t("No connection, recording may pause")
    : doubt
      ? t("Checking the connection…")
      : session.state === "held"
        ? t("Nothing is recorded while you hold")
        : pause
          ? pause.automatic
            ? t("Not recorded while you type a secret")
            : t("The recording is paused on purpose")
        : stalled
          ? t("The recording is incomplete")
          : t("The recording is being started");
  return html`<p class="recording ${what.length ? "" : "paused"}" role="status">
    <span class="recording-dot"></span>
    <span>${what.length ? t("Recording: {what}", { what: what.join(t(", ")) }) : none}</span>
  </p>`;
}

/** The server is not reached: says so and sends the customer to the lobby staff. */
export function offlineNote() {
  return html`<div class="note warning" role="status">
    <wa-icon name="wifi-off"></wa-icon>
    <p>
      ${t("The expert service cannot be reached just now. We keep trying.")}
      <b>${t("Please speak to the lobby staff directly.")}</b>
    </p>
  </div>`;
}

/**
 * Whose network is weak and what happens next, said politely to who listens.
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
            </p>
          </div>`
        : nothing
    }
  </div>`;
}

/**
 * Something that has to be recorded is not: said large, with what it means for the customer.
 *
 * @param {import("../state.js").Session} session
 */
export function stalledNote(session) {
  const what = unrecorded(session.stalled ?? []);
  if (!what.length || session.stopped) return nothing;
  return html`<div class="note stalled" role="alert">
    <wa-icon name="circle-alert"></wa-icon>
    <p>
      <b>${t("Not recorded just now: {what}", { what: what.join(t(", ")) })}</b>
      <span>${t("The expert has been told. Please agree to nothing and sign nothing until this message is gone.")}</span>
    </p>
  </div>`;
}

/**
 * The expert has nothing recorded for a while: said large, because what is shown and said then is for nobody later.
 *
 * @param {import("../state.js").Session} session
 */
export function pausedNote(session) {
  const pause = session.pauses?.find(({ automatic }) => !automatic);
  if (!pause || session.state === "held") return nothing;
  return html`<div class="note paused" role="status">
    <wa-icon name="lock"></wa-icon>
    <p>
      <b>${t("Nothing is recorded just now")}</b>
      <span>${t("Your expert has paused the recording, so that something secret is kept nowhere. The expert sees and hears you.")}</span>
    </p>
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

/** Whether the customer cannot be heard because this kiosk's microphone does not work. @param {Kiosk} kiosk */
export const mute = ({ capture }) => !["on", "asking", "off"].includes(capture.devices.microphone);
/** Whether the customer cannot be seen because this kiosk's camera does not work. @param {Kiosk} kiosk */
export const unseen = ({ capture }) => !["on", "asking", "off"].includes(capture.devices.camera);

/** What is missing of camera and microphone, in plain words; the buttons to answer by are there in a call. @param {Kiosk} kiosk */
export function deviceNote(kiosk) {
  if (!mute(kiosk) && !unseen(kiosk)) return nothing;
  const talking = isTalking(kiosk.state.session);
  const text = !mute(kiosk)
    ? t("This kiosk's camera does not work just now. The expert will not see you.")
    : unseen(kiosk)
      ? talking
        ? t("This kiosk's camera and microphone do not work just now. Please answer by the buttons below.")
        : t("This kiosk's camera and microphone do not work just now. In the call you can answer by buttons on the screen.")
      : talking
        ? t("This kiosk's microphone does not work just now. The expert does not hear you. Please answer by the buttons below.")
        : t("This kiosk's microphone does not work just now. In the call you can answer by buttons on the screen.");
  return html`<div class="note warning" role="status">
    <wa-icon name=${mute(kiosk) ? "mic-off" : "camera-off"}></wa-icon>
    <p>${text}</p>
  </div>`;
}
