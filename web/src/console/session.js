// The specialist's actions, without DOM: each sends its message and takes the reply into the store.
import { LinkError } from "../link/connection.js";
import { msg } from "../i18n.js";
import { errorMessage } from "./labels.js";
import { inCall } from "./state.js";
import { ownId } from "../link/participants.js";

/** @typedef {import("../link/connection.js").Connection} Connection */
/** @typedef {import("../link/messages.js").ClientMessage} ClientMessage */
/** @typedef {import("../link/messages.js").CobrowseBatch} CobrowseBatch */
/** @typedef {import("./state.js").Store} Store */

const NOTE_PAUSE_MS = 800;
const POINT_MS = 33;
const REFRESH_MS = 2000;

/** Random ids that fit the protocol's pattern. @param {string} prefix */
export function newId(prefix) {
  return `${prefix}-${crypto.randomUUID()}`;
}

const AVAILABLE_KEY = "visavis.console.available";
const RELOAD_MS = 60_000;

/** Keep over a reload whether calls are taken. @param {boolean} available */
function remember(available) {
  if (available) sessionStorage.setItem(AVAILABLE_KEY, String(Date.now()));
  else sessionStorage.removeItem(AVAILABLE_KEY);
}

/** Whether this page took calls a moment ago, before it was loaded again. */
function recently() {
  const at = Number(sessionStorage.getItem(AVAILABLE_KEY));
  sessionStorage.removeItem(AVAILABLE_KEY);
  return at > 0 && Math.abs(Date.now() - at) < RELOAD_MS;
}

/**
 * The specialist's side of sessions.
 *
 * Events: `cobrowse` (detail: CobrowseBatch), `cobrowse-reset`, `leg-lost` (detail: leg id), `fresh`, `ring-stop`
 * (detail: reason).
 */
export class Desk extends EventTarget {
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #noteTimer;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #pointTimer;
  /** @type {{x: number, y: number} | null} */ #pointAt = null;
  #refreshed = -Infinity;
  #fresh = false;
  /** Whether this specialist takes calls, as chosen last: a restarted server does not know it. */
  #available = recently();

