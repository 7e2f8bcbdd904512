// The console's state, without DOM: one plain object, changed only here, with an event after changes.

import { roleOf } from "../link/participants.js";
import { isQueueing, isTalking } from "../link/states.js";

/** @typedef {import("../link/messages.js").ServerMessage} ServerMessage */
/** @typedef {import("../link/messages.js").Session} Session */
/** @typedef {import("../link/messages.js").WaitingCall} WaitingCall */
/** @typedef {import("../link/messages.js").Chat} Chat */
/** @typedef {import("../link/messages.js").ConsoleConfig} ConsoleConfig */
/** @typedef {import("../link/messages.js").Presence} Presence */
/** @typedef {import("../link/connection.js").ConnectionState} ConnectionState */
/** @typedef {"screen" | "customer" | "camera" | "both"} Emphasis */
/** @typedef {"saved" | "typing" | "saving" | "failed"} SaveState */
/** @typedef {{id: number, kind: "info" | "success" | "warning" | "danger", text: string}} Notice */
/**
 * A ringing call; `deadline` on the performance clock, ms; `settling` is the action that the server has not confirmed yet.
 *
 * A call that rings here, or (`invitation`: as which participant) that this specialist is asked to join.
 *
 * @typedef {{session: Session, deadline: number, total: number, settling: "answer" | "decline" | null,
 *   invitation?: string}} RingView
 */
/** @typedef {Chat & {pending?: boolean, failed?: boolean}} ChatLine */

/**
 * @typedef {object} ConsoleState
 * @property {ConnectionState} link
 * @property {string | null} closed why the connection is closed for good
 * @property {ConsoleConfig | null} config
 * @property {Presence} presence
 * @property {boolean} takesCalls whether calls come, or after a call will come
 * @property {string} paused why no calls come: `own`, `missed`, `lost`, `overdue`, `new`, or empty
 * @property {{reason: string, session: Session | null} | null} gone a call that ended without its specialist
 * @property {{waiting: number, available: number, calls: WaitingCall[], at: number}} queue
 * @property {RingView | null} ring
 * @property {Session | null} session the call, from the answer until its outcome is saved
 * @property {number} sessionAt when `session` arrived, on the performance clock
 * @property {ChatLine[]} chat
 * @property {number} unread chat lines of the customer not looked at yet
 * @property {import("../link/messages.js").RecordingStatement | null} statement how complete the call's recording is
 * @property {string} note
 * @property {SaveState} noteState
 * @property {Emphasis} emphasis
 * @property {boolean} pointing whether the customer sees this pointer
 * @property {number | null} highlighted rrweb id of the outlined element
 * @property {boolean} shown whether the customer's page is drawn
 * @property {string | null} document the document that is open at full size
 * @property {boolean} help
 * @property {"good" | "ending" | "ended"} login how long the login lasts: long, a few minutes more, no longer
 * @property {boolean} signingIn whether the specialist is just signing in again
 * @property {Notice[]} notices
 */

/** @returns {ConsoleState} */
function initial() {
  return {
    link: "connecting",
    closed: null,
    config: null,
    presence: "offline",
    takesCalls: false,
    paused: "",
    gone: null,
    queue: { waiting: 0, available: 0, calls: [], at: 0 },
    ring: null,
    session: null,
    sessionAt: 0,
    chat: [],
    unread: 0,
    statement: null,
    note: "",
    noteState: "saved",
    emphasis: "screen",
    pointing: true,
    highlighted: null,
    shown: false,
    document: null,
    help: false,
    login: "good",
    signingIn: false,
    notices: [],
  };
}

/** Nothing of a call, for when it is over or another begins. @returns {Partial<ConsoleState>} */
const nothing = () => ({
  session: null,
  statement: null,
  chat: [],
  unread: 0,
  note: "",
  noteState: "saved",
  emphasis: "screen",
  pointing: true,
  highlighted: null,
  shown: false,
  document: null,
});

/** @param {Session | null} session whether both ends are in the call */
export function inCall(session) {
  return isTalking(session?.state);
}

/** @param {Session} session @param {string} person whether this person takes part, beside the one who leads the call */
function takesPart(session, person) {
  return session.participants?.some((one) => one.person === person && !one.invited) ?? false;
}

/** @param {Session | null} session whether the call is over and its outcome is still to be said */
export function inWrapUp(session) {
  return session?.state === "ended" && !session.outcome;
}

/** @param {ConsoleState} state whether this specialist leads the call */
export function isLead({ session, config }) {
  return Boolean(session && config && session.specialist === config.person);
}

/** The pause of the recording that the specialist has made. @param {Session | null} session */
export function ownPause(session) {
  return session?.pauses?.find(({ automatic }) => !automatic) ?? null;
}

