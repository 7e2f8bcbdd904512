// One camera or microphone: its segments are fed to a media element, which is kept in step with the player's clock.
import { covering, gapAt, keyframeBefore, positionAt } from "./spans.js";
import { readBytes } from "./requests.js";
import { blocksOf } from "./webm.js";

const TYPES = { video: 'video/webm; codecs="vp8"', audio: 'audio/webm; codecs="opus"' };
const AHEAD_MS = 15_000;
/** The same while a picture is waited for: decoding up to it has the machine for itself. */
const AHEAD_HELD_MS = 500;
const BEHIND_S = 60;
/** Buffers are trimmed by this at least: not with every segment. */
const SLACK_S = 30;
/** Segments of one request: as many as lie between keyframes, and some more. */
const RUN = 16;
/** Segments of one request of those that are not needed yet: fewer requests cost less, and what comes is decoded later. */
const RUN_AHEAD = 4;
/** Farther from the clock than this is corrected by a seek, nearer by playing a little faster or slower. */
const SEEK_S = 0.25;
/**
 * How near the clock counts as in step, by kind, and where correcting ends. A change of speed is heard, if barely, and
 * not seen; so sound is left alone for longer than a picture.
 */
const CALM_S = { audio: 0.03, video: 0.012 };
const CALMED_S = 0.004;
/** The most by which the speed is changed for that, by kind. */
const NUDGE = { audio: 0.06, video: 0.15 };
/** Speeds at which browsers still let sound be heard. */
const [SLOWEST, FASTEST] = [0.5, 4];
/** A frame's time is in whole milliseconds, and an element asked for exactly that may show the one before. */
const INTO_FRAME_S = 0.0005;
/** How far from the clock a picture may stand that was stopped: seeking would decode anew from the last keyframe. */
const STOOD_S = 0.02;
/** Frame times that are kept, for steps from one to the next: of so many segments. */
const TIMED = 60;

export class MediaTrack extends EventTarget {
  #source = new MediaSource();
  /** Settles the one below. @type {(buffer: SourceBuffer) => void} */ #opened = () => {};
  /** What takes segments, once it has what is before them; they are fetched meanwhile. @type {Promise<SourceBuffer>} */
  #buffer = new Promise((resolve) => (this.#opened = resolve));
  /** Position of the segment that is fetched next. */
  #next = 0;
  #busy = false;
  #failed = new Set();
  #abort = new AbortController();
  /** The request that is under way, for the segments at `from` to before `to`; one that has ended is at no place. */
  #request = { from: 0, to: 0, abort: new AbortController() };
  /** Whether somebody went to a moment for which nothing was asked yet. */
  #moved = false;
  /** Where decoding was begun for a segment, after a seek: not twice at the same place. */
  #tried = "";
  /** Segments of these indexes are fetched one by one: one of the run is damaged. */
  #single = new Set();
  /** The time of the first keyframe in a segment, by its index; infinite where it has none. @type {Map<number, number>} */
  #keys = new Map();
  /** The times of the frames of a segment, by its index. @type {Map<number, number[]>} */
  #times = new Map();
  #nudging = false;
  /** Whether this very moment was asked for, and not just where playing happened to stop. */
  #exact = true;

