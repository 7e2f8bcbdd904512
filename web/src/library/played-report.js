// Tells the server now and then which spans of a recording were played, for the audit log.

/** @typedef {import("./recording.js").Recording} Recording */

const EVERY_MS = 30_000;
/** Spans nearer than this are one. */
const NEAR_MS = 250;
/** Most ranges of one report, as `RANGES` in server/api/viewing.py. */
const RANGES = 100;

/**
 * Joins ranges that meet, in order; beyond `RANGES` the nearest two become one, so that nothing is left out.
 *
 * @param {[number, number][]} ranges
 * @returns {[number, number][]}
 */
export function joined(ranges) {
  /** @type {[number, number][]} */
  const found = [];
  for (const [from, to] of [...ranges].sort(([one], [other]) => one - other)) {
    const last = found[found.length - 1];
    if (last && from < last[1] + NEAR_MS) last[1] = Math.max(last[1], to);
    else found.push([from, to]);
  }
  while (found.length > RANGES) {
    let at = 1;
    for (let next = 2; next < found.length; next++) {
      if (found[next][0] - found[next - 1][1] < found[at][0] - found[at - 1][1]) at = next;
    }
    found[at - 1][1] = found[at][1];
    found.splice(at, 1);
  }
  return found;
}

/** What was played and is not told yet. */
export class PlayedReport {
  /** @type {[number, number][]} */ #ranges = [];
  #telling = false;

  /** @param {(ranges: [number, number][]) => Promise<boolean>} send whether the server has it, or never will */
  constructor(send) {
    this.send = send;
  }

  /** @param {number} from_ms @param {number} to_ms */
  add(from_ms, to_ms) {
    this.#ranges = joined([...this.#ranges, [from_ms, to_ms]]);
  }

  /** Tell what there is; what did not arrive waits for the next time. */
  async tell() {
    if (this.#telling || !this.#ranges.length) return;
    const ranges = this.#ranges;
    this.#ranges = [];
    this.#telling = true;
    if (!(await this.send(ranges))) this.#ranges = joined([...ranges, ...this.#ranges]);
    this.#telling = false;
  }
}

/** Every half minute, and when the page is hidden or left. @param {Recording} recording */
export function reportPlayed(recording) {
  const address = `/api/sessions/${encodeURIComponent(recording.session)}/played`;
  const report = new PlayedReport(async (ranges) => {
    const headers = { "Content-Type": "application/json" };
    const sent = fetch(address, { method: "POST", keepalive: true, headers, body: JSON.stringify({ ranges }) });
    const answer = await sent.catch(() => null);
    // 428: the purpose has run out, and is asked for when something is fetched.
    return answer !== null && answer.status < 500 && answer.status !== 428 && answer.status !== 429;
  });
  recording.played.addEventListener("played", (event) => {
    const { from_ms, to_ms } = /** @type {CustomEvent} */ (event).detail;
    report.add(from_ms, to_ms);
  });
  const tell = () => {
    recording.played.tell();
    void report.tell();
  };
  setInterval(() => void report.tell(), EVERY_MS);
  document.addEventListener("visibilitychange", () => document.hidden && tell());
  addEventListener("pagehide", tell);
}
