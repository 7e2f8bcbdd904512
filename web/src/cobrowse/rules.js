// The style rules of a page, one by one, and the elements that they are about: for whoever looks for what style sheets show.

const PSEUDO = /::?(?:before|after|marker)\b|::[\w-]+/g;
const HOST = /:host(?:-context)?(?:\((?:[^()]|\([^()]*\))*\))?/g;
const SLOTTED = /::slotted\((?:[^()]|\([^()]*\))*\)/;
const PART = /::part\([^()]*\)/;
/** Where a combinator has lost what stood behind it, or a selector its beginning: an element of any name is meant. */
const LAST = /([\s>+~])\s*(?=$|[,)])/g;
const FIRST = /(^|[,(]\s*)(?=$|[>+~,)])/g;

/** @typedef {{selector: string, style: CSSStyleDeclaration}} StyleRule */

/**
 * The style rules of a document or shadow tree, also within others and within conditions; of a sheet of another origin
 * none, for its rules are not in the copy either.
 *
 * @param {Document | ShadowRoot} root
 * @param {(sheet: CSSStyleSheet) => boolean} [skips] whether a sheet is known already
 * @returns {Generator<StyleRule>}
 */
export function* styleRules(root, skips) {
  for (const { selector, style } of rulesOf(root, skips)) if (selector && style) yield { selector, style };
}

/**
 * All rules, those without a selector too.
 *
 * @param {Document | ShadowRoot} root
 * @param {(sheet: CSSStyleSheet) => boolean} [skips]
 * @returns {Generator<{selector: string, style: CSSStyleDeclaration | undefined, rule: any}>}
 */
export function* rulesOf(root, skips = () => false) {
  for (const sheet of [...root.styleSheets, ...root.adoptedStyleSheets]) {
    let rules;
    try {
      if (skips(sheet)) continue;
      rules = sheet.cssRules;
    } catch {
      continue;
    }
    yield* within(rules, "");
  }
}

/**
 * @param {CSSRuleList} rules
 * @param {string} outer
 * @returns {Generator<{selector: string, style: CSSStyleDeclaration | undefined, rule: any}>}
 */
function* within(rules, outer) {
  for (const rule of /** @type {Iterable<any>} */ (rules)) {
    const selector = rule.selectorText?.replaceAll("&", `:is(${outer.replace(PSEUDO, "") || ":root"})`) ?? outer;
    yield { selector, style: rule.style, rule };
    if (rule.cssRules?.length) yield* within(rule.cssRules, selector);
    // What an `@import` brings.
    if (rule.styleSheet) {
      try {
        yield* within(rule.styleSheet.cssRules, "");
      } catch {
        // of another origin
      }
    }
  }
}

/** Whether a selector is about a pseudo-element. @param {string} selector */
export const isPseudo = (selector) => selector.search(PSEUDO) >= 0;

/** Whether a selector is about a host, or what stands in a slot or another's shadow tree. @param {string} selector */
const isInShadow = (selector) => selector.includes(":host") || SLOTTED.test(selector) || PART.test(selector);

/**
 * The elements that a selector is about, whatever pseudo-elements it names; perhaps more than those.
 *
 * @param {Document | ShadowRoot} root
 * @param {string} selector
 * @returns {Element[]}
 */
export function matching(root, selector) {
  /** @type {Element[]} */
  const found = [];
  if (root instanceof ShadowRoot) {
    if (selector.includes(":host")) found.push(root.host);
    if (SLOTTED.test(selector)) for (const slot of root.querySelectorAll("slot")) found.push(...slot.assignedElements());
  }
  if (PART.test(selector)) {
    for (const host of root.querySelectorAll("*")) if (host.shadowRoot) found.push(...host.shadowRoot.querySelectorAll("[part]"));
  }
  const plain = selector.replace(SLOTTED, "").replace(PART, "").replace(PSEUDO, "").replace(HOST, "");
  // Where all of it was that, nothing else is meant; and where a combinator is left at the beginning, what it begins with.
  const all = isInShadow(selector) ? plain.replace(/(^|,)\s*[>+~]?\s*(?=,|$)/g, "").replace(/^[\s,>+~]+/, "") : plain;
  if (all === "" && isInShadow(selector)) return found;
  try {
    found.push(...root.querySelectorAll(all.replace(LAST, "$1*").replace(FIRST, "$1*")));
  } catch {
    // what a pseudo-element stood in can be no selector by itself
  }
  return found;
}
