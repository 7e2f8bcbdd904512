// The specialist's camera and microphone, and the peer connection of the call, apart from any DOM.
import { Arrivals } from "../arrivals.js";
import { Peer } from "../media/peer.js";
import { inCall } from "./state.js";
import { newId } from "./session.js";

/** @typedef {import("./session.js").Desk} Desk */
/** @typedef {"off" | "asking" | "on" | "denied" | "missing" | "busy"} DeviceState */
/** @typedef {import("../media/peer.js").PeerState} PeerState */

/** @type {MediaTrackConstraints} */
const MICROPHONE = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };
/** @type {MediaTrackConstraints} */
const CAMERA = { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30, max: 30 } };
const RETRY_MS = [200, 500, 1000];
/** How long the server may take to answer a check before the WebSocket is replaced. */
const REACH_MS = 1500;
/** The same where nothing at all has arrived for over a second already. */
const CHECK_MS = 1200;
/** After losing the server, how long it takes to see whether sound and picture go on. */
const SEEN_MS = 1500;
/** An answer within this time is not reported. */
const CALM_MS = 250;

/** @param {unknown} error @returns {DeviceState} */
function deviceState(error) {
  const name = error instanceof DOMException ? error.name : "";
  if (name === "NotAllowedError" || name === "SecurityError") return "denied";
  if (name === "NotReadableError" || name === "AbortError") return "busy";
  return "missing";
}

/**
 * Fires `change` when a device, a mute or the connection changed. A call works with either device, or with neither; which
 * of them is missing, and why, is in `devices`.
 */
export class Media extends EventTarget {
  /** @type {Record<"microphone" | "camera", MediaStreamTrack | null>} */
  local = { microphone: null, camera: null };
  /** @type {Record<"microphone" | "camera", DeviceState>} */
  devices = { microphone: "off", camera: "off" };
  /** What the specialist switched off. */
  muted = { microphone: false, camera: false };
  /** @type {Peer | null} */
  peer = null;
  /** @type {PeerState} */
  connection = "new";
  /** Whether a first picture was shown, or a first sound played, since the connection was made. */
  arriving = false;
  /** No media arrives, and the server is being checked. */
  unsure = false;
  /** The server was lost a moment ago; whether sound and picture go on is not known yet. */
  justLost = false;
  /** Milliseconds from answering to a connected leg, for the last call. @type {number | null} */
  setupMs = null;

  /** @type {Promise<void> | null} */ #warming = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #retry;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #doubt;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #seen;
  #arrivals = new Arrivals(() => this.#changed());
  #failures = 0;
  #open = false;
  #began = 0;
  #leg = "";
  #session = "";

