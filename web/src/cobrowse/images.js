// Pictures of the customer's page, as large as they are seen: read once they are loaded, aside from what the page does,
// and sent one by one after the page itself. Until then, and for good where one may not be read, a box of the same size
// stands for it.
import { shownAt } from "./mask.js";

/** The longest that one picture may be, in UTF-16 units of its address. */
const MOST_UNITS = 256 * 1024;
/** All pictures that one full picture of the page brings with it. */
const MOST_WITHIN = 256 * 1024;
/** How much is sent in a second: a link to the server carries other things too. */
const UNITS_PER_S = 256 * 1024;
const MOST_PIXELS = 1600 * 1600;
/** Icons keep every pixel. */
const SMALL_PIXELS = 128 * 128;
/** A picture that is seen this much larger than it was sent is sent again. */
const LARGER = 1.3;
/** Addresses of the page's own that go on as they are. */
const INLINE = /^data:image\/(?:png|jpeg|gif|webp|avif);/i;
const INLINE_UNITS = 64 * 1024;

/** @typedef {{source: string, width: number, data: string}} Sent what was read: its address, its width, and its content */

export class Images {
  /** @type {WeakMap<HTMLImageElement, Sent>} */ #sent = new WeakMap();
  /** Pictures that may not be read: they are of another origin. @type {Set<HTMLImageElement>} */ #refused = new Set();
  /** @type {WeakSet<HTMLImageElement>} */ #watched = new WeakSet();
  /** @type {Set<HTMLImageElement>} */ #queue = new Set();
  #busy = false;
  #within = 0;
  #open = false;
  /** @type {ResizeObserver | undefined} */ #sizes;
  #heard = (/** @type {Event} */ { target }) => this.#changed(/** @type {HTMLImageElement} */ (target));

  /**
   * @param {(image: HTMLImageElement, attributes: Record<string, string | null>) => boolean} change tells the copy; false:
   *   the image is not in it
   */
  constructor(change) {
    this.change = change;
  }

