// Finding what was recorded at a moment.
import assert from "node:assert/strict";
import { test } from "node:test";
import { covering, extend, gapAt, keyframeBefore, positionAt } from "../../../web/src/library/spans.js";

const segment = (index, start_ms, end_ms, keyframe = true) => ({ index, start_ms, end_ms, keyframe });
/** Two seconds each, with a hole from 4 s to 6 s. */
const SEGMENTS = [segment(0, 0, 2000), segment(1, 2000, 4000, false), segment(2, 6000, 8000)];

test("the last segment that begins at or before a moment", () => {
  assert.deepEqual([-1, 0, 1999, 2000, 5000, 6000, 99_000].map((ms) => positionAt(SEGMENTS, ms)), [-1, 0, 0, 1, 1, 2, 2]);
  assert.equal(positionAt([], 0), -1);
});

test("many segments are searched as one by one", () => {
  const many = Array.from({ length: 101 }, (_, index) => segment(index, index * 10, index * 10 + 10));
  for (let ms = -5; ms < 1030; ms += 7) {
    assert.equal(positionAt(many, ms), many.findLastIndex(({ start_ms }) => start_ms <= ms), ms);
  }
});

test("a segment covers its beginning and not its end; a hole is covered by none", () => {
  assert.deepEqual([0, 1999, 2000, 3999, 4000, 5999, 6000, 7999, 8000, -1].map((ms) => covering(SEGMENTS, ms)), [0, 0, 1, 1, -1, -1, 2, 2, -1, -1]);
});

test("decoding begins at the last keyframe, and at the first segment where there is none", () => {
  assert.deepEqual([0, 1, 2].map((at) => keyframeBefore(SEGMENTS, at)), [0, 0, 2]);
  assert.equal(keyframeBefore([segment(0, 0, 1, false), segment(1, 1, 2, false)], 1), 0);
});

test("the gap at a moment", () => {
  const track = { segments: SEGMENTS, gaps: [{ start_ms: 4000, end_ms: 6000, reason: "network" }] };
  assert.equal(gapAt(track, 4000)?.reason, "network");
  assert.equal(gapAt(track, 5999)?.reason, "network");
  assert.equal(gapAt(track, 6000), null);
  assert.equal(gapAt(track, 0), null);
});

test("a later manifest adds what is new, once and in order", () => {
  const track = { segments: [...SEGMENTS], gaps: [], first_ms: 0, kind: "video", codec: "", width: 0, height: 0 };
  const news = {
    segments: [segment(4, 10_000, 12_000), segment(3, 8000, 10_000), segment(2, 6000, 8000)],
    gaps: [{ start_ms: 4000, end_ms: 6000 }], first_ms: 7, kind: "audio", codec: "vp8", width: 640, height: 360,
  };
  extend(track, news);
  assert.deepEqual(track.segments.map(({ index }) => index), [0, 1, 2, 3, 4]);
  assert.equal(track.gaps.length, 1);
  assert.deepEqual([track.first_ms, track.kind, track.codec, track.width], [0, "video", "vp8", 640], "what is known stays");
  extend(track, { ...news, gaps: [] });
  assert.equal(track.segments.length, 5);
});

test("a track that had nothing yet learns when it begins", () => {
  const track = { segments: [], gaps: [], first_ms: null, kind: "video", codec: "vp8", width: 0, height: 0 };
  extend(track, { segments: SEGMENTS, gaps: [], first_ms: 120, kind: "video", codec: "vp8", width: 1, height: 1 });
  assert.equal(track.first_ms, 120);
});
