// The page's language: one catalog shared by templates and scripts, switched without reloading.
//
// A message is its English source text; `t("Waiting for {name}", { name })` gives the text in the page's language.
// Messages must be literal strings in double quotes: the test of the catalogs finds them by reading the source.
// Templates write live text with `{{ tr("…") }}`, which this module translates again when the language changes.

/** @typedef {"zh-CN" | "en"} Language */

/** Every language a page can be shown in, with its own name. @type {Record<Language, string>} */
export const LANGUAGES = { "zh-CN": "中文", en: "English" };

/** Fires `change` after the language has changed and the page's own text has been translated. */
export const languageEvents = new EventTarget();

/** @type {Map<Language, Record<string, string>>} */
const catalogs = new Map([["en", {}]]);

/** @type {Language} */
let current = document.documentElement.lang === "en" ? "en" : "zh-CN";

/** @param {Language} language */
async function load(language) {
  if (catalogs.has(language)) return;
  const response = await fetch(`/static/locales/${language}.json`);
  if (!response.ok) throw new Error(`catalog ${language}: HTTP ${response.status}`);
  catalogs.set(language, await response.json());
}

await load(current);

/** @returns {Language} */
export function language() {
  return current;
}

/**
 * The text of a message in the page's language, with `{name}` replaced by `values.name`.
 *
 * @param {string} message English source text
 * @param {Record<string, string | number>} [values]
 * @returns {string}
 */
export function t(message, values = {}) {
  const text = catalogs.get(current)?.[message] || message;
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

/**
 * Marks a message that is kept in a table and translated later by `t(table[key])`.
 *
 * @template {string} S
 * @param {S} message
 * @returns {S}
 */
export function msg(message) {
  return message;
}

/**
 * Shows the page in another language from now on, and remembers it in the `lang` cookie.
 *
 * @param {Language} language
 */
export async function setLanguage(language) {
  if (!(language in LANGUAGES)) throw new RangeError(`no such language: ${language}`);
  await load(language);
  document.cookie = `lang=${language}; path=/; max-age=31536000; samesite=lax`;
  if (language === current) return;
  current = language;
  document.documentElement.lang = language;
  translatePage();
  languageEvents.dispatchEvent(new Event("change"));
}

/** Translates text that templates wrote with `tr(…)`. @param {ParentNode} root */
function translatePage(root = document) {
  for (const element of root.querySelectorAll("[data-t]")) {
    const { t: message = "", tValues } = /** @type {HTMLElement} */ (element).dataset;
    element.textContent = t(message, tValues ? JSON.parse(tValues) : {});
  }
}

/** A controller that renders its Lit element again when the language changes: `new LanguageController(this)`. */
export class LanguageController {
  /** @param {import("lit").ReactiveControllerHost} host */
  constructor(host) {
    this.update = () => host.requestUpdate();
    host.addController(this);
  }

  hostConnected() {
    languageEvents.addEventListener("change", this.update);
  }

  hostDisconnected() {
    languageEvents.removeEventListener("change", this.update);
  }
}

/** A length of time as `m:ss` or `h:mm:ss`. @param {number} seconds */
export function formatDuration(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const tail = String(rest).padStart(2, "0");
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${tail}` : `${minutes}:${tail}`;
}

/** Date and time of day in the page's language. @param {Date | number} moment a date or milliseconds since the epoch */
export function formatDateTime(moment) {
  return new Intl.DateTimeFormat(current, { dateStyle: "medium", timeStyle: "short" }).format(moment);
}
