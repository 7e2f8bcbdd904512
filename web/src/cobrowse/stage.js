// Where a recorded or live copy of the customer's page is drawn: an iframe with a document of its own.
//
// The copy needs inline styles, which our pages' policy forbids, so `/cobrowse/frame` is served with a policy that allows
// inline styles and data images, no script, and no address at all, not even of our own server. It is sandboxed on top of
// that, and has no credentials: a browser that knows the word sends no cookie with what asks from within it. rrweb runs
// in our page and rebuilds the copy in a second iframe inside it, sandboxed with exactly `allow-same-origin`; both walls
// hold there too.
import { Replayer } from "@rrweb/replay";
import { languageEvents, t } from "../i18n.js";
import { LAYER, TopLayer } from "./arrange.js";
import { Lens } from "./lens.js";
import { Omissions } from "./omissions.js";
import { whereabouts } from "./whereabouts.js";

export const FRAME_URL = "/cobrowse/frame";
const META = 4;
const FULL_SNAPSHOT = 2;
const INCREMENT = 3;
/** What is masked on the kiosk: as a box, and as light hatching, over which the eye passes. */
const MASKED = "[data-visavis-masked] { background: #0b1314 !important; }";
const HATCHED =
  "[data-visavis-masked] { background: repeating-linear-gradient(135deg, #f4f8f7 0 12px, #d3dfde 12px 15px) !important; }";
const SILENT = { log() {}, warn() {} };

/**
 * rrweb events without the full pictures among them: a copy that has followed has no use for one, and would flicker.
 *
 * @param {any[]} events
 * @returns {any[]}
 */
export const withoutPictures = (events) => events.filter(({ type }) => type !== META && type !== FULL_SNAPSHOT);

/** Elements of a copy that are open above the page, within shadow trees too. @param {any} root @returns {any[]} */
function layered(root) {
  const found = [...root.querySelectorAll(`[${LAYER}]`)];
  for (const element of root.querySelectorAll("*")) if (element.shadowRoot) found.push(...layered(element.shadowRoot));
  return found;
}

/**
 * Closes the dialogs that a change takes the word `open` from. rrweb takes it away only, and what a modal dialog stood
 * above stays out of reach.
 *
 * @param {any} replayer
 * @param {any} event
 */
function closeDialogs(replayer, { type, data }) {
  if (type !== INCREMENT || data.source !== 0) return;
  for (const { id, attributes } of data.attributes) {
    const node = attributes.open === null ? replayer.getMirror().getNode(id) : null;
    if (node?.matches("dialog:modal")) node.close();
  }
}

export class Stage {
  /** @param {HTMLElement} container positioned element that the copy is fitted into @param {string} title a message */
  constructor(container, title) {
    this.container = container;
    this.frame = document.createElement("iframe");
    this.frame.className = "cobrowse-frame";
    this.named = () => (this.frame.title = t(title));
    this.named();
    languageEvents.addEventListener("change", this.named);
    this.frame.tabIndex = -1;
    this.frame.setAttribute("sandbox", "allow-same-origin");
    this.frame.setAttribute("credentialless", "");
    // The container hears the pointer, not the copy: the specialist points, and never acts in the copy.
    Object.assign(this.frame.style, { position: "absolute", border: "0", pointerEvents: "none", visibility: "hidden" });
    /** @type {Replayer | null} */
    this.replayer = null;
    this.lens = new Lens();
    /** @type {HTMLElement | null} */
    this.pointerMark = null;
    /** @type {HTMLElement | null} */
    this.outline = null;
    /** @type {number | null} */
    this.outlined = null;
    this.loaded = false;
    this.topLayer = new TopLayer();
    this.omissions = new Omissions(container, () => this.fit());
    /** Called when the copy is not what the page was: something could not be drawn. */
    this.onFailure = () => {};
    /** Called with the point of the page where the customer is just doing something. */
    this.onCustomer = (/** @type {import("./lens.js").Point} */ _point) => {};
    /** Called when another part of the page is seen, or the same in another size. */
    this.onView = () => {};
    /** Whether what is masked is drawn as light hatching, in place of a box in the colour of the text. */
    this.hatched = false;
    /** @type {Promise<void>} */
    this.ready = new Promise((resolve) => {
      const done = () => {
        this.loaded = true;
        resolve();
      };
      this.frame.addEventListener("load", done, { once: true });
    });
    this.frame.src = FRAME_URL;
    this.observer = new ResizeObserver(() => this.fit());
    this.observer.observe(container);
    container.append(this.frame);
  }

