// What may leave the kiosk in a recorded event. Unmasking is explicit (`data-cobrowse-plain`); everything else is masked,
// blocked or left out here, before it is sent, whatever the page's authors forget.
import { guardCss, guardSheet, guardStyle, inlineImage } from "./css.js";
import { JOINED, hide } from "./numbers.js";
import { GEOMETRY, STARS } from "./patterns.js";
import { Reading } from "./reading.js";
import { Secrets } from "./secrets.js";

export { STARS };

/** On an input: its value may be seen. On any element: its placeholder, value and option texts may. */
export const PLAIN = "data-cobrowse-plain";
/** Containers that appear as an empty box. */
export const BLOCK = "data-cobrowse-block";
/** Containers whose text appears as stars. */
export const MASK = "data-cobrowse-mask";

export const BLOCK_SELECTOR = [
  `[${BLOCK}]`,
  "input[type=hidden]",
  "[contenteditable]",
  "video",
  "audio",
  "canvas",
  "iframe",
  "object",
  "embed",
].join(",");
export const MASK_SELECTOR = `[${MASK}], option:not([${PLAIN}])`;

/** Attributes that can repeat what a person typed, where nobody looks. */
const LEAKY = /^(?:title|alt|placeholder|value|label|content|srcdoc|ping|aria-.+|data-.+)$/i;
/** Our own attributes that style sheets need. */
const OURS = new Set([PLAIN, BLOCK, MASK, "data-screen", "data-tone", "data-state"]);
const INPUTS = new Set(["input", "textarea", "select"]);
const ADDRESSES = new Set(["src", "href", "xlink:href", "poster"]);
/** No coordinate has so many digits before its point. */
const NO_COORDINATE = /(?<![\d.])\d{11}/;

const NO_DIGIT = /^[\0-/:-\x7f]*$/;

/** A text without what may not be seen of it, read by itself. @param {string} text @returns {string} */
export const guard = (text) =>
  NO_DIGIT.test(text) && !secrets.hasWords
    ? text
    : (hide([text], [JOINED], { run: (run) => secrets.repeats(run), spans: (line) => secrets.spans(line) })[0] ?? "");

/** @param {string} text */
export const starred = (text) => (text.trim() === "" ? "" : STARS);

/**
 * rrweb's `maskInputFn`.
 *
 * @param {string} text
 * @param {HTMLElement} element
 */
export function maskInput(text, element) {
  return isPlain(element) ? guard(text) : starred(text);
}

/** What was a password once stays one, whatever a button makes of its type. @type {WeakSet<Node>} */
const passwords = new WeakSet();
/** What says that an input is for a password even while it shows it. */
const SECRET = /^(?:current-password|new-password|one-time-code)$/i;

/** @param {Element | null} element */
function isPassword(element) {
  if (!element) return false;
  const secret = element.getAttribute("type")?.toLowerCase() === "password" || SECRET.test(element.getAttribute("autocomplete") ?? "");
  if (secret) passwords.add(element);
  return passwords.has(element);
}

// Also of what was one before anything was recorded: the page is watched from its beginning.
new MutationObserver((changes) => {
  for (const { target, oldValue } of changes) if (oldValue?.toLowerCase() === "password") passwords.add(target);
}).observe(document, { subtree: true, attributeFilter: ["type"], attributeOldValue: true });

/** @param {Element | null} element */
export function isPlain(element) {
  return element !== null && element.hasAttribute(PLAIN) && !isPassword(element);
}

const secrets = new Secrets(isPlain, isPassword);
const hiding = `${BLOCK_SELECTOR},${MASK_SELECTOR}`;
let reading = new Reading(secrets, (element) => element.matches(hiding));

/** Nothing of this customer is known any more: nothing is recorded. */
export function forget() {
  secrets.forget();
  reading = new Reading(secrets, (element) => element.matches(hiding));
}

/**
 * What may be seen at a node: everything, stars for its text, or nothing (in a blocked container, or in a frame's document).
 * rrweb asks only inside the node's own shadow tree, and reads frames that it blocks; here every container counts, those
 * around the slot that a node is shown in too.
 *
 * @param {Node | null} node
 * @returns {"all" | "stars" | "nothing"}
 */
export function shownAt(node) {
  let stars = false;
  for (let at = /** @type {any} */ (node); at; at = at.assignedSlot ?? at.parentNode ?? at.host ?? null) {
    if (at.nodeType === Node.DOCUMENT_NODE && at !== document) return "nothing";
    if (at.nodeType !== Node.ELEMENT_NODE) continue;
    if (at.matches(BLOCK_SELECTOR)) return "nothing";
    stars ||= at.matches(MASK_SELECTOR);
  }
  return stars ? "stars" : "all";
}

