// The client half of a stream (link/protocol/PROTOCOL.md, "Frames"): a sequence of messages that outlives its WebSockets.
//
// Independent of calls. Everything sent is kept until the server has acknowledged it, and is sent again after a drop;
// everything received is counted, so that a resumed stream loses and repeats nothing.

/** @typedef {import("./messages.js").ClientMessage} ClientMessage */
/** @typedef {import("./messages.js").ServerMessage} ServerMessage */
/** @typedef {"connecting" | "open" | "lost" | "closed"} ConnectionState */
/** @typedef {{code: string, message: string}} Reason */
/** @typedef {{seq: number, id?: number, body: ClientMessage, size: number, sent: boolean}} Outgoing */
/** @typedef {{resolve: (body: ServerMessage) => void, reject: (error: LinkError) => void}} Waiting */

export const VERSION = 2;
export const SUBPROTOCOL = "visavis.v2";
/** Largest frame in bytes of UTF-8; the envelope around a body is shorter than `ENVELOPE`. */
export const FRAME_BYTES = 64 * 1024;
const ENVELOPE = 160;
/** The most that may be unacknowledged; beyond it the stream refuses new messages. */
const BUFFER_FRAMES = 1024;
const BUFFER_BYTES = 2 * 1024 * 1024;
/** How long a reply may take: longer than the timeouts of the ends behind the first one. */
export const REQUEST_MS = 20_000;
const ACK_FRAMES = 16;
const ACK_MS = 500;
const WELCOME_MS = 8000;
const BACKOFF_MS = [200, 400, 800, 1600, 3200, 5000];
/** In a call: TCP repeats a lost SYN after 1 s, then only after 3 and 7 s; a new attempt is quicker. */
const EAGER_WELCOME_MS = 1600;
const EAGER_BACKOFF_MS = 300;
/** Close codes after which the stream must not reconnect by itself. */
const FINAL_CLOSES = new Map([
  [4401, "not_authenticated"],
  [4403, "not_allowed"],
  [4410, "replaced"],
  [4426, "unsupported_version"],
]);
const FINAL_CODES = new Set(FINAL_CLOSES.values());
/** The pause after this end or the server broke the protocol: long enough to do no harm, short enough to recover. */
const BROKEN_MS = 3000;

const utf8 = new TextEncoder();

/** A refused request or a closed stream; `code` is stable (PROTOCOL.md lists them), `retry_after` in seconds. */
export class LinkError extends Error {
  /**
   * @param {string} code
   * @param {string} [message]
   * @param {number | null} [retryAfter]
   */
  constructor(code, message = code, retryAfter = null) {
    super(message);
    this.name = "LinkError";
    this.code = code;
    this.retry_after = retryAfter;
  }
}

/**
 * A stream to a server. It connects at once and keeps itself connected until `close()` or a final bye.
 *
 * Events: `message` (detail: a ServerMessage that is no reply), `state` (detail: ConnectionState), `fresh` (a new stream
 * began: what was said on an older one is void, and the server sends all state again; comes before its messages).
 */
export class Connection extends EventTarget {
  /** @type {WebSocket | null} */ #socket = null;
  /** @type {ConnectionState} */ #state = "connecting";
  /** @type {Reason | null} */ #reason = null;
  /** @type {string | null} */ #token = null;
  /** @type {Outgoing[]} */ #outgoing = [];
  /** @type {Map<number, Waiting>} */ #waiting = new Map();
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #retry;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #ackTimer;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #welcomeTimer;
  /** @type {ReturnType<typeof setInterval> | undefined} */ #heart;
  #online = () => {
    if (this.#state === "lost" && !this.#socket) this.#connect();
  };
  // A browser closes with 1001 both for a page that is left and for one that crashed.
  #left = () => this.#socket?.close(1000);
  #bytes = 0;
  #nextSeq = 1;
  #nextId = 1;
  #received = 0;
  #acked = 0;
  #attempts = 0;
  #pings = 0;
  #heartbeatMs = 10_000;
  #lastIn = 0;
  #lastOut = 0;
  /** @type {{answer: Promise<boolean>, tell: (alive: boolean) => void,
   *   timer: ReturnType<typeof setTimeout>} | undefined} */ #check;
  /** Whether a call depends on this stream: it then reconnects sooner, at the cost of more attempts. */
  eager = false;

