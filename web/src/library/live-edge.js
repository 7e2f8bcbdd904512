// How near a running call is followed. Segments last two seconds and are sealed one after the other: what is shown must be
// that old at least, and as much older as they come unevenly.

/** Where it begins: two seconds of a segment, and what sealing, asking and decoding take. */
export const LAG_MS = 2500;
/** A stall moves the picture away from the edge by this, half a minute without one moves it back by less. */
const [STEP_MS, BACK_MS] = [150, 50];
const [LEAST_MS, MOST_MS] = [2300, 6000];
const CALM_MS = 30_000;
/** Farther behind than this is corrected by a jump. */
const JUMP_MS = 4000;
/** From so much too far behind on it plays faster, until it is nearly there. */
const [FAR_MS, NEAR_MS] = [120, 20];
const FASTER = 1.08;
/** What is kept between the picture and the end of what is known. */
const SPARE_MS = 50;

export class LiveEdge {
  /** The server's time in the session, and when it was told. @type {{now_ms: number, at: number} | null} */ #server = null;
  #stalledAt = performance.now();
  #chasing = false;

  /** @param {import("./clock.js").PlaybackClock} clock */
  constructor(clock) {
    this.clock = clock;
    /** How far behind the call the picture is to be, in milliseconds. */
    this.wanted = LAG_MS;
  }

  /** @param {number | null} now_ms the server's time in the session, null when the call is over */
  told(now_ms) {
    this.#server = now_ms === null ? null : { now_ms, at: performance.now() };
  }

  /** How far behind the call the picture is. */
  get lag() {
    return this.#server ? this.#server.now_ms + performance.now() - this.#server.at - this.clock.now : 0;
  }

  /** Where the picture is to be now. */
  place() {
    const end = this.clock.length - SPARE_MS;
    return Math.max(0, this.#server ? Math.min(end, this.clock.now + this.lag - this.wanted) : end);
  }

  /** There was nothing to show: it is followed from farther behind. */
  stalled() {
    this.#stalledAt = performance.now();
    this.wanted = Math.min(MOST_MS, this.wanted + STEP_MS);
  }

  /** Plays a little faster where the picture is too far behind; gives the moment to jump to where it is much too far. */
  keep() {
    if (!this.#server) return null;
    if (performance.now() - this.#stalledAt > CALM_MS) {
      this.#stalledAt = performance.now();
      this.wanted = Math.max(LEAST_MS, this.wanted - BACK_MS);
    }
    const far = this.lag - this.wanted;
    if (far > JUMP_MS && this.place() > this.clock.now + JUMP_MS / 2) return this.place();
    this.#chasing = far > (this.#chasing ? NEAR_MS : FAR_MS);
    this.clock.setPace(this.#chasing ? FASTER : 1);
    return null;
  }
}
