// How much of a page is recorded: so many nodes and so many levels that neither the kiosk nor who draws the copy halts.
// What is beyond is left out where it stands, from some child of an element on, and the copy says so in that place.
import { hooks, record } from "@rrweb/record";
import { BLOCK_SELECTOR } from "./mask.js";

export const MOST_NODES = 8000;
/** The server refuses a page of 300 levels. */
export const MOST_DEPTH = 260;
/** Fewer nodes than these would show nothing of a page. */
export const FEWEST_NODES = 250;
/** A parent of more children than these shows the first of them, and not a little of each. */
const FEW = 64;
/** rrweb counts from 1, and nobody's page comes so far. */
const FIRST_ID = 2 ** 40;
const RECOUNT_MS = 50;

/** What the kiosk knows of what a copy leaves out: children that are in it, and the id of what stands for the others. */
/** @typedef {{kept: Set<Node>, code: "nodes" | "depth", placeholder: number, placed: boolean}} Cut */

export class Extent {
  /** By parent: an element, or the root of a shadow tree. @type {Map<Node, Cut>} */ cuts = new Map();
  #most = MOST_NODES;
  #used = 0;
  #counted = 0;
  #ids = FIRST_ID;
  /** Placeholders whose reason is gone. @type {{parentId: number, id: number, isShadow?: boolean}[]} */ #lifted = [];

  /** Begin to decide what rrweb sees. */
  open() {
    hooks.children = (parent) => this.#children(parent);
    hooks.omits = (node, target, known) => !known && this.#omits(node, target);
    hooks.omitted = (node) => node !== null && node.parentNode !== null && this.cuts.has(node.parentNode);
  }

  close() {
    hooks.children = (parent) => [...parent.childNodes];
    hooks.omits = hooks.omitted = () => false;
    this.forget();
    this.#most = MOST_NODES;
  }

  forget() {
    this.cuts.clear();
    this.#lifted = [];
  }

  /** The page as it is now is to be pictured as a whole. */
  plan() {
    this.forget();
    this.#used = this.#plan(document, 0, this.#most);
  }

  /** What was to be sent was too much: less of it from now on. */
  lessen() {
    this.#most = Math.max(FEWEST_NODES, Math.floor(this.#most / 2));
  }

  /** The codes of what is left out now. */
  codes() {
    for (const parent of this.cuts.keys()) if (!parent.isConnected) this.cuts.delete(parent);
    return [...this.cuts.values()].map(({ code }) => code);
  }

  /** Puts into a mutation of rrweb's what stands for what is left out since the last. @param {any} data */
  place(data) {
    for (const [parent, cut] of this.cuts) {
      if (cut.placed) continue;
      const at = placeOf(parent);
      if (at.parentId < 0) continue;
      cut.placed = true;
      let { parentId } = at;
      // rrweb adds nodes one by one.
      for (let node = this.placeholder(parent, cut); node; node = node.childNodes[0]) {
        data.adds.push({ parentId, nextId: null, node: { ...node, childNodes: [] } });
        parentId = node.id;
      }
    }
    data.removes.push(...this.#lifted.splice(0));
  }

  /**
   * What stands in a copy for what is left out of this parent; null where nothing can stand.
   *
   * @param {Node} parent
   * @param {Cut} cut
   * @returns {any}
   */
  placeholder(parent, cut) {
    const host = parent instanceof ShadowRoot ? parent.host : parent;
    if (!(host instanceof HTMLElement) || ["SELECT", "OPTGROUP", "DATALIST", "TEXTAREA", "STYLE"].includes(host.tagName)) return null;
    cut.placed = true;
    const { across, px } = room(parent, cut.kept);
    const tags = tagsIn(host.tagName);
    /** @type {any[]} */
    let childNodes = [];
    for (const tagName of tags.toReversed()) {
      const outer = tagName === tags[0];
      const marked = tagName === tags.at(-1) ? { "data-cobrowse-omitted": cut.code, [across ? "rr_width" : "rr_height"]: `${px}px` } : {};
      const wide = tagName === "td" && !across ? { colspan: String(columns(cut.kept)) } : {};
      const id = outer ? cut.placeholder : this.#ids++;
      childNodes = [{ type: 2, id, tagName, attributes: { ...marked, ...wide }, childNodes }];
    }
    return parent instanceof ShadowRoot ? { ...childNodes[0], isShadow: true } : childNodes[0];
  }

  /** @param {Node} parent */
  #children(parent) {
    const cut = this.cuts.get(parent);
    return cut ? [...cut.kept].filter((node) => node.parentNode === parent) : [...parent.childNodes];
  }

