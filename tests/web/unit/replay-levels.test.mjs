// Loudness over time: what is known, what is silent, and how high a waveform is drawn.
import assert from "node:assert/strict";
import { test } from "node:test";
import { page } from "./page.mjs";

page();
const { Levels, VoiceLevels, levelOf, quietSpans } = await import("../../../web/src/library/levels.js");
const { heights } = await import("../../../web/src/library/waveform.js");

const segment = (index, start_ms, end_ms) => ({ index, start_ms, end_ms });
const track = (...segments) => ({ name: "a", kind: "audio", segments, gaps: [] });
const fill = (voice, from, to, rms) => {
  for (let ms = from; ms < to; ms += 20) voice.mark(ms, levelOf(rms));
};

test("levels are decibels from silence to full scale", () => {
  assert.deepEqual([0, 0.0001, 0.001, 0.0316, 1, 2].map(levelOf), [1, 1, 1, 128, 255, 255]);
});

test("the loudest of a span counts, and nothing is known of what was not looked at", () => {
  const voice = new VoiceLevels(track(segment(0, 0, 2000)));
  voice.mark(250, 100);
  voice.mark(260, 80);
  voice.mark(500_000, 9);
  assert.deepEqual([voice.loudest(0, 200), voice.loudest(200, 300), voice.loudest(0, 1000), voice.loudest(500_000, 500_001)], [0, 100, 100, 9]);
});

test("silence is where every voice is known to be soft, or is not recorded", () => {
  const one = new VoiceLevels(track(segment(0, 0, 2000), segment(1, 2000, 4000), segment(2, 4000, 6000)));
  const other = new VoiceLevels(track(segment(0, 0, 2000), segment(1, 3000, 6000)));
  fill(one, 0, 1000, 0.1);
  fill(one, 1000, 4000, 0.0005);
  fill(other, 0, 2000, 0.0005);
  fill(other, 3000, 6000, 0.0005);
  fill(other, 3500, 3600, 0.2);
  assert.deepEqual(quietSpans([one, other], 6500), [[1000, 3500], [3600, 4000], [6000, 6500]], "from 4 s to 6 s nothing is known of one");
  assert.deepEqual(quietSpans([], 300), [[0, 300]]);
});

test("who speaks into a loud room is told from the room, and a room alone is no speech", () => {
  const loud = new VoiceLevels(track(segment(0, 0, 20_000)));
  fill(loud, 0, 20_000, 0.008);
  fill(loud, 5000, 9000, 0.2);
  const { threshold } = loud;
  assert.ok(levelOf(0.008) < threshold && threshold < levelOf(0.2), threshold);
  const shouting = new VoiceLevels(track(segment(0, 0, 20_000)));
  fill(shouting, 0, 20_000, 0.3);
  assert.ok(shouting.threshold < levelOf(0.3), "who never pauses is heard all the same");
});

test("a minute at a time, from the playhead on and then from the start", () => {
  const segments = Array.from({ length: 100 }, (_, index) => segment(index, index * 2000, index * 2000 + 2000));
  const voice = new VoiceLevels(track(...segments));
  const next = (ms) => {
    const run = voice.wanted(ms);
    for (const { index } of run) voice.known.add(index);
    return run.length ? [run[0].index, run.length] : null;
  };
  assert.deepEqual([next(150_000), next(150_000), next(0), next(150_000), next(0), next(0), next(0), next(0)], [[75, 25], [0, 30], [30, 30], [60, 15], null, null, null, null]);
});

test("columns are as high as their loudest moment, and below nothing where nothing is known", () => {
  const voice = new VoiceLevels(track(segment(0, 0, 4000)));
  fill(voice, 0, 1000, 1);
  fill(voice, 1000, 2000, 0.001);
  assert.deepEqual(heights(voice, 4000, 4), [1, 0, -1, -1]);
});

test("nothing of a deleted recording is asked for", async (t) => {
  const asked = [];
  t.mock.method(globalThis, "fetch", async (address) => asked.push(address) && new Response(null, { status: 410 }));
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const manifest = { session: { deleted: true }, tracks: [track(segment(0, 0, 2000))] };
  const levels = new Levels({ session: "s", manifest, clock: { now: 0 }, live: false, restless: false });
  levels.start();
  t.mock.timers.tick(10_000);
  assert.deepEqual(asked, []);
  manifest.session.deleted = false;
  levels.destroy();
  const kept = new Levels({ session: "s", manifest, clock: { now: 0 }, live: false, restless: false });
  kept.start();
  t.mock.timers.tick(10_000);
  await Promise.resolve();
  assert.deepEqual(asked, ["/api/sessions/s/tracks/a/init"]);
  kept.destroy();
});
