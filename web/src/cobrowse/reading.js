// Reads the page as the eye does: over the borders of elements, slots and shadow trees. A number in four spans is a number.
// What the copy leaves out is not read: a page of 80,000 cells takes no longer than what is shown of it.
import { hooks } from "@rrweb/record";
import { Generated, GeneratedText, hideGenerated } from "./generated.js";
import { CELL, END, JOINED, begins, breaks, hide, isAmount, isOrdinary, plainDigits } from "./numbers.js";
import { ENDS, GROUPS, INLINE, LONG_CELLS, STARS } from "./patterns.js";

/** So many texts are looked at to each side of one that changed, and nodes on the way to them. */
const NEAR = 64;
const NODES = 1500;
/** When more texts changed than these, the whole page is read once. */
const MANY = 300;
/** A number that somebody types grows by so many digits at a time. */
const STEP = 2;
const GROUP = 4;
const KEPT = 8;
/** Fields that take so many characters hold parts of a number, where they stand side by side. */
const SHORT = 8;
/** So many texts that nobody sees may stand between two parts of a number, and so often it is asked whether one is seen. */
const UNSEEN = 4;
const LOOKS = 200;
const NO_TEXT = new Set(["style", "script", "noscript", "template", "textarea"]);

/** @typedef {{runs: string[], hidden: string[]}} Past */
/** A text, a field, an edge, or what may not be read. @typedef {Node | GeneratedText | number | null} Step */
/** @typedef {(step: Step) => boolean} Take */

/** @param {Node} node */
const isText = (node) => node.nodeType === Node.TEXT_NODE || node.nodeType === Node.CDATA_SECTION_NODE;

/** Fields that show what is in them as it is. @param {any} node @returns {node is HTMLInputElement | HTMLTextAreaElement} */
const isField = (node) =>
  node instanceof HTMLTextAreaElement ||
  (node instanceof HTMLInputElement && !["checkbox", "radio", "file", "image", "color", "range", "hidden"].includes(node.type));

/** What is seen of a text, or of a field. @param {Node | GeneratedText} node */
export function textOf(node) {
  if (node instanceof GeneratedText) return node.text;
  return isField(node) ? node.value || node.placeholder : (node.textContent ?? "");
}

/** Whether nobody sees a text. @param {Node | GeneratedText | null | undefined} text */
function isUnseen(text) {
  const element = text instanceof Node && isText(text) ? above(text) : null;
  if (!(element instanceof Element)) return false;
  if (!element.checkVisibility({ opacityProperty: true, visibilityProperty: true })) return true;
  const { width, height } = element.getBoundingClientRect();
  return width <= 1 || height <= 1;
}

const DIGIT_FIRST = /^[^\p{L}\p{N}]*[0-9]/u;
const DIGIT_LAST = /[0-9][^\p{L}\p{N}]*$/u;

/** @param {Element} element */
const edgeOf = ({ localName }) => (ENDS.has(localName) ? END : INLINE.has(localName) ? JOINED : CELL);

/** What a node is shown in: a slot, the host of a shadow tree, or its parent. @param {any} node @returns {Node | null} */
const above = (node) => node.assignedSlot ?? (node.parentNode instanceof ShadowRoot ? node.parentNode.host : node.parentNode);

/**
 * The children as they are shown: a slot's are those assigned to it. @param {any} node @returns {Node[]}
 */
function childrenOf(node) {
  if (node.shadowRoot) return hooks.children(node.shadowRoot);
  const assigned = node.localName === "slot" ? node.assignedNodes() : [];
  return assigned.length > 0 ? assigned : hooks.children(node);
}

/** What is shown beside a node within the same parent. @param {any} node @param {boolean} forward @returns {Node | null} */
function beside(node, forward) {
  if (node instanceof HTMLOptionElement && !node.closest("select")?.matches("[size], [multiple]")) return null; // one of them is seen
  const slot = node.assignedSlot;
  const next = forward ? "nextSibling" : "previousSibling";
  let at = node[next];
  if (slot) for (let tries = 0; at && at.assignedSlot !== slot && tries < NEAR; tries += 1) at = at[next];
  else if (node.parentNode?.shadowRoot) return null; // in no slot: nowhere
  return at;
}

