// The details of an entry as lines to read: what was played, what was searched for, and the rest as it is.
import { formatDuration, t } from "../i18n.js";
import { trackLabel } from "../library/labels.js";

/** Most spans of a track that are written out. */
const SPANS = 12;

/** @param {Record<string, any>} detail @returns {string[]} */
export function detailLines(detail) {
  const { spans, joined, searches, words, ...rest } = detail;
  const lines = Object.entries(rest).map(([name, value]) => `${name}: ${typeof value === "string" ? value : JSON.stringify(value)}`);
  if (words !== undefined) lines.push(t("In words: {words}", { words: String(words) }));
  if (Array.isArray(searches)) lines.push(...searches.map((one) => t("Searched for: {what}", { what: String(one) || t("everything") })));
  if (spans && typeof spans === "object") {
    for (const [track, some] of Object.entries(spans)) if (Array.isArray(some)) lines.push(`${trackName(track)}: ${ranges(some)}`);
  }
  if (joined) lines.push(t("There were more spans: some have what lies between as well."));
  return lines;
}

/** @param {string} track */
const trackName = (track) => (track === "timeline" ? t("Played") : trackLabel(track));

/** @param {[number, number][]} spans in milliseconds */
function ranges(spans) {
  const shown = spans.slice(0, SPANS).map(([from, to]) => `${formatDuration(from / 1000)}–${formatDuration(to / 1000)}`);
  return shown.join(", ") + (spans.length > SPANS ? ` … (${spans.length})` : "");
}
