// A page's end of a leg: one RTCPeerConnection with the six fixed m-lines of link/rtc/leg.py, negotiated once.
//
// There is no ICE restart: a peer that is lost stays lost, and its owner makes a new one under the same participant.

import { Playout } from "./playout.js";

/** @typedef {"microphone" | "camera" | "auxiliary"} UpSlot */
/** @typedef {"audio0" | "audio1" | "audio2" | "video0" | "video1" | "video2"} DownSlot */
/** @typedef {"new" | "connecting" | "connected" | "lost" | "closed"} PeerState */
/** @typedef {Partial<Record<UpSlot, MediaStreamTrack | null>>} LocalTracks */
/**
 * What one received track has seen since the peer began; `level` 0 to 1, `energy` in RFC 6464 units times seconds.
 *
 * @typedef {{packets: number, bytes: number, lost: number, jitter_s: number, frames: number, width: number,
 *   height: number, fps: number, freezes: number, freeze_s: number, keyframes: number, level: number, energy: number,
 *   duration_s: number, concealed: number}} Received
 */
/**
 * What one sent track has done; `limited` is what holds the picture back: none, cpu, bandwidth or other.
 *
 * @typedef {{packets: number, bytes: number, frames: number, width: number, height: number, fps: number,
 *   limited: string}} Sent
 */
/**
 * @typedef {{state: PeerState, rtt_ms: number | null, available_out: number | null,
 *   received: Record<DownSlot, Received>, sent: Record<UpSlot, Sent>}} Statistics
 */

/** How long a peer may take to connect at first, and how long it may stay disconnected, before it counts as lost. */
const CONNECT_MS = 8000;
const DISCONNECT_MS = 3000;
/** The server sends an RTCP report every second even when nobody speaks, so silence for this long is a lost peer. */
const SILENT_MS = 2400;
/** Silence for this long makes the peer `quiet`: just over a second, because reports may be all that is sent. */
const QUIET_MS = 1100;
const LISTEN_MS = 400;

/**
 * The m-lines in order: what goes up, what comes down, and the most bits a second for what goes up.
 *
 * @type {{kind: "audio" | "video", up: UpSlot | null, down: DownSlot, bitrate: number}[]}
 */
const LINES = [
  { kind: "audio", up: "microphone", down: "audio0", bitrate: 48_000 },
  { kind: "video", up: "camera", down: "video0", bitrate: 2_500_000 },
  { kind: "video", up: "auxiliary", down: "video1", bitrate: 2_500_000 },
  { kind: "audio", up: null, down: "audio1", bitrate: 0 },
  { kind: "audio", up: null, down: "audio2", bitrate: 0 },
  { kind: "video", up: null, down: "video2", bitrate: 0 },
];

/** The `contentHint` of each track, which tells the encoder what to preserve. @type {Record<UpSlot, string>} */
const HINTS = { microphone: "speech", camera: "motion", auxiliary: "detail" };

/** @type {Record<string, RegExp>} */
const CODECS = { audio: /^audio\/opus$/i, video: /^video\/(vp8|rtx)$/i };

/**
 * Events: `state` (detail: PeerState), `quiet` when that changed. `quiet` says that nothing at all has arrived for over a
 * second: a pause, or the begin of a loss; it ends when something came in two looks on end. `tracks` holds the received MediaStreamTracks by slot, from the start; they are
 * muted until something is fed to them.
 */
export class Peer extends EventTarget {
  quiet = false;
  /** @type {PeerState} */ #state = "new";
  /** @type {RTCRtpTransceiver[]} */ #lines = [];
  /** @type {Playout} */ #playout;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #timer;
  /** @type {ReturnType<typeof setInterval> | undefined} */ #listening;
  /** @type {RTCIceCandidateInit[] | null} */ #early = [];
  /** @type {MediaStreamTrack | null | undefined} The camera's track, added only once there is a connection. */ #camera;

