// How a specialist wants to see customers' screens, and what a browser makes of it.
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { keepSettings, readSettings } from "../../../web/src/console/screen-settings.js";

const USUAL = { zoom: "readable", follow: true, hatched: false };
const kept = new Map();
beforeEach(() => {
  kept.clear();
  globalThis.localStorage = { getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => void kept.set(key, value) };
});

test("who never chose has the usual", () => assert.deepEqual(readSettings("lin"), USUAL));

test("what was chosen is kept for each specialist", () => {
  const chosen = { zoom: "whole", follow: false, hatched: true };
  keepSettings("lin", chosen);
  assert.deepEqual(readSettings("lin"), chosen);
  assert.deepEqual(readSettings("zhao"), USUAL);
});

test("what is not understood is as if it were not there", () => {
  for (const text of ["", "{", "null", "7", '"x"', "[]", '{"zoom": "huge", "follow": 0, "hatched": "yes"}']) {
    kept.set("visavis.console.screen.lin", text);
    const { zoom, hatched } = readSettings("lin");
    assert.deepEqual([zoom, hatched], ["readable", false], text);
  }
});

test("a browser without storage has the usual, and forgets without a word", () => {
  const refused = () => {
    throw new Error("no storage");
  };
  globalThis.localStorage = { getItem: refused, setItem: refused };
  keepSettings("lin", USUAL);
  assert.deepEqual(readSettings("lin"), USUAL);
});
