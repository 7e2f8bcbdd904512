// What may leave the kiosk in a recorded event. Unmasking is explicit (`data-cobrowse-plain`); everything else is masked,
// blocked or left out here, before it is sent, whatever the page's authors forget.
import { forgetContents, guardCss, guardSheet, guardStyle, inlineImage, isUnseen } from "./css.js";
import { JOINED, hide } from "./numbers.js";
import { GEOMETRY, STARS } from "./patterns.js";
import { Reading, textOf } from "./reading.js";
import { Secrets } from "./secrets.js";
import { Typing } from "./typing.js";

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

/** What is typed within is as secret as a password: on a field, or on a field and the page's own keypad together. */
export const SECRET_PLACE = "data-cobrowse-secret";

/** Attributes that can repeat what a person typed, where nobody looks. */
const LEAKY = /^(?:title|alt|placeholder|value|label|content|srcdoc|ping|aria-.+|data-.+)$/i;
/** Attributes that say what may be seen: what was sent before is taken back by another picture. */
const MARKS = [PLAIN, BLOCK, MASK, "contenteditable"];
/** Attributes by which a text between two others comes or goes. */
const PLACES = ["class", "style", "hidden", "value", "placeholder", "maxlength"];
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
const SECRET = /(?:^|\s)(?:current-password|new-password|one-time-code|cc-number|cc-csc)(?:\s|$)/i;

/** @param {Element | null} element */
function isPassword(element) {
  if (!element) return false;
  if (passwords.has(element)) return true;
  const secret =
    element.getAttribute("type")?.toLowerCase() === "password" || SECRET.test(element.getAttribute("autocomplete") ?? "") || isDotted(element);
  if (secret) passwords.add(element);
  return secret;
}

/** Whether what is typed there may be in no record at all, not even its sound or who looks on. @param {Element | null} element */
export const isSecret = (element) => element !== null && (element.closest(`[${SECRET_PLACE}]`) !== null || isPassword(element));

/** Whether a field whose value may be seen is drawn with dots all the same. @param {Element} element */
function isDotted(element) {
  if (!(element instanceof HTMLInputElement) || !element.hasAttribute(PLAIN) || !element.isConnected) return false;
  return (/** @type {any} */ (getComputedStyle(element)).webkitTextSecurity ?? "none") !== "none";
}

// Also of what was one before anything was recorded: the page is watched from its beginning.
new MutationObserver((changes) => {
  for (const { target, oldValue } of changes) if (oldValue?.toLowerCase() === "password") passwords.add(target);
}).observe(document, { subtree: true, attributeFilter: ["type"], attributeOldValue: true });

// And of what was one before it was on the page, in whatever shadow tree.
const remember = (/** @type {any} */ input) => input.getAttribute("type")?.toLowerCase() === "password" && passwords.add(input);
const typed = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "type");
Object.defineProperty(HTMLInputElement.prototype, "type", {
  ...typed,
  set(value) {
    remember(this);
    typed?.set?.call(this, value);
  },
});
for (const name of /** @type {const} */ (["setAttribute", "removeAttribute", "setAttributeNode", "removeAttributeNode", "cloneNode"])) {
  const original = /** @type {any} */ (HTMLInputElement.prototype)[name];
  /** @type {any} */ (HTMLInputElement.prototype)[name] = function change(/** @type {any[]} */ ...given) {
    remember(this);
    const result = original.apply(this, given);
    if (name === "cloneNode" && passwords.has(this)) passwords.add(result);
    return result;
  };
}

/** @param {Element | null} element */
export function isPlain(element) {
  return element !== null && element.hasAttribute(PLAIN) && !isPassword(element) && shownAt(element.parentNode) === "all";
}

const typing = new Typing();
const secrets = new Secrets(isPlain, isPassword, (element) => typing.isHeld(element));
const hiding = `${BLOCK_SELECTOR},${MASK_SELECTOR}`;
/** @type {(() => void) | undefined} */
let pictured;
const read = () => new Reading(secrets, typing, (element) => element.matches(hiding), () => pictured?.());
let reading = read();
/** What changes with an event that was cleaned, besides what it says. @type {any[]} */
let besides = [];

/** Whom to ask for another picture when only that takes back what was sent. @param {() => void} ask */
export function onTooMuch(ask) {
  pictured = ask;
}

/** Whom to tell that a field's value is complete, and may be told. @param {(field: HTMLElement) => void} tell */
export function onTyped(tell) {
  typing.open(tell);
}

/** Events that belong behind the one that was cleaned last. */
export const following = () => besides.splice(0);

/** Nothing of this customer is known any more: nothing is recorded. */
export function forget() {
  typing.close();
  secrets.forget();
  forgetContents();
  reading.forget();
  reading = read();
  besides = [];
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
  if (type === 2) {
    typing.settle();
    return { ...event, data: { ...data, node: cleanNode(data.node, elementOf, reading.page(document)) } };
  }
  if (type === 4) return { ...event, data: { ...data, href: address(data.href) } };
  if (type === 3 && data.source === 0) return { ...event, data: cleanMutation(data, elementOf, idOf) };
  if (type === 3 && typeof data.id === "number" && shownAt(elementOf(data.id)) === "nothing") return null;
  if (type === 3 && data.source === 5) {
    // rrweb leaves some kinds of inputs alone; here none is.
    return { ...event, data: { ...data, text: cleanInput(elementOf(data.id), data.text, idOf) } };
  }
  if (type === 3 && [8, 13, 15].includes(data.source)) return { ...event, data: guardSheet(data, guard) };
  return cleanStrings(event);
}

