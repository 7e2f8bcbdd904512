// Who is who in a session: ids are `<role>-<n>`; older records have `kiosk` and `specialist`.

/** @typedef {import("./messages.js").Session} Session */
/** @typedef {import("./messages.js").Participant} Participant */

/** @param {string} id @returns {string} customer, specialist, consultant, interpreter, guide, supervisor, or the id itself */
export function roleOf(id) {
  const role = id.replace(/-\d+$/, "");
  return role === "kiosk" ? "customer" : role;
}

/** The number of a participant among those of its role, from 1. @param {string} id */
export function numberOf(id) {
  return Number(/-(\d+)$/.exec(id)?.[1] ?? 1);
}

/** A track's participant and what it carries; "" for a track of nobody, such as the shared screen. @param {string} name */
export function partsOf(name) {
  const dot = name.lastIndexOf(".");
  return dot < 0 ? { participant: "", medium: name } : { participant: name.slice(0, dot), medium: name.slice(dot + 1) };
}

/** As whom this person takes part. @param {Session | null} session @param {string | undefined} person */
export function ownId(session, person) {
  return session?.participants?.find((one) => one.person === person && roleOf(one.id) !== "customer")?.id ?? "specialist";
}

/** Those in the call beside its customer and this one. @param {Session | null} session @param {string} own @returns {Participant[]} */
export function othersIn(session, own) {
  const all = session?.participants ?? [];
  return all.filter((one) => !one.invited && one.id !== own && roleOf(one.id) !== "customer");
}

/** Those in the call whom the customer sees beside the one who leads it. @param {Session | null} session @returns {Participant[]} */
export function beside(session) {
  const all = session?.participants ?? [];
  return all.filter((one) => !one.invited && roleOf(one.id) !== "customer" && one.person !== session?.specialist);
}

const ROLES = ["customer", "specialist", "consultant", "interpreter", "guide", "supervisor"];
const MEDIA = ["camera", "microphone"];

/** Tracks in the order in which people look for them: by participant, the document camera and the screen last. @param {Iterable<string>} names */
export function inOrder(names) {
  /** @param {string} name */
  const rank = (name) => {
    const { participant, medium } = partsOf(name);
    const role = ROLES.indexOf(roleOf(participant));
    if (medium === "auxiliary") return [ROLES.length, 0, 0];
    return [role < 0 ? ROLES.length + 1 : role, numberOf(participant), MEDIA.indexOf(medium)];
  };
  return [...names].sort((one, other) => {
    const [a, b] = [rank(one), rank(other)];
    const first = a.findIndex((value, at) => value !== b[at]);
    return first < 0 ? 0 : a[first] - b[first];
  });
}
