// The recorded co-browse track: the customer's page as it was at the clock's time, with the specialist's pointer.
import { Stage, withoutPictures } from "../cobrowse/stage.js";
import { msg } from "../i18n.js";
import { Refused, readText } from "./requests.js";
import { gapAt, keyframeBefore, positionAt } from "./spans.js";

const AHEAD_MS = 15_000;
/** The same while a picture is waited for. */
const AHEAD_HELD_MS = 500;
/** How long lines are kept, plus those back to the previous full picture, for small steps back. */
const BEHIND_MS = 60_000;
/** After a jump of this length the page is redrawn from the last full picture instead of replayed. */
const JUMP_MS = 5000;
/** Segments of one request; a full picture lies at most two minutes back. */
const RUN = 64;
/** The pause before a segment that could not be fetched is asked for again. */
const AGAIN_MS = 1000;

/** `position` is that of the line's segment. A `torn` line stands for a segment that is not available. */
/** @typedef {{position: number, at: number, kind: string, epoch: string, keyframe: boolean, data: any}} Line */

export class CobrowseTrack {
  /** Lines in order, of the segments `first` to before `next`. @type {Line[]} */ #lines = [];
  #first = 0;
  #next = 0;
  /** How many lines are shown. */
  #shown = 0;
  #shownAt = -1;
  /** The epoch that the page is drawn from, without a hole. @type {string | null} */ #followed = null;
  /** Whether the page could not be drawn, until it is drawn anew. */
  #broken = false;
  #busy = false;
  /** Indexes of segments that are not available. */
  #failed = new Set();
  /** Segments of these indexes are fetched one by one: one of the run is damaged. */
  #single = new Set();
  #abort = new AbortController();
  /** The request that is under way, for so many segments. */
  #request = { count: 0, abort: new AbortController() };

  /**
   * @param {string} session
   * @param {import("./types.js").Track} track
   * @param {import("./clock.js").PlaybackClock} clock
   * @param {HTMLElement} container
   */
  constructor(session, track, clock, container) {
    this.base = `/api/sessions/${encodeURIComponent(session)}/cobrowse`;
    this.track = track;
    this.clock = clock;
    /** Called when something has come. */
    this.onProgress = () => {};
    this.stage = new Stage(container, msg("Customer's screen"));
    this.stage.onFailure = () => {
      this.#broken = true;
      this.#followed = null;
    };
  }

  destroy() {
    this.#abort.abort();
    this.stage.destroy();
  }