/** What may be sent of a field's value, read with what stands beside it. @param {Element | null} field @param {string} text @param {(node: Node) => number} idOf */
function cleanInput(field, text, idOf) {
  if (field && isPlain(field) && "placeholder" in field) typing.changed(/** @type {HTMLInputElement} */ (field));
  const readAs = reading.around(field ? [field] : []);
  const known = field ? readAs.get(field) : undefined;
  let value = starred(text);
  if (field && isPlain(field)) {
    if (known !== undefined && textOf(field) === text) value = known;
    else value = typing.isHeld(field) ? starred(text) : chosenValue(field, readAs) ?? guard(text);
  }
  if (field && known !== undefined) reading.sent(field, value);
  const texts = takeBack(readAs, new Set([field]), idOf);
  if (texts.length > 0) besides.push({ type: 3, timestamp: Date.now(), data: { source: 0, texts, attributes: [], removes: [], adds: [] } });
  return value;
}

/**
 * What was sent before of texts, and is part of a number now; fields are told of in events of their own.
 *
 * @param {Map<Node, string>} readAs
 * @param {Set<Node | null>} told
 * @param {(node: Node) => number} idOf
 */
function takeBack(readAs, told, idOf) {
  const texts = [];
  for (const [node, value] of reading.stale(readAs)) {
    const id = idOf(node);
    if (id < 0 || told.has(node) || shownAt(node) !== "all") continue;
    reading.sent(node, value);
    if (!(node instanceof Element)) texts.push({ id, value });
    else if (isPlain(node)) besides.push({ type: 3, timestamp: Date.now(), data: { source: 5, id, text: /** @type {any} */ (node).value ? value : "", isChecked: false } });
  }
  return texts;
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
  texts.push(...takeBack(readAs, told, idOf));
  const attributes = data.attributes
    .filter((/** @type {any} */ one) => shownAt(elementOf(one.id)?.parentNode ?? null) !== "nothing")
    .map((/** @type {any} */ one) => cleanChange(one, elementOf(one.id), readAs));
  if (data.attributes.some((/** @type {any} */ one) => MARKS.some((name) => name in one.attributes))) pictured?.();
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
  for (const { id, attributes } of data.attributes) {
    const element = /** @type {Element | null} */ (nodeOf(id));
    if (element && PLACES.some((name) => name in attributes) && isSmall(element)) found.push(element);
  }
  const left = data.adds.map((/** @type {any} */ add) => add.node);
  for (let node = left.pop(); node; node = left.pop()) {
    if (node.type === 3 || node.type === 4 || node.type === 2) found.push(nodeOf(node.id));
    if (node.childNodes) left.push(...node.childNodes);
  }
  return found.filter((node) => node !== null);
}

/** @param {Element} element */
const isSmall = ({ children }) => children.length < 3 && [...children].every((child) => !child.firstElementChild);

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
    const secret = node.tagName === "input" && (isPassword(real) || String(node.attributes.type).toLowerCase() === "password");
    const plain = PLAIN in node.attributes && !secret;
    const hidden = stars || MASK in node.attributes || (node.tagName === "option" && !(PLAIN in node.attributes));
    const open = real ? isPlain(real) : plain && !stars;
    return {
      ...node,
      tagName: guard(node.tagName) === node.tagName ? node.tagName : "span",
      attributes: { ...cleanAttributes(node.attributes, node.tagName, open, node.isSVG), ...chosen(real, open), ...fieldOf(real, open, readAs) },
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

/** Stars for a choice whose words are part of a number. @param {Element | null} element @param {Map<Node, string>} readAs */
function chosenValue(element, readAs) {
  const option = element instanceof HTMLSelectElement ? element.selectedOptions[0] : element;
  if (!(option instanceof HTMLOptionElement)) return undefined;
  const text = option.firstChild;
  const known = text ? readAs.get(text) : undefined;
  return known === undefined || known === text?.textContent ? undefined : STARS;
}

/**
 * What a field shows, as it is read with what stands beside it.
 *
 * @param {Element | null} field
 * @param {boolean} open
 * @param {Map<Node, string>} readAs
 */
function fieldOf(field, open, readAs) {
  const chosen = chosenValue(field, readAs);
  if (chosen !== undefined) return { value: chosen };
  const known = field && open ? readAs.get(field) : undefined;
  if (!field || known === undefined) return {};
  reading.sent(field, known);
  const { value, placeholder } = /** @type {HTMLInputElement} */ (field);
  if (value) return { value: known };
  return placeholder ? { placeholder: known } : {};
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
 * @param {Map<Node, string>} readAs
 */
function cleanChange(change, element, readAs) {
  const tag = element?.tagName.toLowerCase() ?? "";
  const plain = isPlain(element);
  const attributes = cleanAttributes(change.attributes, tag, plain, element instanceof SVGElement);
  if (plain && ("value" in attributes || "placeholder" in attributes)) {
    // Which of the two is seen, and whether it is that which was typed, only the field itself knows.
    delete attributes.value;
    delete attributes.placeholder;
    Object.assign(attributes, fieldOf(element, plain, readAs));
  }
  return { ...change, attributes };
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
    if (name === "start" && !/^-?\d{1,3}$/.test(String(value))) continue;
    if (typeof value === "string" && isUnseen(value)) {
      kept[name] = STARS;
      continue;
    }
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
