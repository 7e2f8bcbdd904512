// The kiosk's session logic: actions of the customer, messages of the kiosk client, and the resulting state. No DOM.
import { language, setLanguage } from "../i18n.js";
import { LinkError } from "../link/connection.js";
import { PageRecorder } from "../cobrowse/record.js";
import { SecretFocus } from "../cobrowse/secret-focus.js";
import { Capture } from "./capture.js";
import { newId } from "./ids.js";
import { freshVisit, initialState, isOpen, isTalking, screenOf } from "./state.js";

/** @typedef {import("./state.js").State} State */
/** @typedef {import("../link/messages.js").ServerMessage} ServerMessage */
/** @typedef {import("../link/messages.js").ClientMessage} ClientMessage */
/** @typedef {import("../link/messages.js").Session} Session */
/** @typedef {import("../link/messages.js").Service} Service */

/**
 * Fires `change` after every change of `state`, `point` (detail: {x, y} or null) and `highlight` (detail: node id or
 * null) for the specialist's hand, `visit` when a new customer begins and `stay` when one says so.
 */
export class Kiosk extends EventTarget {
  /** @type {State} */
  state = initialState();
  /** The session that the customer has finished; later messages about it are not shown. */
  #dismissed = "";
  /** The session that the customer left while it was running; later messages about it are ignored. */
  #left = "";
  /** Whether the kiosk client may not know that. */
  #untold = false;
  #tellingNow = false;
  /** @type {Promise<void>} */ #telling = Promise.resolve();
  /** Whether the kiosk client last said that it reaches the server. */
  #reached = false;
  #request = newId();

