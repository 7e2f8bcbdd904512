// Where a recorded or live copy of the customer's page is drawn: an iframe with a document of its own.
//
// The copy needs inline styles, which our pages' policy forbids, so `/cobrowse/frame` is served with a policy that allows
// inline styles and data images, no script, and no address at all, not even of our own server. It is sandboxed on top of
// that, and has no credentials: a browser that knows the word sends no cookie with what asks from within it. rrweb runs
// in our page and rebuilds the copy in a second iframe inside it, sandboxed with exactly `allow-same-origin`; both walls
// hold there too.
import { Replayer } from "@rrweb/replay";

export const FRAME_URL = "/cobrowse/frame";
const META = 4;
const FULL_SNAPSHOT = 2;
const SILENT = { log() {}, warn() {} };

/**
 * rrweb events without the full pictures among them: a copy that has followed has no use for one, and would flicker.
 *
 * @param {any[]} events
 * @returns {any[]}
 */
export const withoutPictures = (events) => events.filter(({ type }) => type !== META && type !== FULL_SNAPSHOT);

export class Stage {
  /** @param {HTMLElement} container positioned element that the copy is fitted into @param {string} title */
  constructor(container, title) {
    this.container = container;
    this.frame = document.createElement("iframe");
    this.frame.className = "cobrowse-frame";
    this.frame.title = title;
    this.frame.tabIndex = -1;
    this.frame.setAttribute("sandbox", "allow-same-origin");
    this.frame.setAttribute("credentialless", "");
    // The container hears the pointer, not the copy: the specialist points, and never acts in the copy.
    Object.assign(this.frame.style, { position: "absolute", border: "0", pointerEvents: "none", visibility: "hidden" });
    /** @type {Replayer | null} */
    this.replayer = null;
    /** Size of the customer's viewport in CSS pixels. */
    this.size = { width: 0, height: 0 };
    this.scale = 1;
    /** @type {HTMLElement | null} */
    this.pointerMark = null;
    /** @type {HTMLElement | null} */
    this.outline = null;
    /** @type {number | null} */
    this.outlined = null;
    this.loaded = false;
    /** Called when the copy is not what the page was: something could not be drawn. */
    this.onFailure = () => {};
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
    });
    this.#watch(this.replayer);
    this.replayer.on("resize", (size) => this.resize(/** @type {{width: number, height: number}} */ (size)));
    this.replayer.on("event-cast", () => this.place());
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
          apply(...change);
        } catch {
          this.onFailure();
        }
      };
    }
  }

  clear() {
    if (!this.replayer) return;
    this.replayer.destroy();
    this.replayer = null;
    this.pointerMark?.remove();
    this.outline?.remove();
    this.outlined = null;
    this.frame.style.visibility = "hidden";
  }

  destroy() {
    this.observer.disconnect();
    this.clear();
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
    this.size = { width: size.width, height: size.height };
    this.frame.style.visibility = "visible";
    this.fit();
  }

  /** Scales the copy so that all of it is seen, centred in the container. */
  fit() {
    const { width, height } = this.size;
    const { clientWidth, clientHeight } = this.container;
    if (!width || !height || !clientWidth || !clientHeight) return;
    this.scale = Math.min(clientWidth / width, clientHeight / height);
    Object.assign(this.frame.style, {
      width: `${width * this.scale}px`,
      height: `${height * this.scale}px`,
      left: `${(clientWidth - width * this.scale) / 2}px`,
      top: `${(clientHeight - height * this.scale) / 2}px`,
    });
    const wrapper = this.replayer?.wrapper;
    if (wrapper) Object.assign(wrapper.style, { transform: `scale(${this.scale})`, transformOrigin: "0 0", width: `${width}px` });
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
