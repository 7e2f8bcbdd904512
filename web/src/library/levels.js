// How loud each voice is over time: the waveforms of the timeline, and where nobody speaks.
//
// The server never decodes sound: 50 µs for each packet of 20 ms, for two voices, is as much again as recording costs.
// So the browser does it for who looks: a minute at a time, in the background, from the playhead on.
import { readBytes } from "./requests.js";
import { positionAt } from "./spans.js";
import { blocksOf, opusDuration } from "./webm.js";

/** The span that one level stands for. */
export const STEP_MS = 100;
/** The softest level that is told from silence, in dB of full scale. */
const FLOOR_DB = -60;
/** Above the softest tenth of a voice by so much, somebody speaks; and at these levels in any case, or in none. */
const ABOVE_DB = 8;
const [LEAST_DB, MOST_DB] = [-52, -36];
/** Sound of speech, decoded at 8 kHz: a third of the memory, and as loud. */
const RATE = 8000;
/** Segments of one request: a minute. */
const RUN = 30;
/** Fewer than these are not worth a request while a call runs and more come every two seconds. */
const LIVE_RUN = 5;
/** Of the time, how much is for this: playing comes first. */
const SHARE = 0.25;
const IDLE_MS = 250;

/** Levels are 0 where unknown, and 1 (silence) to 255 (full scale) in equal steps of dB. @param {number} rms */
export function levelOf(rms) {
  const db = rms > 0 ? 20 * Math.log10(rms) : FLOOR_DB;
  return 1 + Math.round(254 * Math.max(0, Math.min(1, 1 - db / FLOOR_DB)));
}

/** @param {number} db */
const levelOfDb = (db) => levelOf(10 ** (db / 20));

/** One voice's levels. */
export class VoiceLevels {
  /** @param {import("./types.js").Track} track */
  constructor(track) {
    this.track = track;
    this.values = new Uint8Array(600);
    /** Positions of segments that are known, or cannot be. @type {Set<number>} by index */
    this.known = new Set();
  }

  /** Keep the louder of what is known and this. @param {number} ms @param {number} level */
  mark(ms, level) {
    const at = Math.floor(ms / STEP_MS);
    if (at < 0) return;
    if (at >= this.values.length) {
      const more = new Uint8Array(Math.max(at + 1, this.values.length * 2));
      more.set(this.values);
      this.values = more;
    }
    if (level > this.values[at]) this.values[at] = level;
  }

  /** The loudest level of a span, 0 where nothing is known of it. @param {number} from @param {number} to milliseconds */
  loudest(from, to) {
    let most = 0;
    const end = Math.min(this.values.length, Math.max(Math.floor(from / STEP_MS) + 1, Math.ceil(to / STEP_MS)));
    for (let at = Math.max(0, Math.floor(from / STEP_MS)); at < end; at++) most = Math.max(most, this.values[at]);
    return most;
  }

  /** The level from which on somebody speaks. */
  get threshold() {
    const counts = new Uint32Array(256);
    let all = 0;
    for (const value of this.values) if (value) all += ++counts[value] && 1;
    let [soft, seen] = [1, 0];
    while (soft < 255 && (seen += counts[soft]) < all / 10) soft += 1;
    return Math.max(levelOfDb(LEAST_DB), Math.min(levelOfDb(MOST_DB), soft + Math.round((254 * ABOVE_DB) / -FLOOR_DB)));
  }

  /**
   * The next segments to look at, a run of up to `RUN` of them that lie together: from a moment on, and then from the start.
   *
   * @param {number} ms
   */
  wanted(ms) {
    const { segments } = this.track;
    const from = Math.max(0, positionAt(segments, ms));
    for (const [begin, end] of [[from, segments.length], [0, from]]) {
      for (let at = begin; at < end; at++) {
        if (this.known.has(segments[at].index)) continue;
        let to = at + 1;
        while (to < end && to - at < RUN && !this.known.has(segments[to].index)) to += 1;
        return segments.slice(at, to);
      }
    }
    return [];
  }
}

/**
 * Where all voices are silent: known to be, or not recorded. What is not known is not silent.
 *
 * @param {VoiceLevels[]} voices
 * @param {number} length milliseconds
 * @returns {[number, number][]}
 */
export function quietSpans(voices, length) {
  const count = Math.ceil(length / STEP_MS);
  const loud = new Uint8Array(count);
  for (const { track, values, threshold } of voices.map((voice) => ({ track: voice.track, values: voice.values, threshold: voice.threshold }))) {
    for (const { start_ms, end_ms } of track.segments) {
      const end = Math.min(count, Math.ceil(end_ms / STEP_MS));
      for (let at = Math.floor(start_ms / STEP_MS); at < end; at++) if (!values[at] || values[at] >= threshold) loud[at] = 1;
    }
  }
  /** @type {[number, number][]} */
  const spans = [];
  for (let at = 0; at < count; at++) {
    if (loud[at]) continue;
    const from = at;
    while (at < count && !loud[at]) at += 1;
    spans.push([from * STEP_MS, Math.min(length, at * STEP_MS)]);
  }
  return spans;
}