  /**
   * @param {Node} node
   * @param {Node | undefined} target
   */
  #omits(node, target) {
    const parent = target && !(target instanceof Element && target.shadowRoot === node.parentNode) ? target : node.parentNode;
    if (!parent) return false;
    let cut = this.cuts.get(parent);
    if (!target) return cut !== undefined && !cut.kept.has(node);
    if (cut && this.#replaced(parent, cut)) cut = undefined;
    if (cut && !(node.nextSibling && cut.kept.has(node.nextSibling))) return true;
    const depth = depthOf(parent);
    const allowance = this.#allowance();
    if (depth >= MOST_DEPTH || allowance <= 0) {
      if (!cut) this.#cut(parent, new Set([...parent.childNodes].filter((child) => record.mirror.hasNode(child))), depth);
      return true;
    }
    cut?.kept.add(node);
    this.#used += this.#plan(node, depth + 1, allowance);
    return false;
  }

  /** Whether all of what was shown of a parent is gone: then it begins anew. @param {Node} parent @param {Cut} cut */
  #replaced(parent, cut) {
    for (const node of cut.kept) {
      if (node.parentNode === parent) return false;
      cut.kept.delete(node);
    }
    if (cut.placed) this.#lifted.push({ ...placeOf(parent), id: cut.placeholder });
    return this.cuts.delete(parent);
  }

  #allowance() {
    if (this.#used >= this.#most && performance.now() - this.#counted > RECOUNT_MS) {
      this.#counted = performance.now();
      const { mirror } = record;
      this.#used = mirror.getIds().filter((id) => mirror.getNode(id)?.isConnected).length;
    }
    return this.#most - this.#used;
  }

  /**
   * Decides what is left out below a node; returns how many nodes stay.
   *
   * @param {Node} node
   * @param {number} depth
   * @param {number} allowance
   * @returns {number}
   */
  #plan(node, depth, allowance) {
    const { size, deep } = sizeOf(node, depth, allowance);
    return size <= allowance && !deep ? size : this.#lessen(node, depth, allowance);
  }

  /**
   * The same for a node that is too large, or somewhere too deep.
   *
   * @param {Node} node
   * @param {number} depth
   * @param {number} allowance
   */
  #lessen(node, depth, allowance) {
    let used = 1;
    for (const tree of trees(node)) {
      if (depth >= MOST_DEPTH) this.#cut(tree, new Set(), depth);
      else used += this.#share(tree, depth + 1, allowance - used);
    }
    return used;
  }

  /**
   * Divides what is allowed among children: a part for each where they are few, and else to the first what they need.
   *
   * @param {Node} parent
   * @param {number} depth that of the children
   * @param {number} allowance
   */
  #share(parent, depth, allowance) {
    const few = parent.childNodes.length <= FEW;
    const sizes = few ? [...parent.childNodes].map((child) => sizeOf(child, depth, allowance)) : [];
    const each = few ? level(sizes, allowance) : Math.ceil(allowance / 2);
    const kept = new Set();
    let used = 0;
    for (let child = parent.firstChild; child; child = child.nextSibling) {
      const left = allowance - used;
      const { size, deep } = sizes[kept.size] ?? sizeOf(child, depth, left);
      if (left < 1 || (!few && !deep && size > left && left < FEW)) {
        this.#cut(parent, kept, depth - 1);
        break;
      }
      kept.add(child);
      const whole = !deep && size <= (few ? Math.min(left, each) : left);
      used += whole ? size : this.#lessen(child, depth, Math.max(1, Math.min(left, each)));
    }
    return used;
  }

  /**
   * @param {Node} parent
   * @param {Set<Node>} kept
   * @param {number} depth
   */
  #cut(parent, kept, depth) {
    this.cuts.set(parent, { kept, code: depth >= MOST_DEPTH ? "depth" : "nodes", placeholder: this.#ids++, placed: false });
  }
}