  /**
   * @param {Connection} connection
   * @param {Store} store
   */
  constructor(connection, store) {
    super();
    this.connection = connection;
    this.store = store;
    connection.addEventListener("state", () => this.#linkChanged());
    connection.addEventListener("fresh", () => this.#began());
    addEventListener("pagehide", () => remember(this.#available));
    connection.addEventListener("message", (event) => this.#receive(/** @type {CustomEvent} */ (event).detail));
  }

  get session() {
    return this.store.state.session;
  }

  #linkChanged() {
    const { state, reason } = this.connection;
    if (state === "closed")
      this.store.set({ link: state, closed: reason?.code ?? "unavailable", presence: "offline", ring: null });
    else this.store.set({ link: state, closed: null });
  }

  #began() {
    this.store.fresh();
    this.#fresh = true;
    this.dispatchEvent(new Event("cobrowse-reset"));
    this.dispatchEvent(new Event("fresh"));
  }

  /** @param {import("../link/messages.js").ServerMessage} message */
  #receive(message) {
    const before = this.session;
    this.store.apply(message);
    switch (message.type) {
      case "cobrowse":
        if (message.session === this.session?.id) {
          this.dispatchEvent(new CustomEvent("cobrowse", { detail: message }));
        }
        break;
      case "cobrowse_stale":
        if (message.session === this.session?.id) this.dispatchEvent(new Event("cobrowse-stale"));
        break;
      case "presence":
        this.#presence(message);
        break;
      case "leg_lost":
        this.dispatchEvent(new CustomEvent("leg-lost", { detail: message.leg }));
        break;
      case "invitation_over":
        this.dispatchEvent(new CustomEvent("ring-stop", { detail: message.reason }));
        break;
      case "ring_stop":
        this.#ringStopped(message.reason);
        break;
      case "session_gone":
        this.dispatchEvent(new Event("cobrowse-reset"));
        break;
    }
    const now = this.session;
    if (now && inCall(now) && (now.id !== before?.id || this.#fresh)) this.#joined();
  }

  /**
   * Repeats the choice that this page remembers when the server knows none: after a reload or a restart.
   *
   * @param {import("../link/messages.js").PresenceState} message
   */
  #presence({ takes_calls, reason }) {
    if (reason === "new" && this.#available) void this.setAvailable(true);
    else this.#available = Boolean(takes_calls);
  }

  /** In a call whose picture is not known here: just answered, or back after a reload or a restart. */
  #joined() {
    this.#fresh = false;
    this.#refreshed = -Infinity;
    this.dispatchEvent(new Event("cobrowse-reset"));
    this.refresh();
    if (this.store.state.noteState === "failed") this.saveNote(this.store.state.note);
  }

  /** @param {string} reason */
  #ringStopped(reason) {
    this.dispatchEvent(new CustomEvent("ring-stop", { detail: reason }));
    if (reason === "timeout")
      this.store.notify("warning", msg("The call was not answered in time. You take no calls until you say that you are back."));
    else if (reason === "left" || reason === "lost")
      this.store.notify("info", msg("The customer left before the call was answered."));
  }

  /**
   * Send a request; a refusal is told to the specialist and gives null.
   *
   * @param {ClientMessage} message
   */
  async #ask(message) {
    try {
      return await this.connection.request(message);
    } catch (error) {
      const code = error instanceof LinkError ? error.code : "internal";
      this.store.notify("danger", errorMessage(code));
      return null;
    }
  }

  /** @param {boolean} available */
  async setAvailable(available) {
    const reply = await this.#ask({ type: "set_presence", available });
    if (!reply) return false;
    this.#available = available;
    this.store.apply(reply);
    return true;
  }

  /** Change whether calls come; in a call, whether they do after it. */
  switchAvailable() {
    const { presence, takesCalls } = this.store.state;
    if (presence !== "ringing") void this.setAvailable(!takesCalls);
  }

  async answer() {
    const reply = await this.#settleRing("answer");
    if (reply) this.#receive(reply);
  }

  async decline() {
    await this.#settleRing("decline");
  }

  /**
   * The ring stays until the server has accepted the action or ended the ring, so that a failure can be retried.
   *
   * @param {"answer" | "decline"} type
   */
  async #settleRing(type) {
    const { ring } = this.store.state;
    if (!ring || ring.settling) return null;
    const session = ring.session.id;
    this.store.set({ ring: { ...ring, settling: type } });
    const joins = type === "answer";
    const reply = await this.#ask(ring.invitation ? { type: "invitation_answer", session, joins } : { type, session });
    const now = this.store.state.ring;
    if (now?.session.id === session) this.store.set({ ring: reply ? null : { ...now, settling: null } });
    return reply;
  }

  /** @param {boolean} held */
  async hold(held) {
    if (this.session) await this.#ask({ type: "hold", session: this.session.id, held });
  }

  /** Record nothing while the call goes on, for this reason, or record again. @param {boolean} paused @param {string} [reason] */
  async pauseRecording(paused, reason = "password") {
    if (this.session) await this.#ask({ type: "record_pause", session: this.session.id, paused, reason });
  }

  /** Who leads the call ends it; who takes part beside them leaves. */
  async hangUp() {
    const { session } = this;
    if (!session) return;
    const person = this.store.state.config?.person;
    if (!person || session.specialist === person) await this.#ask({ type: "hang_up", session: session.id });
    else await this.#ask({ type: "participant_remove", session: session.id, participant: ownId(session, person) });
  }

  /** Let the server know what is chosen so far: it stands if the time for it runs out. @param {string} outcome */
  async choose(outcome) {
    if (this.session) await this.#ask({ type: "outcome_choose", session: this.session.id, outcome });
  }

