// Reads the page as the eye does: over the borders of elements, slots and shadow trees. A number in four spans is a number.
// What the copy leaves out is not read: a page of 80,000 cells takes no longer than what is shown of it.
import { hooks } from "@rrweb/record";
import { CELL, JOINED, breaks, hide, isAmount, isOrdinary } from "./numbers.js";
import { ENDS, INLINE } from "./patterns.js";

/** Where another thing begins: no number goes on beyond it. */
const END = 2;
/** So many texts are looked at to each side of one that changed, and nodes on the way to them. */
const NEAR = 64;
const NODES = 1500;
/** When more texts changed than these, the whole page is read once. */
const MANY = 300;
/** A number that somebody types grows by so many digits at a time. */
const STEP = 2;
const GROUP = 4;
const KEPT = 8;
const NO_TEXT = new Set(["style", "script", "noscript", "template", "textarea"]);

/** @typedef {{runs: string[], hidden: string[]}} Past */
/** A text, an edge, or what may not be read. @typedef {Node | number | null} Step */
/** @typedef {(step: Step) => boolean} Take */

/** @param {Node} node */
const isText = (node) => node.nodeType === Node.TEXT_NODE || node.nodeType === Node.CDATA_SECTION_NODE;

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

  /**
   * @param {import("./secrets.js").Secrets} secrets
   * @param {(element: Element) => boolean} isHidden whether nothing, or only stars, may be seen of an element's texts
   */
  constructor(secrets, isHidden) {
    this.secrets = secrets;
    this.isHidden = isHidden;
  }

  /** What may be sent of each text of the page. @param {Node} root */
  page(root) {
    const found = new Map();
    this.secrets.refresh();
    this.#learn(root);
    let segment = new Segment();
    const flush = () => {
      this.#judge(segment, found, false);
      segment = new Segment();
    };
    this.#within(root, true, (step) => {
      if (step === END) flush();
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
    if (changed.length > MANY) return this.page(document);
    /** @type {Map<Node, string>} */
    const found = new Map();
    /** @type {Set<Node>} */
    const done = new Set();
    for (const node of changed) {
      if (!node.isConnected) continue;
      if (isText(node)) this.#read(node, found, done);
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
      return before !== undefined && before !== text && text !== node.textContent;
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
    texts.slice(from, Math.max(from, to)).forEach((node) => node && done.add(node));
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
    this.#outwards(text, forward, (step) => {
      if (step === END) return true;
      steps.push(step);
      if (typeof step === "number") return false;
      if (step === null || breaks(step.textContent ?? "")) return true;
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
    const edge = edgeOf(node);
    if (take(edge)) return true;
    if (this.isHidden(node)) {
      if (take(null)) return true;
    } else if (!NO_TEXT.has(node.localName)) {
      const children = childrenOf(node);
      if (!forward) children.reverse();
      for (const child of children) if (this.#within(child, forward, take)) return true;
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
      }
      for (let child = at.firstElementChild; child; child = child.nextElementSibling) roots.push(child);
    }
  }

  /**
   * @param {Segment} segment
   * @param {Map<Node, string>} found
   * @param {boolean} live whether something has just changed
   */
  #judge({ texts, joints, nodes }, found, live) {
    const boxOf = (/** @type {number} */ at) => {
      let box = nodes[at] ? above(/** @type {Node} */ (nodes[at])) : null;
      while (box instanceof Element && edgeOf(box) === JOINED) box = above(box);
      return box;
    };
    const left = hide(texts, joints, {
      run: (run, number) => {
        const { digits } = run;
        const box = boxOf(run.first);
        const open = isAmount(run) || isOrdinary(run.text) || this.secrets.isOpen(digits);
        const hidden =
          number || this.secrets.repeats(run) || (live && this.secrets.echoes(digits)) || this.#grows(box, digits, live && !open);
        this.#keep(box, digits, hidden);
        if (number) this.secrets.hide(digits);
        return hidden;
      },
      cells: (groups, first, number) => {
        const digits = groups.join("");
        const box = above(boxOf(first) ?? document);
        const single = groups.every(({ length }) => length === 1);
        const hidden = number || this.secrets.repeats({ text: digits, digits }) || (single && this.#grows(box, digits, live));
        if (single) this.#keep(box, digits, hidden);
        if (number && single) this.secrets.hide(digits);
        return hidden && !number;
      },
      spans: (line) => this.secrets.spans(line),
    });
    nodes.forEach((node, at) => node && found.set(node, left[at] ?? ""));
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

/** Texts in the order of reading, and how each follows the one before. */
class Segment {
  /** @type {string[]} */ texts = [];
  /** @type {number[]} */ joints = [];
  /** @type {(Node | null)[]} */ nodes = [];
  #joint = JOINED;

  /** @param {Step} step */
  push(step) {
    if (typeof step === "number") {
      this.#joint = Math.max(this.#joint, step);
      return;
    }
    this.texts.push(step ? (step.textContent ?? "") : "#");
    this.joints.push(this.#joint);
    this.nodes.push(step);
    this.#joint = JOINED;
  }
}
