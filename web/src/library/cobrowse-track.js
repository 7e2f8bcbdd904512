// The recorded co-browse track: the customer's page as it was at the clock's time, with the specialist's pointer.
import { Stage } from "../cobrowse/stage.js";
import { t } from "../i18n.js";
import { readText } from "./requests.js";
import { gapAt, keyframeBefore, positionAt } from "./spans.js";

const AHEAD_MS = 15_000;

/** @typedef {{at: number, kind: string, keyframe: boolean, data: any}} Line */

export class CobrowseTrack {
  /** Lines in order, of the segments `first` to before `next`. @type {Line[]} */ #lines = [];
  #first = 0;
  #next = 0;
  /** How many lines are shown. */
  #shown = 0;
  #shownAt = -1;
  #busy = false;
  #failed = false;
  #abort = new AbortController();

  /**
   * @param {string} session
   * @param {import("./types.js").Track} track
   * @param {import("./clock.js").Clock} clock
   * @param {HTMLElement} container
   */
  constructor(session, track, clock, container) {
    this.base = `/api/sessions/${encodeURIComponent(session)}/cobrowse`;
    this.track = track;
    this.clock = clock;
    this.stage = new Stage(container, t("Customer's screen"));
  }

  destroy() {
    this.#abort.abort();
    this.stage.destroy();
  }

  /** @param {number} ms */
  missing(ms) {
    const position = positionAt(this.track.segments, ms);
    return position >= 0 && !this.#failed && !(this.#first <= position && position < this.#next);
  }

  /** @param {number} ms */
  absence(ms) {
    if (this.#failed) return "damaged";
    const gap = gapAt(this.track, ms);
    if (gap) return gap.reason;
    return positionAt(this.track.segments, ms) < 0 ? "" : null;
  }

  tick() {
    const now = this.clock.now;
    void this.#feed(now);
    if (!this.stage.loaded || this.missing(now)) return;
    if (now < this.#shownAt) this.#rewind();
    this.#show(now);
  }

  /** @param {number} now */
  async #feed(now) {
    const { segments } = this.track;
    const position = positionAt(segments, now);
    if (this.#busy || this.#failed) return;
    if (position >= 0 && (position < this.#first || position > this.#next)) {
      this.#first = this.#next = keyframeBefore(segments, position);
      this.#lines = [];
      this.#rewind();
    }
    const segment = segments[this.#next];
    if (!segment || segment.start_ms > now + AHEAD_MS * this.clock.rate) return;
    this.#busy = true;
    try {
      const text = await readText(`${this.base}/${segment.index}`, this.#abort.signal);
      for (const line of text.split("\n")) if (line) this.#lines.push(JSON.parse(line));
      this.#next += 1;
    } catch {
      this.#failed = !this.#abort.signal.aborted;
    }
    this.#busy = false;
    void this.#feed(this.clock.now);
  }

  #rewind() {
    this.#shown = 0;
    this.#shownAt = -1;
    this.stage.clear();
  }

  /** Applies every line up to now; from the last whole picture, if nothing is shown yet. @param {number} now */
  #show(now) {
    this.#shownAt = now;
    let end = this.#shown;
    while (end < this.#lines.length && this.#lines[end].at <= now) end += 1;
    let start = this.#shown;
    for (let at = end - 1; at > start; at--) {
      if (this.#lines[at].keyframe) start = at;
    }
    for (let at = start; at < end; at++) this.#apply(this.#lines[at]);
    this.#shown = end;
  }

  /** @param {Line} line */
  #apply({ kind, keyframe, data }) {
    if (kind === "point") {
      this.stage.point(typeof data.x === "number" ? data : null);
    } else if (kind === "highlight") {
      this.stage.highlight(data.node ?? null);
    } else if (kind === "rrweb") {
      if (keyframe) this.stage.open([], { liveMode: true }).startLive(1);
      // The line's own time is what counts, and it has come: rrweb shows at once what has the time of its beginning.
      for (const event of data) this.stage.replayer?.addEvent({ ...event, timestamp: 1 });
    }
  }
}
