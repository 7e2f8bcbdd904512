// What was played is told joined, bounded and once, and again where it did not arrive.
import assert from "node:assert/strict";
import { test } from "node:test";
import { PlayedReport, joined } from "../../../web/src/library/played-report.js";

test("ranges that meet are one, in any order", () => {
  assert.deepEqual(joined([[5000, 6000], [0, 1000], [1000, 2000], [500, 700]]), [[0, 2000], [5000, 6000]]);
  assert.deepEqual(joined([]), []);
});

test("there are few and nothing is missing of them", () => {
  const many = Array.from({ length: 400 }, (_, at) => /** @type {[number, number]} */ ([at * 1000 + (at % 7) * 10, at * 1000 + 500]));
  const few = joined(many);
  assert.equal(few.length, 100);
  for (const [from, to] of many) assert.ok(few.some(([low, high]) => low <= from && to <= high));
});

test("each is told once, and again where it did not arrive", async () => {
  const told = [];
  let arrives = false;
  const report = new PlayedReport(async (ranges) => (told.push(ranges), arrives));
  await report.tell();
  assert.deepEqual(told, []);
  report.add(0, 1000);
  await report.tell();
  report.add(1000, 2000);
  report.add(9000, 9500);
  arrives = true;
  await report.tell();
  await report.tell();
  assert.deepEqual(told, [[[0, 1000]], [[0, 2000], [9000, 9500]]]);
});

test("what is played while a report is on its way is in the next one", async () => {
  const told = [];
  let arrived = () => {};
  const report = new PlayedReport((ranges) => (told.push(ranges), new Promise((resolve) => (arrived = () => resolve(true)))));
  report.add(0, 1000);
  const first = report.tell();
  report.add(1000, 2000);
  await report.tell();
  assert.equal(told.length, 1);
  arrived();
  await first;
  const second = report.tell();
  arrived();
  await second;
  assert.deepEqual(told, [[[0, 1000]], [[1000, 2000]]]);
});
