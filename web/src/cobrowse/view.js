// The live copy of the customer's page, as the console sees it.
import { msg } from "../i18n.js";
import { Stage, withoutPictures } from "./stage.js";

/**
 * A `cobrowse` message: one piece of a batch of rrweb events.
 *
 * @typedef {{epoch: string, batch: number, part: number, parts: number, data: string}} Piece
 */

/** Pieces of batches that are not whole yet are kept up to this many UTF-16 units. */
const PENDING_UNITS = 12 * 1024 * 1024;
/** The longest pause before a page that could not be drawn is asked for once more. */
const AGAIN_MOST_MS = 60_000;
/** rrweb holds a live copy's animations at their first frame; what moves in would stay unseen. */
const MOVING = ["html.rrweb-paused *, html.rrweb-paused *::before { animation-play-state: running !important; }"];

/**
 * Draws what `cobrowse` messages tell, into `container` (which must be positioned and have a size).
 *
 * Fires `need-snapshot` when the stream cannot be followed (a batch is missing, or it began in the middle): the owner
 * sends `cobrowse_refresh`. Fires `shown` when a page is drawn for the first time of an epoch.
 */
export class CobrowseView extends EventTarget {
  /** @param {HTMLElement} container */
  constructor(container) {
    super();
    this.stream = noStream();
    /** How often in a row a picture could not be drawn. */
    this.failures = 0;
    this.failed = 0;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.again = undefined;
    this.stage = new Stage(container, msg("The customer's screen"));
    this.stage.onFailure = () => this.lose(true);
    this.stage.ready.then(() => this.drain());
  }

  /** Forgets the stream: the next piece that starts an epoch starts the picture. */
  reset() {
    this.stream = noStream();
    this.stage.clear();
  }

  /** Takes one message, in the order received. @param {Piece} message */
  piece(message) {
    if (message.epoch !== this.stream.epoch) this.begin(message);
    const stream = this.stream;
    if (stream.lost) return;
    stream.units += message.data.length;
    if (message.batch !== stream.batch || message.part !== stream.parts.length || stream.units > PENDING_UNITS) {
      this.lose();
      return;
    }
    stream.parts.push(message.data);
    if (stream.parts.length < message.parts) return;
    stream.waiting.push(...JSON.parse(stream.parts.join("")));
    stream.parts = [];
    stream.units = 0;
    stream.batch += 1;
    this.drain();
  }

  /** A point of our page as fractions of the customer's page. @param {number} clientX @param {number} clientY */
  toPage(clientX, clientY) {
    return this.stage.toPage(clientX, clientY);
  }

  /** The rrweb id of the element there. @param {number} clientX @param {number} clientY @returns {number | null} */
  nodeAt(clientX, clientY) {
    return this.stage.nodeAt(clientX, clientY);
  }

  /** Draws the specialist's own pointer in the copy. @param {{x: number, y: number} | null} at */
  point(at) {
    this.stage.point(at);
  }

  /** Outlines an element in the copy. @param {number | null} node */
  highlight(node) {
    this.stage.highlight(node);
  }

  destroy() {
    clearTimeout(this.again);
    this.stream = noStream();
    this.stage.destroy();
  }

  /** @param {Piece} message */
  begin(message) {
    clearTimeout(this.again);
    this.stream = { ...noStream(), epoch: message.epoch };
    if (message.batch !== 0 || message.part !== 0) this.lose();
  }

  /** What is shown is not current, and the server has asked for another picture. */
  stale() {
    this.stream.lost = true;
    this.stream.parts = [];
    this.stream.waiting = [];
    this.stage.omissions.tell({ lost: 1 });
  }

  /** @param {boolean} [failed] the batch came, and could not be drawn */
  lose(failed = false) {
    if (this.stream.lost) return;
    this.stream.lost = true;
    this.stream.parts = [];
    this.stream.waiting = [];
    // What is still shown is old, until the next epoch.
    if (this.stage.replayer) this.stage.omissions.tell({ lost: 1 });
    const ask = () => this.dispatchEvent(new CustomEvent("need-snapshot", { detail: { failed } }));
    if (performance.now() - this.failed > AGAIN_MOST_MS) this.failures = 0;
    this.failed = performance.now();
    // A page that can never be drawn is not asked for again and again without a pause.
    if (failed && this.failures > 0) this.again = setTimeout(ask, Math.min(AGAIN_MOST_MS, 1000 * 2 ** this.failures));
    else ask();
    if (failed) this.failures += 1;
  }

  drain() {
    const stream = this.stream;
    if (!stream.waiting.length || !this.stage.loaded) return;
    // A later picture of the same epoch is for replays that begin there.
    const events = stream.live ? withoutPictures(stream.waiting) : stream.waiting;
    stream.waiting = [];
    if (!stream.live) {
      stream.live = true;
      stream.baseline = events[0].timestamp;
      stream.started = performance.now();
      const replayer = this.stage.open([], { liveMode: true, insertStyleRules: MOVING });
      replayer.on("fullsnapshot-rebuilded", () => this.dispatchEvent(new Event("shown")));
      replayer.startLive(stream.baseline);
    }
    for (const event of events) {
      if (stream.lost) return;
      if (this.stage.omissions.take(event)) continue;
      this.stage.replayer?.addEvent(this.timed(event));
    }
  }

  /**
   * Moves an event that would be shown late to now.
   *
   * rrweb shows an event when its clock reaches the event's timestamp. If the first batch was slow, every later one would
   * wait as long as that one was late; so the smallest delay seen so far is what counts.
   *
   * @param {any} event
   */
  timed(event) {
    const stream = this.stream;
    const now = stream.baseline + performance.now() - stream.started;
    const ahead = event.timestamp + stream.shift - now;
    if (ahead > 0) stream.shift -= ahead;
    return { ...event, timestamp: Math.max(stream.baseline, event.timestamp + stream.shift) };
  }
}

/** What is known of a stream before its first piece. */
function noStream() {
  return {
    epoch: "",
    batch: 0,
    /** Pieces of the batch that is not whole yet. @type {string[]} */
    parts: [],
    units: 0,
    lost: false,
    /** Events that wait for the frame to load. @type {any[]} */
    waiting: [],
    live: false,
    baseline: 0,
    started: 0,
    shift: 0,
  };
}