  /** @param {Desk} desk */
  constructor(desk) {
    super();
    this.desk = desk;
    desk.addEventListener("fresh", () => this.#drop());
    desk.addEventListener("leg-lost", (event) => {
      if (/** @type {CustomEvent} */ (event).detail === this.#leg) this.#again();
    });
    desk.store.addEventListener("change", () => this.#follow());
    navigator.mediaDevices?.addEventListener("devicechange", () => {
      if (Object.values(this.devices).includes("missing") && this.#wanted()) void this.warmUp();
    });
    addEventListener("pagehide", () => this.peer?.close());
  }

  /** Nothing of the customer has arrived for over a second, in a call that is not on hold. */
  get standing() {
    return this.#arrivals.standing;
  }

  /** Get the devices now, so that an answer does not wait for them. Never rejects: see `devices`. */
  warmUp() {
    this.#warming ??= this.#acquire().finally(() => {
      this.#warming = null;
    });
    return this.#warming;
  }

  /** Switch a device off or on again for the customer. @param {"microphone" | "camera"} name */
  toggle(name) {
    this.muted = { ...this.muted, [name]: !this.muted[name] };
    this.#enable();
    this.#changed();
  }

  /** Something of this received track was shown or played. @param {MediaStreamTrack | null} track */
  shown(track) {
    if (this.arriving || !track || !Object.values(this.peer?.tracks ?? {}).includes(track)) return;
    this.arriving = true;
    this.#changed();
  }

  #wanted() {
    const { session, presence, closed } = this.desk.store.state;
    if (closed) return false;
    return inCall(session) || presence === "available" || presence === "ringing";
  }

  #follow() {
    const { session, link, presence, closed } = this.desk.store.state;
    if (this.#wanted() && !this.local.microphone && this.devices.microphone === "off") void this.warmUp();
    const soon = !closed && (presence === "busy" || presence === "wrap_up");
    if (!soon && !this.#wanted()) this.#release();
    this.#enable();
    const back = link === "open" && !this.#open;
    if (this.#open !== (link === "open")) this.#serverLost(!back);
    this.#open = link === "open";
    if (!session || !inCall(session) || closed) {
      this.#drop();
      this.muted = { microphone: false, camera: false };
      this.desk.connection.eager = false;
    } else if (link === "open" && (session.id !== this.#session || !(this.peer || this.#leg))) {
      if (session.id !== this.#session) this.#drop();
      this.desk.connection.eager = true;
      if (back) this.#hurry();
      if (this.#retry === undefined) void this.#connect(session.id);
    }
    this.#expect();
  }

  /** @param {boolean} lost */
  #serverLost(lost) {
    clearTimeout(this.#seen);
    this.justLost = lost;
    if (!lost) return;
    this.#seen = setTimeout(() => {
      this.justLost = false;
      this.#changed();
    }, SEEN_MS);
  }

  /** On hold no media of the customer is expected. */
  #expect() {
    const expected = this.connection === "connected" && this.desk.session?.state === "active";
    this.#arrivals.watch(expected ? this.peer : null);
  }

  /** The server is reached again: do what was postponed. */
  #hurry() {
    clearTimeout(this.#retry);
    this.#retry = undefined;
  }

  async #acquire() {
    this.devices = { microphone: "asking", camera: "asking" };
    this.#changed();
    try {
      const both = await navigator.mediaDevices.getUserMedia({ audio: MICROPHONE, video: CAMERA });
      this.#take("microphone", both.getAudioTracks()[0] ?? null);
      this.#take("camera", both.getVideoTracks()[0] ?? null);
    } catch {
      // One of the two may still be available; ask for each alone, to learn why the other is not.
      await this.#acquireOne("microphone", { audio: MICROPHONE });
      await this.#acquireOne("camera", { video: CAMERA });
    }
    if (!this.#wanted()) this.#release();
  }

  /**
   * @param {"microphone" | "camera"} name
   * @param {MediaStreamConstraints} constraints
   */
  async #acquireOne(name, constraints) {
    try {
      if (!navigator.mediaDevices) throw new DOMException("insecure page", "SecurityError");
      const stream = await navigator.mediaDevices.getUserMedia(constraints);
      this.#take(name, stream.getTracks()[0] ?? null);
    } catch (error) {
      this.devices = { ...this.devices, [name]: deviceState(error) };
      this.#changed();
    }
  }

  /**
   * @param {"microphone" | "camera"} name
   * @param {MediaStreamTrack | null} track
   */
  #take(name, track) {
    this.local[name]?.stop();
    this.local = { ...this.local, [name]: track };
    this.devices = { ...this.devices, [name]: track ? "on" : "missing" };
    track?.addEventListener("ended", () => {
      this.local = { ...this.local, [name]: null };
      this.devices = { ...this.devices, [name]: "missing" };
      this.#changed();
    });
    this.#enable();
    void this.peer?.replace(name, track).catch(() => undefined);
    this.#changed();
  }

  /** While on hold no media may be sent. */
  #enable() {
    const held = this.desk.session?.state === "held";
    for (const name of /** @type {const} */ (["microphone", "camera"])) {
      const track = this.local[name];
      if (track) track.enabled = !held && !this.muted[name];
    }
  }

  #release() {
    if (this.#warming || !(this.local.microphone || this.local.camera)) return;
    for (const track of Object.values(this.local)) track?.stop();
    this.local = { microphone: null, camera: null };
    this.devices = { microphone: "off", camera: "off" };
    this.#changed();
  }

