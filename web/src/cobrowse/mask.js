// What may leave the kiosk in a recorded event. Unmasking is explicit (`data-cobrowse-plain`); everything else is masked,
// blocked or left out here, before it is sent, whatever the page's authors forget.

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

/** The same length whatever was typed, so that the length tells nothing. */
export const STARS = "••••••••";

/**
 * Nine digits or more, of any script, also when grouped: card, identity, account and telephone numbers. Up to three signs
 * may stand between two digits, of those that people and pages group with, and of those that nobody sees.
 */
const LONG_NUMBER = /\p{Nd}(?:[\s\p{Cf}\p{Pd}\u2212.,·・‧•/_|\\]{0,3}\p{Nd}){8,}[xX×]?/gu;
/** What nobody sees and a dot or dash among amounts and dates are two things: these are no long numbers. */
const ORDINARY = /^(?:\p{Nd}{1,3}(?:,\p{Nd}{3})+(?:\.\p{Nd}+)?|\p{Nd}{4}([-/.])\p{Nd}{1,2}\1\p{Nd}{1,2}[\s]+\p{Nd}{1,2})$/u;

/** Attributes that can repeat what a person typed, where nobody looks. */
const LEAKY = /^(?:title|alt|placeholder|value|label|content|srcdoc|ping|aria-.+|data-.+)$/i;
/** Our own attributes that style sheets need; their values are words of ours. */
const OURS = new Set([PLAIN, BLOCK, MASK, "data-screen", "data-tone", "data-state"]);
/** Style sheets and images: real ones have long decimals. */
const RAW = new Set(["_cssText", "rr_dataURL", "style"]);
const INPUTS = new Set(["input", "textarea", "select"]);

/** @param {string} text */
export const guard = (text) => text.replace(LONG_NUMBER, (found) => (ORDINARY.test(found) ? found : STARS));

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
const isPlain = (element) => element !== null && element.hasAttribute(PLAIN) && !isPassword(element);

/**
 * What may be seen at a node: everything, stars for its text, or nothing (in a blocked container, or in a frame's document).
 * rrweb asks only inside the node's own shadow tree, and reads frames that it blocks; here every container counts, those
 * around the slot that a node is shown in too.
 *
 * @param {Node | null} node
 * @returns {"all" | "stars" | "nothing"}
 */
function shownAt(node) {
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
 * of a node id.
 *
 * @param {any} event
 * @param {(id: number) => Element | null} elementOf
 * @returns {any}
 */
export function clean(event, elementOf) {
  const { type, data } = event;
  if (type === 2) return { ...event, data: { ...data, node: cleanNode(data.node, elementOf) } };
  if (type === 4) return { ...event, data: { ...data, href: address(data.href) } };
  if (type === 3 && data.source === 0) return { ...event, data: cleanMutation(data, elementOf) };
  if (type === 3 && typeof data.id === "number" && shownAt(elementOf(data.id)) === "nothing") return null;
  if (type === 3 && data.source === 5) {
    // rrweb leaves some kinds of inputs alone; here none is.
    const text = isPlain(elementOf(data.id)) ? guard(data.text) : starred(data.text);
    return { ...event, data: { ...data, text } };
  }
  // Rules of style sheets are no place for numbers of customers, and long decimals in them are real.
  if (type === 3 && [8, 13, 15].includes(data.source)) return event;
  return cleanStrings(event);
}

/**
 * @param {any} data
 * @param {(id: number) => Element | null} elementOf
 */
function cleanMutation(data, elementOf) {
  const texts = [];
  for (const text of data.texts) {
    const node = elementOf(text.id);
    const shown = shownAt(node);
    if (shown === "nothing") continue;
    const raw = text.value === null || isStyle(node);
    texts.push(raw ? text : { ...text, value: shown === "stars" ? starred(text.value) : guard(text.value) });
  }
  const attributes = data.attributes
    .filter((/** @type {any} */ one) => shownAt(elementOf(one.id)?.parentNode ?? null) !== "nothing")
    .map((/** @type {any} */ one) => cleanChange(one, elementOf(one.id)));
  const adds = [];
  for (const add of data.adds) {
    const parent = elementOf(add.parentId);
    const shown = shownAt(parent);
    if (shown !== "nothing") adds.push({ ...add, node: cleanNode(add.node, elementOf, isStyle(parent), shown === "stars") });
  }
  return { ...data, texts, attributes, adds };
}

/**
 * @param {any} node a serialized node
 * @param {(id: number) => Element | null} elementOf
 * @param {boolean} [inStyle]
 * @param {boolean} [stars] whether a container above asks for stars in place of text
 * @returns {any}
 */
function cleanNode(node, elementOf, inStyle = false, stars = false) {
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
      attributes: { ...cleanAttributes(node.attributes, node.tagName, plain, node.isSVG), ...chosen(real, plain) },
      childNodes: node.childNodes.map((/** @type {any} */ child) => cleanNode(child, elementOf, style, hidden)),
    };
  }
  if (node.type === 5) return { ...node, textContent: "" };
  if (node.type === 3) {
    const text = node.textContent;
    return { ...node, textContent: inStyle || node.isStyle ? text : stars ? starred(text) : guard(text) };
  }
  if (node.childNodes) return { ...node, childNodes: node.childNodes.map((/** @type {any} */ child) => cleanNode(child, elementOf, false, stars)) };
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
 * @param {boolean} [drawing] attributes of a drawing are coordinates
 */
function cleanAttributes(attributes, tag, plain, drawing = false) {
  /** @type {Record<string, any>} */
  const kept = {};
  for (const [name, value] of Object.entries(attributes)) {
    const leaky = LEAKY.test(name) && !OURS.has(name);
    if (RAW.has(name) || typeof value !== "string" || (drawing && !leaky)) {
      kept[name] = value;
    } else if (leaky) {
      const shown = plain && (name === "placeholder" || name === "value");
      if (shown) kept[name] = guard(value);
      else if (name === "value" && INPUTS.has(tag)) kept[name] = starred(value);
    } else {
      kept[name] = /^data:/i.test(value) ? value : guard(value);
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