/**
 * A copy of an rrweb event without anything that may not leave; null when nothing of it may. `elementOf` finds the element
 * of a node id, `idOf` the id of a node.
 *
 * @param {any} event
 * @param {(id: number) => Element | null} elementOf
 * @param {(node: Node) => number} idOf
 * @returns {any}
 */
export function clean(event, elementOf, idOf) {
  const { type, data } = event;
  if (type === 2) return { ...event, data: { ...data, node: cleanNode(data.node, elementOf, reading.page(document)) } };
  if (type === 4) return { ...event, data: { ...data, href: address(data.href) } };
  if (type === 3 && data.source === 0) return { ...event, data: cleanMutation(data, elementOf, idOf) };
  if (type === 3 && typeof data.id === "number" && shownAt(elementOf(data.id)) === "nothing") return null;
  if (type === 3 && data.source === 5) {
    // rrweb leaves some kinds of inputs alone; here none is.
    secrets.refresh();
    const text = isPlain(elementOf(data.id)) ? guard(data.text) : starred(data.text);
    return { ...event, data: { ...data, text } };
  }
  if (type === 3 && [8, 13, 15].includes(data.source)) return { ...event, data: guardSheet(data, guard) };
  return cleanStrings(event);
}

/**
 * @param {any} data
 * @param {(id: number) => Element | null} elementOf
 * @param {(node: Node) => number} idOf
 */
function cleanMutation(data, elementOf, idOf) {
  const told = new Set(changedIn(data, elementOf));
  const readAs = reading.around([...told, ...new Set(data.removes.map((/** @type {any} */ one) => elementOf(one.parentId)))].filter((node) => node !== null));
  const texts = [];
  for (const text of data.texts) {
    const node = elementOf(text.id);
    const shown = shownAt(node);
    if (shown === "nothing") continue;
    texts.push(text.value === null ? text : { ...text, value: cleanText(node, text.value, readAs, isStyle(node), shown === "stars") });
  }
  // What was sent before is part of a number now.
  for (const [node, value] of reading.stale(readAs)) {
    const id = idOf(node);
    if (id < 0 || told.has(node) || shownAt(node) !== "all") continue;
    reading.sent(node, value);
    texts.push({ id, value });
  }
  const attributes = data.attributes
    .filter((/** @type {any} */ one) => shownAt(elementOf(one.id)?.parentNode ?? null) !== "nothing")
    .map((/** @type {any} */ one) => cleanChange(one, elementOf(one.id)));
  const adds = [];
  for (const add of data.adds) {
    const parent = elementOf(add.parentId);
    const shown = shownAt(parent);
    if (shown !== "nothing") adds.push({ ...add, node: cleanNode(add.node, elementOf, readAs, isStyle(parent), shown === "stars") });
  }
  return { ...data, texts, attributes, adds };
}

/**
 * The texts and elements that a change is about.
 *
 * @param {any} data
 * @param {(id: number) => Node | null} nodeOf
 * @returns {Node[]}
 */
function changedIn(data, nodeOf) {
  /** @type {(Node | null)[]} */
  const found = data.texts.map((/** @type {any} */ text) => nodeOf(text.id));
  const left = data.adds.map((/** @type {any} */ add) => add.node);
  for (let node = left.pop(); node; node = left.pop()) {
    if (node.type === 3 || node.type === 4 || node.type === 2) found.push(nodeOf(node.id));
    if (node.childNodes) left.push(...node.childNodes);
  }
  return found.filter((node) => node !== null);
}

/**
 * @param {Node | null} node
 * @param {string} text
 * @param {Map<Node, string>} readAs
 * @param {boolean} inStyle
 * @param {boolean} stars
 */
function cleanText(node, text, readAs, inStyle, stars) {
  if (inStyle) return cleanRules(node, text);
  if (stars) return starred(text);
  const known = node && node.textContent === text ? readAs.get(node) : undefined;
  const value = known ?? guard(text);
  if (node) reading.sent(node, value);
  return value;
}

/** The texts of a style element are read as one: where less may be seen, the first has all. @param {Node | null} node @param {string} text */
function cleanRules(node, text) {
  if (text === "") return text;
  const whole = node?.parentNode?.childNodes.length ? (node.parentNode.textContent ?? "") : text;
  const seen = guardCss(whole, guard);
  if (seen === whole) return guardCss(text, guard);
  return node?.previousSibling ? "" : seen;
}