  /** @param {string} session */
  async #connect(session) {
    const leg = newId("leg");
    const { connection } = this.desk;
    if (session !== this.#session) this.#began = performance.now();
    this.#session = session;
    this.#leg = leg;
    const servers = await this.#servers(session);
    if (this.#leg !== leg) return; // The call is over, or another.
    if (servers === null) return this.#again();
    const peer = new Peer(
      {
        offer: async (sdp) => {
          const reply = await connection.request({ type: "leg_offer", session, leg, sdp });
          if (reply.type !== "leg_answer") throw new Error(`unexpected reply ${reply.type}`);
          return reply.sdp;
        },
        candidate: (candidate, mid) => connection.post({ type: "leg_candidate", leg, candidate, mid }),
      },
      servers,
    );
    this.peer = peer;
    this.arriving = false;
    for (const track of Object.values(peer.tracks)) {
      if (track.kind === "audio") track.addEventListener("unmute", () => this.shown(track), { once: true });
    }
    peer.addEventListener("state", () => this.#peerChanged(peer));
    peer.addEventListener("quiet", () => {
      if (this.peer === peer) void (peer.quiet ? this.#ask() : this.#settle());
    });
    this.#changed();
    if (this.#warming) await this.#warming;
    if (this.peer === peer) await peer.start(this.local).catch(() => undefined); // The peer's state is "lost" as well.
  }

  /**
   * What the next peer connection may use; null when the server does not say so in time.
   *
   * @param {string} session
   * @returns {Promise<{iceServers: RTCIceServer[], relayOnly: boolean} | null>}
   */
  async #servers(session) {
    const { connection } = this.desk;
    connection.check(REACH_MS);
    const reply = await connection.request({ type: "leg_prepare", session }, REACH_MS).catch(() => null);
    if (reply?.type !== "leg_servers") return null;
    const iceServers = (reply.ice_servers ?? []).map(({ urls, username, credential }) => ({
      urls,
      username: username ?? "",
      credential: credential ?? "",
    }));
    return { iceServers, relayOnly: reply.relay_only ?? false };
  }

  /** No media arrives: check whether the server answers. Reported only if the answer takes a moment. */
  async #ask() {
    clearTimeout(this.#doubt);
    this.#doubt = setTimeout(() => {
      this.unsure = true;
      this.#changed();
    }, CALM_MS);
    await this.desk.connection.check(CHECK_MS);
    this.#settle();
  }

  /** The check is over: media arrives, the server has answered, or the connection was given up. */
  #settle() {
    clearTimeout(this.#doubt);
    if (!this.unsure) return;
    this.unsure = false;
    this.#changed();
  }

  /** @param {Peer} peer */
  #peerChanged(peer) {
    if (this.peer !== peer) return;
    this.connection = peer.state;
    if (peer.state === "connected") {
      this.#failures = 0;
      this.setupMs ??= performance.now() - this.#began;
    }
    if (peer.state === "lost") {
      void this.#ask();
      this.#again();
    }
    this.#changed();
  }

  /** A new peer connection under the same participant, after a short pause. */
  #again() {
    const peer = this.peer;
    this.peer = null;
    this.#leg = "";
    if (peer?.refusal) console.warn("no path", peer.refusal);
    peer?.close();
    this.connection = "connecting";
    clearTimeout(this.#retry);
    const pause = RETRY_MS[Math.min(this.#failures++, RETRY_MS.length - 1)];
    this.#retry = setTimeout(() => {
      this.#retry = undefined;
      this.#follow();
    }, pause);
    this.#changed();
  }

  #drop() {
    clearTimeout(this.#retry);
    this.#retry = undefined;
    this.#failures = 0;
    this.#session = "";
    this.#leg = "";
    this.setupMs = null;
    this.#settle();
    if (!this.peer && this.connection === "new") return;
    const peer = this.peer;
    this.peer = null;
    peer?.close();
    this.connection = "new";
    this.#changed();
  }

  #changed() {
    this.#expect();
    this.dispatchEvent(new Event("change"));
  }
}
