// Records the customer's page with rrweb, masked, and sends it in small batches (link/protocol/PROTOCOL.md, "Co-browsing").
import { record } from "@rrweb/record";
import { Likeness } from "./likeness.js";
import { BLOCK_SELECTOR, MASK_SELECTOR, clean, following, forget, maskInput, onTooMuch, onTyped, starred } from "./mask.js";
import { cut, wellFormed } from "./pieces.js";

/** Batches are at least this far apart. What comes after a pause is sent at once, with what comes in the same breath. */
const BATCH_MS = 40;
/** Pieces of a batch: a larger one is not taken by a stream. */
const MOST_PIECES = 90;
/** A full picture is taken so often, so that a replay can begin near any moment of a long call. */
export const PICTURE_MS = 120_000;
/** The pause before a picture that could not be sent is taken anew: twice as long each time, up to the longest. */
const AGAIN_MS = 1000;
const AGAIN_MOST_MS = 30_000;
/** More events than these are no batch: the server takes 20,000. */
const MOST_EVENTS = 5000;

/** @typedef {{epoch: string, batch: number, part: number, parts: number, data: string}} Piece */

/** The element, or text, with this rrweb id on this page. @param {number} id @returns {Node | null} */
export const nodeById = (id) => record.mirror.getNode(id);

/** One run at a time: rrweb keeps one mirror per page. */
export class PageRecorder {
  /** @type {(() => void) | undefined} */ #stop;
  /** @type {any[]} */ #events = [];
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #timer;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #repair;
  /** @type {ReturnType<typeof setInterval> | undefined} */ #pictures;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #retracting;
  #retracted = -AGAIN_MS;
  #epoch = "";
  #batch = 0;
  #sent = 0;
  #torn = 0;
  #broken = false;
  #likeness = new Likeness((event) => this.#push(event));

  /** @param {(piece: Piece) => boolean} send hands a piece on; false: it was not accepted, the picture is torn */
  constructor(send) {
    this.send = send;
  }

  get running() {
    return this.#stop !== undefined;
  }

  /** Record from now on, beginning with a full picture; does nothing while recording. */
  start() {
    if (this.#stop) return;
    this.#likeness.open();
    onTooMuch(() => this.#retract());
    onTyped((field) => {
      const id = record.mirror.getId(field);
      const { value: text } = /** @type {HTMLInputElement} */ (field);
      if (this.#stop && id >= 0) this.#take({ type: 3, timestamp: Date.now(), data: { source: 5, id, text, isChecked: false } });
    });
    this.#begin();
    this.#stop = record({
      emit: (event) => this.#take(event),
      maskAllInputs: true,
      maskInputOptions: { password: true },
      maskInputFn: maskInput,
      maskTextSelector: MASK_SELECTOR,
      maskTextFn: starred,
      blockSelector: BLOCK_SELECTOR,
      recordCanvas: false,
      collectFonts: false,
      slimDOMOptions: { script: true, comment: true, headMetaSocial: true, headMetaRobots: true, headFavicon: true },
      sampling: { mousemove: 50, mousemoveCallback: 50, scroll: 50 },
      errorHandler: () => true, // A recorder's failure must never break the customer's page.
    });
  }

  /** Take a full picture now, as the start of a new epoch. */
  snapshot() {
    if (!this.#stop) return;
    this.#flush();
    this.#begin();
    record.takeFullSnapshot(true);
    this.#flush();
  }

  /** Take a full picture as a batch within the epoch: rrweb's ids stay, so who has followed needs nothing of it. */
  #picture() {
    this.#flush();
    // What was left out is in nobody's copy: only a new epoch can bring it.
    if (this.#likeness.lacks) return this.snapshot();
    this.#likeness.begin(false);
    if (!this.#broken) record.takeFullSnapshot(true);
    this.#flush();
  }

  /** Send what is held, and record no more. */
  stop() {
    this.#flush();
    clearTimeout(this.#repair);
    clearInterval(this.#pictures);
    clearTimeout(this.#retracting);
    this.#retracting = undefined;
    this.#stop?.();
    this.#stop = undefined;
    this.#events = [];
    this.#likeness.close();
    // It would keep every element of this customer's page, with what was typed into it, until the next call.
    record.mirror.reset();
    forget();
  }

  #begin() {
    clearTimeout(this.#repair);
    clearInterval(this.#pictures);
    this.#pictures = setInterval(() => this.#picture(), PICTURE_MS);
    this.#epoch = crypto.randomUUID();
    this.#batch = 0;
    this.#broken = false;
    this.#events = [];
    this.#likeness.begin(true);
  }

  /** @param {any} event */
  #take(event) {
    if (this.#broken) return;
    const { mirror } = record;
    this.#likeness.shorten(event);
    const cleaned = clean(event, (id) => /** @type {Element | null} */ (mirror.getNode(id)), (node) => mirror.getId(node));
    if (cleaned !== null) {
      this.#likeness.states(event, cleaned);
      this.#likeness.amend(cleaned);
      this.#push(cleaned);
    }
    for (const more of following()) this.#push(more);
    if (cleaned === null) return;
    // A full picture begins with two events that belong together.
    if (event.type !== 4) this.#likeness.declare();
  }

  /** @param {any} event one that is clean */
  #push(event) {
    if (this.#broken) return;
    this.#events.push(event);
    if (this.#events.length >= MOST_EVENTS) this.#flush();
    if (this.#broken || this.#events.length === 0) return;
    this.#timer ??= setTimeout(() => this.#flush(), this.#sent + BATCH_MS - performance.now());
  }

  #flush() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#broken || this.#events.length === 0) return;
    const pieces = cut(JSON.stringify(this.#events, wellFormed));
    this.#events = [];
    this.#sent = performance.now();
    const { length: parts } = pieces;
    const batch = this.#batch++;
    if (parts > MOST_PIECES) this.#likeness.lessen();
    const whole =
      parts <= MOST_PIECES && pieces.every((data, part) => this.send({ epoch: this.#epoch, batch, part, parts, data }));
    // Less of the page is tried soon; the same again, ever later.
    if (!whole) this.#tear(parts > MOST_PIECES ? AGAIN_MS : Math.min(AGAIN_MOST_MS, AGAIN_MS * 2 ** this.#torn++));
    else if (batch > 0) this.#torn = 0;
  }

  /** What was sent may not be seen any more: a new epoch, soon, and not again and again. */
  #retract() {
    if (!this.#stop || this.#broken) return;
    this.#retracting ??= setTimeout(() => {
      this.#retracting = undefined;
      this.#retracted = performance.now();
      if (!this.#broken) this.snapshot();
    }, Math.max(0, this.#retracted + AGAIN_MS - performance.now()));
  }

  /** Something is missing: the rest of this epoch is worth nothing, so a new one follows after a pause. @param {number} pause */
  #tear(pause) {
    this.#broken = true;
    this.#events = [];
    clearTimeout(this.#repair);
    this.#repair = setTimeout(() => this.snapshot(), pause);
  }
}
