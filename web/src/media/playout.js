/**
 * How long pictures are held back before they are shown.
 *
 * Browsers show a picture as soon as it is whole. On a long path that loses packets, what is lost comes a round trip
 * later, and each repair would be a freeze of that length. There, and only there, pictures wait two round trips
 * (600 ms at most), and sound waits with them.
 */

const LONG_PATH_S = 0.1;
const LOSES = 0.01; // share of packets asked for again
const MIN_PACKETS = 20;
const HOLD_MS = 30_000;
const MOST_MS = 600;
const STEP_MS = 50;

export class Playout {
  /** @type {RTCRtpReceiver[]} */ #receivers;
  #until = -1;
  #asked = 0;
  #packets = 0;
  #target = 0;

  /** @param {RTCRtpReceiver[]} receivers of video */
  constructor(receivers) {
    this.#receivers = receivers;
  }

  /**
   * Look at what getStats says, once or twice a second.
   * @param {Iterable<Record<string, any>>} reports the candidate pair and what is received
   * @param {number} now milliseconds, monotonic
   */
  see(reports, now) {
    let rtt = 0;
    let asked = 0;
    let packets = 0;
    for (const report of reports) {
      if (report.type === "candidate-pair") rtt = Math.max(rtt, report.currentRoundTripTime ?? 0);
      if (report.type !== "inbound-rtp") continue;
      asked += report.nackCount ?? 0;
      packets += report.packetsReceived ?? 0;
    }
    const came = packets - this.#packets;
    if (came >= 0 && came < MIN_PACKETS) return;
    if (came > 0 && rtt > LONG_PATH_S && asked - this.#asked > LOSES * came) this.#until = now + HOLD_MS;
    this.#asked = asked;
    this.#packets = packets;
    if (now >= this.#until) this.#hold(0);
    else this.#hold(Math.max(this.#target, Math.min(MOST_MS, STEP_MS * Math.round((2000 * rtt) / STEP_MS))));
  }

  /** @param {number} target milliseconds, 0 for what the browser thinks best */
  #hold(target) {
    if (target === this.#target) return;
    this.#target = target;
    for (const receiver of this.#receivers) receiver.jitterBufferTarget = target || null;
  }
}
