// Small parts of the player: the address of a moment, what was played, its keys, and the edge of a running call.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Time, page } from "./page.mjs";

page();
const { PlaybackClock } = await import("../../../web/src/library/clock.js");
const { Played } = await import("../../../web/src/library/played.js");
const { LiveEdge, LAG_MS } = await import("../../../web/src/library/live-edge.js");
const { linkTo, momentOf } = await import("../../../web/src/library/moment-link.js");
const { KEYS, keyOf } = await import("../../../web/src/library/keys.js");
const time = new Time();

test("an address names a moment in seconds, or in hours, minutes and seconds", () => {
  const known = { "#t=754.25": 754_250, "#t=0": 0, "#t=12:34": 754_000, "#t=1:02:03.5": 3_723_500, "#x=1&t=5": 5000 };
  for (const [hash, ms] of Object.entries(known)) assert.equal(momentOf(hash), ms, hash);
  for (const hash of ["", "#", "#t=", "#t=-1", "#t=1:75", "#t=5,9", "#t=abc", "#t=1e9", "#t=99999999", "#t=1:2:3:4"]) assert.equal(momentOf(hash), null, hash);
  assert.equal(linkTo("https://a.example/library/s1?x=1#t=9", 61_234.4), "https://a.example/library/s1?x=1#t=61.234");
  assert.equal(momentOf(new URL(linkTo("https://a.example/", 5_400_000)).hash), 5_400_000);
});

test("what was played is told in spans: at a pause, at a seek, and every ten seconds", async () => {
  const clock = new PlaybackClock();
  clock.length = 600_000;
  const played = new Played(clock);
  const told = [];
  played.addEventListener("played", ({ detail }) => told.push([detail.from_ms, detail.to_ms]));
  const run = async (ms) => {
    for (let passed = 0; passed < ms; passed += 100) {
      await time.pass(100);
      played.tick();
    }
  };
  clock.play();
  played.tick();
  await run(3000);
  clock.seek(100_000);
  played.tick();
  await run(2000);
  clock.pause();
  await run(5000);
  assert.deepEqual(told, [[0, 3000], [100_000, 102_000]]);
  clock.setRate(2);
  clock.play();
  played.tick();
  await run(11_000);
  clock.hold(true);
  await run(5000);
  played.tell();
  assert.deepEqual(told.slice(2), [[102_000, 122_000], [122_000, 124_000]]);
});

test("keys are found with and without Shift, and letters can be switched off", () => {
  const press = (key, more = {}) => ({ key, shiftKey: false, ctrlKey: false, metaKey: false, altKey: false, ...more });
  const text = (event, letters = true) => keyOf(event, letters)?.text;
  assert.equal(text(press("ArrowLeft")), "Back 5 seconds");
  assert.equal(text(press("ArrowLeft", { shiftKey: true })), "Back 30 seconds");
  assert.equal(text(press("?", { shiftKey: true }), false), "Show these keys");
  assert.equal(text(press("+", { shiftKey: true })), "Faster");
  assert.equal(text(press("m"), false), undefined);
  assert.equal(text(press(" "), false), "Play or pause");
  assert.equal(text(press("m", { ctrlKey: true })), undefined);
  assert.equal(text(press("7")), "This picture large");
  const plain = KEYS.filter(({ shift }) => !shift).flatMap(({ keys }) => keys);
  assert.equal(new Set(plain).size, plain.length, "one key does one thing");
});

test("a call is followed so near as its segments allow, and from farther after a stall", async () => {
  const clock = new PlaybackClock();
  const edge = new LiveEdge(clock);
  clock.length = 10_000;
  edge.told(12_300);
  assert.equal(edge.place(), 12_300 - LAG_MS);
  clock.seek(edge.place());
  clock.play();
  assert.deepEqual([edge.lag, edge.keep(), clock.pace], [LAG_MS, null, 1]);
  clock.length = 90_000;
  clock.seek(8500);
  assert.equal(edge.keep(), null);
  assert.equal(clock.pace, 1.08, "a second too far behind: a little faster");
  let seconds = 0;
  while (clock.pace > 1 && seconds < 60) {
    await time.pass(500);
    seconds += 0.5;
    edge.keep();
  }
  assert.ok(seconds > 10 && seconds < 20, String(seconds));
  assert.ok(Math.abs(edge.lag - LAG_MS) < 50, String(edge.lag));
  clock.seek(2000);
  assert.ok(Math.abs(edge.keep() - edge.place()) < 1, "much too far behind: a jump");
  edge.stalled();
  assert.equal(edge.wanted, LAG_MS + 150);
  edge.told(null);
  assert.deepEqual([edge.lag, edge.keep(), edge.place()], [0, null, clock.length - 50]);
});
