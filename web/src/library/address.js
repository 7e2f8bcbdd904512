// The library's search as the page's address has it, and as the server is asked.

/** Filters of one value each, in the order of the form. */
export const FILTERS = [
  "text", "from", "to", "branch", "kiosk", "specialist", "service", "status", "outcome", "rating", "language", "abandoned", "flag", "review",
];
const PASSED = new Set([...FILTERS, "sort", "after", "before"]);
const DAY_MS = 86_400_000;
/** A day of the calendar, for which the address may hold anything. */
const DATE = /^\d{4}-\d{2}-\d{2}$/;

/**
 * What the server is asked: days become timestamps in the viewer's time zone, and what is no filter is left out.
 *
 * @param {URLSearchParams} asked
 */
export function toQuery(asked) {
  const query = new URLSearchParams();
  for (const [name, value] of asked) {
    if (!value || !PASSED.has(name)) continue;
    if (name === "from" || name === "to") {
      const begin = DATE.test(value) ? new Date(`${value}T00:00`).getTime() : NaN;
      if (Number.isNaN(begin)) continue;
      query.set(name === "from" ? "since" : "until", String(name === "from" ? begin : nextDay(begin)));
    } else query.set(name, value);
  }
  return query;
}

/** The begin of the next day: some have 23 or 25 hours. @param {number} begin */
function nextDay(begin) {
  const day = new Date(begin + DAY_MS + DAY_MS / 2);
  return new Date(day.getFullYear(), day.getMonth(), day.getDate()).getTime();
}

/**
 * The address after a change. Another search begins at its first page, another branch has other kiosks.
 *
 * @param {URLSearchParams} asked
 * @param {Record<string, string>} changes
 */
export function changed(asked, changes) {
  const next = new URLSearchParams(asked);
  const paging = "after" in changes || "before" in changes;
  for (const name of ["after", "before"]) next.delete(name);
  if (!paging && "branch" in changes && changes.branch !== asked.get("branch")) next.delete("kiosk");
  for (const [name, value] of Object.entries(changes)) {
    if (value) next.set(name, value);
    else next.delete(name);
  }
  return next;
}

/** The search without the page that is looked at: what is kept, sent and taken away. @param {URLSearchParams} asked */
export function searchOf(asked) {
  const search = new URLSearchParams();
  for (const name of [...FILTERS, "sort"]) {
    const value = asked.get(name);
    if (value) search.set(name, value);
  }
  return search;
}

/** How many filters are set, of these. @param {URLSearchParams} asked @param {string[]} names */
export const set = (asked, names) => names.filter((name) => asked.get(name)).length;
