// Bundles of several recordings: few at once, gone on with when one was downloaded, and approvals asked for.
import assert from "node:assert/strict";
import { test } from "node:test";
import { page } from "./page.mjs";

page();
const { ExportQueue } = await import("../../../web/src/library/export-queue.js");

/** A server that makes a bundle in two looks; `refuse` maps a session to an error's code. */
function server(refuse = {}) {
  const made = new Map();
  const asked = [];
  globalThis.fetch = async (path, { method, body }) => {
    const [, session, kind] = path.match(/sessions\/([^/]+)\/(bundle|approvals)/);
    asked.push(`${method} ${session} ${kind}`);
    const answer = (status, told) => ({ ok: status < 300, status, json: async () => told });
    if (kind === "approvals") return answer(201, { state: "pending", ...JSON.parse(body) });
    if (method === "POST") {
      const code = refuse[session];
      if (code) return answer(409, { error: { code } });
      made.set(session, { state: "waiting", done: 0, total: 2 });
    } else if (method === "DELETE") {
      made.delete(session);
      return answer(200, { state: "none" });
    } else {
      const run = made.get(session);
      if (run && run.state !== "done") Object.assign(run, { done: run.done + 1, state: run.done + 1 < 2 ? "running" : "done" });
    }
    return answer(200, made.get(session) ?? { state: "none" });
  };
  return { made, asked };
}

const states = (queue) => queue.items.map(({ state }) => state).join(" ");

test("three are kept at once, and one that was downloaded makes room", async () => {
  const { made, asked } = server();
  const queue = new ExportQueue(() => null);
  queue.start(["a", "b", "c", "d"], "court");
  await queue.tick();
  await new Promise((resolve) => setTimeout(resolve));
  assert.equal(states(queue), "running running running waiting");
  await queue.tick();
  assert.equal(queue.items[0].part, 0.5);
  await queue.tick();
  assert.equal(states(queue), "done done done waiting");
  assert.equal(queue.busy, true);
  made.get("b").taken = true;
  await queue.tick();
  assert.equal(states(queue), "done taken done running");
  assert.ok(asked.includes("DELETE b bundle"));
  assert.equal(made.size, 3);
});

test("what needs an approval is asked for, what cannot be made says why, and a full server is asked again later", async () => {
  const refuse = { a: "approval_required", b: "wrong_state", c: "rate_limited" };
  const { asked } = server(refuse);
  const time = { now: 0 };
  const queue = new ExportQueue(() => null, () => time.now);
  queue.start(["a", "b", "c", "d"], "court");
  await new Promise((resolve) => setTimeout(resolve));
  assert.equal(states(queue), "asked failed waiting waiting");
  assert.equal(queue.items[1].failure, "wrong_state");
  assert.ok(asked.includes("POST a approvals"));
  const before = asked.length;
  await queue.tick();
  assert.equal(asked.length, before, "not before its time");
  time.now += 60_000;
  delete refuse.c;
  await queue.tick();
  assert.equal(states(queue), "asked failed running running");
});

test("stopping removes what is being made and keeps what is made", async () => {
  const { made } = server();
  const queue = new ExportQueue(() => null);
  queue.start(["a", "b", "c", "d", "e"], "court");
  await new Promise((resolve) => setTimeout(resolve));
  made.get("a").state = "done";
  await queue.tick();
  await queue.stop();
  assert.equal(states(queue), "done stopped stopped stopped stopped");
  assert.deepEqual([...made.keys()], ["a"]);
  assert.equal(queue.busy, false);
});
