// A batch of rrweb's events as text, in pieces that a stream takes (link/protocol/PROTOCOL.md, "Co-browsing").

/** The largest piece in UTF-16 units. */
export const PIECE_UNITS = 16_000;

/**
 * Half a character, as a page makes by cutting a text in the middle of an emoji, is no text for whoever reads strictly.
 *
 * @param {string} _
 * @param {any} value
 */
export const wellFormed = (_, value) => (typeof value === "string" ? value.replace(/\p{Surrogate}/gu, "\ufffd") : value);

/**
 * Cuts a text into pieces of at most 16,000 UTF-16 units, never between the halves of a character.
 *
 * @param {string} text
 * @returns {string[]}
 */
export function cut(text) {
  const pieces = [];
  let start = 0;
  while (start < text.length) {
    let end = Math.min(start + PIECE_UNITS, text.length);
    const last = text.charCodeAt(end - 1);
    if (end < text.length && last >= 0xd800 && last <= 0xdbff) end -= 1;
    pieces.push(text.slice(start, end));
    start = end;
  }
  return pieces;
}
