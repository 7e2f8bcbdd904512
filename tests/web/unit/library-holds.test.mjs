// Legal holds: how long a rule keeps, in words.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

// The module draws with Lit, which only a browser has: its one pure function is read from the source.
const source = readFileSync(new URL("../../../web/src/library/holds.js", import.meta.url), "utf8");
const body = /export function periodWords\(keep\) \{[\s\S]*?\n\}/.exec(source)?.[0].replace("export ", "") ?? "";
/** @param {string} code */
const inLanguage = (code) => new Function("language", "t", `${body}; return periodWords;`)(() => code, (/** @type {string} */ text) => text);

test("a period is said in years, months and days", () => {
  assert.equal(inLanguage("en")("P1Y"), "1 year");
  assert.equal(inLanguage("en")("P1Y6M"), "1 year 6 months");
  assert.equal(inLanguage("en")("P0Y6M180D"), "6 months 180 days");
  assert.equal(inLanguage("zh-CN")("P5Y"), "5年");
  assert.equal(inLanguage("zh-CN")("P6M"), "6个月");
});

test("no time at all has a word too", () => {
  assert.equal(inLanguage("en")("P0D"), "at once");
});