  /** Size of the customer's viewport in CSS pixels. */
  get size() {
    return this.lens.page;
  }

  get document() {
    const inner = this.frame.contentDocument;
    if (!inner?.body) throw new Error("the frame is not loaded");
    return inner;
  }

  /** A new Replayer in the frame, in place of an older one. @param {any[]} events @param {Record<string, any>} options */
  open(events, options) {
    this.clear();
    const root = this.document.body;
    this.replayer = new Replayer(events, {
      root,
      mouseTail: false,
      triggerFocus: false,
      showWarning: false,
      logger: SILENT,
      ...options,
      insertStyleRules: [...this.omissions.rules(), ...(options.insertStyleRules ?? [])],
    });
    this.#watch(this.replayer);
    this.replayer.on("resize", (size) => this.resize(/** @type {{width: number, height: number}} */ (size)));
    for (const rebuilt of ["fullsnapshot-rebuilded", "flush"]) this.replayer.on(rebuilt, () => this.#dressAll());
    this.replayer.on("event-cast", (event) => this.#cast(event));
    this.pointerMark = this.mark("cobrowse-pointer");
    this.outline = this.mark("cobrowse-outline");
    return this.replayer;
  }

  /** rrweb throws amid a change that it cannot draw, and stops its clock. @param {any} replayer */
  #watch(replayer) {
    for (const name of ["rebuildFullSnapshot", "applyIncremental"]) {
      const apply = replayer[name].bind(replayer);
      replayer[name] = (/** @type {any[]} */ ...change) => {
        if (this.replayer !== replayer) return;
        try {
          closeDialogs(replayer, change[0]);
          apply(...change);
          this.#layers(replayer, change[0]);
        } catch {
          this.onFailure();
        }
      };
    }
  }

  /** What was opened above the page, or closed. @param {any} replayer @param {any} event */
  #layers(replayer, { type, data }) {
    if (type === FULL_SNAPSHOT) {
      this.topLayer.reset();
      this.topLayer.arrange(layered(replayer.iframe.contentDocument));
      return;
    }
    if (data.source !== 0) return;
    const ids = [
      ...data.attributes.filter((/** @type {any} */ { attributes }) => LAYER in attributes).map((/** @type {any} */ { id }) => id),
      ...data.adds.filter((/** @type {any} */ { node }) => node.attributes && LAYER in node.attributes).map((/** @type {any} */ { node }) => node.id),
    ];
    if (ids.length) this.topLayer.arrange(ids.map((id) => replayer.getMirror().getNode(id)).filter(Boolean));
  }

  clear() {
    this.omissions.tell({});
    if (!this.replayer) return;
    this.replayer.destroy();
    this.replayer = null;
    this.pointerMark?.remove();
    this.outline?.remove();
    this.outlined = null;
    this.frame.style.visibility = "hidden";
  }

  destroy() {
    languageEvents.removeEventListener("change", this.named);
    this.observer.disconnect();
    this.clear();
    this.omissions.remove();
    this.frame.remove();
  }

  /** Draws the specialist's pointer at a fraction of the page, or takes it away. @param {{x: number, y: number} | null} at */
  point(at) {
    const mark = this.pointerMark;
    if (!mark) return;
    mark.hidden = at === null;
    if (at) Object.assign(mark.style, { left: `${at.x * this.size.width}px`, top: `${at.y * this.size.height}px` });
  }

  /** Outlines a node of the page, or takes the outline away. @param {number | null} node rrweb node id */
  highlight(node) {
    this.outlined = node;
    this.place();
  }

  /** A point of our page as fractions of the customer's viewport. @param {number} clientX @param {number} clientY */
  toPage(clientX, clientY) {
    if (!this.replayer || !this.size.width || !this.size.height) return null;
    const box = this.frame.getBoundingClientRect();
    const x = (clientX - box.left) / box.width;
    const y = (clientY - box.top) / box.height;
    return x >= 0 && x <= 1 && y >= 0 && y <= 1 ? { x, y } : null;
  }

