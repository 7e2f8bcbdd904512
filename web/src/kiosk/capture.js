// The customer's camera and microphone, and the peer connection to the kiosk client on this machine.
import { newId } from "./ids.js";
import { Arrivals } from "../arrivals.js";
import { Peer } from "../media/peer.js";

/** @typedef {"off" | "asking" | "on" | "denied" | "missing" | "busy"} DeviceState */

/** @type {MediaTrackConstraints} */
const MICROPHONE = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };
/** @type {MediaTrackConstraints} */
const CAMERA = { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30, max: 30 } };
const RETRY_MS = [300, 800, 2000, 4000];

/** @param {unknown} error @returns {DeviceState} */
function refusal(error) {
  const name = error instanceof DOMException ? error.name : "";
  if (name === "NotAllowedError" || name === "SecurityError") return "denied";
  if (name === "NotReadableError" || name === "AbortError") return "busy";
  return "missing";
}

/**
 * Fires `change` whenever a device, the connection or the received tracks changed.
 *
 * `start` and `stop` frame one customer: after `stop` no device is open and nothing received is kept.
 */
export class Capture extends EventTarget {
  /** @type {Record<"microphone" | "camera", DeviceState>} */
  devices = { microphone: "off", camera: "off" };
  /** @type {Record<"microphone" | "camera", MediaStreamTrack | null>} */
  tracks = { microphone: null, camera: null };
  /** The customer's own picture. @type {MediaStream | null} */
  self = null;
  /** The specialist's picture and voice. @type {MediaStream | null} */
  remote = null;
  /** Pictures of others of the bank who take part. @type {MediaStream[]} */
  others = [];
  /** @type {Peer | null} */
  peer = null;
  /** Whether media flows between page and kiosk client. */
  connected = false;

  #arrivals = new Arrivals(() => this.#changed());
  #wanted = false;
  #session = "";
  #leg = "";
  #failures = 0;
  /** @type {Promise<void> | null} */ #acquiring = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #retry;

  /** @param {import("../link/connection.js").Connection} connection */
  constructor(connection) {
    super();
    this.connection = connection;
    navigator.mediaDevices?.addEventListener("devicechange", () => {
      if (this.#wanted && Object.values(this.devices).some((state) => state !== "on")) void this.#acquire();
    });
    addEventListener("pagehide", () => this.peer?.close());
  }

  /** Nothing of the expert has arrived for over a second, though it did before. */
  get standing() {
    return this.#arrivals.standing;
  }

  /** Open the devices: the customer has agreed. Never rejects; what is missing is told in `devices`. */
  start() {
    if (this.#wanted) return;
    this.#wanted = true;
    void this.#acquire();
  }

  /** Connect the media of this session, and keep it connected. @param {string} session */
  join(session) {
    this.start();
    if (this.#session === session) return;
    this.#drop();
    this.#session = session;
    void this.#connect();
  }

  /** Close everything. */
  stop() {
    this.#wanted = false;
    this.#session = "";
    this.#drop();
    for (const track of Object.values(this.tracks)) track?.stop();
    this.tracks = { microphone: null, camera: null };
    this.devices = { microphone: "off", camera: "off" };
    this.self = null;
    this.#changed();
  }

  /** The other end lost a peer connection, or (without a leg) restarted. @param {string} [leg] */
  lost(leg) {
    if (this.#session && (leg === undefined || leg === this.#leg)) this.#again();
  }

  #acquire() {
    this.#acquiring ??= this.#open().finally(() => {
      this.#acquiring = null;
    });
    return this.#acquiring;
  }

  async #open() {
    for (const name of /** @type {const} */ (["microphone", "camera"])) {
      if (this.devices[name] !== "on") this.devices[name] = "asking";
    }
    this.#changed();
    if (!this.tracks.microphone && !this.tracks.camera) {
      try {
        this.#take(await navigator.mediaDevices.getUserMedia({ audio: MICROPHONE, video: CAMERA }));
      } catch {
        // One of the two may still be available; ask for each alone, to learn why the other is not.
      }
    }
    await this.#openOne("microphone", { audio: MICROPHONE });
    await this.#openOne("camera", { video: CAMERA });
    if (!this.#wanted) this.stop();
  }

  /**
   * @param {"microphone" | "camera"} name
   * @param {MediaStreamConstraints} constraints
   */
  async #openOne(name, constraints) {
    if (this.tracks[name]) return;
    try {
      this.#take(await navigator.mediaDevices.getUserMedia(constraints));
    } catch (error) {
      this.devices[name] = refusal(error);
      this.#changed();
    }
  }

  /** @param {MediaStream} stream */
  #take(stream) {
    for (const track of stream.getTracks()) {
      const name = track.kind === "audio" ? "microphone" : "camera";
      this.tracks[name] = track;
      this.devices[name] = "on";
      track.addEventListener("ended", () => this.#ended(name, track));
      void this.peer?.replace(name, track).catch(() => undefined);
    }
    this.self = this.tracks.camera ? new MediaStream([this.tracks.camera]) : null;
    this.#changed();
  }

  /**
   * @param {"microphone" | "camera"} name
   * @param {MediaStreamTrack} track
   */
  #ended(name, track) {
    if (this.tracks[name] !== track) return;
    this.tracks[name] = null;
    this.devices[name] = "missing";
    if (name === "camera") this.self = null;
    void this.peer?.replace(name, null).catch(() => undefined);
    this.#changed();
  }

  async #connect() {
    const session = this.#session;
    await this.#acquiring;
    if (!session || session !== this.#session || this.peer) return;
    const leg = newId();
    this.#leg = leg;
    const peer = new Peer({
      offer: async (sdp) => {
        const reply = await this.connection.request({ type: "leg_offer", session, leg, sdp });
        if (reply.type !== "leg_answer") throw new Error(`unexpected reply ${reply.type}`);
        return reply.sdp;
      },
      candidate: (candidate, mid) => this.connection.post({ type: "leg_candidate", leg, candidate, mid }),
    });
    this.peer = peer;
    peer.addEventListener("state", () => this.#follow(peer));
    this.remote = peer.stream("audio0", "audio1", "audio2", "video0");
    this.others = [peer.stream("video1"), peer.stream("video2")];
    this.#changed();
    await peer.start(this.tracks).catch(() => undefined); // A failed start is a lost peer; `state` reports it.
  }

  /** @param {Peer} peer */
  #follow(peer) {
    if (peer !== this.peer) return;
    this.connected = peer.state === "connected";
    if (this.connected) this.#failures = 0;
    if (peer.state === "lost") this.#again();
    this.#changed();
  }

  #again() {
    const session = this.#session;
    this.#drop();
    this.#session = session;
    const pause = RETRY_MS[Math.min(this.#failures, RETRY_MS.length - 1)];
    this.#failures += 1;
    this.#retry = setTimeout(() => void this.#connect(), pause);
  }

  #drop() {
    clearTimeout(this.#retry);
    const peer = this.peer;
    this.peer = null;
    this.remote = null;
    this.others = [];
    this.connected = false;
    if (peer) {
      if (peer.state !== "lost") this.connection.post({ type: "leg_close", leg: this.#leg });
      peer.close();
    }
    this.#changed();
  }

  #changed() {
    this.#arrivals.watch(this.connected ? this.peer : null);
    this.dispatchEvent(new Event("change"));
  }
}
