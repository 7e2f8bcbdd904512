// What is sold on the demonstration's form, and to whom.
import assert from "node:assert/strict";
import { test } from "node:test";
import { page } from "./page.mjs";

page();
const { PRODUCTS, QUESTIONS, hasForm, toleranceOf } = await import("../../../web/src/kiosk/form/catalogue.js");

/** Every way to answer the questions. */
const everyAnswer = () =>
  QUESTIONS.reduce((rows, { answers }) => rows.flatMap((row) => answers.map((_, at) => [...row, at + 1])), [[]]);

test("whoever answers most carefully may take the lowest risk, whoever dares most the highest", () => {
  assert.equal(toleranceOf([1, 1, 1, 1]), 1);
  assert.equal(toleranceOf([2, 2, 2, 2]), 3);
  assert.equal(toleranceOf([3, 3, 3, 3]), 4);
  assert.equal(toleranceOf([4, 4, 4, 4]), 5);
});

test("every way to answer gives a level from 1 to 5", () => {
  const levels = new Set(everyAnswer().map(toleranceOf));
  assert.deepEqual([...levels].sort(), [1, 2, 3, 4, 5]);
});

test("whoever can bear no loss is never sold more than the two lowest levels", () => {
  const careful = everyAnswer().filter((points) => points[2] === 1);
  assert.equal(careful.length, 64);
  assert.equal(Math.max(...careful.map(toleranceOf)), 2);
});

test("to dare more in one answer never lowers the level", () => {
  for (const points of everyAnswer()) {
    for (let at = 0; at < points.length; at++) {
      if (points[at] === 4) continue;
      const bolder = points.with ? points.with(at, points[at] + 1) : points;
      assert.ok(toleranceOf(bolder) >= toleranceOf(points), `${points} -> ${bolder}`);
    }
  }
});

test("each level of risk but the highest has a product, and what is sold can be bought", () => {
  assert.deepEqual(PRODUCTS.map(({ risk }) => risk), [1, 2, 3, 4]);
  assert.equal(new Set(PRODUCTS.map(({ id }) => id)).size, PRODUCTS.length);
  for (const { least, step, id } of PRODUCTS) assert.equal(least % step, 0, `the smallest amount of ${id} is one of its steps`);
});

test("only services for wealth have a form", () => {
  assert.deepEqual(["wealth", "wealth-private", "loans", "account", ""].map((id) => hasForm({ id })), [true, true, false, false, false]);
});
