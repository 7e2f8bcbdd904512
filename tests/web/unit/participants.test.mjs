// Who is who in a session, by the ids of today's records and of older ones.
import assert from "node:assert/strict";
import { test } from "node:test";
import { beside, inOrder, numberOf, othersIn, ownId, partsOf, roleOf } from "../../../web/src/link/participants.js";

const one = (id, person, more = {}) => ({ id, person, invited: false, ...more });
const SESSION = {
  specialist: "lin",
  participants: [one("customer-1", ""), one("specialist-1", "lin"), one("consultant-1", "zhao"), one("interpreter-1", "wu", { invited: true })],
};

test("an id is a role and a number among those of the role", () => {
  assert.deepEqual(["customer-1", "consultant-12", "interpreter-2"].map(roleOf), ["customer", "consultant", "interpreter"]);
  assert.deepEqual(["customer-1", "consultant-12"].map(numberOf), [1, 12]);
});

test("ids of older records have no number, and their customer is the kiosk", () => {
  assert.deepEqual(["kiosk", "specialist"].map(roleOf), ["customer", "specialist"]);
  assert.deepEqual(["kiosk", "specialist"].map(numberOf), [1, 1]);
});

test("a track is a participant's medium, or nobody's", () => {
  assert.deepEqual(partsOf("consultant-1.camera"), { participant: "consultant-1", medium: "camera" });
  assert.deepEqual(partsOf("cobrowse"), { participant: "", medium: "cobrowse" });
});

test("as whom a person takes part; who leads has the name of the role where nothing else is known", () => {
  assert.equal(ownId(SESSION, "zhao"), "consultant-1");
  assert.equal(ownId(SESSION, "lin"), "specialist-1");
  for (const session of [null, { specialist: "lin" }]) assert.equal(ownId(session, "lin"), "specialist");
});

test("nobody is the customer by having no name", () => assert.equal(ownId(SESSION, ""), "specialist"));

test("others are those who are there, neither the customer nor oneself nor who is only asked", () => {
  assert.deepEqual(othersIn(SESSION, "specialist-1").map(({ id }) => id), ["consultant-1"]);
  assert.deepEqual(othersIn(SESSION, "consultant-1").map(({ id }) => id), ["specialist-1"]);
  assert.deepEqual(othersIn(null, "specialist-1"), []);
});

test("the customer sees those beside the one who leads the call", () => {
  assert.deepEqual(beside(SESSION).map(({ id }) => id), ["consultant-1"]);
  assert.deepEqual(beside({ specialist: "lin" }), []);
});

test("tracks stand by participant, pictures before voices, documents and the screen last", () => {
  const names = ["cobrowse", "specialist-2.camera", "customer-1.auxiliary", "specialist-1.microphone", "customer-1.microphone", "specialist-10.camera",
    "specialist-1.camera", "consultant-1.camera", "customer-1.camera"];
  const sorted = ["customer-1.camera", "customer-1.microphone", "specialist-1.camera", "specialist-1.microphone", "specialist-2.camera",
    "specialist-10.camera", "consultant-1.camera", "customer-1.auxiliary", "cobrowse"];
  assert.deepEqual(inOrder(names), sorted);
  assert.deepEqual(inOrder([...sorted].reverse()), sorted);
  assert.deepEqual(inOrder(["specialist.camera", "kiosk.auxiliary", "kiosk.camera"]), ["kiosk.camera", "specialist.camera", "kiosk.auxiliary"]);
});