  /** @param {import("../link/connection.js").Connection} connection */
  constructor(connection) {
    super();
    this.connection = connection;
    this.capture = new Capture(connection);
    this.recorder = new PageRecorder((piece) => this.#sendPiece(piece));
    this.secret = new SecretFocus((inSecret) => this.#tellSecret(inSecret));
    connection.addEventListener("message", (event) => this.#hear(/** @type {CustomEvent} */ (event).detail));
    connection.addEventListener("fresh", () => this.#fresh());
    connection.addEventListener("state", () => this.#set({ link: connection.state, online: this.#online }));
  }

  get screen() {
    return screenOf(this.state);
  }

  // What the customer does ---------------------------------------------------------------------------------------

  /** The expert button. @param {Service | null} [service] */
  wantExpert(service = null) {
    const services = this.state.config?.services ?? [];
    const chosen = service ?? (services.length === 1 ? services[0] : null);
    this.#request = newId();
    this.#set({ service: chosen, view: chosen ? "notice" : "services", error: null });
    void this.#checkCall(this.#request);
  }

  /** Do not ask for consent to a call that cannot be recorded. @param {string} request of the call that is wanted */
  async #checkCall(request) {
    try {
      await this.connection.request({ type: "call_check" });
    } catch (error) {
      const { busy, view } = this.state;
      if (request !== this.#request || busy || !["services", "notice"].includes(view)) return;
      if (codeOf(error) === "cannot_record") this.tellUnrecorded({ brokenOff: false });
    }
  }

  /**
   * No call can be recorded: the page says so until the customer moves on.
   *
   * @param {Pick<State, "brokenOff"> & Partial<State>} what
   */
  tellUnrecorded(what) {
    this.#set({ ...what, busy: false, view: "unrecorded" });
  }

  /** Back to where the customer was. */
  back() {
    this.#set({ view: "home", error: null });
  }

  /** The customer agrees to the recording notice and asks for an expert. */
  async agree() {
    const { config, service, busy, elderly, step } = this.state;
    if (!config || !service || busy) return;
    this.#set({ busy: true, error: null });
    this.capture.start();
    try {
      const reply = await this.connection.request({
        type: "call_request",
        request: this.#request,
        service: service.id,
        language: language(),
        consent: { version: config.notice.version, language: language() },
        elderly,
        step,
      });
      this.#set({ busy: false, view: "home" });
      if (reply.type === "session") this.#takeSession(reply.session);
    } catch (error) {
      const code = codeOf(error);
      if (code === "cannot_record") this.tellUnrecorded({ brokenOff: false });
      else this.#set({ busy: false, error: code });
      if (!isOpen(this.state.session)) this.capture.stop();
    }
  }

  /** The customer was asked to end the call. @param {boolean} ending */
  confirmEnding(ending) {
    this.#set({ ending });
  }

  /** Leave the queue, or end the call. The page leaves it at once; the kiosk client retries until the server knows. */
  leave() {
    const { session } = this.state;
    this.#set({ ending: false });
    if (!isOpen(session)) return;
    this.#tellLeft(session.id);
    if (!isTalking(session)) return this.#dismiss();
    this.#endMedia();
    this.#set({ session: { ...session, state: "ended", ended_by: "kiosk", end_reason: "customer" } });
  }

  /** Ask for a person of the branch. @param {string} reason */
  async askForHelp(reason) {
    if (this.state.assistance.asked) return;
    await this.#ask({ type: "assistance_request", reason });
  }

  /** @param {string} document @param {boolean} agreed */
  async answerDocument(document, agreed) {
    const { session } = this.state;
    if (session) await this.#ask({ type: "document_answer", session: session.id, document, agreed });
  }

  /** @param {string} text */
  async say(text) {
    const { session } = this.state;
    if (isTalking(session)) await this.#ask({ type: "chat_send", session: session.id, id: newId(), text });
  }

  /** @param {number} stars 1 to 5 */
  async rate(stars) {
    const { session } = this.state;
    if (!session) return;
    this.#dismissed = session.id;
    this.#set({ session: null, chat: [], thanks: true });
    await this.#telling;
    await this.connection.request({ type: "rate", session: session.id, stars }).catch(() => undefined);
  }

  /** No rating. */
  skipRating() {
    this.#leaveEnded();
    this.#dismiss();
    this.#set({ thanks: true });
  }

  /** The call was cut off: ask for an expert for the same service again. No rating; the customer agrees anew. */
  again() {
    const { session } = this.state;
    this.#leaveEnded();
    this.#dismiss();
    if (session) this.wantExpert(session.service);
  }

  /** @param {string} step */
  reachStep(step) {
    if (step === this.state.step) return;
    this.#set({ step });
    const { session } = this.state;
    if (isOpen(session)) this.connection.post({ type: "form_step", session: session.id, step });
  }

  openForm() {
    this.#set({ form: true, view: "home", error: null });
  }

  closeForm() {
    this.#set({ form: false });
    this.reachStep("start");
  }

  /** After the thanks: go on with the form. */
  goOn() {
    this.#set({ thanks: false });
  }

  /** @param {boolean} elderly */
  setElderly(elderly) {
    this.#set({ elderly });
  }

  /** The customer was asked, and is still there. */
  stay() {
    this.dispatchEvent(new Event("stay"));
  }

  /** @param {number | null} idleLeft */
  setIdle(idleLeft) {
    if (idleLeft !== this.state.idleLeft) this.#set({ idleLeft });
  }

  /** The customer is gone: reset everything to its default for the next one. */
  finish() {
    const { session } = this.state;
    if (isOpen(session)) this.#tellLeft(session.id);
    else this.#leaveEnded();
    if (session) this.#dismissed = session.id;
    if (this.state.assistance.asked) {
      // Not awaited: it is sent before any message of the next customer.
      this.connection.request({ type: "assistance_request", reason: "gone", withdrawn: true }).catch(() => undefined);
    }
    this.#endMedia();
    this.#set({ ...freshVisit(), session: null, chat: [], assistance: { asked: false, taken_by: "" }, visit: this.state.visit + 1 });
    void setLanguage("zh-CN");
    this.dispatchEvent(new Event("visit"));
  }

  // What the kiosk client says ------------------------------------------------------------------------------------

  #fresh() {
    // A restarted kiosk client may not know; a request that is still under way need not be repeated.
    if (!this.#tellingNow) this.#untold = true;
    this.capture.lost();
    this.recorder.snapshot();
    this.secret.repeat();
  }

  /** @param {ServerMessage} message */
  #hear(message) {
    switch (message.type) {
      case "kiosk_config":
        return this.#set({ config: message });
      case "page_status":
        this.#reached = message.online;
        return this.#set({
          online: this.#online,
          silent: message.silent ?? false,
          documentCamera: message.document_camera ?? false,
          clockOff: message.clock_off_s ?? 0,
          trayOpen: message.tray_open ?? false,
        });
      case "session":
        return this.#takeSession(message.session);
      case "session_gone":
        return this.#gone();
      case "chat":
        return this.#takeChat(message);
      case "assistance":
        return this.#set({ assistance: { asked: message.asked, taken_by: message.taken_by ?? "" } });
      case "leg_lost":
        return this.capture.lost(message.leg);
      case "take_snapshot":
        return this.recorder.snapshot();
      case "point_at":
        return this.#hand("point", message.x == null || message.y == null ? null : { x: message.x, y: message.y });
      case "highlight_node":
        return this.#hand("highlight", message.node ?? null);
      default:
        return undefined;
    }
  }

  /** @param {Session} session */
  #takeSession(session) {
    if (session.id === this.#left && isOpen(session)) {
      if (this.#untold) this.#tellLeft(session.id);
      return;
    }
    if (session.id === this.#dismissed) return;
    const before = this.state.session;
    const chat = before?.id === session.id ? this.state.chat : [];
    this.#set({ session, chat, thanks: false, ending: this.state.ending && isOpen(session) });
    if (before?.id !== session.id && session.elderly) this.#set({ elderly: true });
    if (isOpen(session)) {
      this.capture.join(session.id);
      if (before?.id !== session.id && session.step !== this.state.step) {
        this.connection.post({ type: "form_step", session: session.id, step: this.state.step });
      }
    } else {
      this.capture.stop();
      if (session.end_reason === "recording_failed") return this.#breakOff(session);
      if (!session.specialist) this.#dismiss();
      if (!session.specialist && session.end_reason === "interrupted" && isOpen(before)) {
        // Interrupted while no specialist had the call: show no rating, but offer another call.
        this.wantExpert(session.service);
        this.#set({ error: "interrupted" });
      }
    }
    if (isTalking(session)) this.#record();
    else if (!isOpen(session)) this.#recordNoMore();
    if (!isTalking(session)) {
      this.#hand("point", null);
      this.#hand("highlight", null);
    }
  }

  /** The call cannot be recorded and ends: show no rating, but the other ways to get help. */
  /** @param {Session} session */
  #breakOff(session) {
    this.#leaveEnded();
    this.#dismiss();
    this.tellUnrecorded({ brokenOff: true, service: session.service });
  }

  #gone() {
    if (!this.state.session) return;
    const rated = this.screen === "rating";
    this.#dismiss();
    if (rated) this.#set({ thanks: true });
  }

  /** The kiosk client forgets the call too, so that a page loaded again does not show it to the next customer. */
  #leaveEnded() {
    const { session } = this.state;
    if (!session || isOpen(session)) return;
    void this.#telling.then(() => this.#end(session.id));
  }