/** Fires `change` once per turn of the event loop in which anything changed, and `second` every second. */
export class Store extends EventTarget {
  #pending = false;
  #notices = 0;

  constructor() {
    super();
    this.state = initial();
    setInterval(() => this.dispatchEvent(new Event("second")), 1000);
  }

  /** @param {Partial<ConsoleState>} changes */
  set(changes) {
    Object.assign(this.state, changes);
    if (this.#pending) return;
    this.#pending = true;
    queueMicrotask(() => {
      this.#pending = false;
      this.dispatchEvent(new Event("change"));
    });
  }

  /**
   * Say something for a few seconds; a `danger` stays until it is closed.
   *
   * @param {Notice["kind"]} kind
   * @param {string} text a message, translated where it is shown
   */
  notify(kind, text) {
    const id = ++this.#notices;
    const others = this.state.notices.filter((notice) => notice.text !== text).slice(-2);
    this.set({ notices: [...others, { id, kind, text }] });
    if (kind !== "danger") setTimeout(() => this.dismiss(id), 7000);
  }

  /** @param {number} id */
  dismiss(id) {
    this.set({ notices: this.state.notices.filter((notice) => notice.id !== id) });
  }

  /** A new stream: all state comes again. What is typed and not saved yet stays. */
  fresh() {
    const { note, noteState } = this.state;
    this.set({ ring: null, chat: [], unread: 0, shown: false, ...(noteState === "saved" ? {} : { note, noteState }) });
  }

  /**
   * Take a message into the state. Messages that are not about state (media, co-browse) change nothing.
   *
   * @param {ServerMessage} message
   */
  apply(message) {
    const now = performance.now();
    switch (message.type) {
      case "console_config":
        return this.set({ config: message });
      case "presence":
        return this.set({
          presence: message.presence,
          takesCalls: message.takes_calls || message.presence === "available" || message.presence === "ringing",
          paused: message.reason ?? "",
        });
      case "queue": {
        const { waiting, available, calls } = message;
        return this.set({ queue: { waiting, available: available ?? 0, calls, at: now } });
      }
      case "ring":
        return this.#ring(message.session, message.remaining_s, now);
      case "invitation":
        this.#ring(message.session, message.remaining_s, now);
        return this.set({ ring: this.state.ring && { ...this.state.ring, invitation: message.participant } });
      case "invitation_over":
      case "ring_stop":
        if (this.state.ring?.session.id === message.session) this.set({ ring: null });
        return undefined;
      case "session":
        return this.#session(message.session, now);
      case "recording_statement":
        if (this.state.session?.id === message.session) this.set({ statement: message });
        return undefined;
      case "session_gone":
        return this.#gone(message.reason ?? "", message.session ?? "");
      case "chat":
        return this.#chat(message.session, message.chat);
      default:
        return undefined;
    }
  }

  /**
   * @param {Session} session
   * @param {number} remaining seconds
   * @param {number} now
   */
  #ring(session, remaining, now) {
    const total = Math.max(remaining, this.state.config?.ring_s ?? 20) * 1000;
    this.set({ ring: { session, deadline: now + remaining * 1000, total, settling: null } });
  }

  /**
   * The call is gone. Where the server gave no reason, it follows from the previous state.
   *
   * @param {string} reason
   * @param {string} id
   */
  #gone(reason, id) {
    const { session } = this.state;
    const known = session && (!id || session.id === id) ? session : null;
    const why = reason || (inCall(session) ? "over" : "");
    this.set({ ...nothing(), ...(why ? { gone: { reason: why, session: known } } : {}) });
  }

  /**
   * @param {Session} session
   * @param {number} now
   */
  #session(session, now) {
    const { session: before, config, note, noteState } = this.state;
    const mine = !config || session.specialist === config.person || takesPart(session, config.person);
    const over = session.state === "closed" || (session.state === "ended" && Boolean(session.outcome));
    if (!mine || over || isQueueing(session.state)) {
      if (before?.id === session.id) this.set(nothing());
      return;
    }
    const changes = before && before.id !== session.id ? nothing() : {};
    const finished = session.state === "ended" ? { document: null, help: false } : {};
    const kept = before?.id === session.id && noteState !== "saved";
    this.set({
      ...changes,
      ...finished,
      session,
      sessionAt: now,
      gone: null,
      ring: null,
      note: kept ? note : (session.note ?? ""),
    });
  }

  /**
   * @param {string} session
   * @param {Chat} line
   */
  #chat(session, line) {
    const { chat, unread } = this.state;
    if (this.state.session && this.state.session.id !== session) return;
    const known = chat.findIndex(({ id }) => id === line.id);
    if (known >= 0) this.set({ chat: chat.with(known, line) });
    else this.set({ chat: [...chat, line], unread: unread + (roleOf(line.sender) === "customer" ? 1 : 0) });
  }
}
