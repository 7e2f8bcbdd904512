// What the journal tells over time, in lanes; where somebody waits; what can be passed over.
import assert from "node:assert/strict";
import { test } from "node:test";
import { page } from "./page.mjs";

page();
const { lanesOf, marksOf, waits } = await import("../../../web/src/library/lanes.js");
const { skipAt, skips, union, without } = await import("../../../web/src/library/silence.js");

let seq = 0;
const moment = (at_ms, kind, data = {}) => ({ seq: ++seq, at_ms, kind, data });
const spans = (lanes, name) => lanes.find((lane) => lane.name === name)?.spans.map(({ from_ms, to_ms, kind }) => [from_ms, to_ms, kind]);

const CALL = [
  moment(0, "session_requested"), moment(100, "consent_given", { version: "1" }), moment(4000, "answered", { name: "A" }),
  moment(4500, "leg_connected", { participant: "customer-1", leg: "l1" }), moment(4600, "leg_connected", { participant: "specialist-1", leg: "l2" }),
  moment(8000, "quality_changed", { leg: "l1", quality: "weak" }), moment(9000, "quality_changed", { leg: "l2", quality: "bad" }),
  moment(10_000, "quality_changed", { leg: "l2", quality: "good" }), moment(11_000, "quality_changed", { leg: "l1", quality: "good" }),
  moment(12_000, "document_requested", { document: "d1" }), moment(13_000, "document_answered", { document: "d1", agreed: true }),
  moment(14_000, "document_stored", { document: "d1" }), moment(15_000, "document_decided", { document: "d1", accepted: true }),
  moment(16_000, "chat_sent", { sender: "customer-1" }), moment(17_000, "sensitive_paused", { by: "specialist-1", reason: "card" }),
  moment(17_500, "sensitive_paused", { by: "customer-1", reason: "secret_field" }), moment(18_000, "sensitive_resumed", { by: "customer-1" }),
  moment(19_000, "sensitive_resumed", { by: "specialist-1" }), moment(20_000, "held"), moment(25_000, "unheld"), moment(30_000, "ended"),
  moment(31_000, "rated", { stars: 5 }),
];

test("each lane has its spans, and only lanes that have anything are shown", () => {
  const lanes = lanesOf(CALL, 31_000);
  assert.deepEqual(lanes.map(({ name }) => name), ["documents", "chat", "consent", "quality"]);
  assert.deepEqual(spans(lanes, "documents"), [[12_000, 15_000, "document"]]);
  assert.deepEqual(spans(lanes, "consent"), [[100, 30_000, "agreed"], [17_500, 18_000, "paused"], [17_000, 19_000, "paused"]]);
  assert.deepEqual(spans(lanes, "quality"), [
    [4500, 8000, "good"], [8000, 9000, "weak"], [9000, 10_000, "bad"], [10_000, 11_000, "weak"], [11_000, 30_000, "good"],
  ]);
  assert.deepEqual(lanes.find(({ name }) => name === "chat")?.marks.map(({ at_ms }) => at_ms), [16_000]);
  assert.deepEqual(lanesOf([moment(0, "session_requested")], 1000), []);
});

test("the last connection that ends leaves no quality behind it", () => {
  const lanes = lanesOf([moment(0, "leg_connected", { leg: "a" }), moment(500, "leg_closed", { leg: "a" }), moment(900, "leg_connected", { leg: "b" })], 2000);
  assert.deepEqual(spans(lanes, "quality"), [[0, 500, "good"], [900, 2000, "good"]]);
});

test("a paper that nobody decided about, and a pause that goes on, last to the end", () => {
  const lanes = lanesOf([moment(1000, "document_requested", { document: "d" }), moment(2000, "sensitive_paused", { by: "s", reason: "card" })], 9000);
  assert.deepEqual(spans(lanes, "documents"), [[1000, 9000, "document"]]);
  assert.deepEqual(spans(lanes, "consent"), [[2000, 9000, "paused"]]);
});

test("events with a lane of their own are no marks above", () => {
  assert.deepEqual(marksOf(CALL).map(({ kind }) => kind), ["session_requested", "answered", "held", "unheld", "ended", "rated"]);
});

test("the customer waits for an answer, on hold, and after the specialist was lost", () => {
  assert.deepEqual(waits(CALL, 31_000), [[0, 4000], [20_000, 25_000]]);
  assert.deepEqual(waits([moment(0, "session_requested")], 5000), [[0, 5000]]);
  const lost = [moment(0, "session_requested"), moment(10, "answered"), moment(500, "requeued"), moment(900, "answered"), moment(950, "held"), moment(960, "held"), moment(990, "ended")];
  assert.deepEqual(waits(lost, 1000), [[0, 10], [500, 900], [950, 990]]);
});

test("spans are joined and taken from one another", () => {
  assert.deepEqual(union([[5, 7], [0, 2], [1, 3], [3, 4], [9, 9]]), [[0, 4], [5, 7]]);
  assert.deepEqual(without([0, 10], [[-5, 1], [3, 4], [9, 20]]), [[1, 3], [4, 9]]);
  assert.deepEqual(without([0, 10], [[0, 10]]), []);
  assert.deepEqual(without([0, 10], []), [[0, 10]]);
});

test("silence is passed over with a margin, and not where something is to be seen", () => {
  const found = skips({ waits: [[0, 5000]], quiet: [[4000, 20_000], [30_000, 31_500], [40_000, 50_000]], busy: [[10_000, 12_000]] });
  assert.deepEqual(found, [
    { from_ms: 0, to_ms: 5000, kind: "waiting" },
    { from_ms: 5400, to_ms: 9600, kind: "silence" },
    { from_ms: 12_400, to_ms: 19_600, kind: "silence" },
    { from_ms: 40_400, to_ms: 49_600, kind: "silence" },
  ]);
  assert.deepEqual(skipAt(found, 2000), { from_ms: 2000, to_ms: 9600, kind: "waiting" }, "what follows at once is one jump");
  assert.deepEqual(skipAt(found, 12_400), { from_ms: 12_400, to_ms: 19_600, kind: "silence" });
  for (const ms of [9600, 12_000, 19_600, 30_500]) assert.equal(skipAt(found, ms), null, ms);
});
