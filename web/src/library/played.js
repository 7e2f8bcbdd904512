// What somebody has seen of a recording: spans of the session that were played, for whoever keeps account of it.

/** A span is told at the latest after so long, so that little is lost with a page that is closed. */
const TELL_MS = 10_000;

/** Fires `played` with a `detail` of `{from_ms, to_ms}`: this span of the session was played, at whatever speed. */
export class Played extends EventTarget {
  #from = -1;
  #to = -1;

  /** @param {import("./clock.js").PlaybackClock} clock */
  constructor(clock) {
    super();
    this.clock = clock;
    clock.addEventListener("seek", () => this.tell());
    clock.addEventListener("change", () => {
      if (!clock.playing) this.tell();
    });
  }

  /** Called while it plays, several times a second. */
  tick() {
    const { clock } = this;
    if (!clock.playing || clock.held) return;
    const { now } = clock;
    if (this.#from < 0) this.#from = now;
    this.#to = Math.max(now, this.#from);
    if (this.#to - this.#from < TELL_MS * clock.rate) return;
    this.tell();
    this.#from = this.#to = now;
  }

  /** Tell what was played and not told yet: at a seek, a pause, or when the page is left. */
  tell() {
    const [from_ms, to_ms] = [Math.round(this.#from), Math.round(this.#to)];
    this.#from = this.#to = -1;
    if (to_ms > from_ms) this.dispatchEvent(new CustomEvent("played", { detail: { from_ms, to_ms } }));
  }
}
