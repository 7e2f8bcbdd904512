// Style sheets show numbers too: `content: "…"`, custom properties, names of classes. Lengths, long decimals and embedded
// files stay as they are.
import { isNumber } from "./numbers.js";
import { GEOMETRY, LONG, STARS } from "./patterns.js";

/** Integers of more digits are none that a style sheet needs: the greatest `z-index` has ten. */
const LONGEST_INTEGER = 10;
/** Integers in a row, which custom properties may hold, have together at most so many. */
const LONGEST_ROW = 12;
const KEPT = 64;
/** What rrweb puts between the texts of a style element. */
const SPLIT = "/* rr_split */";

// Each without a choice between two ways to the same text, so that time grows with the length alone.
const DOUBLE = String.raw`"[^"\\]*(?:\\[^][^"\\]*)*(?:"|\\?$)`;
const SINGLE = DOUBLE.replaceAll('"', "'");
const TOKEN = new RegExp(
  [
    String.raw`(?<comment>\/\*[^]*?(?:\*\/|$))`,
    String.raw`(?<strings>(?:${DOUBLE}|${SINGLE})(?:\s*(?:${DOUBLE}|${SINGLE}))*)`,
    String.raw`(?<url>url\(\s*(?!["'\s])[^)\\]*(?:\\[^][^)\\]*)*\)?)`,
    String.raw`(?<numbers>(?<![\w.#-])\d+(?:(?:\s+|\s*\/\s*|-)\d+)*(?![\w.%]))`,
    String.raw`(?<number>(?<![\w-])[+-]?(?:\d*\.)?\d+(?:e[+-]?\d+)?)`,
    String.raw`(?<name>[#.@]?(?:[\w\u0080-\uffff-]|\\[0-9a-f]{1,6}\s?|\\[^])+)`,
  ].join("|"),
  "gi",
);
const STRING = new RegExp(`${DOUBLE}|${SINGLE}`, "g");
const WORTH = /\d|\\[0-9a-f]|["']/i;

/** Sheets that were found to be clean, for every full picture brings the same ones again. @type {Set<string>} */
const known = new Set();

/** What CSS reads in a string or name. @param {string} text */
const read = (text) =>
  text
    .replace(/\\\n/g, "")
    .replace(/\\([0-9a-f]{1,6})\s?/gi, (_, code) => {
      const point = Number.parseInt(code, 16);
      return point > 0 && point <= 0x10ffff ? String.fromCodePoint(point) : "\ufffd";
    })
    .replace(/\\([^])/g, "$1");

/**
 * Rules, declarations or a value without numbers that may not be seen. Time grows with the length of the text and no faster.
 *
 * @param {string} text
 * @param {(text: string) => string} guard what may be seen of a text
 * @returns {string}
 */
export function guardCss(text, guard) {
  if (!WORTH.test(text) || known.has(text)) return text;
  if (text.includes(SPLIT)) {
    // A browser sees the texts without this mark.
    const whole = text.replaceAll(SPLIT, "");
    const clean = guardCss(whole, guard);
    if (clean !== whole) return clean;
  }
  const counted = unseen.has(null) ? text.replace(COUNTED, (numbers) => numbers.replace(/\d+/g, "0")) : text;
  const clean = counted.replace(TOKEN, (token, ...rest) => {
    const kind = rest.at(-1);
    if (kind.strings) return strings(token, guard);
    if (kind.url) return address(token, guard);
    if (kind.numbers) return integers(token, guard);
    if (kind.number) return guard(token.replace(/^[+-]/, "")) === token.replace(/^[+-]/, "") || !wide(token, guard) ? token : "0";
    if (kind.name && !/\d|\\/.test(token)) return token;
    const plain = read(token);
    const seen = guard(plain);
    return seen === plain ? token : kind.comment ? "/**/" : seen;
  });
  if (clean === text && text.length > 256) {
    if (known.size >= KEPT) known.clear();
    known.add(text);
  }
  return clean;
}

/** Strings of `content` that are parts of a number; null stands for counters. @type {Set<string | null>} */
const unseen = new Set();
const COUNTED = /(?<=counter-(?:reset|set|increment)\s*:)[^;}]*/gi;

/** @param {(string | null)[]} contents */
export const hideContents = (contents) => contents.forEach((one) => unseen.add(one));
export const unseenContents = () => unseen.size;
export const forgetContents = () => unseen.clear();

/** Whether an attribute's value is what a style sheet shows as a part of a number. @param {string} value */
export const isUnseen = (value) => value.length > 2 && unseen.has(value);

/** What is known has to be looked at again: another secret is known. */
export const forgetSheets = () => known.clear();

/** Whether a decimal has too many digits before its point, or repeats what was typed. @param {string} token @param {(text: string) => string} guard */
function wide(token, guard) {
  const [whole = "", part = ""] = token.replace(/^[+-]/, "").split(/[.e]/i);
  return whole.length > LONGEST_INTEGER || (part.length < LONG && guard(part) !== part) || guard(`x${whole}`) !== `x${whole}`;
}