  /**
   * @param {string} session
   * @param {import("./types.js").Track} track
   * @param {import("./clock.js").PlaybackClock} clock
   */
  constructor(session, track, clock) {
    super();
    this.base = `/api/sessions/${encodeURIComponent(session)}/tracks/${encodeURIComponent(track.name)}`;
    this.track = track;
    this.clock = clock;
    /** Whether the browser lets no sound be heard before somebody touches the page. */
    this.blocked = false;
    this.element = document.createElement(track.kind === "video" ? "video" : "audio");
    this.element.preload = "auto";
    if (this.element instanceof HTMLVideoElement) {
      this.element.muted = true; // sound is a track of its own
      this.element.playsInline = true;
      this.element.disablePictureInPicture = true;
    }
    for (const name of ["seeked", "canplay"]) this.element.addEventListener(name, () => this.#progress());
    clock.addEventListener("seek", () => {
      this.#tried = "";
      this.#exact = true;
      this.#moved = true;
    });
    this.address = URL.createObjectURL(this.#source);
    const init = readBytes(`${this.base}/init`, this.#abort.signal).catch(() => null);
    this.#source.addEventListener("sourceopen", () => void this.#open(init), { once: true });
    this.element.src = this.address;
  }

  get #kind() {
    return this.track.kind === "video" ? "video" : "audio";
  }

  destroy() {
    this.#abort.abort();
    this.element.removeAttribute("src");
    this.element.load();
    URL.revokeObjectURL(this.address);
  }

  /** Whether this moment was recorded but is not here yet. @param {number} ms */
  missing(ms) {
    const position = covering(this.track.segments, ms);
    if (position < 0 || this.#failed.has(this.track.segments[position].index)) return false;
    // Where a segment begins before its first picture there is nothing to wait for.
    return !this.#has(ms) && this.#next <= position;
  }

  /** Whether the element stands at this moment, ready to go on from it. @param {number} ms */
  settled(ms) {
    const { element } = this;
    if (!this.#has(ms)) return true;
    return !element.seeking && element.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA && Math.abs(element.currentTime - ms / 1000) <= STOOD_S;
  }

  /** Why nothing is shown at this moment: the gap's reason, `damaged`, or null. @param {number} ms */
  absence(ms) {
    const position = covering(this.track.segments, ms);
    if (position >= 0) return this.#failed.has(this.track.segments[position].index) ? "damaged" : null;
    return gapAt(this.track, ms)?.reason ?? "";
  }

  /** The time of the next frame after a moment, or of the last before it; null where none is known. @param {number} ms @param {1 | -1} direction */
  frameBeside(ms, direction) {
    const { segments } = this.track;
    const here = positionAt(segments, ms);
    const near = [here - 1, here, here + 1].flatMap((at) => this.#times.get(segments[at]?.index ?? -1) ?? []);
    // Rounded: what is shown now may have been asked for by a moment that is no whole millisecond.
    const found = direction > 0 ? near.find((time) => time > ms + 0.5) : this.#before(near, ms);
    return found ?? null;
  }

  /** The frame before the one that is shown: that one began at or before the moment. @param {number[]} times @param {number} ms */
  #before(times, ms) {
    const shown = times.findLastIndex((time) => time <= ms + 0.5);
    return shown > 0 ? times[shown - 1] : undefined;
  }

  /** Fetches what is needed next and brings the element to the clock's time; called several times a second. */
  tick() {
    const now = this.clock.now;
    this.#aim(now);
    void this.#feed(now);
    this.follow(now / 1000);
  }

  /** @param {Promise<ArrayBuffer | null>} init */
  async #open(init) {
    this.#source.duration = Number.POSITIVE_INFINITY;
    const type = TYPES[this.#kind];
    const buffer = this.#source.addSourceBuffer(type);
    const data = (await init) ?? (await readBytes(`${this.base}/init`, this.#abort.signal).catch(() => null));
    if (data) await this.#append(buffer, data).catch(() => null);
    this.#opened(buffer);
  }

  /** Something has come on: whoever waits for it need not wait for the next tick. */
  #progress() {
    this.dispatchEvent(new Event("progress"));
  }

  /** @param {number} ms */
  #has(ms) {
    const { buffered } = this.element;
    for (let range = 0; range < buffered.length; range++) {
      if (buffered.start(range) * 1000 <= ms + 60 && ms < buffered.end(range) * 1000) return true;
    }
    return false;
  }

  /** Where decoding begins to show a moment of this segment: a keyframe in it may come too late. @param {number} wanted @param {number} now */
  #origin(wanted, now) {
    const { segments } = this.track;
    if (this.#kind === "audio") return wanted;
    let at = keyframeBefore(segments, wanted);
    // Of a segment that is not here nobody knows where in it the keyframe is. Fetching those before it as well costs less
    // than asking twice; decoding begins with the last keyframe all the same.
    const unknown = Number.POSITIVE_INFINITY;
    while (at > 0 && (this.#keys.get(segments[at].index) ?? (at === wanted ? unknown : 0)) > now) at = keyframeBefore(segments, at - 1);
    return at;
  }

  /** After a seek: go on where decoding can begin. @param {number} now */
  #aim(now) {
    const { segments } = this.track;
    const here = covering(segments, now);
    const wanted = here >= 0 ? here : positionAt(segments, now) + 1;
    if (wanted >= segments.length) return;
    const start = this.#origin(wanted, now);
    const { from, to, abort } = this.#request;
    // Somebody went elsewhere meanwhile: what it brings is not waited for. Once: a moment without a picture stays without.
    if (this.#moved && to && here >= 0 && !(from <= wanted && wanted < to) && !this.#has(now)) abort.abort();
    const behind = this.#next > wanted && here >= 0 && !this.#has(now) && !this.#failed.has(segments[here].index);
    if (behind && !this.#busy && this.#tried !== `${wanted} ${start}`) {
      this.#tried = `${wanted} ${start}`;
      this.#next = start;
    } else if (this.#next < start && !this.#busy) this.#next = start;
    else if (this.#has(now)) this.#rejoin(now);
  }

  /** What is here may be from before a seek away and back: go on where it ends, and not where that had led. @param {number} now */
  #rejoin(now) {
    const { buffered } = this.element;
    const { segments } = this.track;
    for (let range = 0; range < buffered.length; range++) {
      const end = buffered.end(range) * 1000;
      if (buffered.start(range) * 1000 > now + 60 || now >= end) continue;
      const after = positionAt(segments, end - 1) + 1;
      if (after >= this.#next || this.#busy || this.#failed.has(segments[after].index) || this.#has(segments[after].start_ms + 100)) return;
      const start = this.#origin(after, segments[after].start_ms);
      if (this.#tried === `${after} ${start}`) return;
      this.#tried = `${after} ${start}`;
      this.#next = start;
    }
  }

  /** The segments to fetch next: after a seek all that lead to the moment, else one. @param {number} now */
  #run(now) {
    const { segments } = this.track;
    const target = positionAt(segments, now);
    const run = [];
    const last = Math.min(segments.length - 1, Math.max(Math.min(target, this.#next + RUN - 1), this.clock.held ? this.#next : this.#next + RUN_AHEAD - 1));
    for (let at = this.#next; at <= last; at++) {
      if (run.length && this.#single.has(segments[at].index)) break;
      run.push(segments[at]);
      if (this.#single.has(segments[at].index)) break;
    }
    return run;
  }

  /** @param {number} now */
  async #feed(now) {
    const first = this.track.segments[this.#next];
    const ahead = this.clock.held ? AHEAD_HELD_MS : AHEAD_MS * this.clock.rate;
    if (this.#busy || !first || first.start_ms > now + ahead) return;
    this.#busy = true;
    const position = this.#next;
    const run = this.#run(now);
    const abort = new AbortController();
    this.#moved = false;
    this.#request = { from: position, to: position + run.length, abort };
    try {
      const indexes = run.map(({ index }) => index);
      const data = await readBytes(
        run.length > 1 ? `${this.base}/segments?index=${indexes.join(",")}` : `${this.base}/segments/${first.index}`,
        AbortSignal.any([this.#abort.signal, abort.signal]),
      );
      this.#request.to = 0;
      this.#note(run, data);
      const buffer = await this.#buffer;
      await this.#append(buffer, data);
      await this.#forget(buffer, this.clock.now / 1000);
    } catch (error) {
      if (this.#abort.signal.aborted) return;
      this.#request.to = 0;
      if (abort.signal.aborted) {
        this.#busy = false;
        this.tick();
        return;
      }
      if (error instanceof Error && "code" in error && error.code === "unavailable") {
        await new Promise((resolve) => setTimeout(resolve, 1000));
        this.#busy = false;
        return;
      }
      if (run.length > 1) {
        for (const { index } of run) this.#single.add(index);
        this.#busy = false;
        void this.#feed(this.clock.now);
        return;
      }
      this.#failed.add(first.index);
    }
    if (this.#next === position) this.#next = position + run.length;
    this.#busy = false;
    this.#progress();
    this.#aim(this.clock.now);
    void this.#feed(this.clock.now);
  }

  /** What is in segments that came: when each frame was captured. @param {import("./types.js").Segment[]} run @param {ArrayBuffer} data */
  #note(run, data) {
    if (this.#kind === "audio") return;
    const blocks = blocksOf(data);
    for (const { index, start_ms, end_ms } of run) {
      const own = run.length > 1 ? blocks.filter(({ at_ms }) => start_ms <= at_ms && at_ms < end_ms) : blocks;
      this.#keys.set(index, own.find(({ keyframe }) => keyframe)?.at_ms ?? Number.POSITIVE_INFINITY);
      this.#times.delete(index);
      this.#times.set(index, own.map(({ at_ms }) => at_ms));
    }
    for (const index of this.#times.keys()) {
      if (this.#times.size <= TIMED) break;
      this.#times.delete(index);
    }
  }

  /** @param {SourceBuffer} buffer @param {ArrayBuffer} data */
  #append(buffer, data) {
    return new Promise((resolve, reject) => {
      buffer.addEventListener("updateend", resolve, { once: true });
      buffer.addEventListener("error", () => reject(new Error("append")), { once: true });
      buffer.appendBuffer(data);
    });
  }

  /** Lets go of what is far from a moment, before the browser has to: it may take what is needed. @param {SourceBuffer} buffer @param {number} now seconds */
  async #forget(buffer, now) {
    const { buffered } = buffer;
    if (!buffered.length) return;
    const [first, last] = [buffered.start(0), buffered.end(buffered.length - 1)];
    const kept = (AHEAD_MS / 1000) * FASTEST;
    if (first < now - BEHIND_S - SLACK_S) await this.#remove(buffer, 0, now - BEHIND_S);
    if (last > now + kept + SLACK_S) await this.#remove(buffer, now + kept, Number.POSITIVE_INFINITY);
  }

  /** @param {SourceBuffer} buffer @param {number} from @param {number} to seconds */
  async #remove(buffer, from, to) {
    const done = new Promise((resolve) => buffer.addEventListener("updateend", resolve, { once: true }));
    buffer.remove(from, to);
    this.#tried = "";
    await done;
  }

  /** Keeps the element at the clock's time. @param {number} now seconds */
  follow(now) {
    const { element, clock } = this;
    if (!this.#has(now * 1000)) {
      if (!element.paused) element.pause();
      return;
    }
    const running = clock.playing && !clock.held;
    if (running === element.paused) {
      if (running) void element.play().catch((error) => this.#refused(error));
      else element.pause();
    }
    if (element.seeking) return;
    if (running) {
      this.#exact = false;
      this.#chase(now - element.currentTime);
    } else if (Math.abs(now + INTO_FRAME_S - element.currentTime) > (this.#exact ? INTO_FRAME_S : STOOD_S)) {
      element.currentTime = now + INTO_FRAME_S;
    }
  }

  /** @param {number} late seconds of the session by which the element is behind the clock */
  #chase(late) {
    const { element, clock } = this;
    const { speed } = clock;
    const off = Math.abs(late) / speed;
    if (off > SEEK_S) element.currentTime = clock.now / 1000;
    this.#nudging = off > (this.#nudging ? CALMED_S : CALM_S[this.#kind]) && off <= SEEK_S;
    const most = NUDGE[this.#kind];
    const nudge = this.#nudging ? Math.max(-most, Math.min(most, (2 * late) / speed)) : 0;
    const rate = Math.max(SLOWEST, Math.min(FASTEST, speed * (1 + nudge)));
    if (Math.abs(element.playbackRate - rate) > 0.005) element.playbackRate = rate;
  }

  /** Browsers let a page begin to play sound only when somebody has touched it. @param {unknown} error */
  #refused(error) {
    if (!(error instanceof DOMException && error.name === "NotAllowedError") || this.blocked) return;
    this.blocked = true;
    this.element.muted = true;
    this.#progress();
  }
}