/**
 * @param {any} node a serialized node
 * @param {(id: number) => Element | null} elementOf
 * @param {Map<Node, string>} readAs what may be seen of texts that are read together
 * @param {boolean} [inStyle]
 * @param {boolean} [stars] whether a container above asks for stars in place of text
 * @returns {any}
 */
function cleanNode(node, elementOf, readAs, inStyle = false, stars = false) {
  const real = elementOf(node.id);
  if (real?.assignedSlot) {
    const shown = shownAt(real);
    if (shown === "nothing") return node.type === 2 ? { ...node, attributes: {}, childNodes: [] } : { ...node, textContent: "" };
    stars ||= shown === "stars";
  }
  if (node.type === 2) {
    const style = node.tagName === "style";
    const secret = isPassword(real) || String(node.attributes.type).toLowerCase() === "password";
    const plain = PLAIN in node.attributes && !secret;
    const hidden = stars || MASK in node.attributes || (node.tagName === "option" && !(PLAIN in node.attributes));
    return {
      ...node,
      tagName: guard(node.tagName) === node.tagName ? node.tagName : "span",
      attributes: { ...cleanAttributes(node.attributes, node.tagName, plain, node.isSVG), ...chosen(real, plain) },
      childNodes: node.childNodes.map((/** @type {any} */ child) => cleanNode(child, elementOf, readAs, style, hidden)),
    };
  }
  if (node.type === 5) return { ...node, textContent: "" };
  if (node.type === 3 || node.type === 4) {
    return { ...node, textContent: cleanText(real, node.textContent, readAs, inStyle || node.isStyle, stars) };
  }
  if (node.childNodes) {
    return { ...node, childNodes: node.childNodes.map((/** @type {any} */ child) => cleanNode(child, elementOf, readAs, false, stars)) };
  }
  return node;
}

/**
 * What is ticked or chosen now: rrweb tells what the markup says, which is what it was when the page was made.
 *
 * @param {Element | null} element
 * @param {boolean} plain
 */
function chosen(element, plain) {
  if (element instanceof HTMLInputElement && (element.type === "checkbox" || element.type === "radio")) {
    return { checked: element.checked ? true : null };
  }
  if (element instanceof HTMLOptionElement) {
    const open = plain || isPlain(element.closest("select"));
    return { selected: open && element.selected ? true : null };
  }
  return {};
}

/**
 * @param {any} change
 * @param {Element | null} element
 */
function cleanChange(change, element) {
  const tag = element?.tagName.toLowerCase() ?? "";
  return {
    ...change,
    attributes: cleanAttributes(change.attributes, tag, isPlain(element), element instanceof SVGElement),
  };
}

/**
 * @param {Record<string, any>} attributes
 * @param {string} tag
 * @param {boolean} plain
 * @param {boolean} [drawing] whether some attributes are coordinates
 */
function cleanAttributes(attributes, tag, plain, drawing = false) {
  /** @type {Record<string, any>} */
  const kept = {};
  for (const [name, value] of Object.entries(attributes)) {
    const leaky = LEAKY.test(name) && !OURS.has(name);
    if (guard(name) !== name) continue;
    if (name === "style" || name === "_cssText") {
      kept[name] = guardStyle(value, guard);
    } else if (name === "rr_dataURL" || typeof value !== "string") {
      kept[name] = value;
    } else if (leaky) {
      const shown = plain && (name === "placeholder" || name === "value");
      if (shown) kept[name] = guard(value);
      else if (name === "value" && INPUTS.has(tag)) kept[name] = starred(value);
    } else if (drawing && GEOMETRY.has(name)) {
      if (!NO_COORDINATE.test(value)) kept[name] = value;
    } else {
      kept[name] = ADDRESSES.has(name) ? inlineImage(value, guard) : guard(value);
    }
  }
  return kept;
}

/** @param {Element | null} element */
const isStyle = (element) => element?.tagName === "STYLE" || element?.parentElement?.tagName === "STYLE";

/** Where the page came from matters to nobody else; its path is enough. @param {string} href */
function address(href) {
  try {
    const { origin, pathname } = new URL(href);
    return guard(origin + pathname);
  } catch {
    return "about:blank";
  }
}

/** @param {any} value @returns {any} */
function cleanStrings(value) {
  if (typeof value === "string") return guard(value);
  if (Array.isArray(value)) return value.map(cleanStrings);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, cleanStrings(inner)]));
}
