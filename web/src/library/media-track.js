// One camera or microphone: its segments are fed to a media element, which is kept in step with the player's clock.
import { covering, gapAt, keyframeBefore, positionAt } from "./spans.js";
import { readBytes } from "./requests.js";

const TYPES = { video: 'video/webm; codecs="vp8"', audio: 'audio/webm; codecs="opus"' };
const AHEAD_MS = 15_000;
const BEHIND_S = 60;
/** Farther from the clock than this is corrected by a seek, nearer by playing a little faster or slower. */
const SEEK_S = 0.25;
const CALM_S = 0.03;

export class MediaTrack {
  #source = new MediaSource();
  /** @type {SourceBuffer | null} */ #buffer = null;
  /** Position of the segment that is fetched next. */
  #next = 0;
  #busy = false;
  #failed = new Set();
  #abort = new AbortController();

  /**
   * @param {string} session
   * @param {import("./types.js").Track} track
   * @param {import("./clock.js").PlaybackClock} clock
   */
  constructor(session, track, clock) {
    this.base = `/api/sessions/${encodeURIComponent(session)}/tracks/${encodeURIComponent(track.name)}`;
    this.track = track;
    this.clock = clock;
    this.element = document.createElement(track.kind === "video" ? "video" : "audio");
    this.element.preload = "auto";
    if (this.element instanceof HTMLVideoElement) {
      this.element.muted = true; // sound is a track of its own
      this.element.playsInline = true;
      this.element.disablePictureInPicture = true;
    }
    this.address = URL.createObjectURL(this.#source);
    this.#source.addEventListener("sourceopen", () => void this.#open(), { once: true });
    this.element.src = this.address;
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

  /** Why nothing is shown at this moment: the gap's reason, `damaged`, or null. @param {number} ms */
  absence(ms) {
    const position = covering(this.track.segments, ms);
    if (position >= 0) return this.#failed.has(this.track.segments[position].index) ? "damaged" : null;
    return gapAt(this.track, ms)?.reason ?? "";
  }

  /** Fetches what is needed next and brings the element to the clock's time; called several times a second. */
  tick() {
    const now = this.clock.now;
    this.#aim(now);
    void this.#feed(now);
    this.#follow(now / 1000);
  }

  async #open() {
    this.#source.duration = Number.POSITIVE_INFINITY;
    const type = this.track.kind === "video" ? TYPES.video : TYPES.audio;
    const buffer = this.#source.addSourceBuffer(type);
    this.#busy = true;
    await this.#append(buffer, await readBytes(`${this.base}/init`, this.#abort.signal)).catch(() => null);
    this.#busy = false;
    this.#buffer = buffer;
    this.tick();
  }

  /** @param {number} ms */
  #has(ms) {
    const { buffered } = this.element;
    for (let range = 0; range < buffered.length; range++) {
      if (buffered.start(range) * 1000 <= ms + 60 && ms < buffered.end(range) * 1000) return true;
    }
    return false;
  }

  /** After a seek: go on where decoding can begin. @param {number} now */
  #aim(now) {
    const { segments } = this.track;
    const here = covering(segments, now);
    const wanted = here >= 0 ? here : positionAt(segments, now) + 1;
    if (wanted >= segments.length) return;
    const start = this.track.kind === "video" ? keyframeBefore(segments, wanted) : wanted;
    const behind = this.#next > wanted && here >= 0 && !this.#has(now) && !this.#failed.has(segments[here].index);
    if (behind && now - segments[here].start_ms > 200 && !this.#busy) this.#next = start;
    else if (this.#next < start) this.#next = start;
  }

  /** @param {number} now */
  async #feed(now) {
    const buffer = this.#buffer;
    const segment = this.track.segments[this.#next];
    if (this.#busy || !buffer || !segment || segment.start_ms > now + AHEAD_MS * this.clock.rate) return;
    this.#busy = true;
    const position = this.#next;
    try {
      const data = await readBytes(`${this.base}/segments/${segment.index}`, this.#abort.signal);
      await this.#append(buffer, data);
      await this.#forget(buffer, now / 1000 - BEHIND_S);
    } catch (error) {
      if (this.#abort.signal.aborted) return;
      if (error instanceof Error && "code" in error && error.code === "unavailable") {
        await new Promise((resolve) => setTimeout(resolve, 1000));
        this.#busy = false;
        return;
      }
      this.#failed.add(segment.index);
    }
    if (this.#next === position) this.#next = position + 1;
    this.#busy = false;
    void this.#feed(this.clock.now);
  }

  /** @param {SourceBuffer} buffer @param {ArrayBuffer} data */
  #append(buffer, data) {
    return new Promise((resolve, reject) => {
      buffer.addEventListener("updateend", resolve, { once: true });
      buffer.addEventListener("error", () => reject(new Error("append")), { once: true });
      buffer.appendBuffer(data);
    });
  }

  /** @param {SourceBuffer} buffer @param {number} until seconds */
  async #forget(buffer, until) {
    if (!buffer.buffered.length || buffer.buffered.start(0) > until - 30) return;
    const done = new Promise((resolve) => buffer.addEventListener("updateend", resolve, { once: true }));
    buffer.remove(0, until);
    await done;
  }

  /** @param {number} now seconds */
  #follow(now) {
    const { element, clock } = this;
    if (!this.#has(now * 1000)) {
      if (!element.paused) element.pause();
      return;
    }
    const running = clock.playing && !clock.held;
    if (running === element.paused) {
      if (running) void element.play().catch(() => null);
      else element.pause();
    }
    if (element.seeking) return;
    const late = now - element.currentTime;
    if (Math.abs(late) > (running ? SEEK_S : CALM_S)) element.currentTime = now;
    const nudge = running && Math.abs(late) > CALM_S ? Math.max(-0.1, Math.min(0.1, late)) : 0;
    const rate = clock.rate * (1 + nudge);
    if (Math.abs(element.playbackRate - rate) > 0.005) element.playbackRate = rate;
  }
}
