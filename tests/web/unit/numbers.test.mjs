// Numbers that may not be seen, in one text and over several. (That the server reads alike is tested in Python.)
import assert from "node:assert/strict";
import { test } from "node:test";
import { CELL, END, JOINED, breaks, digitsOf, hide, isOrdinary, plainDigits, runsIn, seen, shapeOf } from "../../../web/src/cobrowse/numbers.js";
import { DIGITS, SHAPES, STARS } from "../../../web/src/cobrowse/patterns.js";

const CARD = "6222021000000000009";
const IDENTITY = "11010519491231002X";
const one = (text) => hide([text], [JOINED])[0];

test("a card, identity or telephone number is stars, and the words around it stay", () => {
  assert.equal(one(`Card ${CARD}, please`), `Card ${STARS}, please`);
  assert.equal(one(`身份证${IDENTITY}。`), `身份证${STARS}。`);
  assert.equal(one("Call 13800138000 or 139 0013 9000"), `Call ${STARS} or ${STARS}`);
});

test("neither groups nor signs between them show a number", () => {
  for (const text of ["6222 0210 0000 0000 009", "6222-0210-0000-0000-009", "6222.0210.0000.0000.009", "6222 - 0210 - 0000 - 0000 - 009", "6222​02100000​0000009"]) {
    assert.equal(one(text), STARS, text);
  }
});

test("digits of other scripts are digits", () => {
  assert.equal(one("６２２２０２１０００００００００００９"), STARS);
  assert.equal(one("六二二二〇二一〇〇〇〇〇〇〇〇〇〇〇九"), STARS);
  assert.equal(plainDigits("１二③"), "123");
  assert.equal(plainDigits("no digits"), "no digits");
});

test("a text keeps its length when its digits are read", () => {
  for (const digit of ["𝟗", "🯹", "９", "九"]) assert.equal(plainDigits(`a${digit}b`).length, `a${digit}b`.length, digit);
  assert.equal([...DIGITS].length % 10, 0, "each script has ten");
});

test("ordinary figures stay", () => {
  for (const text of ["2026-11-29", "2026/11/29 23:50", "1,234,567.89", "50,000 yuan", "400-800-1234", "192.168.100.200", "90 days", "3.20% – 5.50%",
    "1 2 3 4 5 6 7 8 9 10 11 12"]) assert.equal(one(text), text);
});

test("what goes up side by side is a row, what does not is a number", () => {
  assert.equal(isOrdinary("1 2 3 4 5 6 7 8 9"), true);
  assert.equal(isOrdinary("1 2 3 4 5 6 7 8 8"), false);
  assert.equal(isOrdinary("6 2 2 2 0 2 1 0 0 0"), false);
});

test("a number over several texts is found, and its stars stand where it began", () => {
  const texts = ["Card 62", "22", "021000000000009 ok"];
  assert.deepEqual(hide(texts, [JOINED, JOINED, JOINED]), [`Card ${STARS}`, "", " ok"]);
  assert.deepEqual(texts, ["Card 62", "22", "021000000000009 ok"], "what was given is not changed");
});

test("a number over boxes side by side is found, figures of different parts are not one", () => {
  const groups = ["6222", "0210", "0000", "0000", "009"];
  assert.deepEqual(hide(groups, groups.map(() => CELL)), [STARS, "", "", "", ""]);
  assert.deepEqual(hide(["3", "2026"], [END, END]), ["3", "2026"]);
});

test("texts without any digit come back as they are", () => {
  const texts = ["Hello", "", "您好"];
  assert.equal(hide(texts, [JOINED, END, END]), texts);
  assert.deepEqual(hide([], []), []);
});

test("somebody else may name digits, or other parts of a line", () => {
  const short = "the code is 4711 now";
  assert.equal(hide([short], [JOINED], { run: ({ digits }) => digits === "4711" })[0], `the code is ${STARS} now`);
  assert.equal(hide(["王芳 signs"], [JOINED], { spans: () => [[0, 2]] })[0], `${STARS} signs`);
});

test("spans that overlap are hidden once", () => {
  assert.equal(hide(["abcdef"], [JOINED], { spans: () => [[1, 4], [2, 5]] })[0], `a${STARS}f`);
});

test("each shape is known by its check, and by nothing near it", () => {
  assert.equal(shapeOf(IDENTITY, [18]), "identity card");
  assert.equal(shapeOf(CARD, [19]), "bank card");
  assert.equal(shapeOf("13800138000", [3, 4, 4]), "mobile telephone");
  assert.equal(shapeOf("8613800138000", [2, 3, 4, 4]), "mobile telephone with its country");
  assert.equal(shapeOf("13800138000", [5, 6]), "", "not in its usual groups");
  assert.equal(shapeOf(CARD.replace(/9$/, "8"), [19]), "");
  assert.equal(shapeOf(IDENTITY.replace("X", "1"), [18]), "");
  assert.equal(shapeOf("X11010519491231002", [18]), "", "an X stands at the end only");
  assert.equal(new Set(SHAPES.map(({ name }) => name)).size, SHAPES.length);
});

test("digits of a run, with the X that an identity number ends in", () => {
  assert.deepEqual(["1101 0519 x", "11-22", "12×"].map(digitsOf), ["11010519X", "1122", "12X"]);
  assert.deepEqual(runsIn("a 12 34 b ５６").map(({ digits }) => digits), ["1234", "56"]);
});

test("what nobody sees is left out, and what breaks a number is told", () => {
  assert.equal(seen("62​22­02"), "622202");
  assert.deepEqual(["-", " ", "1", "a", "元"].map(breaks), [false, false, false, true, true]);
});

for (const part of ["12 ab 34, ", "1", "1O", "１"]) test(`time grows with the length of a text and no faster: ${part}`, () => {
  const took = (count) => {
    const text = part.repeat(count);
    const begun = process.cpuUsage();
    hide([text], [JOINED]);
    return process.cpuUsage(begun).user;
  };
  took(2000);
  const [small, large] = [2000, 20_000].map((count) => Math.min(took(count), took(count), took(count)));
  assert.ok(large < 100 * Math.max(small, 1000), `${small} µs, then ${large} µs for ten times as much`);
});
