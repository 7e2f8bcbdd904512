// What the journal tells of a session over time, in lanes beside those of the tracks: pure functions of its moments.
import { msg } from "../i18n.js";

/** @typedef {import("./types.js").Moment} Moment */
/** A span of a lane: `kind` says how it is drawn, `moment` is the event that it begins with. */
/** @typedef {{from_ms: number, to_ms: number, kind: string, moment: Moment}} Span */
/** @typedef {{name: string, label: string, spans: Span[], marks: Moment[]}} Lane */

/** Which lane has the mark of an event; all others are in that of the events. @type {Record<string, string>} */
const LANES = {
  chat_sent: "chat",
  document_requested: "documents",
  document_failed: "documents",
  document_stored: "documents",
  document_decided: "documents",
  document_answered: "consent",
  consent_given: "consent",
  sensitive_paused: "consent",
  sensitive_resumed: "consent",
};

/** Every lane that a session can have, in their order. */
const LABELS = [
  ["documents", msg("Papers")],
  ["chat", msg("Chat")],
  ["consent", msg("Consent")],
  ["quality", msg("Network")],
];

/** Events that only the list has. */
const MINOR = new Set(["leg_connected", "leg_closed", "offered", "offer_ended", "recording_started", "quality_changed"]);
/** What changes a session so that nobody waits for anybody any more, or again. */
const TALK = new Set(["answered", "unheld"]);
const WAIT = new Set(["session_requested", "held", "requeued"]);

/** Events that stand as marks above the tracks. @param {Moment[]} moments */
export const marksOf = (moments) => moments.filter(({ kind }) => !MINOR.has(kind) && !LANES[kind]);

/**
 * The lanes of which this session has anything.
 *
 * @param {Moment[]} moments
 * @param {number} length milliseconds
 * @returns {Lane[]}
 */
export function lanesOf(moments, length) {
  /** @type {Map<string, {spans: Span[], marks: Moment[]}>} */
  const lanes = new Map(LABELS.map(([name]) => [name, { spans: [], marks: [] }]));
  for (const moment of moments) lanes.get(LANES[moment.kind] ?? "")?.marks.push(moment);
  lanes.get("documents")?.spans.push(...documents(moments, length));
  lanes.get("consent")?.spans.push(...consents(moments, length));
  lanes.get("quality")?.spans.push(...quality(moments, length));
  // What ends after the recording (a document that was decided on later) ends with it here.
  for (const lane of lanes.values()) {
    lane.spans = lane.spans.filter(({ from_ms }) => from_ms <= length).map((span) => ({ ...span, to_ms: Math.min(span.to_ms, length) }));
  }
  return LABELS.map(([name, label]) => ({ name, label, spans: [], marks: [], ...lanes.get(name) })).filter(
    ({ spans, marks }) => spans.length || marks.length,
  );
}

/** From the wish for a document to its decision, or to whatever ended it. @param {Moment[]} moments @param {number} length @returns {Span[]} */
function documents(moments, length) {
  return moments
    .filter(({ kind }) => kind === "document_requested")
    .map((moment) => {
      const over = moments.find(
        ({ kind, seq, data }) => seq > moment.seq && data.document === moment.data.document && ["document_decided", "document_failed"].includes(kind),
      );
      return { from_ms: moment.at_ms, to_ms: over?.at_ms ?? endOf(moments, length), kind: "document", moment };
    });
}

/** Agreed to be recorded, from then on; and what is off the record at somebody's wish. @param {Moment[]} moments @param {number} length @returns {Span[]} */
function consents(moments, length) {
  const end = endOf(moments, length);
  /** @type {Span[]} */
  const spans = [];
  const agreed = moments.find(({ kind }) => kind === "consent_given");
  if (agreed) spans.push({ from_ms: agreed.at_ms, to_ms: end, kind: "agreed", moment: agreed });
  /** @type {Map<string, Moment>} by who paused: the lead and the customer may do so at once */
  const paused = new Map();
  for (const moment of moments) {
    const by = String(moment.data.by ?? "");
    if (moment.kind === "sensitive_paused" && !paused.has(by)) paused.set(by, moment);
    const begun = paused.get(by);
    if (moment.kind === "sensitive_resumed" && begun) {
      spans.push({ from_ms: begun.at_ms, to_ms: moment.at_ms, kind: "paused", moment: begun });
      paused.delete(by);
    }
  }
  for (const moment of paused.values()) spans.push({ from_ms: moment.at_ms, to_ms: end, kind: "paused", moment });
  return spans;
}

/** The network of whose was worst just then: good, weak or bad, from the first connection on. @param {Moment[]} moments @param {number} length @returns {Span[]} */
function quality(moments, length) {
  const order = ["good", "weak", "bad"];
  /** @type {Map<string, string>} by connection */
  const legs = new Map();
  /** @type {Span[]} */
  const spans = [];
  const end = endOf(moments, length);
  for (const moment of moments) {
    const { kind, at_ms, data } = moment;
    if (kind === "leg_connected") legs.set(data.leg, "good");
    else if (kind === "quality_changed") legs.set(data.leg, data.quality);
    else if (kind === "leg_closed") legs.delete(data.leg);
    else continue;
    const last = spans[spans.length - 1];
    const worst = order.findLast((one) => [...legs.values()].includes(one));
    const open = last && last.to_ms === end;
    if (open && last.kind === worst) continue;
    if (open) last.to_ms = at_ms;
    if (worst && at_ms < end) spans.push({ from_ms: at_ms, to_ms: end, kind: worst, moment });
  }
  return spans.filter(({ from_ms, to_ms }) => to_ms > from_ms);
}

/** When the call was over, or how far it is known. @param {Moment[]} moments @param {number} length */
const endOf = (moments, length) => moments.find(({ kind }) => kind === "ended")?.at_ms ?? length;

/**
 * Where the customer waits: until somebody answers, on hold, and after the specialist was lost.
 *
 * @param {Moment[]} moments
 * @param {number} length
 * @returns {[number, number][]}
 */
export function waits(moments, length) {
  /** @type {[number, number][]} */
  const spans = [];
  let since = -1;
  for (const { kind, at_ms } of moments) {
    if (WAIT.has(kind) && since < 0) since = at_ms;
    else if ((TALK.has(kind) || kind === "ended") && since >= 0) {
      if (at_ms > since) spans.push([since, at_ms]);
      since = -1;
    }
  }
  if (since >= 0 && length > since) spans.push([since, length]);
  return spans;
}
