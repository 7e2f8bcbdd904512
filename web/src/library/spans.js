// Finding the segment or the gap at a moment. Segments are sorted by their start.

/** @typedef {import("./types.js").Segment} Segment */
/** @typedef {import("./types.js").Track} Track */

/** The position of the last segment that begins at or before a moment; -1 before the first. @param {Segment[]} segments @param {number} ms */
export function positionAt(segments, ms) {
  let low = 0;
  let high = segments.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (segments[middle].start_ms <= ms) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** The position of the segment that covers a moment, or -1. @param {Segment[]} segments @param {number} ms */
export function covering(segments, ms) {
  const position = positionAt(segments, ms);
  return position >= 0 && ms < segments[position].end_ms ? position : -1;
}

/** Where decoding must begin to show a moment: the last position with a keyframe at or before it. @param {Segment[]} segments @param {number} position */
export function keyframeBefore(segments, position) {
  for (let at = position; at > 0; at--) {
    if (segments[at].keyframe) return at;
  }
  return 0;
}

/** The gap of a track at a moment. @param {Track} track @param {number} ms */
export const gapAt = (track, ms) => track.gaps.find(({ start_ms, end_ms }) => start_ms <= ms && ms < end_ms) ?? null;

/** Adds what a later manifest tells to a track. @param {Track} track @param {Track} news */
export function extend(track, news) {
  const known = new Set(track.segments.map(({ index }) => index));
  track.segments.push(...news.segments.filter(({ index }) => !known.has(index)));
  track.segments.sort((a, b) => a.start_ms - b.start_ms);
  track.gaps.push(...news.gaps);
  track.first_ms ??= news.first_ms;
  for (const field of /** @type {const} */ (["kind", "codec"])) track[field] ||= news[field];
  for (const field of /** @type {const} */ (["width", "height"])) track[field] ||= news[field];
}