export class Reading {
  /** What was sent of a text. @type {WeakMap<Node, string>} */
  #sent = new WeakMap();
  /** What stood in a box before. @type {WeakMap<Node, Past>} */
  #past = new WeakMap();
  #budget = 0;
  #looks = 0;
  /** Where the page's style sheets are. @type {Set<Document | ShadowRoot>} */ #roots = new Set([document]);

  /**
   * @param {import("./secrets.js").Secrets} secrets
   * @param {import("./typing.js").Typing} typing
   * @param {(element: Element) => boolean} isHidden whether nothing, or only stars, may be seen of an element's texts
   * @param {() => void} more told when what was sent before is part of a number, and only another picture takes it back
   */
  constructor(secrets, typing, isHidden, more) {
    this.secrets = secrets;
    this.typing = typing;
    this.isHidden = isHidden;
    this.more = more;
    this.generated = new Generated(() => this.page(document), childrenOf);
  }

  forget() {
    this.generated.forget();
  }

  /** What may be sent of each text of the page. @param {Node} root */
  page(root) {
    const found = new Map();
    this.secrets.refresh();
    this.#looks = LOOKS;
    this.#roots = new Set([document]);
    this.#learn(root);
    this.generated.read(this.#roots);
    let segment = new Segment();
    const flush = () => {
      this.#judge(segment, found, false);
      segment = new Segment();
    };
    this.#within(root, true, (step) => {
      if (step === END && !segment.open) flush();
      else segment.push(step);
      return false;
    });
    flush();
    return found;
  }

  /**
   * What may be sent of texts that changed, and of those that are read with them.
   *
   * @param {Node[]} changed texts, and elements whose content changed
   */
  around(changed) {
    this.secrets.refresh();
    for (const node of changed) if (node instanceof Element) this.#learn(node);
    if (changed.length > MANY || this.generated.changed(this.#roots)) return this.page(document);
    this.#looks = LOOKS;
    /** @type {Map<Node, string>} */
    const found = new Map();
    /** @type {Set<Node>} */
    const done = new Set();
    for (const node of changed) {
      if (!node.isConnected) continue;
      if (isText(node) || this.#isOpen(node)) this.#read(node, found, done);
      else this.#readSome(node, found, done);
    }
    return found;
  }

  /** What was sent of a text is remembered. @param {Node} node @param {string} text */
  sent(node, text) {
    this.#sent.set(node, text);
  }

  /**
   * Texts that were sent and that less may be seen of now.
   *
   * @param {Map<Node, string>} found
   */
  stale(found) {
    return [...found].filter(([node, text]) => {
      const before = this.#sent.get(node);
      return before !== undefined && before !== text && (text !== textOf(node) || isField(node));
    });
  }

  /** The first texts of an element. @param {Node} element @param {Map<Node, string>} found @param {Set<Node>} done */
  #readSome(element, found, done) {
    /** @type {Node[]} */
    const texts = [];
    let steps = 0;
    this.#within(element, true, (step) => {
      if (step instanceof Node) texts.push(step);
      return ++steps > NEAR;
    });
    for (const text of texts) this.#read(text, found, done);
  }

  /** @param {Node} text @param {Map<Node, string>} found @param {Set<Node>} done */
  #read(text, found, done) {
    if (done.has(text) || this.#muted(text)) return;
    const before = this.#side(text, false);
    const behind = this.#side(text, true);
    const segment = new Segment();
    for (const step of before.steps.reverse()) segment.push(step);
    segment.push(text);
    for (const step of behind.steps) segment.push(step);
    this.#judge(segment, found, true);
    const texts = segment.nodes;
    const from = before.whole ? 0 : NEAR / 2;
    const to = behind.whole ? texts.length : texts.length - NEAR / 2;
    texts.slice(from, Math.max(from, to)).forEach((node) => node instanceof Node && done.add(node));
    done.add(text);
  }

  /**
   * What is read before or behind a text, up to where no number goes on.
   *
   * @param {Node} text
   * @param {boolean} forward
   */
  #side(text, forward) {
    /** @type {Step[]} */
    const steps = [];
    let texts = 0;
    let whole = true;
    let open = isBare(textOf(text));
    const edge = forward ? DIGIT_LAST : DIGIT_FIRST;
    let digits = edge.test(plainDigits(textOf(text)));
    this.#outwards(text, forward, (step) => {
      if (step === END && !open) return true;
      steps.push(step);
      if (typeof step === "number") return false;
      if (step === null) return true;
      const shown = textOf(step);
      if (breaks(shown) && !(digits && this.#isUnseen(step))) return true;
      open ||= isBare(shown);
      digits ||= edge.test(plainDigits(shown));
      whole = ++texts < NEAR;
      return !whole;
    });
    return { steps, whole: whole && this.#budget > 0 };
  }

  /**
   * @param {Node} node
   * @param {boolean} forward
   * @param {Take} take
   */
  #outwards(node, forward, take) {
    this.#budget = NODES;
    for (let at = node; this.#budget-- > 0; ) {
      const next = beside(at, forward);
      const parent = above(at);
      if (next) {
        if (this.#within(next, forward, take)) return;
        at = next;
      } else if (parent instanceof Element) {
        if (take(edgeOf(parent))) return;
        at = parent;
      } else {
        return;
      }
    }
  }

  /**
   * Go through the texts in a node and the edges between them; null stands for what may not be read.
   *
   * @param {Node} node
   * @param {boolean} forward
   * @param {Take} take says whether it is enough
   * @returns {boolean} whether it was
   */
  #within(node, forward, take) {
    if (isText(node)) return take(node);
    if (!(node instanceof Element)) return [...node.childNodes].some((child) => this.#within(child, forward, take));
    this.#budget -= 1;
    if (node instanceof HTMLInputElement && node.type === "hidden") return false;
    const edge = edgeOf(node);
    if (take(edge)) return true;
    if (this.isHidden(node)) {
      if (take(null)) return true;
    } else if (this.#isOpen(node)) {
      if (take(node)) return true;
    } else if (!NO_TEXT.has(node.localName)) {
      const { marker, before, after } = this.generated.of(node) ?? {};
      const [first, last] = forward ? [[marker, before], [after]] : [[after], [before, marker]];
      if (first.some((one) => one && take(one))) return true;
      const children = node instanceof HTMLSelectElement && !node.matches("[size], [multiple]") ? [...node.selectedOptions] : childrenOf(node);
      if (!forward) children.reverse();
      for (const child of children) if (this.#within(child, forward, take)) return true;
      if (last.some((one) => one && take(one))) return true;
      for (const child of node.shadowRoot ? node.childNodes : []) {
        if (/** @type {any} */ (child).assignedSlot) continue;
        if (take(END) || this.#within(child, forward, take) || take(END)) return true;
      }
    }
    return take(edge);
  }

  /** @param {Node} text */
  #muted(text) {
    for (let at = above(text); at; at = above(at)) {
      if (at instanceof Element && (this.isHidden(at) || NO_TEXT.has(at.localName))) return true;
    }
    return false;
  }

  /** Know the fields in a part of the page, also where nothing else is read. @param {Node} root */
  #learn(root) {
    /** @type {any[]} */
    const roots = [root];
    for (let at = roots.pop(); at; at = roots.pop()) {
      if (at instanceof Element) {
        this.secrets.learn(at);
        if (at.shadowRoot) roots.push(at.shadowRoot);
      } else if (at instanceof ShadowRoot) {
        this.#roots.add(at);
      }
      for (let child = at.firstElementChild; child; child = child.nextElementSibling) roots.push(child);
    }
  }

  /** Whether what stands in a field is sent. @param {any} node @returns {node is HTMLInputElement | HTMLTextAreaElement} */
  #isOpen(node) {
    return isField(node) && this.secrets.isPlain(node);
  }

  /** @param {Node | GeneratedText | null | undefined} text */
  #isUnseen(text) {
    return this.#looks-- > 0 && isUnseen(text);
  }

  /**
   * @param {Segment} segment
   * @param {Map<Node, string>} found
   * @param {boolean} live whether something has just changed
   */
  #judge(segment, found, live) {
    if (!segment.hasDigits && !this.secrets.hasWords) {
      for (const [at, node] of segment.nodes.entries()) if (node instanceof Node) found.set(node, segment.texts[at] ?? "");
      return;
    }
    const split = splitFields(segment);
    for (const at of split) segment.texts[at] = "#";
    this.#hide(segment, found, live);
    const seen = this.#without(segment);
    if (seen) this.#hide(seen, found, live, true);
    for (const at of split) {
      const node = segment.nodes[at];
      if (node instanceof HTMLInputElement) found.set(node, node.value ? STARS : node.placeholder);
    }
  }

  /** The segment without texts between digits that nobody sees, null where there are none. @param {Segment} segment */
  #without({ texts, joints, nodes }) {
    const plain = texts.map(plainDigits);
    /** @type {Set<number>} */
    const gone = new Set();
    let last = -1;
    for (let at = 0; at < plain.length; at += 1) {
      const text = plain[at] ?? "";
      if (/^\s*$/.test(text)) continue;
      const between = at - last - 1;
      if (last >= 0 && between > 0 && between <= 2 * UNSEEN && DIGIT_FIRST.test(text)) {
        const words = [...Array(between).keys()].map((one) => last + 1 + one).filter((one) => /\S/.test(plain[one] ?? ""));
        if (words.length > 0 && words.length <= UNSEEN && words.every((one) => this.#isUnseen(nodes[one]))) for (const one of words) gone.add(one);
      }
      if (DIGIT_LAST.test(text)) last = at;
    }
    if (gone.size === 0) return null;
    const seen = new Segment();
    texts.forEach((_, at) => {
      seen.push(joints[at] ?? JOINED);
      if (!gone.has(at)) seen.push(nodes[at] ?? null);
    });
    return seen;
  }

  /**
   * @param {Segment} segment
   * @param {Map<Node, string>} found
   * @param {boolean} live
   * @param {boolean} [again] whether only what is hidden now counts
   */
  #hide({ texts, joints, nodes }, found, live, again = false) {
    const boxOf = (/** @type {number} */ at) => {
      const node = nodes[at];
      let box = node instanceof GeneratedText ? node.element : node ? above(node) : null;
      while (box instanceof Element && edgeOf(box) === JOINED) box = above(box);
      return box;
    };
    const left = hide(texts, joints, {
      run: (run, number) => {
        const { digits } = run;
        const box = boxOf(run.first);
        const told = this.secrets.isOpen(digits);
        const open = isAmount(run) || isOrdinary(run.text);
        const hidden =
          number ||
          this.secrets.repeats(run) ||
          this.typing.holds(nodes[run.first], run) ||
          (live && this.secrets.echoes(digits)) ||
          (!told && this.#grows(box, digits, live && !open));
        this.#keep(box, digits, hidden);
        if (number) this.secrets.hide(digits);
        return hidden;
      },
      cells: (groups, owners, number) => {
        const digits = groups.join("");
        const box = above(boxOf(owners[0] ?? 0) ?? document);
        const single = groups.every(({ length }) => length === 1);
        const begun = begins(groups) && owners.every((at) => isField(nodes[at]));
        const hidden = number || begun || this.secrets.repeats({ text: digits, digits }) || (single && this.#grows(box, digits, live));
        if (single) this.#keep(box, digits, hidden);
        if (number && single) this.secrets.hide(digits);
        return hidden && !number;
      },
      spans: (line) => this.secrets.spans(line),
    });
    let more = false;
    nodes.forEach((node, at) => {
      const text = left[at] ?? "";
      if (node instanceof GeneratedText) more = (text !== node.text && hideGenerated(node)) || more;
      else if (node && (!again || text !== texts[at])) found.set(node, text);
    });
    if (more) this.more();
  }

  /**
   * Whether digits are those of a number that somebody types: it is known what it becomes only when all of it is there.
   *
   * @param {Node | null} box
   * @param {string} digits
   * @param {boolean} live
   */
  #grows(box, digits, live) {
    const past = box && this.#past.get(box);
    if (!past || digits.length < GROUP) return false;
    if (past.hidden.some((before) => before.startsWith(digits) || digits.startsWith(before))) return true;
    if (!live) return false;
    return past.runs.some((before) => {
      const more = digits.length - before.length;
      return more > 0 && digits.startsWith(before) && more <= (before.length < GROUP ? STEP : GROUP);
    });
  }

  /** @param {Node | null} box @param {string} digits @param {boolean} hidden */
  #keep(box, digits, hidden) {
    if (!box) return;
    let past = this.#past.get(box);
    if (!past) this.#past.set(box, (past = { runs: [], hidden: [] }));
    past.runs = [digits, ...past.runs.filter((before) => !digits.startsWith(before))].slice(0, KEPT);
    if (hidden && digits.length >= GROUP && !past.hidden.includes(digits)) past.hidden = [digits, ...past.hidden].slice(0, KEPT);
  }
}

