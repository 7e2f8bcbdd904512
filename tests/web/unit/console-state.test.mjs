// What the console knows after each message of the server.
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { Time, page, settled } from "./page.mjs";

page();
const time = new Time();
const { Store, inCall, inWrapUp, isLead, ownPause } = await import("../../../web/src/console/state.js");

const ME = "person-1";
const session = (id, state, more = {}) => ({ id, state, specialist: ME, note: "", outcome: null, ...more });
const told = (one) => store.apply({ type: "session", session: one });
const chat = (id, sender, text = id) => store.apply({ type: "chat", session: "s1", chat: { id, sender, text, at: 0 } });
let store;
beforeEach(() => {
  store = new Store();
  store.apply({ type: "console_config", person: ME, ring_s: 20 });
});

test("a change is told once for all that changed in one turn", async () => {
  await settled();
  let changes = 0;
  store.addEventListener("change", () => (changes += 1));
  store.set({ help: true });
  store.set({ unread: 2 });
  assert.equal(changes, 0);
  await settled();
  assert.equal(changes, 1);
  store.set({ help: false });
  await settled();
  assert.equal(changes, 2);
});

test("it says that a second has gone by", async () => {
  let seconds = 0;
  store.addEventListener("second", () => (seconds += 1));
  await time.pass(3500);
  assert.equal(seconds, 3);
});

test("who rings, until when, and of how long", () => {
  store.apply({ type: "ring", session: session("s1", "ringing"), remaining_s: 12 });
  assert.deepEqual([store.state.ring.deadline - time.now, store.state.ring.total, store.state.ring.settling], [12_000, 20_000, null]);
  store.apply({ type: "ring_stop", session: "s2" });
  assert.equal(store.state.ring.session.id, "s1", "another call stopped");
  store.apply({ type: "ring_stop", session: "s1" });
  assert.equal(store.state.ring, null);
});

test("a ring that lasts longer than the rule has its own length", () => {
  store.apply({ type: "ring", session: session("s1", "ringing"), remaining_s: 35 });
  assert.equal(store.state.ring.total, 35_000);
});

test("whoever is available or is rung at takes calls, whatever else is said", () => {
  const takes = (presence, takes_calls, reason) => {
    store.apply({ type: "presence", presence, takes_calls, reason });
    return [store.state.takesCalls, store.state.paused];
  };
  assert.deepEqual(takes("available", false), [true, ""]);
  assert.deepEqual(takes("ringing", false), [true, ""]);
  assert.deepEqual(takes("busy", true), [true, ""]);
  assert.deepEqual(takes("busy", false, "own"), [false, "own"]);
  assert.deepEqual(takes("not_responding", false, "missed"), [false, "missed"]);
});

test("an answered call takes the place of what rang", () => {
  store.apply({ type: "ring", session: session("s1", "ringing"), remaining_s: 12 });
  told(session("s1", "active", { note: "earlier" }));
  assert.deepEqual([store.state.ring, store.state.session.id, store.state.note], [null, "s1", "earlier"]);
  assert.equal(store.state.sessionAt, time.now);
});

test("a call of somebody else, and one that only rings or waits, is none of this console", () => {
  told(session("s1", "active", { specialist: "person-2" }));
  told(session("s1", "ringing"));
  told(session("s1", "waiting"));
  assert.equal(store.state.session, null);
});

test("a call that somebody else leads is of this console once its specialist takes part", () => {
  const led = (invited) => session("s1", "active", { specialist: "person-2", participants: [{ id: "specialist-2", person: ME, invited }] });
  told(led(true));
  assert.equal(store.state.session, null, "asked is not yet there");
  told(led(false));
  assert.equal(store.state.session.id, "s1");
  told(session("s1", "active", { specialist: "person-2", participants: [] }));
  assert.equal(store.state.session, null, "and left again");
});

