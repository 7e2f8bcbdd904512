// Which screen of the kiosk follows from what is known.
import assert from "node:assert/strict";
import { test } from "node:test";
import { freshVisit, initialState, isOpen, isTalking, openDocument, screenOf } from "../../../web/src/kiosk/state.js";

const CONFIG = { type: "kiosk_config" };
const session = (state, more = {}) => ({ id: "s1", state, specialist: null, rated: null, documents: [], ...more });
const at = (changes) => screenOf({ ...initialState(), config: CONFIG, ...changes });

test("before anything is known the kiosk starts, then it waits for a customer", () => {
  assert.equal(screenOf(initialState()), "starting");
  assert.equal(at({}), "home");
  assert.deepEqual(["services", "notice", "unrecorded"].map((view) => at({ view })), ["services", "notice", "unrecorded"]);
});

test("a call is shown whatever the page showed before", () => {
  for (const view of ["home", "services", "notice", "unrecorded"]) {
    for (const config of [CONFIG, null]) {
      assert.equal(at({ view, config, session: session("waiting") }), "waiting");
      assert.equal(at({ view, config, session: session("ringing"), thanks: true }), "waiting");
      assert.equal(at({ view, config, session: session("active"), thanks: true }), "call");
      assert.equal(at({ view, config, session: session("held") }), "call");
    }
  }
});

test("whoever talked to an expert is asked how it was, once", () => {
  const over = session("ended", { specialist: "lin" });
  assert.equal(at({ session: over }), "rating");
  assert.equal(at({ session: { ...over, rated: 4 } }), "home");
  assert.equal(at({ session: over, thanks: true }), "thanks");
});

test("whoever never got an expert is asked nothing", () => {
  assert.equal(at({ session: session("ended") }), "home");
  assert.equal(at({ session: session("closed"), view: "unrecorded" }), "unrecorded");
});

test("a call is live from the queue to the end, and talk is two of its states", () => {
  const states = ["waiting", "ringing", "active", "held", "ended", "closed"];
  assert.deepEqual(states.map((state) => isOpen(session(state))), [true, true, true, true, false, false]);
  assert.deepEqual(states.map((state) => isTalking(session(state))), [false, false, true, true, false, false]);
  assert.deepEqual([isOpen(null), isTalking(null)], [false, false]);
});

test("of several documents the last that still needs the customer is shown", () => {
  const documents = ["accepted", "requested", "stored", "rejected", "declined"].map((state, id) => ({ id, state }));
  assert.equal(openDocument(session("active", { documents }))?.id, 3);
  assert.equal(openDocument(session("active", { documents: documents.slice(0, 3) }))?.id, 1);
  assert.equal(openDocument(session("active", { documents: [documents[0], documents[2]] })), null);
  assert.equal(openDocument(session("active", { documents: [{ id: 9, state: "failed" }] }))?.id, 9);
});

test("on hold nobody is asked, but what is being taken goes on", () => {
  const documents = [{ id: 1, state: "agreed" }, { id: 2, state: "requested" }];
  assert.equal(openDocument(session("active", { documents }))?.id, 2);
  assert.equal(openDocument(session("held", { documents }))?.id, 1);
  assert.equal(openDocument(session("held", { documents: [documents[1]] })), null);
});

test("outside of a call no document is asked for", () => {
  const documents = [{ id: 1, state: "requested" }];
  assert.deepEqual(["waiting", "ringing", "ended"].map((state) => openDocument(session(state, { documents }))), [null, null, null]);
  assert.equal(openDocument(null), null);
});

test("a new customer finds nothing of the one before", () => {
  const visited = { ...initialState(), config: CONFIG, visit: 3, view: "notice", service: { id: "loans" }, brokenOff: true, form: true, step: "review",
    busy: true, error: "unavailable", thanks: true, elderly: true, ending: true, idleLeft: 3 };
  const next = { ...visited, ...freshVisit() };
  assert.deepEqual(Object.keys(visited).filter((name) => visited[name] === next[name] && name in freshVisit()), []);
  assert.equal(next.visit, 3, "which customer it is, is counted elsewhere");
  assert.notEqual(initialState().chat, initialState().chat, "two pages share nothing");
});
