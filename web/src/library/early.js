// The first part of a recording's manifest, asked for by itself before the player's modules are here: both take as long.
import { readJson } from "./requests.js";

/** Journal entries of the first part: some minutes of a call. */
export const FIRST = 500;

/** @param {string} session @param {URLSearchParams} query */
export const manifestOf = (session, query) => readJson(`/api/sessions/${encodeURIComponent(session)}/manifest?${query}`);

const page = document.querySelector("#page-data");
const session = page ? JSON.parse(page.textContent ?? "{}").session?.id : undefined;

/** The answer for the session of this page, once; null where there is none. @type {Promise<any> | null} */
let first = session ? manifestOf(session, new URLSearchParams({ most: String(FIRST) })) : null;
// Whoever takes it hears of a failure; until then it is nobody's.
first?.catch(() => null);

/** Hands over what was asked for early; the second time there is nothing. @param {string} wanted a session's id */
export function takeEarly(wanted) {
  const taken = wanted === session ? first : null;
  first = null;
  return taken;
}