  /**
   * @param {string | URL} url `ws:`/`wss:`, or a path on this page's host
   * @param {{authorised?: () => Promise<boolean>}} [options] `authorised` is asked after a refused upgrade, whose reason
   *   a browser does not tell: false closes the stream with `not_authenticated`
   */
  constructor(url, options = {}) {
    super();
    this.url = new URL(url, location.href.replace(/^http/, "ws"));
    this.authorised = options.authorised;
    addEventListener("online", this.#online);
    addEventListener("pagehide", this.#left);
    this.#connect();
  }

  get state() {
    return this.#state;
  }

  /** Why the stream was closed for good, once it was. */
  get reason() {
    return this.#reason;
  }

  /** Bytes that the server has not acknowledged yet; for senders who can slow down. */
  get buffered() {
    return this.#bytes;
  }

  /**
   * Send a request; rejects with a LinkError: the server's refusal, `too_large`, `slow_consumer` (too much waits), or
   * `unavailable` when there was no reply in time or a new stream began before it, and nobody knows whether it was, or
   * will be, carried out.
   *
   * @param {ClientMessage} body
   * @param {number} [timeoutMs]
   * @returns {Promise<ServerMessage>}
   */
  request(body, timeoutMs = REQUEST_MS) {
    const id = this.#nextId++;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let timer;
    /** @type {Promise<ServerMessage>} */
    const reply = new Promise((resolve, reject) => {
      const error = this.#enqueue(body, id);
      if (error) return reject(error);
      this.#waiting.set(id, { resolve, reject });
      timer = setTimeout(() => {
        this.#waiting.delete(id);
        reject(new LinkError("unavailable", "no reply in time"));
      }, timeoutMs);
    });
    return reply.finally(() => clearTimeout(timer));
  }

  /**
   * Send a notification. Returns whether it was accepted: false when the stream is closed, too much waits, or it is too
   * large.
   *
   * @param {ClientMessage} body
   */
  post(body) {
    return this.#enqueue(body) === null;
  }

  /**
   * Ask for a sign of life now, because something else went silent: without one in `withinMs` the WebSocket is given up
   * and a new one made, much earlier than by the heartbeat. Who asks while it is asked waits for the same answer.
   *
   * @param {number} withinMs
   * @returns {Promise<boolean>} true as soon as there is one
   */
  check(withinMs) {
    const socket = this.#socket;
    if (this.#state !== "open" || !socket) return Promise.resolve(false);
    if (this.#check) return this.#check.answer;
    this.#write({ frame: "ping", n: ++this.#pings });
    /** @type {(alive: boolean) => void} */
    let tell = () => {};
    const answer = new Promise((/** @type {(alive: boolean) => void} */ resolve) => (tell = resolve));
    this.#check = { answer, tell, timer: setTimeout(() => this.#dropped(socket, true), withinMs) };
    return answer;
  }

  /** @param {boolean} alive */
  #checked(alive) {
    clearTimeout(this.#check?.timer);
    this.#check?.tell(alive);
    this.#check = undefined;
  }

  /** Begin a new stream after the server closed this one for good, because the reason is gone (a new login). */
  reopen() {
    if (this.#state !== "closed") return;
    this.#token = null;
    this.#reason = null;
    addEventListener("online", this.#online);
    this.#change("connecting");
    this.#connect();
  }

  /** Leave: the server is told, pending requests are rejected, nothing reconnects. */
  close() {
    this.#write({ frame: "bye", code: "closed", message: "", retry_after: null });
    this.#finish("closed", "closed by this end");
  }

  /**
   * @param {ClientMessage} body
   * @param {number} [id]
   * @returns {LinkError | null}
   */
  #enqueue(body, id) {
    if (this.#state === "closed") return new LinkError(this.#reason?.code ?? "unavailable", "the stream is closed");
    const size = utf8.encode(JSON.stringify(body)).length + ENVELOPE;
    if (size > FRAME_BYTES) return new LinkError("too_large");
    if (this.#outgoing.length >= BUFFER_FRAMES || this.#bytes + size > BUFFER_BYTES) {
      return new LinkError("slow_consumer", "too much waits for the server");
    }
    /** @type {Outgoing} */
    const outgoing = { seq: this.#nextSeq++, body, size, sent: false };
    if (id !== undefined) outgoing.id = id;
    this.#outgoing.push(outgoing);
    this.#bytes += size;
    if (this.#state === "open") this.#say(outgoing);
    return null;
  }

  /** @param {Outgoing} outgoing */
  #say(outgoing) {
    const { seq, id, body } = outgoing;
    outgoing.sent = true;
    this.#acknowledged();
    this.#write({ frame: "say", seq, ack: this.#received, ...(id === undefined ? {} : { id }), body });
  }

  /** @param {object} frame */
  #write(frame) {
    if (this.#socket?.readyState !== WebSocket.OPEN) return;
    this.#socket.send(JSON.stringify(frame));
    this.#lastOut = performance.now();
  }

  #connect() {
    clearTimeout(this.#retry);
    const socket = new WebSocket(this.url, [SUBPROTOCOL]);
    this.#socket = socket;
    let opened = false;
    // A timeout is no refusal: do not ask the server for the reason over the same dead network.
    const patience = this.eager ? EAGER_WELCOME_MS : WELCOME_MS;
    this.#welcomeTimer = setTimeout(() => this.#dropped(socket, true), patience);
    socket.onopen = () => {
      opened = true;
      this.#write({ frame: "hello", version: VERSION, resume: this.#token, received: this.#received });
    };
    socket.onmessage = (event) => {
      if (this.#socket === socket) this.#receive(socket, event.data);
    };
    socket.onclose = (event) => {
      if (this.#socket !== socket) return;
      const code = FINAL_CLOSES.get(event.code);
      if (code) this.#final(socket, code, event.reason);
      else this.#dropped(socket, opened);
    };
  }

  /**
   * @param {WebSocket} socket
   * @param {unknown} data
   */
  #receive(socket, data) {
    this.#lastIn = performance.now();
    this.#checked(true);
    /** @type {Record<string, any>} */
    let frame;
    try {
      frame = JSON.parse(String(data));
    } catch {
      this.#dropped(socket, true);
      return;
    }
    switch (frame.frame) {
      case "welcome":
        return this.#welcome(frame);
      case "ping":
        return this.#write({ frame: "pong", n: frame.n });
      case "pong":
        return;
      case "ack":
        return this.#forget(frame.received);
      case "bye":
        return this.#bye(socket, frame);
      default:
        return this.#data(socket, frame);
    }
  }

  /** @param {Record<string, any>} frame */
  #welcome(frame) {
    clearTimeout(this.#welcomeTimer);
    this.#token = frame.resume;
    this.#heartbeatMs = frame.heartbeat_s * 1000;
    this.#attempts = 0;
    if (frame.resumed) {
      this.#forget(frame.received);
    } else {
      this.#begin();
      this.dispatchEvent(new Event("fresh"));
    }
    // What listeners of `fresh` sent stands at the end of the queue; only after the queue does anything go out directly.
    if (this.#socket === null) return;
    for (const outgoing of this.#outgoing) this.#say(outgoing);
    this.#beat();
    this.#change("open");
  }

  /** A new stream: both ends count from 1. Messages that were never sent are kept; the fate of the others is unknown. */
  #begin() {
    const unsent = this.#outgoing.filter((outgoing) => !outgoing.sent);
    const lost = this.#outgoing.filter((outgoing) => outgoing.sent);
    const carried = new Set(unsent.map((outgoing) => outgoing.id));
    this.#outgoing = unsent.map((outgoing, index) => ({ ...outgoing, seq: index + 1 }));
    this.#bytes -= lost.reduce((sum, outgoing) => sum + outgoing.size, 0);
    this.#nextSeq = this.#outgoing.length + 1;
    this.#received = 0;
    this.#acked = 0;
    for (const [id, { reject }] of [...this.#waiting]) {
      if (carried.has(id)) continue;
      this.#waiting.delete(id);
      reject(new LinkError("unavailable", "the connection began anew before the reply"));
    }
  }

  /**
   * @param {WebSocket} socket
   * @param {Record<string, any>} frame
   */
  #data(socket, frame) {
    this.#forget(frame.ack);
    if (frame.seq <= this.#received) return;
    if (frame.seq !== this.#received + 1) {
      this.#dropped(socket, true); // A hole: resuming fetches what is missing.
      return;
    }
    this.#received = frame.seq;
    if (this.#received - this.#acked >= ACK_FRAMES) this.#acknowledge();
    else this.#ackTimer ??= setTimeout(() => this.#acknowledge(), ACK_MS);
    const waiting = typeof frame.id === "number" ? this.#waiting.get(frame.id) : undefined;
    if (waiting) this.#waiting.delete(frame.id);
    if (frame.frame === "failure") {
      waiting?.reject(new LinkError(frame.code, frame.message || frame.code, frame.retry_after ?? null));
    } else if (waiting) {
      waiting.resolve(frame.body);
    } else if (frame.id === undefined || frame.id === null) {
      this.dispatchEvent(new CustomEvent("message", { detail: frame.body }));
    }
  }

  #acknowledge() {
    this.#write({ frame: "ack", received: this.#received });
    this.#acknowledged();
  }

  #acknowledged() {
    clearTimeout(this.#ackTimer);
    this.#ackTimer = undefined;
    this.#acked = this.#received;
  }

  /** @param {number} received everything up to it has arrived at the server */
  #forget(received) {
    while (this.#outgoing.length && this.#outgoing[0].seq <= received) {
      this.#bytes -= /** @type {Outgoing} */ (this.#outgoing.shift()).size;
    }
  }

  /**
   * @param {WebSocket} socket
   * @param {Record<string, any>} frame
   */
  #bye(socket, frame) {
    const { code, message, retry_after: after } = frame;
    if (FINAL_CODES.has(code)) this.#final(socket, code, message);
    else if (after) this.#dropped(socket, true, after * 1000);
    else this.#dropped(socket, true, code === "unavailable" ? undefined : BROKEN_MS);
  }

  /**
   * The server closed this stream for good. If its login has ended, a newer login may exist.
   *
   * @param {WebSocket} socket
   * @param {string} code
   * @param {string} message
   */
  #final(socket, code, message) {
    if (code === "not_authenticated" && this.authorised) this.#dropped(socket, false);
    else this.#finish(code, message);
  }

  #beat() {
    clearInterval(this.#heart);
    this.#lastIn = this.#lastOut = performance.now();
    const socket = this.#socket;
    this.#heart = setInterval(() => {
      const now = performance.now();
      if (socket && now - this.#lastIn > this.#heartbeatMs * 1.8) this.#dropped(socket, true);
      else if (now - this.#lastOut >= this.#heartbeatMs * 0.9) this.#write({ frame: "ping", n: ++this.#pings });
    }, this.#heartbeatMs / 10);
  }

  /**
   * Give up this WebSocket and reconnect after a pause.
   *
   * @param {WebSocket} socket
   * @param {boolean} opened
   * @param {number} [pauseMs]
   */
  #dropped(socket, opened, pauseMs) {
    if (this.#socket !== socket || this.#state === "closed") return;
    this.#abandon();
    this.#change("lost");
    const backoff = BACKOFF_MS[Math.min(this.#attempts, BACKOFF_MS.length - 1)];
    const wait = pauseMs ?? (this.eager ? Math.min(backoff, EAGER_BACKOFF_MS) : backoff);
    this.#attempts += 1;
    this.#retry = setTimeout(() => void this.#reconnect(opened), wait * (0.6 + 0.4 * Math.random()));
  }

  /** @param {boolean} opened whether the last WebSocket got past its upgrade */
  async #reconnect(opened) {
    if (!opened && this.authorised) {
      // A timeout is no refusal: the server is not reached, and the next attempt will tell.
      const allowed = await this.authorised().catch(() => true);
      if (!allowed) this.#finish("not_authenticated", "");
    }
    if (this.#state === "lost" && !this.#socket) this.#connect();
  }

  #abandon() {
    const socket = this.#socket;
    this.#socket = null;
    clearTimeout(this.#welcomeTimer);
    clearTimeout(this.#retry);
    this.#checked(false);
    clearInterval(this.#heart);
    this.#acknowledged();
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  }

  /**
   * @param {string} code
   * @param {string} message
   */
  #finish(code, message) {
    if (this.#state === "closed") return;
    this.#abandon();
    removeEventListener("online", this.#online);
    removeEventListener("pagehide", this.#left);
    this.#reason = { code, message };
    this.#outgoing = [];
    this.#bytes = 0;
    for (const { reject } of this.#waiting.values()) reject(new LinkError(code, message || code));
    this.#waiting.clear();
    this.#change("closed");
  }

  /** @param {ConnectionState} state */
  #change(state) {
    if (this.#state === state) return;
    this.#state = state;
    this.dispatchEvent(new CustomEvent("state", { detail: state }));
  }
}
