// The blocks of clusters as the server writes them.
import assert from "node:assert/strict";
import { test } from "node:test";
import { blocksOf, opusDuration } from "../../../web/src/library/webm.js";

const element = (id, content) => [...id, 0x40 | (content.length >> 8), content.length & 0xff, ...content];
const block = (offset, keyframe, data) => element([0xa3], [0x81, (offset >> 8) & 0xff, offset & 0xff, keyframe ? 0x80 : 0, ...data]);
const cluster = (base, ...blocks) =>
  element([0x1f, 0x43, 0xb6, 0x75], [...element([0xe7], [base >> 16, (base >> 8) & 0xff, base & 0xff]), ...blocks.flat()]);
const buffer = (...bytes) => Uint8Array.from(bytes.flat()).buffer;

test("times count from their cluster, and clusters follow one another", () => {
  const data = buffer(cluster(70_000, block(0, true, [1, 2]), block(40, false, [3])), cluster(130_000, block(-5, true, [4])));
  assert.deepEqual(
    blocksOf(data).map(({ at_ms, keyframe, from, to }) => [at_ms, keyframe, [...new Uint8Array(data, from, to - from)]]),
    [[70_000, true, [1, 2]], [70_040, false, [3]], [129_995, true, [4]]],
  );
});

test("what is cut off or no cluster ends them without an error", () => {
  const whole = [...cluster(1000, block(0, true, [9, 9])), ...cluster(2000, block(0, true, [8, 8]))];
  for (let length = 0; length < whole.length; length++) {
    const count = blocksOf(buffer(whole.slice(0, length))).length;
    assert.ok(count <= 2, length);
  }
  assert.equal(blocksOf(buffer(whole)).length, 2);
  assert.equal(blocksOf(buffer([0, 0, 0, 0, 0, 0, 0, 0])).length, 0);
  assert.equal(blocksOf(buffer([...whole.slice(0, 5), 0xff, 0xff, 0xff])).length, 0);
});

test("how long a packet of Opus is", () => {
  const toc = (config, count) => (config << 3) | count;
  assert.equal(opusDuration(Uint8Array.from([toc(1, 0), 0])), 20);
  assert.equal(opusDuration(Uint8Array.from([toc(3, 1), 0])), 120);
  assert.equal(opusDuration(Uint8Array.from([toc(31, 0)])), 20);
  assert.equal(opusDuration(Uint8Array.from([toc(28, 3), 4])), 10);
  assert.equal(opusDuration(Uint8Array.from([toc(28, 3)])), 0);
  assert.equal(opusDuration(new Uint8Array(0)), 0);
});
