// What a copy leaves out, in words for whoever looks at it, and a mark where it is.
import { t } from "../i18n.js";

const CUSTOM = 5;
const TAG = "omitted";

/** @param {Record<string, number>} counts by code @returns {string[]} */
export function omissionWords(counts) {
  const words = [];
  if (counts.lost) words.push(t("This is not the newest: what came could not be shown. The customer's screen is asked for again."));
  if (counts.nodes || counts.depth) words.push(t("Part of this page is too large to be shown; a striped area stands for it."));
  if (counts.image) words.push(t("Pictures that cannot be shown: {count}. A grey box stands for each.", { count: counts.image }));
  if (counts.background) words.push(t("Background pictures and symbols that cannot be shown: {count}.", { count: counts.background }));
  if (counts.cursor) words.push(t("Pictures as pointers that cannot be shown: {count}.", { count: counts.cursor }));
  if (counts.font) words.push(t("Fonts that cannot be shown: {count}. Letters and symbols may look different.", { count: counts.font }));
  if (counts.text) words.push(t("A very long text is shown only in part."));
  if (counts.style) words.push(t("Part of this page may look different: a style sheet is too long."));
  return words;
}

export class Omissions {
  /** @type {HTMLElement | null} */ #note = null;
  #said = "";

  /** @param {HTMLElement} container what the copy stands in @param {() => void} fit told when the note's room has changed */
  constructor(container, fit) {
    this.container = container;
    this.fit = fit;
  }

  /** The room that the note takes below the copy, in CSS pixels. */
  get height() {
    return this.#note?.offsetHeight ?? 0;
  }

  /** Whether an event of rrweb's says what is left out, and nothing else. @param {any} event */
  take({ type, data }) {
    if (type !== CUSTOM) return false;
    if (data?.tag === TAG) this.tell(data.payload);
    return true;
  }

  /** @param {Record<string, number>} counts */
  tell(counts) {
    const words = omissionWords(counts).join(" ");
    if (words === this.#said) return;
    this.#said = words;
    if (!this.#note) {
      this.#note = document.createElement("p");
      this.#note.className = "cobrowse-note";
      this.#note.setAttribute("role", "status");
      this.container.append(this.#note);
    }
    this.#note.textContent = words;
    this.#note.hidden = !words;
    this.fit();
  }

  remove() {
    this.#note?.remove();
    this.#note = null;
  }

  /** Rules of the copy's own document for what stands for what is left out. */
  rules() {
    const stripes = "repeating-linear-gradient(45deg, #eef2f4 0 12px, #dde3e6 12px 24px)";
    const text = JSON.stringify(t("Too large to be shown"));
    return [
      ":where([data-cobrowse-omitted=background]) { background-color: #8c99a1; }",
      "[data-cobrowse-omitted=background] { outline: 1px dashed #5b6b75; outline-offset: -1px; }",
      `[data-cobrowse-omitted]:not(img, [data-cobrowse-omitted=background]) { box-sizing: border-box; background: ${stripes} !important; outline: 2px dashed #5b6b75; outline-offset: -2px; vertical-align: top; }`,
      `[data-cobrowse-omitted]:not(img, [data-cobrowse-omitted=background])::before { content: ${text}; display: inline-block; position: sticky; top: 0; margin: 8px; padding: 4px 10px; background: #fff; color: #1f2a30; font: 600 16px/1.4 sans-serif; }`,
      "img[data-cobrowse-omitted] { outline: 2px dashed #5b6b75; outline-offset: -2px; }",
    ];
  }
}
