// The player's clock: what time of the session it is while it runs, waits, is moved and runs faster.
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { Time } from "./page.mjs";
import { PlaybackClock } from "../../../web/src/library/clock.js";

const time = new Time();
let clock;
let told;
beforeEach(() => {
  clock = new PlaybackClock();
  clock.length = 60_000;
  told = [];
  for (const name of ["change", "seek"]) clock.addEventListener(name, () => told.push(name));
});

test("it stands until it is played, and stands again where it is paused", async () => {
  await time.pass(5000);
  assert.deepEqual([clock.now, clock.playing], [0, false]);
  clock.play();
  await time.pass(2500);
  assert.deepEqual([clock.now, clock.playing], [2500, true]);
  clock.pause();
  await time.pass(9000);
  assert.deepEqual([clock.now, clock.playing], [2500, false]);
  assert.deepEqual(told, ["change", "change"]);
});

test("whoever plays twice or pauses twice changes nothing", async () => {
  clock.play();
  await time.pass(100);
  clock.play();
  assert.equal(clock.now, 100);
  clock.pause();
  clock.pause();
  assert.equal(told.length, 2);
});

test("it ends at the end, and plays from the beginning after it", async () => {
  clock.seek(59_000);
  clock.play();
  await time.pass(5000);
  assert.equal(clock.now, 60_000);
  clock.pause();
  assert.equal(clock.now, 60_000);
  clock.play();
  assert.equal(clock.now, 0);
});

test("a longer recording lets it go on where it had come to its end", async () => {
  clock.seek(59_000);
  clock.play();
  await time.pass(3000);
  clock.length = 61_000;
  assert.equal(clock.now, 61_000, "what was played of it meanwhile counts");
});

test("a seek stays within the recording, and keeps it running or standing", async () => {
  clock.seek(-5);
  assert.equal(clock.now, 0);
  clock.seek(90_000);
  assert.equal(clock.now, 60_000);
  assert.equal(clock.playing, false);
  clock.seek(10_000);
  clock.play();
  clock.seek(20_000);
  await time.pass(500);
  assert.deepEqual([clock.now, clock.playing], [20_500, true]);
  assert.equal(told.filter((name) => name === "seek").length, 4);
});

test("another rate counts from now on only", async () => {
  clock.play();
  await time.pass(1000);
  clock.setRate(2);
  await time.pass(1000);
  assert.equal(clock.now, 3000);
  clock.setRate(0.5);
  await time.pass(1000);
  assert.equal(clock.now, 3500);
});

test("while data is missing it stands, and goes on by itself", async () => {
  clock.play();
  await time.pass(1000);
  clock.hold(true);
  await time.pass(4000);
  assert.deepEqual([clock.now, clock.playing, clock.held], [1000, true, true]);
  clock.hold(true);
  assert.equal(told.length, 2, "nothing new is told");
  clock.hold(false);
  await time.pass(250);
  assert.equal(clock.now, 1250);
});

test("paused while it waits, it does not run when the data has come", async () => {
  clock.play();
  clock.hold(true);
  clock.toggle();
  clock.hold(false);
  await time.pass(1000);
  assert.deepEqual([clock.now, clock.playing], [0, false]);
  clock.toggle();
  await time.pass(1000);
  assert.equal(clock.now, 1000);
});
