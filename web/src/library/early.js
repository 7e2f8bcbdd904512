// The first part of a recording's manifest, asked for by itself before the player's modules are here: both take as long.
import { readJson } from "./requests.js";

/** Journal entries of the first part: some minutes of a call. */
export const FIRST = 500;

/** @param {string} session @param {URLSearchParams} query */
export const manifestOf = (session, query) => readJson(`/api/sessions/${encodeURIComponent(session)}/manifest?${query}`);

const page = document.querySelector("#page-data");
const data = page ? JSON.parse(page.textContent ?? "{}") : {};
const query = new URLSearchParams({ most: String(FIRST) });
/** The session of this page, where it was said already what it is opened for: else nothing of it is given yet. */
const session = data.purpose ? data.session?.id : undefined;

/** The answer for that session, once; null where there is none. @type {Promise<any> | null} */
let first = session ? manifestOf(session, query) : null;
// Whoever takes it hears of a failure; until then it is nobody's.
first?.catch(() => null);

/**
 * Hands over what was asked for early, and asks again where that failed: what was said may have run out meanwhile. The
 * second time there is nothing.
 *
 * @param {string} wanted a session's id
 */
export function takeEarly(wanted) {
  const taken = wanted === session ? first : null;
  first = null;
  return taken?.catch(() => manifestOf(wanted, query)) ?? null;
}
