// The states of a page that its style sheets ask for by attribute: `[data-open="true"]`, `[aria-expanded]`.
//
// What a page writes into such attributes never leaves the kiosk; which of the style sheets' own words a value fits does.
// The copy's attribute holds that word, or nothing where only the attribute's presence matters.
import { guard } from "./mask.js";
import { styleRules } from "./rules.js";

/** Attributes that are left out of every copy, and that style sheets know states by. */
const STATE = /^(?:aria|data)-[a-z0-9_-]{1,50}$/;
const CONDITION = /\[\s*([-\w]+)\s*(?:([~^$*|]?)=\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|([^\]\s"']+))\s*([isIS])?\s*)?\]/g;
/** Words that are longer are no states. */
const LONGEST = 64;

/** @typedef {{operator: string, word: string, loose: boolean}} Condition */

/** By attribute name, what style sheets ask of it. @type {Map<string, Condition[]>} */
let conditions = new Map();
/** Sheets that were read, and how many rules they had. @type {WeakMap<CSSStyleSheet, number>} */
let known = new WeakMap();

/** @param {CSSStyleSheet} sheet */
function isKnown(sheet) {
  const { length } = sheet.cssRules;
  if (known.get(sheet) === length) return true;
  known.set(sheet, length);
  return false;
}

/** Style sheets ask for other elements by these types of inputs. */
export const asksForTypes = () => conditions.has("type");

export function forget() {
  conditions = new Map();
  known = new WeakMap();
}

/**
 * Reads the style sheets of a document or shadow root; returns the attributes that none before had asked for.
 *
 * @param {Document | ShadowRoot} root
 * @returns {string[]}
 */
export function readSheets(root) {
  /** @type {Set<string>} */
  const fresh = new Set();
  for (const { selector } of styleRules(root, isKnown)) if (selector.includes("[")) readSelector(selector, fresh);
  return [...fresh];
}

/** @param {string} selector @param {Set<string>} fresh */
function readSelector(selector, fresh) {
  for (const [, name, operator = "", double, single, bare, flag] of selector.matchAll(CONDITION)) {
    const attribute = name.toLowerCase();
    if (!STATE.test(attribute) && attribute !== "type") continue;
    const word = unescape(double ?? single ?? bare ?? "");
    const asked = double === undefined && single === undefined && bare === undefined ? "present" : `${operator}=`;
    const known = conditions.get(attribute) ?? [];
    if (known.some((one) => one.operator === asked && one.word === word)) continue;
    conditions.set(attribute, [...known, { operator: asked, word, loose: flag?.toLowerCase() === "i" }]);
    fresh.add(attribute);
  }
}

/** CSS Syntax 3, "consume an escaped code point". @param {string} text */
const unescape = (text) =>
  text.replace(/\\(?:([0-9a-fA-F]{1,6})\s?|(.))/gs, (_, hex, sign) => (hex ? String.fromCodePoint(parseInt(hex, 16) || 0xfffd) : sign));

/**
 * The attributes of an element that style sheets ask for, with the words that they ask for.
 *
 * @param {Element} element
 * @param {Iterable<string>} [names]
 * @returns {Record<string, string | null>}
 */
export function statesOf(element, names = element.getAttributeNames()) {
  /** @type {Record<string, string | null>} */
  const states = {};
  for (const name of names) {
    if (!STATE.test(name) || !conditions.has(name)) continue;
    const value = element.getAttribute(name);
    states[name] = value === null ? null : wordFor(name, value);
  }
  return states;
}

/** @param {string} name @param {string} value */
function wordFor(name, value) {
  const fitting = (conditions.get(name) ?? []).filter((condition) => fits(condition, value));
  const exact = fitting.find(({ operator }) => operator === "=");
  const { word } = exact ?? fitting.reduce((best, one) => (one.word.length > best.word.length ? one : best), { word: "" });
  return word.length <= LONGEST && guard(word) === word ? word : "";
}

/** Selectors 4, 6.1 and 6.2. @param {Condition} condition @param {string} value */
function fits({ operator, word, loose }, value) {
  if (loose) [word, value] = [word.toLowerCase(), value.toLowerCase()];
  switch (operator) {
    case "=":
      return value === word;
    case "~=":
      return word !== "" && value.split(/\s+/).includes(word);
    case "|=":
      return value === word || value.startsWith(`${word}-`);
    case "^=":
      return word !== "" && value.startsWith(word);
    case "$=":
      return word !== "" && value.endsWith(word);
    case "*=":
      return word !== "" && value.includes(word);
    default:
      return false;
  }
}
