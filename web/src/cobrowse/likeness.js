// What rrweb does not see, and a copy needs to look like the page: added to events that are clean already (mask.js).
import { record } from "@rrweb/record";
import { Backgrounds } from "./backgrounds.js";
import { Extent } from "./extent.js";
import { asText, isStiff } from "./fields.js";
import { Images } from "./images.js";
import { layerOf, onLayer } from "./layers.js";
import { shownAt } from "./mask.js";
import { forget, readSheets, statesOf } from "./states.js";

/** Of one text so many UTF-16 units are shown. */
export const MOST_TEXT = 20_000;
/** The server takes no longer style sheet. */
const MOST_SHEET = 1024 * 1024;
/** A number that is cut must not pass as a short one. */
const TAIL = /[\p{Nd}\s\p{Cf}\p{Pd}\u2212.,·・‧•/_|\\]+$/u;
const TAIL_UNITS = 200;
/** Attributes whose change is looked at here. */
const IMAGE = ["src", "srcset", "sizes"];
/** After a change the page is looked at for pictures of its style sheets, not more often than this. */
const LOOK_MS = 500;
/** rrweb's custom event that says what a copy leaves out. */
const OMITTED = "omitted";

/** @param {number} id @returns {any} */
const nodeOf = (id) => record.mirror.getNode(id);

export class Likeness {
  extent = new Extent();
  #images;
  /** Texts and style sheets that were cut, in the epoch. @type {Map<number, "text" | "style">} */ #cut = new Map();
  /** Hosts of shadow trees with style sheets that the copy has had. @type {WeakSet<Element>} */ #hosts = new WeakSet();
  #declared = "";
  #backgrounds = new Backgrounds((element, attributes) => this.#tell(element, attributes));
  /** Shadow trees that the copy has. @type {Set<ShadowRoot>} */ #roots = new Set();
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #look;