/** Looks at the voices of a recording in the background. Fires `change` when more is known. */
export class Levels extends EventTarget {
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #timer;
  /** @type {OfflineAudioContext | null} */ #decoder = null;
  /** @type {Map<string, ArrayBuffer>} */ #inits = new Map();
  #abort = new AbortController();

  /** @param {import("./recording.js").Recording} recording */
  constructor(recording) {
    super();
    this.recording = recording;
    /** @type {Map<string, VoiceLevels>} by track */
    this.voices = new Map();
  }

  /** Begin, or go on; what is there already is not looked at twice. */
  start() {
    this.#timer ??= setTimeout(() => void this.#look(), IDLE_MS);
  }

  destroy() {
    clearTimeout(this.#timer);
    this.#abort.abort();
  }

  /** @param {import("./types.js").Track} track */
  of(track) {
    let voice = this.voices.get(track.name);
    if (!voice) this.voices.set(track.name, (voice = new VoiceLevels(track)));
    return voice;
  }

  async #look() {
    const { recording } = this;
    const began = performance.now();
    // Whoever waits for a picture is not kept waiting by this.
    const next = document.hidden || recording.restless ? null : this.#next();
    if (next) await this.#take(next.voice, next.segments).catch(() => null);
    if (this.#abort.signal.aborted) return;
    const spent = performance.now() - began;
    this.#timer = setTimeout(() => void this.#look(), next ? Math.max(20, spent * (1 / SHARE - 1)) : IDLE_MS * 4);
  }

  /** The voice of which least is known from here on. */
  #next() {
    const { manifest, clock, live } = this.recording;
    if (manifest?.session.deleted) return null;
    const { now } = clock;
    const tracks = manifest?.tracks.filter(({ kind, segments }) => kind === "audio" && segments.length) ?? [];
    const least = live ? LIVE_RUN : 1;
    const wanted = tracks.map((track) => ({ voice: this.of(track), segments: this.of(track).wanted(now) })).filter(({ segments }) => segments.length >= least);
    const distance = (/** @type {number} */ ms) => (ms >= now - 2000 ? ms - now : Number.MAX_SAFE_INTEGER + ms - now);
    return wanted.sort((a, b) => distance(a.segments[0].start_ms) - distance(b.segments[0].start_ms))[0] ?? null;
  }

  /** @param {VoiceLevels} voice @param {import("./types.js").Segment[]} segments */
  async #take(voice, segments) {
    const { signal } = this.#abort;
    const base = `/api/sessions/${encodeURIComponent(this.recording.session)}/tracks/${encodeURIComponent(voice.track.name)}`;
    try {
      const init = this.#inits.get(base) ?? (await readBytes(`${base}/init`, signal));
      this.#inits.set(base, init);
      const data = await readBytes(`${base}/segments?index=${segments.map(({ index }) => index).join(",")}`, signal);
      await this.#measure(voice, init, data);
    } catch (error) {
      // One of them may be damaged: the others are looked at one by one, and what cannot be read stays unknown.
      if (signal.aborted || (error instanceof Error && "code" in error && error.code === "unavailable")) return;
      if (segments.length > 1) {
        for (const segment of segments) await this.#take(voice, [segment]);
        return;
      }
    }
    for (const { index } of segments) voice.known.add(index);
    this.dispatchEvent(new Event("change"));
  }

  /** @param {VoiceLevels} voice @param {ArrayBuffer} init @param {ArrayBuffer} data */
  async #measure(voice, init, data) {
    const packets = blocksOf(data).map(({ at_ms, from, to }) => ({ at_ms, ms: opusDuration(new Uint8Array(data, from, to - from)) }));
    this.#decoder ??= new OfflineAudioContext(1, 1, RATE);
    const whole = new Uint8Array(init.byteLength + data.byteLength);
    whole.set(new Uint8Array(init));
    whole.set(new Uint8Array(data), init.byteLength);
    const sound = (await this.#decoder.decodeAudioData(whole.buffer)).getChannelData(0);
    // What is decoded follows without a hole, whatever time the packets have: it is told by their order.
    let at = 0;
    for (const { at_ms, ms } of packets) {
      const end = Math.min(sound.length, at + Math.round((ms * RATE) / 1000));
      let sum = 0;
      for (let sample = at; sample < end; sample++) sum += sound[sample] * sound[sample];
      if (end > at) voice.mark(at_ms, levelOf(Math.sqrt(sum / (end - at))));
      at = end;
    }
  }
}

