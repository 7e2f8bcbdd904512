// Requests of the library: what went wrong has a code, and a body that breaks off can be asked for again.
import assert from "node:assert/strict";
import { test } from "node:test";
import { page } from "./page.mjs";

page();
const { Refused, readBytes, readText } = await import("../../../web/src/library/requests.js");

const answer = (t, body, status = 200) => t.mock.method(globalThis, "fetch", async () => new Response(body, { status }));
const broken = (error) => new ReadableStream({ pull: (controller) => controller.error(error) });

test("a whole body is given as it is", async (t) => {
  answer(t, "sound");
  assert.equal(await readText("/a"), "sound");
  answer(t, new Uint8Array([1, 2]));
  assert.deepEqual(new Uint8Array(await readBytes("/a")), new Uint8Array([1, 2]));
});

test("a body that breaks off is as good as no answer", async (t) => {
  for (const read of [readText, readBytes]) {
    answer(t, broken(new TypeError("network error")));
    await assert.rejects(read("/a"), (error) => error instanceof Refused && error.code === "unavailable");
  }
});

test("who gave a request up is not told that it failed", async (t) => {
  answer(t, broken(new DOMException("given up", "AbortError")));
  await assert.rejects(readBytes("/a"), { name: "AbortError" });
});

test("what the server says keeps its code", async (t) => {
  answer(t, JSON.stringify({ error: { code: "damaged" } }), 502);
  await assert.rejects(readBytes("/a"), { code: "damaged" });
});
