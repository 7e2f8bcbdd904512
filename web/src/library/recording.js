// One session in the player: its manifest, kept up to date while the call runs, and its tracks on one clock.
import { Bookmarks } from "./bookmarks.js";
import { EvidenceBundle } from "./bundle.js";
import { CobrowseTrack } from "./cobrowse-track.js";
import { PlaybackClock } from "./clock.js";
import { FIRST, manifestOf, takeEarly } from "./early.js";
import { LiveEdge } from "./live-edge.js";
import { Levels, quietSpans } from "./levels.js";
import { waits } from "./lanes.js";
import { Holds } from "./holds.js";
import { MediaTrack } from "./media-track.js";
import { Played } from "./played.js";
import { Proof } from "./proof.js";
import { Refused } from "./requests.js";
import { skipAt, skips } from "./silence.js";
import { extend } from "./spans.js";

/** @typedef {import("./types.js").Manifest} Manifest */
/** @typedef {import("./types.js").Track} TrackInfo */

const TICK_MS = 100;
/** The pause after an answer that did not come, and between two that came at once. */
const [AGAIN_MS, BETWEEN_MS] = [2000, 150];
const TOGETHER_MS = 3000;
/** Journal entries of each further answer; the picture waits for the first only. */
const MORE = 4000;
/** Pictures that have not come to stand together for so long are not waited for. */
const SETTLE_MS = 3000;
/** What is no picture waits for the first picture, but no longer than this. */
const LATER_MS = 3000;
/** Who has just gone to a moment may go to another. */
const RESTLESS_MS = 2000;
/** So near its edge a running call is followed. */
const AT_EDGE_MS = 700;
/** Without a frame that is known, a step is as long as one of 25 frames per second. */
const FRAME_MS = 40;
/** A jump over less than this is not worth it. */
const LEAST_SKIP_MS = 800;
/** What is to be seen of an event that has no length: a line of chat is read. */
const SEEN_MS = 3000;
/** How long after a seek the customer's page waits for the pictures to be there: no longer than is not noticed. */
const FIRST_MS = 200;
/** How long a segment of the customer's page lasts; what is before that in one was a page on which nothing changed. */
const PAGE_MS = 2000;

/** Events: `change` (what is known), `tick` (time passes), `skipped` (something was passed over). */
export class Recording extends EventTarget {
  /** @type {ReturnType<typeof setInterval> | undefined} */ #ticking;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #polling;
  #inTick = false;
  /** Until when the tracks are brought to stand at one moment before time goes on; 0 when they do not have to. */
  #settling = 0;
  #wasAtEdge = false;
  #begun = false;
  /** Whether the rest of the manifest is still to be asked for. */
  #restWaits = false;
  /** @type {{key: string, spans: import("./silence.js").Skip[]}} */
  #skips = { key: "", spans: [] };
  #levelsSeen = 0;
  #movedAt = 0;

