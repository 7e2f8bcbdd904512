// One session in the player: its manifest, kept up to date while the call runs, and its tracks on one clock.
import { EvidenceBundle } from "./bundle.js";
import { CobrowseTrack } from "./cobrowse-track.js";
import { PlaybackClock } from "./clock.js";
import { Holds } from "./holds.js";
import { MediaTrack } from "./media-track.js";
import { Proof } from "./proof.js";
import { Refused, readJson } from "./requests.js";
import { extend } from "./spans.js";

/** @typedef {import("./types.js").Manifest} Manifest */
/** @typedef {import("./types.js").Track} TrackInfo */

const TICK_MS = 100;
const POLL_MS = 2000;
const TOGETHER_MS = 3000;
/** Delay behind a running call: a segment is sealed two seconds after it began. */
export const EDGE_MS = 5000;

export class Recording extends EventTarget {
  /** @type {ReturnType<typeof setInterval> | undefined} */ #ticking;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #polling;

  /** @param {string} session */
  constructor(session) {
    super();
    this.session = session;
    this.clock = new PlaybackClock();
    this.proof = new Proof(session);
    this.bundle = new EvidenceBundle(session);
    this.holds = new Holds(session);
    /** @type {Manifest | null} */
    this.manifest = null;
    this.failure = "";
    /** Whether the clock follows the edge of a running call. */
    this.following = false;
    /** @type {Map<string, MediaTrack>} */
    this.media = new Map();
    /** @type {CobrowseTrack | null} */
    this.cobrowse = null;
    /** @type {HTMLElement | null} */
    this.screen = null;
  }

  get live() {
    return this.manifest?.live ?? false;
  }

  /** Every kind of track, media first. */
  get tracks() {
    return [...this.media.values(), ...(this.cobrowse ? [this.cobrowse] : [])];
  }

  async start() {
    await this.load();
    this.#ticking ??= setInterval(() => this.tick(), TICK_MS);
  }

  async load() {
    clearTimeout(this.#polling);
    const after = this.manifest?.seq ?? 0;
    try {
      const news = await readJson(`/api/sessions/${encodeURIComponent(this.session)}/manifest${after ? `?after=${after}` : ""}`);
      this.take(news);
      this.failure = "";
    } catch (error) {
      this.failure = error instanceof Refused ? error.code : "unavailable";
    }
    if (this.live || (this.failure && this.manifest)) this.#polling = setTimeout(() => void this.load(), POLL_MS);
    this.dispatchEvent(new Event("change"));
  }

  /** @param {Manifest} news */
  take(news) {
    const known = this.manifest;
    if (!known) {
      this.manifest = news;
      this.following = news.live;
    } else {
      Object.assign(known, { session: news.session, seq: news.seq, live: news.live });
      known.length_ms = Math.max(known.length_ms, news.length_ms);
      known.complete ??= news.complete;
      known.moments.push(...news.moments);
      for (const track of news.tracks) {
        const mine = known.tracks.find(({ name }) => name === track.name);
        if (mine) extend(mine, track);
        else known.tracks.push(track);
      }
    }
    const manifest = /** @type {Manifest} */ (this.manifest);
    for (const track of manifest.tracks) this.#add(track);
    const first = this.clock.length === 0;
    // Of a running call only what is sealed can be shown; other things are known sooner.
    const ends = manifest.tracks.flatMap(({ segments, gaps }) => [...segments.slice(-1), ...gaps.slice(-1)].map(({ end_ms }) => end_ms));
    this.clock.length = manifest.live ? Math.max(0, ...ends) : manifest.length_ms;
    if (first && !this.following) this.clock.seek(beginning(manifest));
    if (this.following) this.catchUp();
    if (first && this.following) this.clock.play();
  }

  /** @param {TrackInfo} track */
  #add(track) {
    if (!track.segments.length || this.manifest?.session.deleted) return;
    if (track.kind === "cobrowse") {
      if (!this.cobrowse && this.screen) this.cobrowse = new CobrowseTrack(this.session, track, this.clock, this.screen);
    } else if ((track.kind === "video" || track.kind === "audio") && !this.media.has(track.name)) {
      this.media.set(track.name, new MediaTrack(this.session, track, this.clock));
    }
  }

  /** Where the copy of the customer's page is drawn. @param {HTMLElement} element */
  showScreenIn(element) {
    if (this.screen === element) return;
    this.screen = element;
    for (const track of this.manifest?.tracks ?? []) this.#add(track);
  }

  /** @param {number} ms */
  seek(ms) {
    this.following = this.live && ms >= this.clock.length - EDGE_MS;
    this.clock.seek(ms);
    this.tick();
  }

  follow() {
    this.following = true;
    this.clock.setRate(1);
    this.clock.seek(this.clock.length - EDGE_MS);
    this.clock.play();
  }

  /** Keeps playback close to the live edge; jumps when it has fallen far behind. */
  catchUp() {
    const edge = this.clock.length - EDGE_MS;
    if (edge - this.clock.now > 6000) this.clock.seek(edge);
  }

  tick() {
    const now = this.clock.now;
    for (const track of this.tracks) track.tick();
    const waiting = this.tracks.some((track) => track.missing(now));
    this.clock.hold(waiting || (this.live && now >= this.clock.length));
    if (!this.live && now >= this.clock.length && this.clock.playing) this.clock.pause();
    this.dispatchEvent(new Event("tick"));
  }
}

/** Where playback of a finished recording starts: when the tracks that begin together have all begun. @param {Manifest} manifest */
function beginning({ tracks, length_ms }) {
  const firsts = tracks.map(({ first_ms }) => first_ms ?? length_ms);
  const earliest = Math.min(length_ms, ...firsts);
  return Math.max(0, ...firsts.filter((first) => first <= earliest + TOGETHER_MS));
}