  /** More time to say how the call went. */
  async extend() {
    if (!this.session) return;
    const reply = await this.#ask({ type: "wrap_up_extend", session: this.session.id });
    if (reply) this.store.apply(reply);
  }

  /**
   * Save how the call went, and take calls afterwards or not. Returns whether it was saved.
   *
   * @param {string} outcome
   * @param {string} note
   * @param {boolean} available
   */
  async dispose(outcome, note, available) {
    const { session } = this;
    if (!session) return false;
    clearTimeout(this.#noteTimer);
    if (available !== this.store.state.takesCalls && !(await this.setAvailable(available))) return false;
    const reply = await this.#ask({ type: "dispose", session: session.id, outcome, note });
    if (!reply) return false;
    if (this.session?.id === session.id) this.store.apply({ type: "session_gone", reason: null, session: null });
    this.store.notify("success", msg("The outcome has been saved."));
    return true;
  }

  /** Keep what was typed, and save it after a pause. @param {string} text */
  typeNote(text) {
    this.store.set({ note: text, noteState: "typing" });
    clearTimeout(this.#noteTimer);
    this.#noteTimer = setTimeout(() => this.saveNote(text), NOTE_PAUSE_MS);
  }

  /** @param {string} text */
  async saveNote(text) {
    const { session } = this;
    if (!session || !(inCall(session) || session.state === "ended")) return;
    clearTimeout(this.#noteTimer);
    this.store.set({ noteState: "saving" });
    try {
      await this.connection.request({ type: "note_save", session: session.id, text });
      if (this.store.state.note === text) this.store.set({ noteState: "saved" });
    } catch {
      this.store.set({ noteState: "failed" });
    }
  }

  /** @param {string} text */
  async sendChat(text) {
    const { session } = this;
    if (!session || !text.trim()) return;
    const line = { id: newId("chat"), sender: ownId(session, this.store.state.config?.person), text: text.trim(), at_ms: 0 };
    this.store.set({ chat: [...this.store.state.chat, { ...line, pending: true }] });
    const reply = await this.#ask({ type: "chat_send", session: session.id, id: line.id, text: line.text });
    const failed = reply === null;
    const chat = this.store.state.chat.map((known) =>
      known.id === line.id && known.pending ? { ...known, pending: false, failed } : known,
    );
    this.store.set({ chat });
  }

  /**
   * @param {string} label
   * @param {string} note
   */
  async askDocument(label, note) {
    if (!this.session) return;
    const reply = await this.#ask({ type: "document_request", session: this.session.id, label, note });
    if (reply) this.store.apply(reply);
  }

  /**
   * @param {string} document
   * @param {boolean} accepted
   * @param {string} reason
   */
  async decide(document, accepted, reason) {
    if (!this.session) return;
    await this.#ask({ type: "document_decide", session: this.session.id, document, accepted, reason });
  }

  /** Show this pointer to the customer; at most 30 messages a second. @param {{x: number, y: number} | null} at */
  point(at) {
    this.#pointAt = at;
    if (this.#pointTimer !== undefined) return;
    this.#sendPoint();
    this.#pointTimer = setTimeout(() => {
      this.#pointTimer = undefined;
      if (this.#pointAt !== at) this.point(this.#pointAt);
    }, POINT_MS);
  }

  #sendPoint() {
    if (!this.session || this.connection.state !== "open") return;
    const { x = null, y = null } = this.#pointAt ?? {};
    this.connection.post({ type: "point", session: this.session.id, x, y });
  }

  /** @param {number | null} node rrweb id */
  highlight(node) {
    if (!this.session) return;
    this.store.set({ highlighted: node });
    this.connection.post({ type: "highlight", session: this.session.id, node });
  }

  /** Ask for the whole picture of the customer's page, not more often than every 2 s. */
  refresh(failed = false) {
    const now = performance.now();
    if (!this.session || now - this.#refreshed < REFRESH_MS) return;
    this.#refreshed = now;
    this.connection.post({ type: "cobrowse_refresh", session: this.session.id, failed });
  }
}