  open() {
    this.#open = true;
    this.#sizes = new ResizeObserver((entries) => {
      for (const { target } of entries) this.#resized(/** @type {HTMLImageElement} */ (target));
    });
  }

  close() {
    this.#open = false;
    this.#sizes?.disconnect();
    this.#queue.clear();
    this.#refused.clear();
    this.#sent = new WeakMap();
    this.#watched = new WeakSet();
  }

  /** A full picture of the page begins. */
  begin() {
    this.#within = 0;
  }

  /** How many pictures could not be shown. */
  get refused() {
    for (const image of this.#refused) if (!image.isConnected) this.#refused.delete(image);
    return this.#refused.size;
  }

  /**
   * What the copy shows of an image now, as attributes of its node; the rest follows when it can.
   *
   * @param {HTMLImageElement} image
   * @returns {Record<string, string | null>}
   */
  show(image) {
    if (!this.#watched.has(image)) {
      this.#watched.add(image);
      image.addEventListener("load", this.#heard);
      image.addEventListener("error", this.#heard);
    }
    this.#sizes?.observe(image);
    if (!isLoaded(image)) return {};
    const source = image.currentSrc;
    if (INLINE.test(source) && source.length <= INLINE_UNITS) return { rr_dataURL: source };
    const sent = this.#sent.get(image);
    if (sent?.source === source && this.#within + sent.data.length <= MOST_WITHIN) {
      this.#within += sent.data.length;
      return { rr_dataURL: sent.data };
    }
    this.#want(image);
    return { rr_dataURL: box(image), ...(this.#refused.has(image) ? { "data-cobrowse-omitted": "image" } : {}) };
  }

  /** What the copy shows of an image whose address has changed: never the one from before. @param {HTMLImageElement} image */
  changed(image) {
    const { rr_dataURL: data = null, ...rest } = this.show(image);
    return { ...rest, src: data };
  }

  /** @param {HTMLImageElement} image */
  #changed(image) {
    if (!this.#open) return;
    if (isLoaded(image)) this.#want(image);
    else this.change(image, { src: null });
  }

  /** @param {HTMLImageElement} image */
  #resized(image) {
    const sent = this.#sent.get(image);
    if (!isLoaded(image) || !image.clientWidth) return;
    if (sent?.source !== image.currentSrc || aim(image).width > sent.width * LARGER) this.#want(image);
  }

  /** @param {HTMLImageElement} image */
  #want(image) {
    this.#queue.add(image);
    if (!this.#busy) void this.#work();
  }

  async #work() {
    this.#busy = true;
    while (this.#open && this.#queue.size) {
      const image = this.#next();
      this.#queue.delete(image);
      const units = await this.#send(image);
      if (units) await new Promise((resolve) => setTimeout(resolve, (1000 * units) / UNITS_PER_S));
    }
    this.#busy = false;
  }

  /** What is on the screen comes first. */
  #next() {
    const all = [...this.#queue];
    return all.slice(0, 200).find(isSeen) ?? all[0];
  }

  /** @param {HTMLImageElement} image @returns {Promise<number>} units sent */
  async #send(image) {
    const source = image.currentSrc;
    // Of what is not seen nothing is sent; its size tells when it is.
    if (!image.isConnected || !isLoaded(image) || !image.clientWidth || shownAt(image) === "nothing") return 0;
    const { width, height } = aim(image);
    const data = INLINE.test(source) && source.length <= INLINE_UNITS ? source : await read(image, width, height);
    if (!this.#open || !image.isConnected || image.currentSrc !== source || shownAt(image) === "nothing") return 0;
    if (!data) {
      this.#refused.add(image);
      this.change(image, { src: box(image), "data-cobrowse-omitted": "image" });
      return 0;
    }
    this.#sent.set(image, { source, width, data });
    /** @type {Record<string, string | null>} */
    const told = { src: data };
    if (this.#refused.delete(image)) told["data-cobrowse-omitted"] = null;
    return this.change(image, told) ? data.length : 0;
  }
}

/** @param {HTMLImageElement} image */
const isLoaded = (image) => image.complete && image.naturalWidth > 0;

/** @param {HTMLImageElement} image */
function isSeen(image) {
  const { top, bottom, left, right } = image.getBoundingClientRect();
  return bottom > 0 && right > 0 && top < innerHeight && left < innerWidth;
}

/** The size to send: that which is seen, never more than there is. @param {HTMLImageElement} image */
function aim({ naturalWidth, naturalHeight, clientWidth, clientHeight }) {
  const sharp = Math.min(2, devicePixelRatio);
  const seen = Math.max(clientWidth / naturalWidth, clientHeight / naturalHeight) * sharp;
  const scale = Math.min(1, seen, Math.sqrt(MOST_PIXELS / (naturalWidth * naturalHeight)));
  return { width: Math.max(1, Math.round(naturalWidth * scale)), height: Math.max(1, Math.round(naturalHeight * scale)) };
}

/**
 * The address of a picture's content; null when it may not be read or stays too long.
 *
 * @param {HTMLImageElement} image
 * @param {number} width
 * @param {number} height
 * @returns {Promise<string | null>}
 */
async function read(image, width, height) {
  for (const [scale, quality] of [[1, width * height <= SMALL_PIXELS ? 1 : 0.82], [0.7, 0.6], [0.4, 0.5]]) {
    try {
      const [wide, high] = [Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale))];
      const bitmap = await createImageBitmap(image, { resizeWidth: wide, resizeHeight: high, resizeQuality: "medium" });
      const canvas = new OffscreenCanvas(wide, high);
      canvas.getContext("2d")?.drawImage(bitmap, 0, 0);
      bitmap.close();
      const data = await address(await canvas.convertToBlob({ type: "image/webp", quality }));
      if (data.length <= MOST_UNITS) return data;
    } catch {
      return null; // of another origin, or gone
    }
  }
  return null;
}

/** @param {Blob} blob @returns {Promise<string>} */
const address = (blob) =>
  new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(/** @type {string} */ (reader.result));
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(blob);
  });

/** A box as large as the picture, so that everything else stands where it should. @param {HTMLImageElement} image */
const box = ({ naturalWidth: width, naturalHeight: height }) =>
  `data:image/svg+xml,${encodeURIComponent(
    `<svg xmlns='http://www.w3.org/2000/svg' width='${width}' height='${height}'><rect width='100%' height='100%' fill='#dde3e6'/></svg>`,
  )}`;