  /** The rrweb id of the element under a point of our page. @param {number} clientX @param {number} clientY */
  nodeAt(clientX, clientY) {
    const at = this.toPage(clientX, clientY);
    const copy = this.replayer?.iframe.contentDocument;
    if (!at || !copy || !this.replayer) return null;
    /** @type {Element | null} */
    let found = copy.elementFromPoint(at.x * this.size.width, at.y * this.size.height);
    while (found?.shadowRoot) {
      const deeper = found.shadowRoot.elementFromPoint(at.x * this.size.width, at.y * this.size.height);
      if (!deeper || deeper === found) break;
      found = deeper;
    }
    if (!found) return null;
    const id = this.replayer.getMirror().getId(found);
    return id >= 0 ? id : null;
  }

  /** @param {string} name */
  mark(name) {
    const mark = this.document.createElement("div");
    mark.className = name;
    mark.hidden = true;
    this.replayer?.wrapper.append(mark);
    return mark;
  }

  /** @param {{width: number, height: number}} size */
  resize(size) {
    const { page } = this.lens;
    if (page.width !== size.width || page.height !== size.height) this.lens.home();
    this.lens.page = { width: size.width, height: size.height };
    this.frame.style.visibility = "visible";
    this.fit();
  }

  /** Places the copy in its container, whose size may have changed, as the lens says. */
  fit() {
    const { lens } = this;
    const { clientWidth: width, clientHeight } = this.container;
    lens.box = { width, height: clientHeight - this.omissions.height };
    if (!lens.ready) return;
    const { scale, corner } = lens;
    Object.assign(this.frame.style, {
      width: `${lens.page.width * scale}px`,
      height: `${lens.page.height * scale}px`,
      left: `${corner.x}px`,
      top: `${corner.y}px`,
    });
    const wrapper = this.replayer?.wrapper;
    if (wrapper) {
      Object.assign(wrapper.style, { transform: `scale(${scale})`, transformOrigin: "0 0", width: `${lens.page.width}px` });
    }
    this.onView();
  }

  /** Draws what is masked as hatching, or as boxes. @param {boolean} hatched */
  hatch(hatched) {
    this.hatched = hatched;
    this.#dress();
  }

  /** After rrweb has shown an event. @param {any} event */
  #cast(event) {
    this.place();
    const mirror = this.replayer?.getMirror();
    if (!mirror) return;
    for (const { node } of event?.data?.adds ?? []) this.#markWithin(node);
    const at = whereabouts(event, (id) => mirror.getNode(id));
    if (at) this.onCustomer(at);
  }

  #dressAll() {
    const mirror = this.replayer?.getMirror();
    for (const id of mirror?.getIds() ?? []) this.#mark(id, mirror?.getMeta(/** @type {Node} */ (mirror.getNode(id))));
    this.#dress();
  }

  /** @param {any} node a serialised node */
  #markWithin(node) {
    this.#mark(node?.id, node);
    for (const child of node?.childNodes ?? []) this.#markWithin(child);
  }

  /** What was masked on the kiosk came as an empty box with a size. @param {number} id @param {any} meta */
  #mark(id, meta) {
    if (meta?.attributes?.rr_width === undefined) return;
    const node = /** @type {any} */ (this.replayer?.getMirror().getNode(id));
    node?.setAttribute?.("data-visavis-masked", "");
  }

  /** A rule of ours in the copy, in a sheet that rrweb knows nothing of. */
  #dress() {
    const copy = this.replayer?.iframe.contentDocument;
    if (!copy?.documentElement) return;
    const known = copy.querySelector("style[data-visavis]");
    const sheet = known ?? copy.createElement("style");
    sheet.setAttribute("data-visavis", "");
    sheet.textContent = this.hatched ? HATCHED : MASKED;
    if (!known) (copy.head ?? copy.documentElement).append(sheet);
  }

  /** Keeps the outline on its node, which moves when the page scrolls or changes. */
  place() {
    const outline = this.outline;
    if (!outline || (this.outlined === null && outline.hidden)) return;
    const node = this.outlined === null ? null : this.replayer?.getMirror().getNode(this.outlined);
    const box = node && "getBoundingClientRect" in node ? /** @type {Element} */ (node).getBoundingClientRect() : null;
    outline.hidden = !box || !box.width;
    if (!box) return;
    Object.assign(outline.style, {
      left: `${box.left}px`,
      top: `${box.top}px`,
      width: `${box.width}px`,
      height: `${box.height}px`,
    });
  }
}