  /** Have the server told that the customer left; it is told again when the kiosk client was not there. @param {string} id */
  #tellLeft(id) {
    this.#left = id;
    this.#untold = false;
    this.#tellingNow = true;
    this.#telling = this.#end(id).then((told) => {
      this.#tellingNow = false;
      this.#untold = !told;
    });
  }

  /** @param {string} session */
  #end(session) {
    return this.connection.request({ type: "call_end", session }).then(
      () => true,
      () => false,
    );
  }

  /** Nothing is captured, shown or pointed at any more. */
  #endMedia() {
    this.capture.stop();
    this.#recordNoMore();
    this.#hand("point", null);
    this.#hand("highlight", null);
  }

  #record() {
    this.recorder.start();
    this.secret.start();
  }

  #recordNoMore() {
    this.recorder.stop();
    this.secret.stop();
  }

  /** The customer is in a field for secrets, or has left it; whether the server knows, or never will. @param {boolean} focused */
  async #tellSecret(focused) {
    const { session } = this.state;
    if (!isOpen(session)) return true;
    try {
      await this.connection.request({ type: "secret_focus", session: session.id, focused });
      return true;
    } catch (error) {
      return ["not_found", "wrong_state"].includes(codeOf(error));
    }
  }

  /** Whether the server is reached, as far as this page knows; without the kiosk client it is not. */
  get #online() {
    return this.#reached && this.connection.state === "open";
  }

  /** The session is over for this page; an open form stays, until the customer leaves. */
  #dismiss() {
    if (this.state.session) this.#dismissed = this.state.session.id;
    this.#endMedia();
    this.#set({ session: null, chat: [], ending: false, view: "home" });
  }

  /** @param {{session: string, chat: import("./state.js").Chat}} message */
  #takeChat({ session, chat }) {
    if (session !== this.state.session?.id || this.state.chat.some(({ id }) => id === chat.id)) return;
    this.#set({ chat: [...this.state.chat, chat].sort((one, other) => one.at_ms - other.at_ms) });
  }

  /** @param {import("../cobrowse/record.js").Piece} piece */
  #sendPiece(piece) {
    const { session } = this.state;
    if (!isTalking(session)) return true;
    return this.connection.post({ type: "cobrowse_piece", session: session.id, ...piece });
  }

  /** A request whose failure the customer is told about. @param {ClientMessage} body */
  async #ask(body) {
    try {
      await this.connection.request(body);
    } catch (error) {
      this.#set({ error: codeOf(error) });
    }
  }

  /** @param {"point" | "highlight"} type @param {object | number | null} detail */
  #hand(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  /** @param {Partial<State>} change */
  #set(change) {
    this.state = { ...this.state, ...change };
    this.dispatchEvent(new Event("change"));
  }
}