  /** @param {(event: any) => void} push takes an event that is clean */
  constructor(push) {
    this.push = push;
    this.#images = new Images((image, attributes) => {
      const told = this.#tell(image, attributes);
      this.declare();
      return told;
    });
  }

  open() {
    this.extent.open();
    this.#images.open();
    onLayer((element) => this.#tell(element, layerOf(element)));
  }

  close() {
    onLayer(null);
    clearTimeout(this.#look);
    this.#look = undefined;
    this.#backgrounds.forget();
    this.#roots.clear();
    this.#images.close();
    this.extent.close();
    forget();
  }

  /** A full picture is to be taken; `anew`: of a new epoch. @param {boolean} anew */
  begin(anew) {
    this.#images.begin();
    this.#declared = "";
    if (!anew) return;
    this.extent.plan();
    this.#roots.clear();
    this.#cut.clear();
    this.#hosts = new WeakSet();
  }

  /** Whether a full picture would show what the copy leaves out: only a new epoch can bring it. */
  get lacks() {
    return this.extent.codes().length > 0 || this.#cut.size > 0;
  }

  /** Too much of it to be sent. */
  lessen() {
    this.extent.lessen();
  }

  /**
   * An event of rrweb's, before it is cleaned, without texts that are too long.
   *
   * @param {any} event
   */
  shorten(event) {
    if (event.type === 2) this.#shortenNode(event.data.node);
    if (event.type !== 3 || event.data.source !== 0) return;
    for (const { node } of event.data.adds) this.#shortenNode(node);
    for (const text of event.data.texts) text.value = this.#short(text.id, text.value);
  }

  /**
   * Makes a clean event tell what the copy needs, in place; what else it needs follows.
   *
   * @param {any} event
   */
  amend(event) {
    const { type, data } = event;
    if (type === 2) {
      this.#read(document);
      this.#node(data.node);
      this.#stand(data.node);
      this.#lookLater();
    } else if (type === 3 && data.source === 0) {
      this.#mutation(data);
    } else if (type === 3 && [8, 15].includes(data.source)) {
      this.#readAll(nodeOf(data.id)?.shadowRoot ?? document);
      this.#lookLater();
    }
  }

  #lookLater() {
    this.#look ??= setTimeout(() => {
      this.#look = undefined;
      for (const root of this.#roots) if (!root.isConnected) this.#roots.delete(root);
      this.#backgrounds.scan([document, ...this.#roots], true);
      this.declare();
    }, LOOK_MS);
  }

  /** Declares what the copy leaves out, if that is not what was declared last. */
  declare() {
    /** @type {Record<string, number>} */
    const counts = {};
    const count = (/** @type {string} */ code, much = 1) => (counts[code] = (counts[code] ?? 0) + much);
    for (const code of this.extent.codes()) count(code);
    for (const [id, code] of this.#cut) {
      if (nodeOf(id)?.isConnected) count(code);
      else this.#cut.delete(id);
    }
    if (this.#images.refused) count("image", this.#images.refused);
    for (const [code, much] of Object.entries(this.#backgrounds.counts)) if (much) count(code, much);
    const declared = JSON.stringify(counts);
    if (declared === this.#declared || (declared === "{}" && this.#declared === "")) return;
    this.#declared = declared;
    this.push({ type: 5, timestamp: Date.now(), data: { tag: OMITTED, payload: counts } });
  }

  /** @param {any} node */
  #shortenNode(node) {
    if (node.type === 3) node.textContent = this.#short(node.id, node.textContent);
    const sheet = node.attributes?._cssText;
    if (typeof sheet === "string" && sheet.length > MOST_SHEET) {
      node.attributes._cssText = "";
      this.#cut.set(node.id, "style");
    }
    for (const child of node.childNodes ?? []) this.#shortenNode(child);
  }

  /** @param {number} id @param {string | null} text */
  #short(id, text) {
    if (text === null || text.length <= MOST_TEXT) return text;
    if (nodeOf(id)?.parentElement?.tagName === "STYLE") {
      if (text.length <= MOST_SHEET) return text;
      this.#cut.set(id, "style");
      return "";
    }
    this.#cut.set(id, "text");
    const begin = text.slice(0, MOST_TEXT - TAIL_UNITS);
    return `${begin}${text.slice(begin.length, MOST_TEXT).replace(TAIL, "")} …`;
  }

  /** @param {any} node a serialized node, clean */
  #node(node) {
    if (node.type === 0) for (const child of node.childNodes) this.#node(child);
    if (node.type !== 2) return;
    const real = nodeOf(node.id);
    this.#element(node, real);
    if (real?.shadowRoot) {
      this.#roots.add(real.shadowRoot);
      this.#read(real.shadowRoot);
    }
    for (const child of node.childNodes) this.#node(child);
  }

  /** Puts into a full picture what stands for what is left out. @param {any} node */
  #stand(node) {
    if (!this.extent.cuts.size || node.type > 2 || node.type === 1) return;
    for (const child of node.childNodes) this.#stand(child);
    const real = nodeOf(node.id);
    for (const parent of [real, real?.shadowRoot]) {
      const cut = parent && this.extent.cuts.get(parent);
      const placeholder = cut && this.extent.placeholder(parent, cut);
      if (placeholder) node.childNodes.push(placeholder);
    }
  }

  /** @param {any} node @param {any} real */
  #element(node, real) {
    if (!(real instanceof Element)) return;
    const states = { ...statesOf(real), ...layerOf(real), ...this.#backgrounds.of(real) };
    const image = real instanceof HTMLImageElement;
    if ((Object.keys(states).length || image) && shownAt(real) === "nothing") return;
    Object.assign(node.attributes, states);
    if (image) {
      for (const name of IMAGE) delete node.attributes[name];
      Object.assign(node.attributes, this.#images.show(real));
    } else if (isStiff(real)) {
      node.attributes = asText(real, node.attributes);
    }
  }

  /** @param {any} data */
  #mutation(data) {
    let sheets = false;
    for (const { node, parentId } of data.adds) {
      const real = nodeOf(node.id);
      this.#node(node);
      sheets ||= ["STYLE", "LINK"].includes(real?.tagName) || nodeOf(parentId)?.tagName === "STYLE";
      if (real?.shadowRoot?.adoptedStyleSheets.length) this.#adopt(real);
    }
    sheets ||= data.texts.some((/** @type {any} */ { id }) => nodeOf(id)?.parentElement?.tagName === "STYLE");
    for (const change of data.attributes) this.#change(change, nodeOf(change.id));
    this.extent.place(data);
    this.#lookLater();
    if (sheets) this.#readAll(document);
  }

  /** @param {any} change @param {any} real */
  #change(change, real) {
    if (!(real instanceof Element)) return;
    const { attributes } = change;
    if (real instanceof HTMLImageElement && IMAGE.some((name) => name in attributes)) {
      for (const name of IMAGE) delete attributes[name];
      Object.assign(attributes, this.#images.changed(real));
    }
    if (isStiff(real) && "type" in attributes) attributes.type = "text";
    if ("popover" in attributes && real.hasAttribute("popover")) attributes.popover = "manual";
  }

  /**
   * The states that a change of attributes is about, from rrweb's own event: its clean form has none of them.
   *
   * @param {any} event
   * @param {any} clean
   */
  states(event, clean) {
    if (event.type !== 3 || event.data.source !== 0) return;
    for (const [index, { id, attributes }] of event.data.attributes.entries()) {
      const real = nodeOf(id);
      if (!(real instanceof Element) || shownAt(real) === "nothing") continue;
      const states = statesOf(real, Object.keys(attributes));
      const change = clean.data.attributes.find((/** @type {any} */ one) => one.id === id);
      if (change) Object.assign(change.attributes, states);
      else if (Object.keys(states).length) clean.data.attributes.splice(index, 0, { id, attributes: states });
    }
  }

  /**
   * rrweb tells a host's adopted style sheets once; where the host moves, the copy makes it anew, without them.
   *
   * @param {Element} host
   */
  #adopt(host) {
    const seen = this.#hosts.has(host);
    this.#hosts.add(host);
    const root = host.shadowRoot;
    // Setting them is what rrweb tells of.
    if (seen && root) setTimeout(() => (root.adoptedStyleSheets = [...root.adoptedStyleSheets]));
  }

  /** @param {Document | ShadowRoot} root */
  #read(root) {
    if (root instanceof ShadowRoot && root.adoptedStyleSheets.length) this.#hosts.add(root.host);
    return readSheets(root);
  }

  /**
   * Style sheets have changed: they may ask for attributes of elements that the copy has already.
   *
   * @param {Document | ShadowRoot} root
   */
  #readAll(root) {
    queueMicrotask(() => {
      const fresh = this.#read(root).filter((name) => name !== "type");
      if (!fresh.length) return;
      for (const element of root.querySelectorAll(fresh.map((name) => `[${CSS.escape(name)}]`).join(","))) {
        if (shownAt(element) !== "nothing") this.#tell(element, statesOf(element, fresh));
      }
    });
  }

  /**
   * Tells the copy of other attributes of an element; false: the copy does not have it.
   *
   * @param {Element} element
   * @param {Record<string, string | null>} attributes
   */
  #tell(element, attributes) {
    const id = record.mirror.getId(element);
    if (id < 0 || !element.isConnected || !Object.keys(attributes).length || shownAt(element) === "nothing") return false;
    const data = { source: 0, texts: [], removes: [], adds: [], attributes: [{ id, attributes }] };
    this.push({ type: 3, timestamp: Date.now(), data });
    return true;
  }
}