  /**
   * @param {object} signaling
   * @param {(sdp: string) => Promise<string>} signaling.offer carries the offer away and brings the answer
   * @param {(candidate: string, mid: string) => void} signaling.candidate carries a candidate; "" ends them
   * @param {{iceServers?: RTCIceServer[], relayOnly?: boolean}} [paths] from configuration only; there is no default.
   *   `relayOnly`: TURN or nothing
   */
  constructor(signaling, { iceServers = [], relayOnly = false } = {}) {
    super();
    this.signaling = signaling;
    /** Why there is no way through a TURN server, once one has refused or not answered. */
    this.refusal = "";
    this.connection = new RTCPeerConnection({
      iceServers,
      iceTransportPolicy: relayOnly ? "relay" : "all",
      bundlePolicy: "max-bundle",
    });
    this.connection.addEventListener("icecandidate", ({ candidate }) => {
      this.#candidate(candidate);
      // Chromium would go on trying paths that cannot work.
      if (relayOnly && candidate === null && !this.connection.localDescription?.sdp.includes("typ relay")) this.#lose();
    });
    this.connection.addEventListener("icecandidateerror", (error) => {
      this.refusal = `TURN ${error.errorCode} ${error.errorText}`;
    });
    this.connection.addEventListener("connectionstatechange", () => this.#follow());
    for (const { kind, up, bitrate } of LINES) {
      const line = this.connection.addTransceiver(kind, {
        direction: up ? "sendrecv" : "recvonly",
        ...(up ? { sendEncodings: [{ maxBitrate: bitrate }] } : {}),
      });
      const codecs = RTCRtpReceiver.getCapabilities(kind)?.codecs.filter(({ mimeType }) => CODECS[kind].test(mimeType));
      if (codecs?.length) line.setCodecPreferences(codecs);
      this.#lines.push(line);
    }
    this.#playout = new Playout(LINES.flatMap(({ kind }, at) => (kind === "video" ? [this.#lines[at].receiver] : [])));
    /** @type {Record<DownSlot, MediaStreamTrack>} */
    this.tracks = /** @type {any} */ (
      Object.fromEntries(LINES.map(({ down }, index) => [down, this.#lines[index].receiver.track]))
    );
  }

  get state() {
    return this.#state;
  }

  /** A MediaStream of the given slots, for the `srcObject` of an audio or video element. @param {DownSlot[]} slots */
  stream(...slots) {
    return new MediaStream(slots.map((slot) => this.tracks[slot]));
  }

  /**
   * Offer and connect. Resolves once the answer is in place (media may take a moment more: see `state`); rejects, and
   * is lost, when the other end refuses.
   *
   * @param {LocalTracks} tracks what goes up; each may be missing and may come later by `replace`
   */
  async start(tracks) {
    this.#change("connecting");
    this.#timer = setTimeout(() => this.#lose(), CONNECT_MS);
    try {
      for (const [name, track] of Object.entries(tracks)) {
        if (track) await this.replace(/** @type {UpSlot} */ (name), track);
      }
      await this.connection.setLocalDescription();
      const answer = this.signaling.offer(this.connection.localDescription?.sdp ?? "");
      const early = this.#early ?? [];
      this.#early = null;
      for (const { candidate, sdpMid } of early) this.signaling.candidate(candidate ?? "", sdpMid ?? "0");
      await this.connection.setRemoteDescription({ type: "answer", sdp: await answer });
      await this.#prefer();
    } catch (error) {
      if (this.#state === "closed") return;
      this.#lose();
      throw error;
    }
  }

  /**
   * Send another track in a slot, or nothing (null), without renegotiation.
   *
   * @param {UpSlot} name
   * @param {MediaStreamTrack | null} track
   */
  async replace(name, track) {
    if (track && "contentHint" in track) track.contentHint = HINTS[name];
    if (name === "camera" && this.connection.connectionState !== "connected") {
      // A camera that is added before the connection makes Chromium start at 300 kbit/s and stay at 960x540 or less.
      this.#camera = track;
      return;
    }
    await this.#lines[LINES.findIndex(({ up }) => up === name)].sender.replaceTrack(track);
  }

  /** Close the connection; idempotent. Local tracks are their owner's and are not stopped. */
  close() {
    clearTimeout(this.#timer);
    clearInterval(this.#listening);
    this.connection.close();
    this.#change("closed");
  }

  /** A digest of getStats: what has been received and sent so far, by slot. @returns {Promise<Statistics>} */
  async statistics() {
    const received = /** @type {Record<DownSlot, Received>} */ ({});
    const sent = /** @type {Record<UpSlot, Sent>} */ ({});
    for (const { up, down } of LINES) {
      received[down] = digestReceived({});
      if (up) sent[up] = digestSent({});
    }
    let rtt = null;
    let available = null;
    for (const report of (await this.connection.getStats()).values()) {
      const line = this.#lines.findIndex(({ mid }) => mid !== null && mid === report.mid);
      if (report.type === "inbound-rtp" && line >= 0) {
        received[LINES[line].down] = digestReceived(report);
      } else if (report.type === "outbound-rtp" && line >= 0) {
        const { up } = LINES[line];
        if (up) sent[up] = digestSent(report);
      } else if (report.type === "candidate-pair" && report.nominated && report.state === "succeeded") {
        rtt = report.currentRoundTripTime === undefined ? null : report.currentRoundTripTime * 1000;
        available = report.availableOutgoingBitrate ?? null;
      }
    }
    return { state: this.#state, rtt_ms: rtt, available_out: available, received, sent };
  }

  /**
   * Faces and documents must stay legible: when computer or path are too slow, the frame rate is reduced, never the size.
   * By default Chromium halves the picture on a busy computer and seldom enlarges it again.
   */
  async #prefer() {
    for (const [index, { up }] of LINES.entries()) {
      if (up !== "camera" && up !== "auxiliary") continue;
      const { sender } = this.#lines[index];
      const parameters = sender.getParameters();
      parameters.degradationPreference = "maintain-resolution";
      await sender.setParameters(parameters).catch(() => undefined); // A preference: without it the call works too.
    }
  }

  /** @param {RTCIceCandidate | null} candidate null: there are no more */
  #candidate(candidate) {
    const { candidate: line = "", sdpMid = "0" } = candidate ?? {};
    if (this.#early) this.#early.push({ candidate: line, sdpMid });
    else if (this.#state !== "closed") this.signaling.candidate(line, sdpMid ?? "0");
  }

  #follow() {
    switch (this.connection.connectionState) {
      case "connected":
        clearTimeout(this.#timer);
        if (this.#camera !== undefined) void this.#lines[1].sender.replaceTrack(this.#camera).catch(() => undefined);
        this.#camera = undefined;
        this.#listen();
        return this.#change("connected");
      case "disconnected":
        clearTimeout(this.#timer);
        this.#timer = setTimeout(() => this.#lose(), DISCONNECT_MS);
        return this.#change("connecting");
      case "failed":
      case "closed":
        return this.#lose();
      default:
        return undefined;
    }
  }

  /** Chromium takes 5 s and more to call a dead path disconnected, so check here whether anything arrives. */
  #listen() {
    clearInterval(this.#listening);
    let heard = performance.now();
    let looked = heard;
    let before = -1;
    let row = 0;
    this.#listening = setInterval(async () => {
      const received = await this.#arrived();
      const now = performance.now();
      // A suspended page or computer received nothing because it was not running; that is no silence.
      row = received !== before ? row + 1 : 0;
      if (row || now - looked > 3 * LISTEN_MS) heard = now;
      before = received;
      looked = now;
      if (now - heard > QUIET_MS) this.#hush(true);
      else if (row > 1) this.#hush(false);
      if (now - heard > SILENT_MS) this.#lose();
    }, LISTEN_MS);
  }

  /** @param {boolean} quiet */
  #hush(quiet) {
    if (this.quiet === quiet) return;
    this.quiet = quiet;
    this.dispatchEvent(new Event("quiet"));
  }

  /** How many packets and STUN responses have arrived on all paths; the statistics are passed to the playout as well. */
  async #arrived() {
    let count = 0;
    const reports = [...(await this.#lines[0].receiver.getStats()).values()];
    this.#playout.see(reports, performance.now());
    for (const report of reports) {
      if (report.type !== "candidate-pair") continue;
      count += (report.packetsReceived ?? 0) + (report.responsesReceived ?? 0) + (report.requestsReceived ?? 0);
    }
    return count;
  }

  #lose() {
    if (this.#state === "closed" || this.#state === "lost") return;
    clearTimeout(this.#timer);
    clearInterval(this.#listening);
    this.#change("lost");
    this.connection.close();
  }

  /** @param {PeerState} state */
  #change(state) {
    if (this.#state === state || this.#state === "closed") return;
    if (this.#state === "lost" && state !== "closed") return;
    this.#state = state;
    this.dispatchEvent(new CustomEvent("state", { detail: state }));
  }
}

/** @param {Record<string, any>} report an RTCInboundRtpStreamStats @returns {Received} */
function digestReceived(report) {
  return {
    packets: report.packetsReceived ?? 0,
    bytes: report.bytesReceived ?? 0,
    lost: report.packetsLost ?? 0,
    jitter_s: report.jitter ?? 0,
    frames: report.framesDecoded ?? 0,
    width: report.frameWidth ?? 0,
    height: report.frameHeight ?? 0,
    fps: report.framesPerSecond ?? 0,
    freezes: report.freezeCount ?? 0,
    freeze_s: report.totalFreezesDuration ?? 0,
    keyframes: report.keyFramesDecoded ?? 0,
    level: report.audioLevel ?? 0,
    energy: report.totalAudioEnergy ?? 0,
    duration_s: report.totalSamplesDuration ?? 0,
    concealed: report.concealedSamples ?? 0,
  };
}

/** @param {Record<string, any>} report an RTCOutboundRtpStreamStats @returns {Sent} */
function digestSent(report) {
  return {
    packets: report.packetsSent ?? 0,
    bytes: report.bytesSent ?? 0,
    frames: report.framesEncoded ?? 0,
    width: report.frameWidth ?? 0,
    height: report.frameHeight ?? 0,
    fps: report.framesPerSecond ?? 0,
    limited: report.qualityLimitationReason ?? "none",
  };
}