/** Seconds for which a waiting customer is asked whether they are still there. */
const WAITING_WARNING_S = 60;

/** Seconds without a touch while a customer waits for lobby staff. */
const ASSISTED_S = 300;

/** Seconds without a touch in a call: a customer who talks touches nothing, but one who has left leaves their data there. */
const TALKING_S = 600;

/** How long before the limit the customer is asked, in seconds. @param {State} state */
export const idleWarning = (state) => (["waiting", "call"].includes(screenOf(state)) ? WAITING_WARNING_S : 20);

/**
 * Seconds without a touch that are fine now; null where nobody is asked, and Infinity where they count on but nobody is
 * asked yet: a question must not lie over "your expert is being called".
 *
 * @param {State} state
 * @param {number} idle
 */
export function idleLimit(state, idle) {
  const screen = screenOf(state);
  if (screen === "starting") return null;
  if (screen === "call") return TALKING_S + WAITING_WARNING_S;
  if (state.session?.state === "ringing") return Infinity;
  if (screen === "waiting") return WAITING_WARNING_S + (state.elderly ? 180 : 120);
  if (screen === "rating") return Math.min(idle, 60);
  if (screen === "thanks") return state.form ? Math.min(idle, 60) : null;
  if ((screen === "home" || screen === "unrecorded") && state.assistance.asked) return Math.max(idle, ASSISTED_S);
  const untouched = screen === "home" && !state.form && !state.elderly && !state.error && language() === "zh-CN";
  return untouched ? null : idle;
}

/** @param {unknown} error */
const codeOf = (error) => (error instanceof LinkError ? error.code : "internal");