test("who is asked to join a call is rung as which participant", () => {
  store.apply({ type: "invitation", session: session("s1", "active"), remaining_s: 8, participant: "specialist-2" });
  assert.deepEqual([store.state.ring.invitation, store.state.ring.deadline - time.now], ["specialist-2", 8000]);
  store.apply({ type: "invitation_over", session: "s0" });
  assert.equal(store.state.ring?.invitation, "specialist-2", "that was another one");
  store.apply({ type: "invitation_over", session: "s1" });
  assert.equal(store.state.ring, null);
  store.apply({ type: "ring", session: session("s2", "ringing"), remaining_s: 8 });
  assert.equal(store.state.ring.invitation, undefined);
});

test("a call that was given to somebody else is gone, and with it what was written", () => {
  told(session("s1", "active"));
  chat("c1", "kiosk");
  store.set({ note: "private", noteState: "typing" });
  told(session("s1", "waiting", { specialist: null }));
  assert.deepEqual([store.state.session, store.state.chat, store.state.note, store.state.noteState], [null, [], "", "saved"]);
});

test("news of another call that is over leave this one alone", () => {
  told(session("s1", "active"));
  told(session("s0", "closed"));
  assert.equal(store.state.session.id, "s1");
});

test("what is typed is not replaced by what the server has, until it is saved", () => {
  told(session("s1", "active", { note: "old" }));
  store.set({ note: "old and new", noteState: "typing" });
  told(session("s1", "held", { note: "old" }));
  assert.equal(store.state.note, "old and new");
  store.set({ noteState: "saved" });
  told(session("s1", "active", { note: "as saved" }));
  assert.equal(store.state.note, "as saved");
});

test("the next call begins with nothing of the one before", () => {
  told(session("s1", "active"));
  chat("c1", "kiosk");
  store.set({ note: "of the first", noteState: "typing", emphasis: "camera", pointing: false, highlighted: 7, shown: true, document: "d1" });
  told(session("s2", "active", { note: "" }));
  const { chat: lines, unread, note, emphasis, pointing, highlighted, shown, document } = store.state;
  assert.deepEqual([lines, unread, note, emphasis, pointing, highlighted, shown, document], [[], 0, "", "screen", true, null, false, null]);
});

test("when the call has ended, what covers the page goes and the notes stay", () => {
  told(session("s1", "active"));
  store.set({ document: "d1", help: true, note: "wants 12 months", noteState: "typing" });
  told(session("s1", "ended"));
  assert.deepEqual([store.state.document, store.state.help, store.state.note], [null, false, "wants 12 months"]);
  assert.deepEqual([inCall(store.state.session), inWrapUp(store.state.session)], [false, true]);
  told(session("s1", "ended", { outcome: "resolved" }));
  assert.equal(store.state.session, null);
});

test("a call is talk or hold, and wrap-up only while its outcome is missing", () => {
  assert.deepEqual(["waiting", "ringing", "active", "held", "ended"].map((state) => inCall(session("s", state))), [false, false, true, true, false]);
  assert.deepEqual([inCall(null), inWrapUp(null), inWrapUp(session("s", "ended", { outcome: "other" }))], [false, false, false]);
});

test("a call that ended without its specialist leaves a word of it", () => {
  told(session("s1", "active"));
  store.apply({ type: "session_gone", reason: "requeued", session: "s1" });
  assert.deepEqual([store.state.session, store.state.gone.reason, store.state.gone.session.id], [null, "requeued", "s1"]);
  told(session("s2", "active"));
  assert.equal(store.state.gone, null, "the next call ends it");
});

test("where the server gives no reason, it is told by what was there before", () => {
  store.apply({ type: "session_gone" });
  assert.equal(store.state.gone, null, "nothing was there");
  told(session("s1", "active"));
  store.apply({ type: "session_gone" });
  assert.deepEqual([store.state.gone.reason, store.state.gone.session.id], ["over", "s1"]);
});

test("a call that is gone and was not this one has no particulars", () => {
  told(session("s1", "active"));
  store.apply({ type: "session_gone", reason: "overdue", session: "s0" });
  assert.deepEqual(store.state.gone, { reason: "overdue", session: null });
});

test("lines of the customer are counted until they are looked at, own ones are not", () => {
  told(session("s1", "active"));
  chat("c1", "kiosk");
  chat("c2", "specialist");
  chat("c3", "kiosk");
  chat("c4", "customer-1");
  chat("c5", "interpreter-1");
  assert.deepEqual([store.state.chat.map(({ id }) => id), store.state.unread], [["c1", "c2", "c3", "c4", "c5"], 3]);
});

