// The browser's half of a stream against a server that a test plays: what is sent again, what is counted, what ends it.
// (tests/web/test_connection.py has it in Chromium against the real server's half.)
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { Time, page, settled } from "./page.mjs";

page();
const time = new Time();
Math.random = () => 1; // pauses are as long as they may be

class Socket {
  static OPEN = 1;
  static all = [];
  readyState = 0;
  sent = [];

  constructor(url, protocols) {
    Object.assign(this, { url: String(url), protocols });
    Socket.all.push(this);
  }

  send(text) {
    this.sent.push(JSON.parse(text));
  }

  close(code) {
    this.closed = code ?? "without a code";
    this.readyState = 3;
  }

  /** The server takes the connection. */
  open() {
    this.readyState = 1;
    this.onopen();
  }

  hear(frame) {
    this.onmessage({ data: typeof frame === "string" ? frame : JSON.stringify(frame) });
  }

  welcome(more = {}) {
    this.open();
    this.hear({ frame: "welcome", resume: "token", resumed: false, received: 0, heartbeat_s: 10, ...more });
  }

  drop(code = 1006) {
    this.readyState = 3;
    this.onclose({ code, reason: "" });
  }

  frames(kind) {
    return this.sent.filter(({ frame }) => frame === kind);
  }
}
globalThis.WebSocket = Socket;
const { Connection, FRAME_BYTES, LinkError, REQUEST_MS, SUBPROTOCOL, VERSION } = await import("../../../web/src/link/connection.js");

let link;
let seen;
/** A stream, and everything that it tells. */
function stream(options) {
  Socket.all = [];
  link = new Connection("/ws/console", options);
  seen = [];
  link.addEventListener("state", ({ detail }) => seen.push(detail));
  link.addEventListener("fresh", () => seen.push("fresh"));
  link.addEventListener("message", ({ detail }) => seen.push(detail.type));
}
const socket = () => Socket.all.at(-1);
const note = (text) => ({ type: "note_save", session: "s1", text });
const says = (frames) => frames.map(({ seq, body }) => [seq, body.text]);
/** What a request is refused with. */
const refusal = async (promise) => {
  const error = await promise.then(() => assert.fail("it was not refused"), (reason) => reason);
  assert.ok(error instanceof LinkError);
  return [error.code, error.retry_after];
};
beforeEach(() => {
  link?.close();
  stream();
});

test("it greets, is welcomed, and then says in order what waited", async () => {
  assert.deepEqual([socket().url, socket().protocols], ["ws://kiosk.example/ws/console", [SUBPROTOCOL]]);
  assert.equal(link.post(note("early")), true);
  socket().open();
  assert.deepEqual(socket().sent, [{ frame: "hello", version: VERSION, resume: null, received: 0 }]);
  link.addEventListener("fresh", () => link.post(note("because it is new")));
  socket().hear({ frame: "welcome", resume: "token", resumed: false, received: 0, heartbeat_s: 10 });
  link.post(note("late"));
  assert.deepEqual(says(socket().frames("say")), [[1, "early"], [2, "because it is new"], [3, "late"]]);
  assert.deepEqual(seen, ["fresh", "open"]);
});

test("after a drop it resumes, and sends again only what has not arrived", async () => {
  socket().welcome();
  for (const text of ["a", "b", "c"]) link.post(note(text));
  const first = socket();
  first.hear({ frame: "say", seq: 1, ack: 1, body: { type: "queue" } });
  first.drop();
  assert.equal(link.state, "lost");
  link.post(note("d"));
  await time.pass(200);
  assert.notEqual(socket(), first);
  socket().open();
  assert.deepEqual(socket().sent[0], { frame: "hello", version: VERSION, resume: "token", received: 1 });
  socket().hear({ frame: "welcome", resume: "token 2", resumed: true, received: 2, heartbeat_s: 10 });
  assert.deepEqual(says(socket().frames("say")), [[3, "c"], [4, "d"]]);
  assert.deepEqual(seen, ["fresh", "open", "queue", "lost", "open"], "a resumed stream is no new one");
});

test("when a new stream begins, what was said on the old one is void and what was never sent is good", async () => {
  socket().welcome();
  const said = refusal(link.request(note("said")));
  socket().drop();
  const waits = link.request(note("never sent"));
  await time.pass(200);
  socket().welcome();
  assert.deepEqual(await said, ["unavailable", null]);
  assert.deepEqual(says(socket().frames("say")), [[1, "never sent"]]);
  socket().hear({ frame: "reply", seq: 1, ack: 1, id: 2, body: { type: "done" } });
  assert.deepEqual(await waits, { type: "done" });
  assert.equal(link.buffered, 0);
});