/** Whether the count came upon a level that is too deep. */
let reached = false;

/**
 * How many nodes a copy would have with and below this one, counted up to a little more than `most`.
 *
 * @param {Node} node
 * @param {number} depth
 * @param {number} most
 */
function sizeOf(node, depth, most) {
  reached = false;
  const size = count(node, depth, most);
  return { size, deep: reached };
}

/**
 * @param {Node} node
 * @param {number} depth
 * @param {number} most
 * @returns {number}
 */
function count(node, depth, most) {
  if (node.nodeType !== Node.ELEMENT_NODE && node.nodeType !== Node.DOCUMENT_NODE) return 1;
  if (node instanceof Element && ((!node.firstChild && !node.shadowRoot) || node.matches(BLOCK_SELECTOR))) return 1;
  if (depth >= MOST_DEPTH) {
    reached = true;
    return 1;
  }
  let size = 1;
  for (const tree of trees(node)) {
    for (let child = tree.firstChild; child && size <= most; child = child.nextSibling) {
      size += count(child, depth + 1, most - size);
    }
  }
  return size;
}

/**
 * The most nodes that each of a few children may have, so that all of them together have what is allowed.
 *
 * @param {{size: number}[]} children
 * @param {number} allowance
 */
function level(children, allowance) {
  const sizes = children.map(({ size }) => size).sort((one, other) => one - other);
  let left = allowance;
  for (const [index, size] of sizes.entries()) {
    const share = left / (sizes.length - index);
    if (size > share) return Math.floor(share);
    left -= size;
  }
  return allowance;
}

/** The node itself, and its shadow tree. @param {Node} node @returns {Node[]} */
const trees = (node) => (node instanceof Element && node.shadowRoot ? [node, node.shadowRoot] : [node]);

/** @param {Node} node */
function depthOf(node) {
  let depth = 0;
  for (let at = /** @type {any} */ (node); at; at = at.parentNode ?? at.host ?? null) if (!(at instanceof ShadowRoot)) depth += 1;
  return depth - 1;
}

/** @param {Node} parent */
const placeOf = (parent) =>
  parent instanceof ShadowRoot
    ? { parentId: record.mirror.getId(parent.host), isShadow: true }
    : { parentId: record.mirror.getId(parent) };

/** What can stand in a parent, from without to within. @param {string} parent */
function tagsIn(parent) {
  if (parent === "TABLE") return ["tbody", "tr", "td"];
  if (["TBODY", "THEAD", "TFOOT"].includes(parent)) return ["tr", "td"];
  if (parent === "TR") return ["td"];
  return [["UL", "OL", "MENU"].includes(parent) ? "li" : "div"];
}

/** How many columns the rows of a table have. @param {Set<Node>} rows */
function columns(rows) {
  const row = /** @type {any} */ ([...rows].findLast((node) => node instanceof HTMLTableRowElement));
  return row ? [...row.cells].reduce((sum, cell) => sum + cell.colSpan, 0) || 1 : 1;
}

/**
 * The room that what is left out takes, across where it stands beside what is kept, and down otherwise; in CSS pixels.
 *
 * @param {Node} parent
 * @param {Set<Node>} kept
 */
function room(parent, kept) {
  const children = parent instanceof ShadowRoot ? parent.children : /** @type {Element} */ (parent).children;
  let last = children[children.length - 1];
  let first = /** @type {Element | undefined} */ ([...kept].filter((node) => node instanceof Element && node.isConnected).at(-1));
  const whole = (parent instanceof ShadowRoot ? parent.host : /** @type {Element} */ (parent)).getBoundingClientRect();
  const end = last?.getBoundingClientRect() ?? whole;
  const begin = first?.getBoundingClientRect();
  const across = parent instanceof HTMLTableRowElement;
  const px = across ? end.right - (begin?.right ?? whole.left) : end.bottom - (begin?.bottom ?? whole.top);
  return { across, px: Math.max(48, Math.round(px)) };
}