test("a line that comes again is the same line", () => {
  told(session("s1", "active"));
  store.set({ chat: [{ id: "c1", sender: "specialist", text: "Hello", at: 0, pending: true }] });
  chat("c1", "specialist", "Hello");
  assert.equal(store.state.chat.length, 1);
  assert.equal(store.state.chat[0].pending, undefined, "it has arrived");
  chat("c1", "kiosk");
  assert.equal(store.state.unread, 0);
});

test("a line of another call is not shown", () => {
  told(session("s2", "active"));
  chat("c1", "kiosk");
  assert.deepEqual(store.state.chat, []);
});

test("a new stream brings all again; only what is not saved yet is kept", () => {
  told(session("s1", "active"));
  chat("c1", "kiosk");
  store.apply({ type: "ring", session: session("s2", "ringing"), remaining_s: 9 });
  store.set({ note: "half a word", noteState: "saving", shown: true });
  store.fresh();
  const { ring, chat: lines, unread, shown, note, noteState, session: kept } = store.state;
  assert.deepEqual([ring, lines, unread, shown, note, noteState, kept.id], [null, [], 0, false, "half a word", "saving", "s1"]);
});

test("a queue without a count of colleagues has none", () => {
  store.apply({ type: "queue", waiting: 3, calls: [] });
  assert.deepEqual(store.state.queue, { waiting: 3, available: 0, calls: [], at: time.now });
});

test("messages about media change nothing", async () => {
  await settled();
  let changes = 0;
  store.addEventListener("change", () => (changes += 1));
  store.apply({ type: "leg_candidate" });
  store.apply({ type: "cobrowse" });
  await settled();
  assert.equal(changes, 0);
});

test("notices go by themselves, a danger stays until it is closed", async () => {
  store.notify("info", "Saved");
  store.notify("danger", "It did not work");
  await time.pass(6999);
  assert.equal(store.state.notices.length, 2);
  await time.pass(1);
  assert.deepEqual(store.state.notices.map(({ kind }) => kind), ["danger"]);
  await time.pass(60_000);
  store.dismiss(store.state.notices[0].id);
  assert.deepEqual(store.state.notices, []);
});

test("the same is said once, and no more than three notices are shown", () => {
  for (const text of ["a", "b", "c", "d", "b"]) store.notify("danger", text);
  assert.deepEqual(store.state.notices.map(({ text }) => text), ["c", "d", "b"]);
  assert.equal(new Set(store.state.notices.map(({ id }) => id)).size, 3);
});

test("how complete the record is belongs to the call that is open, and goes with it", () => {
  const statement = (id, complete) => ({ type: "recording_statement", session: id, tracks: [], complete, final: false });
  store.apply(statement("s1", true));
  assert.equal(store.state.statement, null, "there is no call");
  told(session("s1", "active"));
  store.apply(statement("s2", true));
  assert.equal(store.state.statement, null, "another call's");
  store.apply(statement("s1", false));
  assert.equal(store.state.statement.complete, false);
  told(session("s1", "ended"));
  assert.equal(store.state.statement.complete, false, "it stays for the time after the call");
  store.apply({ type: "session_gone", reason: null, session: null });
  assert.equal(store.state.statement, null);
});

test("who leads the call, and which pause of the recording is the specialist's own", () => {
  assert.equal(isLead(store.state), false);
  told(session("s1", "active"));
  assert.equal(isLead(store.state), true);
  told(session("s1", "active", { specialist: "person-2", participants: [{ id: "guide-1", person: ME }] }));
  assert.equal(isLead(store.state), false);
  const typed = { by: "customer-1", reason: "secret_field", automatic: true };
  const made = { by: "specialist-1", reason: "card", automatic: false };
  assert.equal(ownPause(null), null);
  assert.equal(ownPause(session("s1", "active", { pauses: [typed] })), null);
  assert.equal(ownPause(session("s1", "active", { pauses: [typed, made] })), made);
});
