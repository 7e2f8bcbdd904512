// Selecting sessions of a list.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Selection } from "../../../web/src/library/selection.js";

const SHOWN = ["a", "b", "c", "d", "e"];
const chosen = (selection) => SHOWN.filter((id) => selection.has(id)).join("");

test("one by one, a range in either direction, and out again", () => {
  const selection = new Selection();
  assert.equal(selection.of(SHOWN), "none");
  selection.set("b", true, SHOWN, true);
  assert.equal(chosen(selection), "b");
  selection.set("d", true, SHOWN, true);
  assert.equal(chosen(selection), "bcd");
  assert.equal(selection.of(SHOWN), "some");
  selection.set("c", false, SHOWN);
  selection.set("a", false, SHOWN, true);
  assert.equal(chosen(selection), "d");
  selection.set("e", true, SHOWN);
  selection.set("c", true, SHOWN, true);
  assert.equal(chosen(selection), "cde");
  assert.equal(selection.size, 3);
});

test("all that are shown, and nothing that is not", () => {
  const selection = new Selection();
  selection.setAll(SHOWN, true);
  assert.equal(selection.of(SHOWN), "all");
  selection.keep(["d", "e", "f"]);
  assert.equal(chosen(selection), "de");
  assert.equal(selection.of(["d", "e", "f"]), "some");
  selection.setAll(SHOWN, false);
  assert.deepEqual([selection.size, selection.of(SHOWN), selection.of([])], [0, "none", "none"]);
});

test("a range from what is not shown any more is one", () => {
  const selection = new Selection();
  selection.set("a", true, SHOWN);
  selection.keep(["c", "d", "e"]);
  selection.set("e", true, ["c", "d", "e"], true);
  assert.equal(chosen(selection), "e");
});