/** Not only of ASCII; what is no digit after all costs time, and nothing else. */
const DIGIT = /[0-9\u0080-\uffff]/;

/** Whether a text is nothing but digits. @param {string} text */
const isBare = (text) => DIGIT.test(text) && !breaks(text) && /[0-9]/.test(plainDigits(text));

/** Fields side by side that are made for the parts of a number, by their lengths. @param {Segment} segment */
function splitFields({ nodes, texts }) {
  /** @type {number[]} */
  const found = [];
  /** @type {number[]} */
  let row = [];
  const flush = () => {
    const widths = row.map((at) => /** @type {HTMLInputElement} */ (nodes[at]).maxLength);
    const even = widths.slice(0, -1).every((width) => width === widths[0]) && (widths.at(-1) ?? 0) <= (widths[0] ?? 0);
    const usual = GROUPS.some((group) => group.length === widths.length && group.every((width, at) => width === widths[at]));
    const enough = widths.reduce((sum, width) => sum + width, 0) >= LONG_CELLS;
    if (row.length > 2 && enough && (even || usual)) found.push(...row);
    row = [];
  };
  nodes.forEach((node, at) => {
    if (node instanceof HTMLInputElement && node.maxLength > 0 && node.maxLength <= SHORT) row.push(at);
    else if (node instanceof HTMLElement || breaks(texts[at] ?? "")) flush();
  });
  flush();
  return found;
}

/** Texts in the order of reading, and how each follows the one before. */
class Segment {
  /** @type {string[]} */ texts = [];
  /** @type {number[]} */ joints = [];
  /** @type {(Node | GeneratedText | null)[]} */ nodes = [];
  /** Whether the last text is nothing but digits: a number may go on in another part of the page. */
  open = false;
  hasDigits = false;
  #joint = JOINED;

  /** @param {Step} step */
  push(step) {
    if (typeof step === "number") {
      this.#joint = Math.max(this.#joint, step);
      return;
    }
    const text = step ? textOf(step) : "#";
    if (/\S/.test(text)) this.open = isBare(text);
    this.hasDigits ||= DIGIT.test(text);
    this.texts.push(text);
    this.joints.push(this.#joint);
    this.nodes.push(step);
    this.#joint = JOINED;
  }
}
