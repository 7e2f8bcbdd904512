// How large a copy of the customer's page is drawn, and which part of it is seen: geometry, without any DOM.

/** @typedef {{width: number, height: number}} Size */
/** @typedef {{x: number, y: number}} Point */
/**
 * All of the page; its whole width; that, but never so small that it cannot be read; or so many of our pixels for one of the
 * customer's.
 *
 * @typedef {"whole" | "width" | "readable" | number} Zoom
 */

/** The smallest letters of a kiosk's page have 18 pixels: twelve of ours. */
const READABLE = 0.67;
const FITS = ["whole", "width", "readable"];

/** What the keys and buttons step through; a fit may lie between. */
export const STEPS = [0.25, 0.33, 0.5, 0.67, 0.8, 1, 1.25, 1.5, 2, 3];
/** What is followed is kept so far from the edges, as a fraction of what is seen. */
const MARGIN = 0.15;

/** @param {unknown} zoom @returns {zoom is Zoom} */
export const isZoom = (zoom) =>
  FITS.includes(/** @type {any} */ (zoom)) || (typeof zoom === "number" && zoom >= STEPS[0] && zoom <= (STEPS.at(-1) ?? 1));

export class Lens {
  /** @type {Zoom} */ zoom = "whole";
  /** Size of the customer's viewport in CSS pixels. @type {Size} */ page = { width: 0, height: 0 };
  /** Size of what the copy is seen through. @type {Size} */ box = { width: 0, height: 0 };
  /** The page's point in the middle of the box, in the page's pixels. @type {Point} */ #middle = { x: 0, y: 0 };

  /** Whether there is anything to place. */
  get ready() {
    return this.page.width > 0 && this.page.height > 0 && this.box.width > 0 && this.box.height > 0;
  }

  /** Our pixels for one of the customer's. */
  get scale() {
    if (!this.ready) return 1;
    const wide = this.box.width / this.page.width;
    if (this.zoom === "width") return wide;
    if (this.zoom === "readable") return Math.max(wide, READABLE);
    return this.zoom === "whole" ? Math.min(wide, this.box.height / this.page.height) : this.zoom;
  }

  /** Where the copy's upper left corner lies in the box; a copy that is smaller than the box stands in its middle. */
  get corner() {
    const along = (/** @type {number} */ page, /** @type {number} */ box, /** @type {number} */ middle) => {
      const left = box - page * this.scale;
      return left >= 0 ? left / 2 : Math.min(0, Math.max(left, box / 2 - middle * this.scale));
    };
    return {
      x: along(this.page.width, this.box.width, this.#middle.x),
      y: along(this.page.height, this.box.height, this.#middle.y),
    };
  }

  /** The part of the page that is seen, in fractions of the page. */
  get seen() {
    const { corner, scale } = this;
    const along = (/** @type {number} */ page, /** @type {number} */ box, /** @type {number} */ at) => ({
      from: Math.max(0, -at / (page * scale)),
      to: Math.min(1, (box - at) / (page * scale)),
    });
    return { x: along(this.page.width, this.box.width, corner.x), y: along(this.page.height, this.box.height, corner.y) };
  }

  /** Whether all of the page is seen. */
  get whole() {
    const { x, y } = this.seen;
    return x.to - x.from > 0.999 && y.to - y.from > 0.999;
  }

  /** From the top of the page, as it is read. */
  home() {
    this.#middle = { x: 0, y: 0 };
  }

  /**
   * Another size; the page's point under `at` stays there.
   *
   * @param {Zoom} zoom
   * @param {Point} [at] in the box; its middle
   */
  to(zoom, at = { x: this.box.width / 2, y: this.box.height / 2 }) {
    if (!this.ready) {
      this.zoom = zoom;
      return;
    }
    const held = this.#under(at);
    this.zoom = zoom;
    this.#middle = {
      x: held.x + (this.box.width / 2 - at.x) / this.scale,
      y: held.y + (this.box.height / 2 - at.y) / this.scale,
    };
    this.#settle();
  }

  /** The next larger or smaller size. @param {1 | -1} direction @param {Point} [at] in the box */
  step(direction, at) {
    const now = this.scale;
    const next = direction > 0 ? STEPS.find((step) => step > now * 1.02) : STEPS.findLast((step) => step < now / 1.02);
    if (next !== undefined) this.to(next, at);
  }

  /** Moves what is seen by so many of our pixels; false where it is at its edge. @param {number} x @param {number} y */
  pan(x, y) {
    if (!this.ready) return false;
    const before = this.corner;
    this.#settle();
    this.#middle = { x: this.#middle.x + x / this.scale, y: this.#middle.y + y / this.scale };
    this.#settle();
    const { corner } = this;
    return corner.x !== before.x || corner.y !== before.y;
  }

  /**
   * Moves what is seen, no further than needed, so that a point of the page is well inside; false where it was.
   *
   * @param {Point} point in the page's pixels
   */
  show(point) {
    const { seen } = this;
    const along = (
      /** @type {number} */ at,
      /** @type {number} */ page,
      /** @type {{from: number, to: number}} */ { from, to },
    ) => {
      const margin = (to - from) * MARGIN * page;
      if (at < from * page + margin) return at - margin - from * page;
      return at > to * page - margin ? at + margin - to * page : 0;
    };
    const x = along(point.x, this.page.width, seen.x);
    const y = along(point.y, this.page.height, seen.y);
    return (x !== 0 || y !== 0) && this.pan(x * this.scale, y * this.scale);
  }

  /** The page's point under a point of the box. @param {Point} at @returns {Point} */
  #under(at) {
    const { corner, scale } = this;
    return { x: (at.x - corner.x) / scale, y: (at.y - corner.y) / scale };
  }

  /** The middle is where it can be: what was asked for beyond the page's edge does not have to be taken back. */
  #settle() {
    this.#middle = this.#under({ x: this.box.width / 2, y: this.box.height / 2 });
  }
}
