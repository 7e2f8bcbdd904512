// Where on the page the customer is just doing something, as rrweb's events tell.
import assert from "node:assert/strict";
import { test } from "node:test";
import { whereabouts } from "../../../web/src/cobrowse/whereabouts.js";

const event = (source, data = {}) => ({ type: 3, data: { source, ...data } });
const field = { getBoundingClientRect: () => ({ left: 100, top: 40, width: 60, height: 20 }) };
const nodeOf = (id) => (id === 7 ? field : id === 8 ? { getBoundingClientRect: () => ({ left: 0, top: 0, width: 0, height: 0 }) } : null);
const at = (one) => whereabouts(one, nodeOf);

test("the last of several places that a pointer, finger or drag went to", () => {
  for (const source of [1, 6, 12]) assert.deepEqual(at(event(source, { positions: [{ x: 1, y: 2 }, { x: 3, y: 4 }] })), { x: 3, y: 4 });
  assert.equal(at(event(1, { positions: [] })), null);
  assert.equal(at(event(1)), null);
});

test("where something was pressed", () => {
  assert.deepEqual(at(event(2, { type: 2, x: 5, y: 6, id: 7 })), { x: 5, y: 6 });
});

test("the middle of the field that has the focus or is typed into", () => {
  assert.deepEqual(at(event(2, { type: 5, id: 7 })), { x: 130, y: 50 });
  assert.deepEqual(at(event(5, { id: 7, text: "a" })), { x: 130, y: 50 });
});

test("neither a field that is gone, nor one that is not seen, nor a blur is a place", () => {
  assert.equal(at(event(5, { id: 9 })), null);
  assert.equal(at(event(5, { id: 8 })), null);
  assert.equal(at(event(2, { type: 6, id: 7 })), null);
});

test("other events, and figures that are none, tell of no place", () => {
  assert.equal(at(event(0)), null);
  assert.equal(at(event(3, { x: 1, y: 2 })), null);
  assert.equal(at({ type: 2, data: {} }), null);
  assert.equal(at(null), null);
  assert.equal(at(event(2, { type: 2, x: Number.NaN, y: 2 })), null);
});
