// What the lobby guide is shown of the branch's kiosks, and what becomes of "I am going".
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { Time, page } from "./page.mjs";

page();
const time = new Time();
const { Branch } = await import("../../../web/src/guide/branch.js");
const { LinkError } = await import("../../../web/src/link/connection.js");

const kiosk = (name, more = {}) => ({ kiosk: name, name, online: true, session_state: null, assistance: null, taken_by: "", ...more });
let link;
let branch;
let events;
beforeEach(() => {
  link = Object.assign(new EventTarget(), { state: "connecting", reason: null, requests: [], answer: async () => ({ type: "done" }) });
  link.request = (body) => (link.requests.push(body), link.answer());
  branch = new Branch(link);
  events = [];
  for (const name of ["change", "call"]) branch.addEventListener(name, () => events.push(name));
});
const told = (...kiosks) => link.dispatchEvent(new CustomEvent("message", { detail: { type: "branch", kiosks } }));
const becomes = (state, reason = null) => (Object.assign(link, { state, reason }), link.dispatchEvent(new Event("state")));

test("whoever needs somebody stands first, then whoever is helped, then those that are out of reach, then calls", () => {
  told(kiosk("free"), kiosk("calls", { session_state: "active" }), kiosk("away", { online: false }), kiosk("helped", { assistance: "help", taken_by: "Zhao" }),
    kiosk("asks", { assistance: "help" }), kiosk("another"));
  assert.deepEqual(branch.kiosks.map(({ name }) => name), ["asks", "helped", "away", "calls", "another", "free"]);
  assert.deepEqual([branch.known, branch.at], [true, time.now]);
});

test("a customer who newly asks is told once, and again when another one does", () => {
  told(kiosk("a"));
  told(kiosk("a", { assistance: "help" }));
  told(kiosk("a", { assistance: "help" }));
  assert.deepEqual(events, ["change", "change", "call", "change"]);
  told(kiosk("a", { assistance: "help" }), kiosk("b", { assistance: "help" }));
  assert.equal(events.filter((name) => name === "call").length, 2);
});

test("whoever is helped already, and other messages, call nobody", () => {
  told(kiosk("a", { assistance: "help", taken_by: "Zhao" }));
  link.dispatchEvent(new CustomEvent("message", { detail: { type: "queue" } }));
  assert.deepEqual(events, ["change"]);
  assert.deepEqual(branch.asking, []);
});

test("a customer whose helper left asks anew", () => {
  told(kiosk("a", { assistance: "help", taken_by: "Zhao" }));
  told(kiosk("a", { assistance: "help" }));
  assert.deepEqual(events, ["change", "change", "call"]);
});

test("why a connection is closed for good is known, and forgotten when there is another", () => {
  becomes("closed", { code: "replaced" });
  assert.equal(branch.closed, "replaced");
  becomes("closed");
  assert.equal(branch.closed, "unavailable");
  becomes("open");
  assert.deepEqual([branch.link, branch.closed], ["open", null]);
});

test("a second press while the first is under way asks nothing", async () => {
  let done;
  link.answer = () => new Promise((resolve) => (done = resolve));
  const first = branch.take("a", false);
  await branch.take("a", false);
  assert.deepEqual([[...branch.busy], link.requests], [["a"], [{ type: "assistance_take", kiosk: "a", done: false }]]);
  done({});
  await first;
  assert.equal(branch.busy.size, 0);
});

test("a refusal is said until the next success", async () => {
  link.answer = async () => {
    throw new LinkError("wrong_state");
  };
  await branch.take("a", true);
  assert.equal(branch.trouble, "wrong_state");
  link.answer = async () => {
    throw new TypeError("ours");
  };
  await branch.take("a", true);
  assert.equal(branch.trouble, "internal");
  link.answer = async () => ({});
  await branch.take("a", true);
  assert.deepEqual([branch.trouble, branch.busy.size], [null, 0]);
});
