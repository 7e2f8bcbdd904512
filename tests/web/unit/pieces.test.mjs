// Batches of co-browsing as pieces of text that a stream takes.
import assert from "node:assert/strict";
import { test } from "node:test";
import { PIECE_UNITS, cut, wellFormed } from "../../../web/src/cobrowse/pieces.js";

/** Whether a text has no half of a character. */
const whole = (text) => !/\p{Surrogate}/u.test(text);

test("no piece is too long, and together they are the text", () => {
  for (const length of [1, PIECE_UNITS - 1, PIECE_UNITS, PIECE_UNITS + 1, 3 * PIECE_UNITS]) {
    const text = "abcdefg".repeat(length).slice(0, length);
    const pieces = cut(text);
    assert.equal(pieces.join(""), text);
    assert.equal(pieces.length, Math.ceil(length / PIECE_UNITS));
    assert.ok(pieces.every((piece) => piece.length <= PIECE_UNITS));
  }
  assert.deepEqual(cut(""), []);
});

test("no character is cut in two, wherever the edges fall", () => {
  for (const before of [PIECE_UNITS - 2, PIECE_UNITS - 1, PIECE_UNITS]) {
    const text = "a".repeat(before) + "😀".repeat(PIECE_UNITS);
    const pieces = cut(text);
    assert.equal(pieces.join(""), text);
    assert.ok(pieces.every((piece) => whole(piece) && piece.length <= PIECE_UNITS));
  }
  assert.deepEqual(cut("a".repeat(15_999) + "😀".repeat(9000)).map(({ length }) => length), [15_999, 16_000, 2000]);
});

test("half a character that a page made is replaced, whole ones stay", () => {
  const written = JSON.stringify({ text: "a\ud83d b😀 \ude00c", list: ["\ud83d"], number: 7, nothing: null }, wellFormed);
  assert.deepEqual(JSON.parse(written), { text: "a\ufffd b😀 \ufffdc", list: ["\ufffd"], number: 7, nothing: null });
  assert.ok(whole(written));
});
