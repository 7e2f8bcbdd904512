// How long a page holds pictures back: only on a long path that loses, and for a while after.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Playout } from "../../../web/src/media/playout.js";

/** What receivers are told, second by second, for these round-trip times (s) and shares asked for again. */
function heldBack(seconds, { receivers = [{ jitterBufferTarget: null }], each = 50 } = {}) {
  const playout = new Playout(receivers);
  let packets = 0;
  let asked = 0;
  return seconds.map(([rtt, share], second) => {
    packets += each;
    asked += each * share;
    const reports = [
      { type: "candidate-pair", currentRoundTripTime: rtt },
      { type: "inbound-rtp", packetsReceived: packets, nackCount: asked },
      { type: "codec" },
    ];
    playout.see(reports, second * 1000);
    return receivers[0].jitterBufferTarget;
  });
}
const times = (count, second) => Array.from({ length: count }, () => second);

test("nothing is held back without need", () => {
  const told = heldBack([...times(5, [0.3, 0]), ...times(5, [0.05, 0.2])]);
  assert.deepEqual(new Set(told), new Set([null]), "neither a long path nor losses alone");
});

test("two round trips where packets are lost", () => {
  assert.deepEqual(heldBack([[0.2, 0], [0.2, 0.1], [0.25, 0.1], [0.15, 0.1]]), [null, 400, 500, 500]);
  assert.equal(heldBack([[2, 0.5]]).at(-1), 600, "and 600 ms at most");
});

test("it ends half a minute after the last loss", () => {
  const told = heldBack([[0.2, 0.1], ...times(40, [0.2, 0])]);
  assert.deepEqual(told.slice(0, 30), times(30, 400));
  assert.equal(told.at(-1), null);
});

test("few packets say nothing", () => {
  assert.deepEqual(heldBack(times(4, [0.3, 0.5]), { each: 5 }), [null, null, null, 600], "twenty are enough");
  assert.deepEqual(heldBack([[0.3, 0.5]], { each: 19 }), [null]);
});

test("every receiver is told the same", () => {
  const receivers = [{ jitterBufferTarget: null }, { jitterBufferTarget: null }];
  heldBack([[0.2, 0.1]], { receivers });
  assert.deepEqual(receivers.map(({ jitterBufferTarget }) => jitterBufferTarget), [400, 400]);
});

test("a leg that was made anew counts from nothing again", () => {
  const receiver = { jitterBufferTarget: null };
  const playout = new Playout([receiver]);
  const see = (packetsReceived, nackCount, now) =>
    playout.see([{ type: "candidate-pair", currentRoundTripTime: 0.2 }, { type: "inbound-rtp", packetsReceived, nackCount }], now);
  see(10_000, 0, 0);
  see(30, 0, 1000);
  assert.equal(receiver.jitterBufferTarget, null, "fewer than before is no loss");
  see(80, 10, 2000);
  assert.equal(receiver.jitterBufferTarget, 400);
});

test("reports that lack a figure count as nothing", () => {
  const receiver = { jitterBufferTarget: null };
  new Playout([receiver]).see([{ type: "candidate-pair" }, { type: "inbound-rtp" }], 0);
  assert.equal(receiver.jitterBufferTarget, null);
});
