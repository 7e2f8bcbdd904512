// The kiosk page's state, and which screen follows from it. No DOM, no network.

import * as states from "../link/states.js";

/** @typedef {import("../link/messages.js").Session} Session */
/** @typedef {import("../link/messages.js").Service} Service */
/** @typedef {import("../link/messages.js").Document} Document */
/** @typedef {import("../link/messages.js").Chat} Chat */
/** @typedef {import("../link/messages.js").KioskConfig} KioskConfig */
/** @typedef {import("../link/connection.js").ConnectionState} ConnectionState */

/** Where the customer is while there is no call. @typedef {"home" | "services" | "notice" | "unrecorded"} View */
/** @typedef {"starting" | "home" | "services" | "notice" | "unrecorded" | "waiting" | "call" | "rating" | "thanks"} Screen */

/**
 * @typedef {object} State
 * @property {ConnectionState} link the page's stream to the kiosk client
 * @property {boolean} online whether the kiosk client reaches the server
 * @property {boolean} silent whether the kiosk client hears nothing of the call's media
 * @property {boolean} documentCamera
 * @property {number} clockOff seconds by which the kiosk's clock is off, if the server refuses it for that
 * @property {boolean} trayOpen whether the expert may see what lies on the tray
 * @property {KioskConfig | null} config
 * @property {Session | null} session
 * @property {Chat[]} chat
 * @property {{asked: boolean, taken_by: string}} assistance
 * @property {View} view
 * @property {Service | null} service what the customer wants to talk about
 * @property {boolean} brokenOff a call that was ended because it could not be recorded any more, not one that was refused
 * @property {boolean} form whether a form is open
 * @property {string} step the form's step
 * @property {number} visit counts customers, so that nothing of one is drawn for the next
 * @property {boolean} busy a request is under way that the customer waits for
 * @property {string | null} error code of what last went wrong
 * @property {boolean} thanks
 * @property {boolean} elderly
 * @property {boolean} ending the customer is asked whether to end the call
 * @property {number | null} idleLeft seconds until the page starts over; null: nobody needs to be asked
 */

/** @returns {State} */
export function initialState() {
  return {
    link: "connecting",
    online: false,
    silent: false,
    documentCamera: false,
    clockOff: 0,
    trayOpen: false,
    config: null,
    session: null,
    chat: [],
    assistance: { asked: false, taken_by: "" },
    visit: 0,
    ...freshVisit(),
  };
}

/** The state for a new customer. */
export function freshVisit() {
  return {
    /** @type {View} */
    view: "home",
    /** @type {Service | null} */
    service: null,
    brokenOff: false,
    form: false,
    step: "start",
    busy: false,
    /** @type {string | null} */
    error: null,
    thanks: false,
    elderly: false,
    ending: false,
    /** @type {number | null} */
    idleLeft: null,
  };
}

/** @typedef {Session & {state: import("../link/states.js").OpenState}} OpenSession */
/** @typedef {Session & {state: import("../link/states.js").TalkingState}} TalkingSession */

/** @param {Session | null} session @returns {session is OpenSession} */
export const isOpen = (session) => states.isOpen(session?.state);

/** @param {Session | null} session @returns {session is TalkingSession} */
export const isTalking = (session) => states.isTalking(session?.state);

/** @param {State} state @returns {Screen} */
export function screenOf(state) {
  const { session } = state;
  if (isTalking(session)) return "call";
  if (isOpen(session)) return "waiting";
  if (state.thanks) return "thanks";
  if (session && session.specialist && session.rated === null) return "rating";
  if (!state.config) return "starting";
  return state.view;
}

/**
 * The last document that needs the customer, if any. On hold none is asked for: the page says that nobody sees them.
 *
 * @param {Session | null} session
 * @returns {Document | null}
 */
export function openDocument(session) {
  if (!isTalking(session)) return null;
  const wanted = session.state === "held" ? ["agreed"] : ["requested", "rejected", "failed", "agreed"];
  const open = session.documents.filter(({ state }) => wanted.includes(state));
  return open.at(-1) ?? null;
}
