// Spans in which nothing is to be heard or seen happening, for who wants to pass over them. Pure functions.

/** @typedef {import("./types.js").Manifest} Manifest */
/** @typedef {[number, number]} Span */
/** A span to pass over: `kind` is `waiting` or `silence`. */
/** @typedef {{from_ms: number, to_ms: number, kind: string}} Skip */

/** Shorter pauses belong to talking. */
export const LEAST_MS = 2000;
/** What is left on both sides of a silence, so that no word is cut. */
export const MARGIN_MS = 400;

/** The spans of both, in order and without overlap. @param {Span[]} spans @returns {Span[]} */
export function union(spans) {
  /** @type {Span[]} */
  const joined = [];
  for (const [from, to] of [...spans].sort((a, b) => a[0] - b[0])) {
    const last = joined[joined.length - 1];
    if (last && from <= last[1]) last[1] = Math.max(last[1], to);
    else if (to > from) joined.push([from, to]);
  }
  return joined;
}

/** What of a span none of these covers. @param {Span} whole @param {Span[]} spans disjoint and in order @returns {Span[]} */
export function without([from, to], spans) {
  /** @type {Span[]} */
  const left = [];
  let at = from;
  for (const [start, end] of spans) {
    if (end <= at) continue;
    if (start >= to) break;
    if (start > at) left.push([at, start]);
    at = Math.max(at, end);
  }
  if (at < to) left.push([at, to]);
  return left;
}

/**
 * What can be passed over: where the customer waits, and where nobody speaks and nothing happens.
 *
 * @param {object} known
 * @param {Span[]} known.waits
 * @param {Span[]} known.quiet where every voice is known to be silent, or is not recorded
 * @param {Span[]} known.busy where something happens that is to be seen: the customer's page changes, a paper, a chat
 * @returns {Skip[]}
 */
export function skips({ waits, quiet, busy }) {
  const happening = union(busy);
  const waiting = union(waits);
  const silent = union(quiet)
    .flatMap((span) => without(span, union([...happening, ...waiting])))
    .map(([from, to]) => /** @type {Span} */ ([from + MARGIN_MS, to - MARGIN_MS]))
    .filter(([from, to]) => to - from >= LEAST_MS - 2 * MARGIN_MS);
  const found = [
    ...waiting.filter(([from, to]) => to - from >= LEAST_MS).map(([from_ms, to_ms]) => ({ from_ms, to_ms, kind: "waiting" })),
    ...silent.map(([from_ms, to_ms]) => ({ from_ms, to_ms, kind: "silence" })),
  ];
  return found.sort((a, b) => a.from_ms - b.from_ms);
}

/** The span that a moment is in, with those that follow without a pause as one. @param {Skip[]} spans in order @param {number} ms */
export function skipAt(spans, ms) {
  const first = spans.findIndex(({ from_ms, to_ms }) => from_ms <= ms && ms < to_ms - 1);
  if (first < 0) return null;
  let { to_ms } = spans[first];
  for (const next of spans.slice(first + 1)) {
    if (next.from_ms > to_ms + 2 * MARGIN_MS) break;
    to_ms = Math.max(to_ms, next.to_ms);
  }
  return { from_ms: ms, to_ms, kind: spans[first].kind };
}
