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

/** Nine digits or more, of any script, also when grouped: card, identity, account and telephone numbers. */
const LONG_NUMBER = /\p{Nd}(?:[\s\u00a0\-\u2013.]?\p{Nd}){8,}[xX]?/gu;

/** Attributes that can repeat what a person typed, where nobody looks. */
const LEAKY = /^(?:title|alt|placeholder|value|label|content|srcdoc|ping|aria-.+|data-.+)$/i;
/** Our own attributes that style sheets need; their values are words of ours. */
const OURS = new Set([PLAIN, BLOCK, MASK, "data-screen", "data-tone", "data-state"]);
/** Style sheets and images: real ones have long decimals. */
const RAW = new Set(["_cssText", "rr_dataURL", "style"]);
const INPUTS = new Set(["input", "textarea", "select"]);

/** @param {string} text */
export const guard = (text) => text.replace(LONG_NUMBER, STARS);

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

/** @param {Element | null} element */
const isPlain = (element) =>
  element !== null && element.hasAttribute(PLAIN) && element.getAttribute("type")?.toLowerCase() !== "password";

/**
 * What may be seen at a node: everything, stars for its text, or nothing (in a blocked container, or in a frame's document).
 * rrweb asks only inside the node's own shadow tree, and reads frames that it blocks; here every container counts.
 *
 * @param {Node | null} node
 * @returns {"all" | "stars" | "nothing"}
 */
function shownAt(node) {
  let stars = false;
  for (let at = /** @type {any} */ (node); at; at = at.parentNode ?? at.host ?? null) {
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
  if (type === 2) return { ...event, data: { ...data, node: cleanNode(data.node) } };
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
    if (shown !== "nothing") adds.push({ ...add, node: cleanNode(add.node, isStyle(parent), shown === "stars") });
  }
  return { ...data, texts, attributes, adds };
}

/**
 * @param {any} node a serialized node
 * @param {boolean} [inStyle]
 * @param {boolean} [stars] whether a container above asks for stars in place of text
 * @returns {any}
 */
function cleanNode(node, inStyle = false, stars = false) {
  if (node.type === 2) {
    const style = node.tagName === "style";
    const plain = PLAIN in node.attributes && String(node.attributes.type).toLowerCase() !== "password";
    const hidden = stars || MASK in node.attributes || (node.tagName === "option" && !(PLAIN in node.attributes));
    return {
      ...node,
      attributes: cleanAttributes(node.attributes, node.tagName, plain, node.isSVG),
      childNodes: node.childNodes.map((/** @type {any} */ child) => cleanNode(child, style, hidden)),
    };
  }
  if (node.type === 5) return { ...node, textContent: "" };
  if (node.type === 3) {
    const text = node.textContent;
    return { ...node, textContent: inStyle || node.isStyle ? text : stars ? starred(text) : guard(text) };
  }
  if (node.childNodes) return { ...node, childNodes: node.childNodes.map((/** @type {any} */ child) => cleanNode(child, false, stars)) };
  return node;
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