  /** @param {number} ms */
  missing(ms) {
    const position = positionAt(this.track.segments, ms);
    return position >= 0 && !(this.#first <= position && position < this.#next);
  }

  /** Whether the page is drawn as it was at this moment. @param {number} ms */
  settled(ms) {
    return this.stage.loaded && (this.missing(ms) || this.#shownAt === ms);
  }

  /** The time of the next change after a moment, or of the last before it; null where none is loaded. @param {number} ms @param {1 | -1} direction */
  frameBeside(ms, direction) {
    const times = this.#lines.map(({ at }) => at);
    return (direction > 0 ? times.find((at) => at > ms + 0.5) : times.findLast((at) => at < ms - 0.5)) ?? null;
  }

  /** @param {number} ms */
  absence(ms) {
    const gap = gapAt(this.track, ms);
    if (gap) return gap.reason;
    if (this.#broken && ms >= this.#shownAt) return "refused";
    const position = positionAt(this.track.segments, ms);
    if (position < 0) return "";
    return this.#failed.has(this.track.segments[position].index) ? "damaged" : null;
  }

  /** Fetches what is needed next and, unless that is to wait, draws the page as it was. @param {boolean} [draw] */
  tick(draw = true) {
    const now = this.clock.now;
    void this.#feed(now);
    if (!draw || !this.stage.loaded || this.missing(now)) return;
    if (now < this.#shownAt) this.#rewind();
    this.#show(now);
  }

  /** Fetches what is needed next, one segment after the other. @param {number} now */
  async #feed(now) {
    const { segments } = this.track;
    if (this.#busy) {
      // Somebody went elsewhere meanwhile: what it brings is not waited for.
      const origin = this.#origin(now);
      if (origin < this.#first || origin > this.#next + this.#request.count) this.#request.abort.abort();
      return;
    }
    this.#aim(now);
    const first = segments[this.#next];
    if (!first || first.start_ms > now + (this.clock.held ? AHEAD_HELD_MS : AHEAD_MS * this.clock.rate)) return;
    this.#busy = true;
    const run = this.#run(now);
    this.#request = { count: run.length, abort: new AbortController() };
    const signal = AbortSignal.any([this.#abort.signal, this.#request.abort.signal]);
    try {
      const indexes = run.map(({ index }) => index);
      const address = run.length > 1 ? `${this.base}?index=${indexes.join(",")}` : `${this.base}/${first.index}`;
      const texts = (await readText(address, signal)).split("\n\n");
      const parsed = run.map((_, at) => (texts[at] ?? "").split("\n").filter(Boolean).map((line) => JSON.parse(line)));
      for (const lines of parsed) {
        for (const line of lines) this.#lines.push({ ...line, position: this.#next });
        this.#next += 1;
      }
    } catch (error) {
      if (this.#abort.signal.aborted) return;
      if (this.#request.abort.signal.aborted) {
        this.#busy = false;
        this.onProgress();
        return;
      }
      if (!isFinal(error)) {
        await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
        this.#busy = false;
        return;
      }
      if (run.length > 1) {
        for (const { index } of run) this.#single.add(index);
      } else {
        this.#failed.add(first.index);
        this.#lines.push({ position: this.#next, at: first.start_ms, kind: "torn", epoch: "", keyframe: false, data: null });
        this.#next += 1;
      }
    }
    this.#busy = false;
    this.#forget(this.clock.now);
    this.onProgress();
  }

  /** The segments to fetch next: after a seek all that lead to the moment, else one. @param {number} now */
  #run(now) {
    const { segments } = this.track;
    const target = positionAt(segments, now);
    const run = [segments[this.#next]];
    for (let at = this.#next + 1; at <= target && run.length < RUN; at++) {
      if (this.#single.has(segments[at].index) || this.#single.has(run[0].index)) break;
      run.push(segments[at]);
    }
    return run;
  }

  /** Where fetching must begin to show a moment: its own segment may have its picture too late. @param {number} ms */
  #origin(ms) {
    return keyframeBefore(this.track.segments, positionAt(this.track.segments, ms) - 1);
  }

  /** After a seek: begins elsewhere, unless going on leads there as well. @param {number} now */
  #aim(now) {
    const origin = this.#origin(now);
    if (this.#first <= origin && origin <= this.#next) return;
    this.#first = this.#next = origin;
    this.#lines = [];
    this.#failed.clear();
    this.#rewind();
  }

  /** @param {number} now */
  #forget(now) {
    const first = this.#origin(now - BEHIND_MS);
    if (first <= this.#first) return;
    const kept = this.#lines.findIndex(({ position }) => position >= first);
    const gone = kept < 0 ? this.#lines.length : kept;
    if (gone > this.#shown) this.#followed = null;
    this.#lines.splice(0, gone);
    this.#shown = Math.max(0, this.#shown - gone);
    this.#first = first;
  }

  #rewind() {
    this.#shown = 0;
    this.#shownAt = -1;
    this.#followed = null;
    this.stage.clear();
  }

  /** Applies every line up to now; from the last full picture, unless the page could be followed. @param {number} now */
  #show(now) {
    let end = this.#shown;
    while (end < this.#lines.length && this.#lines[end].at <= now) end += 1;
    let start = this.#shown;
    if (this.track.gaps.some(({ start_ms }) => this.#shownAt < start_ms && start_ms <= now)) this.#followed = null;
    if (this.#followed === null || now - this.#shownAt > JUMP_MS) {
      for (let at = end - 1; at > start; at--) {
        if (this.#lines[at].keyframe) start = at;
      }
      if (start > this.#shown) this.#followed = null;
    }
    for (let at = start; at < end; at++) this.#apply(this.#lines[at]);
    this.#shown = end;
    this.#shownAt = now;
  }

  /** @param {Line} line */
  #apply({ kind, epoch, keyframe, data }) {
    if (kind === "point") {
      this.stage.point(typeof data.x === "number" ? data : null);
    } else if (kind === "highlight") {
      this.stage.highlight(data.node ?? null);
    } else if (kind === "torn") {
      this.#followed = null;
    } else if (kind === "rrweb") {
      const anew = keyframe && epoch !== this.#followed;
      if (this.#broken && !anew) return;
      if (anew) {
        this.#broken = false;
        this.stage.open([], { liveMode: true }).startLive(1);
        this.#followed = epoch;
      }
      // The line's own time is what counts, and it has come: rrweb shows at once what has the time of its beginning.
      for (const event of anew ? data : withoutPictures(data)) {
        if (!this.stage.omissions.take(event)) this.stage.replayer?.addEvent({ ...event, timestamp: 1 });
      }
    }
  }
}

/** Whether retrying is pointless: the server has said what is wrong with the segment. @param {unknown} error */
const isFinal = (error) => error instanceof SyntaxError || (error instanceof Refused && error.code !== "unavailable");
