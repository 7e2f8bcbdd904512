// What counters of style sheets show (CSS Lists 3): a browser tells nobody, so they are counted as it does.

/** Styles in which a counter shows no figures. */
const NO_FIGURES = /alpha|latin|roman|greek|hiragana|katakana|disc|circle|square|none|disclosure|armenian|georgian|hebrew|stem|branch/i;
const USE = /(counters?)\(\s*([^\s,()]+)\s*(?:,\s*"((?:[^"\\]|\\.)*)")?\s*(?:,\s*([\w-]+))?\s*\)/g;

/** A counter, and the element beside and within whose children it counts. @typedef {{value: number, parent: Element | null}} Counter */

/** Whether a style makes, sets or changes a counter. @param {CSSStyleDeclaration} style */
export const counts = (style) => [style.counterReset, style.counterSet, style.counterIncrement].some((value) => value && value !== "none");

/**
 * What the counters in a generated text show, for each element and place that has one.
 *
 * @param {Element} root
 * @param {Set<Element>} elements those whose styles have to do with counters
 * @param {(node: any) => Node[]} childrenOf the children as they are shown
 * @returns {Map<Element, {before?: string, after?: string}>} the texts with figures in the place of counters
 */
export function countedIn(root, elements, childrenOf) {
  /** @type {Map<string, Counter[]>} */
  const counters = new Map();
  /** @type {Map<Element, {before?: string, after?: string}>} */
  const found = new Map();

  const of = (/** @type {string} */ name) => {
    const known = counters.get(name) ?? [];
    counters.set(name, known);
    return known;
  };
  /** @param {CSSStyleDeclaration} style @param {Element | null} parent */
  const change = (style, parent) => {
    for (const [name, value] of listed(style.counterReset)) {
      const known = of(name);
      if (known.at(-1)?.parent === parent) known.pop();
      known.push({ value, parent });
    }
    for (const [list, sets] of /** @type {const} */ ([[style.counterIncrement, false], [style.counterSet, true]])) {
      for (const [name, value] of listed(list)) {
        const known = of(name);
        if (known.length === 0) known.push({ value: 0, parent });
        const counter = /** @type {Counter} */ (known.at(-1));
        counter.value = sets ? value : counter.value + value;
      }
    }
  };
  /** @param {Element} element @param {"before" | "after"} place */
  const generate = (element, place) => {
    const style = getComputedStyle(element, `::${place}`);
    if (style.content === "none" || style.content === "normal" || style.display === "none") return;
    change(style, element);
    const text = style.content.replace(USE, (_, kind, name, between, as) => {
      const known = counters.get(name) ?? [];
      const shown = kind === "counters" ? known : known.slice(-1);
      const figures = (shown.length ? shown : [{ value: 0 }]).map(({ value }) => figure(value, as));
      return JSON.stringify(figures.join(kind === "counters" ? (between ?? "") : ""));
    });
    found.set(element, { ...found.get(element), [place]: text });
  };
  /** @param {Element} element @param {Element | null} parent */
  const visit = (element, parent) => {
    const counted = elements.has(element);
    if (counted) {
      const style = getComputedStyle(element);
      if (style.display === "none") return;
      change(style, parent);
      generate(element, "before");
    }
    for (const child of childrenOf(element)) if (child instanceof Element) visit(child, element);
    if (counted) generate(element, "after");
    for (const known of counters.values()) while (known.at(-1)?.parent === element) known.pop();
  };
  visit(root, null);
  return found;
}

/** A list of names and figures, as a browser writes it. @param {string} list @returns {[string, number][]} */
const listed = (list) => [...list.matchAll(/([^\s\d][^\s]*) (-?\d+)/g)].map(([, name, value]) => [name ?? "", Number(value)]);

/** @param {number} value @param {string | undefined} style */
function figure(value, style = "decimal") {
  if (NO_FIGURES.test(style)) return "#";
  return style === "decimal-leading-zero" ? String(value).padStart(2, "0") : String(value);
}
