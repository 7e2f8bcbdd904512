// The library's search in the address of its page.
import assert from "node:assert/strict";
import { test } from "node:test";

import { changed, searchOf, set, toQuery } from "../../../web/src/library/address.js";

const asked = (/** @type {string} */ text) => new URLSearchParams(text);

test("days are whole days of the viewer, and what is no filter is left out", () => {
  const query = toQuery(asked("from=2026-03-01&to=2026-03-02&text=%E5%BC%A0&odd=1&branch=&after=0-5&sort=oldest"));
  assert.equal(Number(query.get("since")), new Date(2026, 2, 1).getTime());
  assert.equal(Number(query.get("until")), new Date(2026, 2, 3).getTime());
  assert.deepEqual([...query.keys()].sort(), ["after", "since", "sort", "text", "until"]);
});

test("a day that is none is no filter", () => {
  for (const day of ["x", "2026-13-45", "1", "2026-03-01T00:00"]) assert.equal(String(toQuery(asked(`from=${day}`))), "");
});

test("every day of a year begins where the one before ended", () => {
  let day = new Date(2026, 0, 1);
  for (let number = 0; number < 366; number++) {
    const text = `${day.getFullYear()}-${String(day.getMonth() + 1).padStart(2, "0")}-${String(day.getDate()).padStart(2, "0")}`;
    const next = new Date(day.getFullYear(), day.getMonth(), day.getDate() + 1);
    const query = toQuery(asked(`from=${text}&to=${text}`));
    assert.equal(Number(query.get("since")), day.getTime());
    assert.equal(Number(query.get("until")), next.getTime());
    day = next;
  }
});

test("another search begins at its first page, and another branch has other kiosks", () => {
  const before = asked("branch=a&kiosk=k1&after=0-9&text=x");
  assert.equal(String(changed(before, { text: "y" })), "branch=a&kiosk=k1&text=y");
  assert.equal(String(changed(before, { branch: "b" })), "branch=b&text=x");
  assert.equal(String(changed(before, { branch: "a" })), "branch=a&kiosk=k1&text=x");
  assert.equal(String(changed(before, { text: "", branch: "" })), "");
  assert.equal(String(before), "branch=a&kiosk=k1&after=0-9&text=x", "what was there stays");
});

test("a page is in one direction", () => {
  assert.equal(String(changed(asked("text=x&after=0-9"), { before: "0-8" })), "text=x&before=0-8");
});

test("what is kept is the search, not the page", () => {
  assert.equal(String(searchOf(asked("after=0-9&sort=oldest&text=x&odd=1&flag=elderly"))), "text=x&flag=elderly&sort=oldest");
  assert.equal(set(asked("text=x&flag=&rating=1"), ["text", "flag", "rating", "kiosk"]), 2);
});