  /** @param {string} session */
  constructor(session) {
    super();
    this.session = session;
    this.clock = new PlaybackClock();
    this.proof = new Proof(session);
    this.bundle = new EvidenceBundle(session);
    this.bookmarks = new Bookmarks(session);
    /** Tells what was played, in spans of the session. */
    this.played = new Played(this.clock);
    this.levels = new Levels(this);
    this.edge = new LiveEdge(this.clock);
    this.holds = new Holds(session);
    /** @type {Manifest | null} */
    this.manifest = null;
    this.failure = "";
    /** The moment that the page was opened at, in milliseconds; null: where the recording begins. @type {number | null} */
    this.openAt = null;
    /** Whether the clock follows the edge of a running call. */
    this.following = false;
    /** Whether silence and waiting are passed over. */
    this.skipping = false;
    /** What was passed over last. @type {import("./silence.js").Skip | null} */
    this.skipped = null;
    /** @type {Map<string, MediaTrack>} */
    this.media = new Map();
    /** @type {CobrowseTrack | null} */
    this.cobrowse = null;
    /** @type {HTMLElement | null} */
    this.screen = null;
    this.clock.hold(true); // until there is something to see
    this.clock.addEventListener("seek", () => {
      this.#movedAt = performance.now();
      this.#settling = this.#movedAt + SETTLE_MS;
    });
    this.clock.addEventListener("change", () => this.tick());
    this.levels.addEventListener("change", () => (this.#levelsSeen += 1));
  }

  get live() {
    return this.manifest?.live ?? false;
  }

  /** Whether the end of the manifest is still to come. */
  get loading() {
    return this.manifest?.more ?? true;
  }

  /** Every kind of track, media first. */
  get tracks() {
    return [...this.media.values(), ...(this.cobrowse ? [this.cobrowse] : [])];
  }

  /** Whether a picture is waited for, or somebody goes from one moment to the next: what can wait does. */
  get restless() {
    return this.clock.held || performance.now() - this.#movedAt < RESTLESS_MS;
  }

  /** How far behind the running call the picture is, in milliseconds. */
  get lag() {
    return this.edge.lag;
  }

  async start() {
    await this.load();
    if (this.#ticking) return;
    this.#ticking = setInterval(() => this.tick(), TICK_MS);
    setTimeout(() => this.#begin(), LATER_MS);
    const frame = () => {
      // What changes on the customer's page is shown with the frame that it belongs to, and not a tick later.
      if (this.clock.playing && !this.clock.held) this.cobrowse?.tick();
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
    addEventListener("pagehide", () => this.played.tell());
  }

  async load() {
    clearTimeout(this.#polling);
    this.#restWaits = false;
    const after = this.manifest?.seq ?? 0;
    const query = new URLSearchParams({ most: String(after ? MORE : FIRST) });
    if (after) query.set("after", String(after));
    if (after && this.live && !this.loading) query.set("wait", "1");
    try {
      this.take(await (takeEarly(this.session) ?? manifestOf(this.session, query)));
      this.failure = "";
    } catch (error) {
      this.failure = error instanceof Refused ? error.code : "unavailable";
    }
    if (this.manifest && (this.live || this.loading || this.failure)) {
      // The first picture comes first, if it is in the first part.
      this.#restWaits = this.loading && !this.failure && !this.#begun && this.clock.now < this.known;
      const pause = this.failure ? AGAIN_MS : this.#restWaits ? LATER_MS : this.loading ? 0 : BETWEEN_MS;
      this.#polling = setTimeout(() => void this.load(), pause);
    }
    this.dispatchEvent(new Event("change"));
  }

  /** @param {Manifest} news */
  take(news) {
    const known = this.manifest;
    if (!known) {
      this.manifest = news;
      this.following = news.live && this.openAt === null;
    } else {
      Object.assign(known, { session: news.session, seq: news.seq, live: news.live, more: news.more, now_ms: news.now_ms });
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
    this.clock.length = manifest.live ? this.known : manifest.length_ms;
    this.edge.told(news.now_ms ?? null);
    if (!this.live) this.clock.setPace(1);
    if (first && !this.following) this.clock.seek(this.openAt ?? beginning(manifest));
    else if (first && this.clock.length) this.follow();
    if (this.following) this.#keepUp();
  }

  /** Up to which moment it is known what was recorded. */
  get known() {
    const ends = (this.manifest?.tracks ?? []).flatMap(({ segments, gaps }) => [...segments.slice(-1), ...gaps.slice(-1)].map(({ end_ms }) => end_ms));
    return Math.max(0, ...ends);
  }

  /** @param {TrackInfo} track */
  #add(track) {
    if (!track.segments.length || this.manifest?.session.deleted) return;
    if (track.kind === "cobrowse") {
      if (this.cobrowse || !this.screen) return;
      this.cobrowse = new CobrowseTrack(this.session, track, this.clock, this.screen);
      this.cobrowse.onProgress = () => this.tick();
    } else if ((track.kind === "video" || track.kind === "audio") && !this.media.has(track.name)) {
      const made = new MediaTrack(this.session, track, this.clock);
      made.addEventListener("progress", () => this.tick());
      this.media.set(track.name, made);
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
    this.following = this.live && ms >= this.clock.length - AT_EDGE_MS;
    this.clock.setPace(1);
    this.clock.seek(ms);
  }

  /** Goes to the edge of a running call and stays there. */
  follow() {
    this.following = true;
    this.clock.setRate(1);
    this.clock.seek(this.edge.place());
    this.clock.play();
  }

  /** Shows the next or previous frame of a track, or change of the customer's page. @param {string} name @param {1 | -1} direction */
  step(name, direction) {
    this.clock.pause();
    const now = this.clock.now;
    const track = name === "cobrowse" ? this.cobrowse : this.media.get(name);
    this.seek(track?.frameBeside(now, direction) ?? now + direction * FRAME_MS);
  }

  /** @param {boolean} on */
  setSkipping(on) {
    this.skipping = on;
    this.dispatchEvent(new Event("change"));
    this.tick();
  }

  /** What can be passed over, as far as it is known. @returns {import("./silence.js").Skip[]} */
  get passable() {
    const { manifest } = this;
    if (!manifest) return [];
    const key = `${this.#levelsSeen} ${manifest.seq} ${this.clock.length}`;
    if (this.#skips.key !== key) {
      const { length } = this.clock;
      const voices = manifest.tracks.filter(({ kind }) => kind === "audio").map((track) => this.levels.of(track));
      const seen = manifest.moments.map(({ at_ms }) => /** @type {[number, number]} */ ([at_ms, at_ms + SEEN_MS]));
      const changing = manifest.tracks
        .filter(({ kind }) => kind === "cobrowse")
        .flatMap(({ segments }) => segments.map(({ start_ms, end_ms }) => /** @type {[number, number]} */ ([Math.max(start_ms, end_ms - PAGE_MS), end_ms])));
      const known = this.loading ? Math.min(length, this.known) : length;
      const spans = skips({ waits: waits(manifest.moments, known), quiet: quietSpans(voices, known), busy: [...seen, ...changing] });
      this.#skips = { key, spans };
    }
    return this.#skips.spans;
  }

  /** What is no picture: the waveforms, the bookmarks. */
  #begin() {
    if (this.#begun) return;
    this.#begun = true;
    if (this.#restWaits) void this.load();
    this.levels.start();
    void this.bookmarks.load();
  }

  /** Keeps playback close to the live edge; jumps when it has fallen far behind. */
  #keepUp() {
    if (!this.clock.playing) return;
    const jump = this.edge.keep();
    if (jump !== null) this.clock.seek(jump);
  }

  tick() {
    if (this.#inTick) return;
    this.#inTick = true;
    const now = this.clock.now;
    for (const track of this.media.values()) track.tick();
    // Drawing the page anew takes longer than a frame, and decoding up to a moment does not need this thread: that first.
    const decoding = ![...this.media.values()].some((track) => track.missing(now));
    this.cobrowse?.tick(decoding || performance.now() - this.#movedAt > FIRST_MS);
    const missing = this.tracks.some((track) => track.missing(now)) || (this.loading && !this.live && now >= this.known);
    if (missing) this.#settling = performance.now() + SETTLE_MS;
    else if (this.#settling && (performance.now() > this.#settling || this.tracks.every((track) => track.settled(now)))) this.#settling = 0;
    const atEdge = this.live && now >= this.clock.length;
    if (atEdge && !this.#wasAtEdge && this.following) this.edge.stalled();
    this.#wasAtEdge = atEdge;
    this.clock.hold(missing || this.#settling > 0 || atEdge);
    // All of them start in one breath: what starts later would have to catch up.
    for (const track of this.media.values()) track.follow(this.clock.now / 1000);
    if (!this.live && !this.loading && now >= this.clock.length && this.clock.playing) this.clock.pause();
    this.#inTick = false;
    if (!this.clock.held) this.#begin();
    this.played.tick();
    if (this.following && !this.clock.held) this.#keepUp();
    if (this.skipping) this.#passOver(now);
    this.dispatchEvent(new Event("tick"));
  }

  /** @param {number} now */
  #passOver(now) {
    if (!this.clock.playing || this.clock.held || this.following) return;
    const span = skipAt(this.passable, now);
    // The edge of a running call is not passed over: what comes next is not known.
    if (!span || span.to_ms - now < LEAST_SKIP_MS || (this.live && span.to_ms >= this.clock.length)) return;
    this.skipped = span;
    this.dispatchEvent(new Event("skipped"));
    this.seek(span.to_ms);
  }
}

/** Where playback of a finished recording starts: when the tracks that begin together have all begun. @param {Manifest} manifest */
function beginning({ tracks, length_ms }) {
  const firsts = tracks.map(({ first_ms }) => first_ms ?? length_ms);
  const earliest = Math.min(length_ms, ...firsts);
  return Math.max(0, ...firsts.filter((first) => first <= earliest + TOGETHER_MS));
}
