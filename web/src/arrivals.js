// Whether media still arrives from the far end of a call. The server needs two seconds to be sure of a loss; people see a frozen
// picture sooner, and the page must not call that good meanwhile.

/** @typedef {import("./media/peer.js").Peer} Peer */

const LOOK_MS = 400;
const STANDING_MS = 1200;
/** The far end's voice and picture, by their place among the lines of a peer. */
const LINES = [0, 1];

/** `standing` is true when media has stopped for over a second; false while none has ever arrived. */
export class Arrivals {
  standing = false;
  /** @type {Peer | null} */ #peer = null;
  /** @type {Peer | null} The last peer; its counters go on after a hold. */ #before = null;
  /** @type {ReturnType<typeof setInterval> | undefined} */ #timer;
  #packets = -1;
  #flowing = false;
  #grownAt = 0;
  #lookedAt = 0;

  /** @param {() => void} changed is called when `standing` is another one */
  constructor(changed) {
    this.changed = changed;
  }

  /** Watch this peer from now on, or none: on hold no media is expected. @param {Peer | null} peer */
  watch(peer) {
    if (peer === this.#peer) return;
    this.#peer = peer;
    clearInterval(this.#timer);
    this.#packets = peer === this.#before ? -1 : 0;
    this.#before = peer ?? this.#before;
    this.#flowing = false;
    this.#stand(false);
    if (peer) this.#timer = setInterval(() => void this.#look(peer), LOOK_MS);
  }

  /** @param {Peer} peer */
  async #look(peer) {
    const packets = await arrived(peer);
    if (peer !== this.#peer || packets === null) return;
    const now = performance.now();
    // A page that was suspended did not sample; that is no silence.
    const slept = now - this.#lookedAt > 3 * LOOK_MS;
    this.#lookedAt = now;
    if (packets !== this.#packets || slept) {
      this.#flowing ||= this.#packets >= 0 && packets > this.#packets;
      this.#packets = packets;
      this.#grownAt = now;
    }
    this.#stand(this.#flowing && now - this.#grownAt >= STANDING_MS);
  }

  /** @param {boolean} standing */
  #stand(standing) {
    if (this.standing === standing) return;
    this.standing = standing;
    this.changed();
  }
}

/** @param {Peer} peer @returns {Promise<number | null>} packets of the far end so far; null when that cannot be told */
async function arrived(peer) {
  const lines = peer.connection.getTransceivers();
  let packets = 0;
  try {
    for (const line of LINES) {
      for (const report of (await lines[line].receiver.getStats()).values()) {
        if (report.type === "inbound-rtp") packets += report.packetsReceived ?? 0;
      }
    }
  } catch {
    return null; // It was closed meanwhile.
  }
  return packets;
}
