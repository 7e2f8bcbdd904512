// Texts in the page's language, and times of day and lengths in words of it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { page } from "./page.mjs";

page();
const asked = [];
let answer = { ok: true, json: async () => ({ "Hello {name}": "您好，{name}", Empty: "" }) };
globalThis.fetch = async (address) => (asked.push(address), answer);
const { LanguageController, formatDateTime, formatDuration, language, languageEvents, msg, setLanguage, t } = await import("../../../web/src/i18n.js");

test("an English page asks for no catalog and says what stands in the source", () => {
  assert.deepEqual([language(), asked], ["en", []]);
  assert.equal(t("Hello {name}", { name: "Li" }), "Hello Li");
  assert.equal(msg("Hello"), "Hello");
});

test("what is put in may be anything, and what is not given stays visible", () => {
  assert.equal(t("{a} of {b}", { a: 0, b: "" }), "0 of ");
  assert.equal(t("{a} {b}", { a: "{b}", b: "x" }), "{b} x", "what was put in is no message");
  assert.equal(t("{a}", { a: "$&" }), "$&");
});

test("a language that there is not is refused before anything is asked for", async () => {
  await assert.rejects(setLanguage("fr"), RangeError);
  assert.deepEqual(asked, []);
});

test("a catalog that cannot be had leaves the page as it was", async () => {
  const good = answer;
  answer = { ok: false, status: 503 };
  await assert.rejects(setLanguage("zh-CN"), /503/);
  assert.deepEqual([language(), document.cookie], ["en", ""]);
  answer = good;
});

test("a switch translates, remembers itself and is told once", async () => {
  const live = { dataset: { t: "Hello {name}", tValues: '{"name": "王"}' }, textContent: "" };
  document.querySelectorAll = () => [live];
  let changes = 0;
  languageEvents.addEventListener("change", () => (changes += 1));
  asked.length = 0;
  await setLanguage("zh-CN");
  assert.deepEqual([language(), document.documentElement.lang, live.textContent], ["zh-CN", "zh-CN", "您好，王"]);
  assert.match(document.cookie, /^lang=zh-CN;.*samesite=lax/);
  await setLanguage("zh-CN");
  assert.equal(changes, 1);
  assert.deepEqual(asked, ["/static/locales/zh-CN.json"], "a catalog is asked for once");
});

test("a message that the catalog lacks, or has nothing for, is shown in English", () => {
  assert.deepEqual([t("No such message"), t("Empty")], ["No such message", "Empty"]);
});

test("lengths of time", () => {
  const lengths = [0, 9, 59.9, 60, 599, 3599, 3600, 36_061, -5].map(formatDuration);
  assert.deepEqual(lengths, ["0:00", "0:09", "0:59", "1:00", "9:59", "59:59", "1:00:00", "10:01:01", "0:00"]);
});

test("dates have the words of the language", async () => {
  const moment = new Date(2026, 0, 5, 15, 4, 5);
  assert.match(formatDateTime(moment), /2026年1月5日/);
  await setLanguage("en");
  assert.match(formatDateTime(moment), /Jan 5, 2026/);
});

test("an element is drawn again while it is on the page, and not after", async () => {
  let drawn = 0;
  const host = { addController: (one) => (host.one = one), requestUpdate: () => (drawn += 1) };
  new LanguageController(host);
  await setLanguage("zh-CN");
  assert.equal(drawn, 0);
  host.one.hostConnected();
  await setLanguage("en");
  assert.equal(drawn, 1);
  host.one.hostDisconnected();
  await setLanguage("zh-CN");
  assert.equal(drawn, 1);
});