test("what comes twice counts once, and a hole is fetched by resuming", async () => {
  socket().welcome();
  const first = socket();
  const say = (seq) => socket().hear({ frame: "say", seq, ack: 0, body: { type: `message ${seq}` } });
  say(1);
  say(1);
  say(2);
  assert.deepEqual(seen.slice(2), ["message 1", "message 2"]);
  say(4);
  assert.equal(link.state, "lost");
  await time.pass(200);
  assert.notEqual(socket(), first);
  socket().open();
  assert.equal(socket().sent[0].received, 2);
});

test("what was received is acknowledged after half a second, after 16 messages, or with what is said", async () => {
  socket().welcome();
  const say = (seq) => socket().hear({ frame: "say", seq, ack: 0, body: { type: "queue" } });
  say(1);
  await time.pass(499);
  assert.deepEqual(socket().frames("ack"), []);
  await time.pass(1);
  assert.deepEqual(socket().frames("ack"), [{ frame: "ack", received: 1 }]);
  for (let seq = 2; seq <= 17; seq++) say(seq);
  assert.deepEqual(socket().frames("ack").at(-1), { frame: "ack", received: 17 });
  say(18);
  link.post(note("a"));
  assert.equal(socket().frames("say").at(-1).ack, 18);
  await time.pass(1000);
  assert.equal(socket().frames("ack").length, 2, "nothing is acknowledged twice");
});

test("an answer belongs to its request, a refusal keeps its code", async () => {
  socket().welcome();
  const [first, second] = [link.request(note("a")), link.request(note("b"))];
  socket().hear({ frame: "reply", seq: 1, ack: 2, id: 2, body: { type: "done", of: "b" } });
  socket().hear({ frame: "failure", seq: 2, ack: 2, id: 1, code: "rate_limited", message: "", retry_after: 7 });
  assert.equal((await second).of, "b");
  assert.deepEqual(await refusal(first), ["rate_limited", 7]);
});

test("a request that is not answered in time is given up, and its late answer is no message", async () => {
  socket().welcome({ heartbeat_s: 3600 });
  const waits = refusal(link.request(note("a")));
  await time.pass(REQUEST_MS);
  assert.deepEqual(await waits, ["unavailable", null]);
  socket().hear({ frame: "reply", seq: 1, ack: 1, id: 1, body: { type: "done" } });
  assert.deepEqual(seen, ["fresh", "open"]);
});

test("what is too large by its bytes is refused, whatever its characters", async () => {
  socket().welcome();
  const room = FRAME_BYTES - 300;
  assert.equal(link.post(note("a".repeat(room))), true);
  assert.equal(link.post(note("您".repeat(room / 3 + 200))), false);
  assert.deepEqual(await refusal(link.request(note("a".repeat(FRAME_BYTES)))), ["too_large", null]);
});

test("what the server is behind with is bounded, by number and by bytes", async () => {
  let count = 0;
  while (link.post(note("x"))) count += 1;
  assert.equal(count, 1024);
  assert.deepEqual(await refusal(link.request(note("x"))), ["slow_consumer", null]);
  link.close();
  stream();
  count = 0;
  while (link.post(note("x".repeat(60_000)))) count += 1;
  assert.ok(count > 30 && count < 40, `${count} of 60 kB in 2 MiB`);
  socket().welcome();
  assert.equal(link.post(note("x".repeat(60_000))), false, "sent is not yet arrived");
  socket().hear({ frame: "ack", received: 2 });
  assert.equal(link.post(note("x".repeat(60_000))), true);
});

test("pauses between attempts grow to five seconds, and begin anew after a welcome", async () => {
  socket().welcome();
  socket().drop();
  const pauses = [];
  for (let attempt = 0; attempt < 8; attempt++) {
    const [before, count] = [time.now, Socket.all.length];
    while (Socket.all.length === count) await time.pass(100);
    pauses.push(time.now - before);
    socket().drop();
  }
  assert.deepEqual(pauses, [200, 400, 800, 1600, 3200, 5000, 5000, 5000]);
  await time.pass(5000);
  socket().welcome();
  socket().drop();
  await time.pass(200);
  assert.equal(socket().readyState, 0, "it is tried at once");
});

test("while somebody waits it is tried more often", async () => {
  socket().welcome();
  link.eager = true;
  socket().drop();
  for (let attempt = 0; attempt < 6; attempt++) {
    const count = Socket.all.length;
    await time.pass(1700);
    assert.ok(Socket.all.length > count, `attempt ${attempt}`);
    socket().drop();
  }
});

test("a server that takes the connection and says nothing is left after eight seconds", async () => {
  const first = socket();
  first.open();
  await time.pass(7999);
  assert.equal(link.state, "connecting");
  await time.pass(1);
  assert.deepEqual([link.state, first.closed], ["lost", "without a code"]);
});

