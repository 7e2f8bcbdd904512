// Fields that cannot show stars: a date, a number, a colour. In the copy they are text fields of the same size and look,
// for otherwise a filled field would look empty.
import { isPlain } from "./mask.js";
import { asksForTypes } from "./states.js";

const HINTS = /** @type {Record<string, string>} */ ({
  date: "yyyy/mm/dd",
  "datetime-local": "yyyy/mm/dd --:--",
  month: "yyyy/mm",
  week: "yyyy/ww",
  time: "--:--",
  number: "",
  range: "",
  color: "",
});
/** What a style sheet may have given to a field by its type. */
const LOOK = [
  ...["box-sizing", "width", "height", "padding", "margin", "border", "border-radius", "background-color", "color", "font"],
  ...["text-align", "vertical-align"],
];

/** @param {Element | null} element @returns {element is HTMLInputElement} */
export const isStiff = (element) =>
  element instanceof HTMLInputElement && Object.hasOwn(HINTS, element.type) && !isPlain(element);

/**
 * Attributes of the copy's field in place of the page's.
 *
 * @param {HTMLInputElement} field
 * @param {Record<string, any>} attributes those that the copy would have
 * @returns {Record<string, any>}
 */
export function asText(field, attributes) {
  const look = getComputedStyle(field);
  // Only a field that is drawn has a size.
  const size = field.getClientRects().length ? { rr_width: look.width, rr_height: look.height } : {};
  const given = typeof attributes.style === "string" ? attributes.style : "";
  const own = asksForTypes() ? `;${LOOK.map((name) => `${name}:${look.getPropertyValue(name)}`).join(";")}` : "";
  const hint = HINTS[field.type] ? { placeholder: field.placeholder ? (attributes.placeholder ?? "") : HINTS[field.type] } : {};
  return { ...attributes, ...hint, ...size, type: "text", ...(given || own ? { style: given + own } : {}) };
}