/** Strings that follow one another are shown as one. @param {string} token @param {(text: string) => string} guard */
function strings(token, guard) {
  const parts = [...token.matchAll(STRING)].map(([part]) => read(part.slice(1, part.length > 1 && part.endsWith(part.charAt(0)) ? -1 : undefined)));
  const plain = parts.join("");
  if (unseen.size > 0 && (unseen.has(plain) || parts.some((part) => part !== "" && unseen.has(part)))) return quoted(STARS, token, plain);
  if (/^\s*(?:data:|https?:)/i.test(plain)) return quoted(inlineImage(plain, guard), token, plain);
  return quoted(guard(plain), token, plain);
}

/** @param {string} seen @param {string} token @param {string} plain */
const quoted = (seen, token, plain) => (seen === plain ? token : `"${seen.replace(/["\\\n]/g, (sign) => `\\${sign.charCodeAt(0).toString(16)} `)}"`);

/** @param {string} token @param {(text: string) => string} guard */
function integers(token, guard) {
  const groups = token.match(/\d+/g) ?? [];
  const digits = groups.join("");
  const row = groups.length > 1 && digits.length > LONGEST_ROW && isNumber({ text: token, digits });
  const long = groups.some((group) => group.length > LONGEST_INTEGER || guard(group.slice(0, LONG - 1)) !== group.slice(0, LONG - 1));
  return row || long ? token.replace(/\d+/g, "0") : token;
}

/** @param {string} token @param {(text: string) => string} guard */
function address(token, guard) {
  const inside = token.slice(4).replace(/\)$/, "").trim();
  const plain = read(inside);
  const seen = inlineImage(plain, guard);
  return seen === plain ? token : `url("${seen.replace(/["\\\n]/g, "")}")`;
}

/**
 * An address that may be sent. Files inside it are no text, but drawings have some.
 *
 * @param {string} url
 * @param {(text: string) => string} guard
 */
export function inlineImage(url, guard) {
  const [, kind, encoded, body] = /^\s*data:([^,;]*)[^,]*?(;base64)?,([^]*)$/i.exec(url) ?? [];
  if (kind === undefined || body === undefined) return guard(url);
  if (!/^(?:image|font|application\/(?:x-)?font)/i.test(kind)) return encoded ? "" : guard(url);
  if (!/svg/i.test(kind)) return encoded ? url : guard(url);
  try {
    const drawing = encoded ? new TextDecoder().decode(Uint8Array.from(atob(body.replace(/\s/g, "")), (sign) => sign.charCodeAt(0))) : decodeURIComponent(body);
    return isBare(drawing, guard) ? url : "";
  } catch {
    return ""; // nobody can read it, a browser neither
  }
}

/** Whether the texts and names of a drawing hold nothing that may not be seen. @param {string} drawing @param {(text: string) => string} guard */
function isBare(drawing, guard) {
  const parsed = new DOMParser().parseFromString(drawing, "image/svg+xml");
  const text = parsed.documentElement?.textContent ?? "";
  if (guard(text) !== text) return false;
  return [...parsed.querySelectorAll("*")].every((element) =>
    [...element.attributes].every(({ name, value }) => GEOMETRY.has(name) || name === "style" || /^data:/i.test(value) || guard(value) === value),
  );
}

/** @param {any} style rrweb's form of a changed style @param {(text: string) => string} guard */
export function guardStyle(style, guard) {
  if (style === null || typeof style !== "object") return typeof style === "string" ? guardCss(style, guard) : style;
  return Object.fromEntries(
    Object.entries(style).map(([name, value]) => {
      const key = guard(name) === name ? name : `--${STARS}`;
      if (unseen.has(null) && name.startsWith("counter-")) return [key, "none"];
      if (Array.isArray(value)) return [key, value.map((one) => (typeof one === "string" ? guardCss(one, guard) : one))];
      return [key, typeof value === "string" ? guardCss(value, guard) : value];
    }),
  );
}

/**
 * An event of a changed style sheet, cleaned.
 *
 * @param {any} data
 * @param {(text: string) => string} guard
 */
export function guardSheet(data, guard) {
  const rules = (/** @type {any[] | undefined} */ list) => list?.map((one) => ({ ...one, rule: guardCss(String(one.rule ?? ""), guard) }));
  const clean = { ...data };
  if (data.adds) clean.adds = rules(data.adds);
  if (data.styles) clean.styles = data.styles.map((/** @type {any} */ one) => ({ ...one, rules: rules(one.rules) }));
  for (const name of ["replace", "replaceSync"]) if (typeof data[name] === "string") clean[name] = guardCss(data[name], guard);
  for (const name of ["set", "remove"]) {
    if (!data[name]) continue;
    const { property, value } = data[name];
    clean[name] = { ...data[name], property: guard(property) === property ? property : `--${STARS}` };
    if (typeof value === "string") clean[name].value = guardCss(value, guard);
  }
  return clean;
}