test("a farewell that is final ends it, and what waits is told why", async () => {
  socket().welcome();
  const waits = refusal(link.request(note("a")));
  socket().hear({ frame: "bye", code: "replaced", message: "another window", retry_after: null });
  assert.deepEqual([link.state, link.reason], ["closed", { code: "replaced", message: "another window" }]);
  assert.deepEqual(await waits, ["replaced", null]);
  assert.deepEqual(await refusal(link.request(note("b"))), ["replaced", null]);
  assert.equal(link.post(note("c")), false);
  await time.pass(60_000);
  assert.equal(Socket.all.length, 1, "nothing comes back");
});

test("a farewell for a while is kept to, one for a fault of the protocol lasts three seconds", async () => {
  for (const [bye, pause] of [[{ code: "unavailable", retry_after: 2 }, 2000], [{ code: "bad_message", retry_after: null }, 3000], [{ code: "unavailable", retry_after: null }, 200]]) {
    link.close();
    stream();
    socket().welcome();
    socket().hear({ frame: "bye", message: "", ...bye });
    await time.pass(pause - 1);
    assert.equal(Socket.all.length, 1, bye.code);
    await time.pass(1);
    assert.equal(Socket.all.length, 2, bye.code);
  }
});

test("codes of a close that are final end it too", async () => {
  for (const [code, reason] of [[4403, "not_allowed"], [4410, "replaced"], [4426, "unsupported_version"], [4401, "not_authenticated"]]) {
    link.close();
    stream();
    socket().welcome();
    socket().drop(code);
    assert.deepEqual([link.state, link.reason?.code], ["closed", reason]);
  }
});

test("whether a refused login still holds is asked, and decides", async () => {
  let holds = true;
  stream({ authorised: async () => holds });
  socket().drop();
  await time.pass(200);
  assert.equal(Socket.all.length, 2, "the server was away only");
  holds = false;
  socket().drop();
  await time.pass(400);
  assert.deepEqual([link.state, link.reason?.code, Socket.all.length], ["closed", "not_authenticated", 2]);
});

test("a server that cannot even be asked has refused nothing", async () => {
  stream({ authorised: () => Promise.reject(new TypeError("no network")) });
  socket().drop();
  await time.pass(200);
  assert.deepEqual([link.state, Socket.all.length], ["lost", 2]);
});

test("a stream that was closed begins anew when what it lacked is there", async () => {
  socket().welcome();
  socket().drop(4401);
  link.reopen();
  link.reopen();
  assert.deepEqual([link.state, Socket.all.length], ["connecting", 2]);
  socket().welcome();
  assert.equal(socket().sent[0].resume, null, "as another stream");
  assert.equal(link.state, "open");
});

test("silence of nearly two heartbeats is a loss; own silence is broken before", async () => {
  socket().welcome({ heartbeat_s: 10 });
  const first = socket();
  await time.pass(9000);
  assert.equal(first.frames("ping").length, 1);
  await time.pass(8000);
  first.hear({ frame: "pong", n: 1 });
  await time.pass(17_000);
  assert.equal(link.state, "open");
  await time.pass(2000);
  assert.equal(link.state, "lost");
});

test("the server's own ping is answered", () => {
  socket().welcome();
  socket().hear({ frame: "ping", n: 41 });
  assert.deepEqual(socket().sent.at(-1), { frame: "pong", n: 41 });
});

test("a sign of life is asked for once, and its lack gives the connection up", async () => {
  assert.equal(await link.check(500), false, "not even open");
  socket().welcome();
  const answers = [link.check(500), link.check(500)];
  assert.equal(socket().frames("ping").length, 1);
  socket().hear({ frame: "pong", n: 1 });
  assert.deepEqual(await Promise.all(answers), [true, true]);
  const none = link.check(500);
  await time.pass(500);
  assert.equal(await none, false);
  assert.equal(link.state, "lost");
});

test("what is no JSON gives the connection up, and nothing else", async () => {
  socket().welcome();
  socket().hear("{");
  assert.equal(link.state, "lost");
  await time.pass(200);
  assert.equal(Socket.all.length, 2);
});

test("a network that is back is used at once", async () => {
  socket().welcome();
  for (let attempt = 0; attempt < 5; attempt++) {
    socket().drop();
    await time.pass(5000);
  }
  socket().drop();
  const count = Socket.all.length;
  dispatchEvent(new Event("online"));
  assert.equal(Socket.all.length, count + 1);
});

test("a page that is left says so with an ordinary close", () => {
  socket().welcome();
  dispatchEvent(new Event("pagehide"));
  assert.equal(socket().closed, 1000);
});

test("whoever leaves says goodbye, once, and hears nothing of it again", async () => {
  socket().welcome();
  const waits = refusal(link.request(note("a")));
  const last = socket();
  link.close();
  link.close();
  assert.equal(last.frames("bye").length, 1);
  assert.deepEqual(await waits, ["closed", null]);
  await settled();
  assert.deepEqual(seen, ["fresh", "open", "closed"]);
  assert.equal(last.onmessage, null);
});
