// Numbers that may not be seen, in one text or over several that are read as one (server/cobrowse/numbers.py does the same).
import {
  AMOUNTS, BETWEEN, BLANKS, CODES, CURRENCY_AFTER, CURRENCY_BEFORE, DASHES, DATES, DECIMALS, DIGITS, GROUPS, HOUR, IDENTITY_CHECKS, IDENTITY_WEIGHTS,
  LETTERS, LIKE_DIGITS, LONG, LONG_CELLS, LONG_DECIMAL, MOST_AMOUNT, MOST_APART, MOST_DIGITS, ORDINARY, ORDINARY_GAP, PROVINCES, ROW, SECURITY,
  SECURITY_BEFORE, SEPARATORS, SHAPES, STARS, SURE_LIKE, UNSEEN, UNSEEN_ABOVE, VERSION,
} from "./patterns.js";

/** How a text follows the one before it: in the same line, in the next box or cell, or in another part of the page. */
export const JOINED = 0;
export const CELL = 1;
export const END = 2;
/** So much of what stands beside a run says what it is. */
const BESIDE = 16;
const MOST_FOURS = 5;
const FOURS = [4, 4, 4, 4, 4];
const MOBILE = /^(?:86)?1[3-9]/;
/** The usual groups of a telephone number. */
const PHONE = [3, 4, 4];

/** The second half of a digit beyond U+FFFF, after the first became one of ASCII's: so lengths stay. */
const HALF = "\uffff";
const GAP = `[${UNSEEN}]*(?:(?:[${BLANKS}]+(?![${BLANKS}])|[${SEPARATORS}])[${UNSEEN}]*){0,${BETWEEN}}`;
const RUN = new RegExp(`[0-9]${HALF}?(?:${GAP}[0-9]${HALF}?)*[xX×]?`, "g");
const ONE_CELL = new RegExp(`[0-9]${HALF}?(?:[${UNSEEN}]*(?:[${BLANKS}\\-][${UNSEEN}]*)?[0-9]${HALF}?)*[xX]?`, "y");
const GROUP = new RegExp(`[${BLANKS}\\-]`);
const EDGE = new RegExp(`[${BLANKS}${UNSEEN}${SEPARATORS}]*`, "y");
const FIGURE = `[0-9]${HALF}?`;
// From the beginning of a run of digits only: each of a long run would be tried, to the end of it.
const APART = new RegExp(`(?<!${FIGURE})(?:${FIGURE})+(?:[^\\p{L}\\p{N}${HALF}]{1,${MOST_APART}}(?:${FIGURE})+){2,}[xX]?`, "gu");
const FIGURES = new RegExp(`(?:${FIGURE})+[xX]?`, "g");
const HIDDEN = new RegExp(`[${UNSEEN}${HALF}]+`, "g");
const BLANK = new RegExp(`[${BLANKS}]`, "g");
const DASH = new RegExp(`[${DASHES}]`, "g");
const UNIT = new RegExp(ORDINARY.join("|"), "y");
const DATE = new RegExp(DATES.join("|"), "y");
const AMOUNT = new RegExp(`^(?:${AMOUNTS.join("|")})$`);
const UNIT_GAP = new RegExp(ORDINARY_GAP, "y");
const HALF_A_TIME = new RegExp(HOUR, "y");
const IN_ORDER = new RegExp(`^${ROW}$`);
const NAMES = CODES.map(([before, form]) => ({ before: new RegExp(before), form: new RegExp(`^(?:${form})(?![0-9])`) }));
const BEFORE_SECURITY = new RegExp(SECURITY_BEFORE);
const A_SECURITY = new RegExp(`^${SECURITY}$`);
const A_LIST = new RegExp(`^${DECIMALS}$`);
const A_LONG_DECIMAL = new RegExp(LONG_DECIMAL);
const A_VERSION = new RegExp(`^${VERSION}$`);
const AN_INTEGER = new RegExp(`^([0-9]{1,${MOST_AMOUNT}})(?:\\.[0-9]{1,4})?$`);
const LIKELY = LIKE_DIGITS.join("");
/** @type {Map<string, string>} */
const LIKE = new Map(LIKE_DIGITS.flatMap((row, at) => [...row].map((letter) => [letter, String(at)])));
const A_LIKE = new RegExp(`[${LIKELY}]`, "g");
const LIKE_BESIDE = new RegExp(`[0-9]${HALF}?[${UNSEEN}]*[${LIKELY}]|[${LIKELY}][${UNSEEN}]*[0-9]`);
const LETTERED = new RegExp(`(?<![0-9${LETTERS}${UNSEEN}${HALF}])[0-9${LIKELY}${UNSEEN}${HALF}]+(?![0-9${LETTERS}${HALF}])`, "g");
const SURELY = new RegExp(`^[0-9${LIKE_DIGITS.slice(0, SURE_LIKE).join("")}${UNSEEN}${HALF}]+$`);
const WORD = new RegExp(`[0-9${LIKELY}${LETTERS}${UNSEEN}${HALF}]+`, "g");
const BEFORE = new RegExp(CURRENCY_BEFORE, "i");
const AFTER = new RegExp(CURRENCY_AFTER, "i");
const CARD = new RegExp(`^${SHAPES.find(({ check }) => check === "luhn")?.begins}`);
const KNOWN = SHAPES.map((shape) => ({ ...shape, begin: new RegExp(`^${shape.begins}`) }));

/** @type {Map<string, string>} */
const TO_DIGIT = new Map([...DIGITS].map((digit, at) => [digit, String(at % 10) + HALF.repeat(digit.length - 1)]));
const ASCII = /^[\0-\x7f]*$/;
const ABOVE = UNSEEN_ABOVE.map(([first, last]) => `\\u{${first?.toString(16)}}-\\u{${last?.toString(16)}}`).join("");
const OTHER_DIGIT = new RegExp(`[${[...DIGITS].slice(10).join("")}${ABOVE}]`, "gu");

/**
 * Digits that follow one another in a line: `text` as it stands there, `digits` as ASCII writes them, with a final X.
 * `line` is the whole line, `start` and `end` where in it they stand, `first` the number of the text that has the first.
 *
 * @typedef {{text: string, digits: string, line: string, start: number, end: number, first: number}} Run
 */
/**
 * Who else is asked. `run` and `cells` say whether digits that are no number by themselves may not be seen all the same;
 * `texts` are the numbers of the texts that the groups are in. `spans` names other parts of a line.
 *
 * @typedef {{
 *   run?: (run: Run, number: boolean) => boolean,
 *   cells?: (groups: string[], texts: number[], found: boolean) => boolean,
 *   spans?: (line: string) => [number, number][],
 * }} Judge
 */
/** @typedef {{first: number, text: string}} Line */
/** A line of nothing but digits, and how it follows the one before. @typedef {{number: number, bare: string, joint: number}} Cell */
/** @typedef {{start: number, end: number, stars: boolean}} Cut */

/** The text with every digit as ASCII writes it; its length stays. @param {string} text */
export const plainDigits = (text) => (ASCII.test(text) ? text : text.replace(OTHER_DIGIT, (sign) => TO_DIGIT.get(sign) ?? "\u200b\u200b"));

/** The digits of a run, with the X that an identity number may end in. @param {string} text */
export const digitsOf = (text) => text.replace(/[^0-9]+/g, "") + (/[xX×]$/.test(text) ? "X" : "");

/** The text without what nobody sees. @param {string} text */
export const seen = (text) => text.replace(HIDDEN, "");

/**
 * The texts without numbers that may not be seen, in one of them or over several. `joints[i]` says how text `i` follows the
 * one before. The stars stand in the first text that has a part of a number; the others lose theirs. Time grows with the
 * length of the texts and no faster.
 *
 * @param {string[]} texts
 * @param {number[]} joints
 * @param {Judge} [judge]
 */
export function hide(texts, joints, judge = {}) {
  const read = texts.map(plainDigits);
  if (!judge.spans && !read.some((text) => /[0-9]/.test(text))) return texts;
  const lines = linesOf(read, joints);
  /** @type {Map<number, Cut[]>} */
  const cuts = new Map();
  /** @type {Cell[]} */
  let cells = [];
  let joint = JOINED;
  lines.forEach(({ first, text: line }, number) => {
    const mapped = asDigits(line);
    const found = runsOf(line, mapped, first, joints, texts, judge);
    if (found.length > 0) cuts.set(number, widened(line, found));
    EDGE.lastIndex = 0;
    EDGE.test(line);
    const start = EDGE.lastIndex;
    if (start === line.length) {
      joint = Math.max(joint, joints[first] ?? JOINED);
      return;
    }
    ONE_CELL.lastIndex = start;
    const cell = ONE_CELL.exec(mapped);
    if (cell) {
      EDGE.lastIndex = ONE_CELL.lastIndex;
      EDGE.test(mapped);
    }
    if (cell && EDGE.lastIndex === line.length) {
      cells.push({ number, bare: cell[0], joint: Math.max(joint, joints[first] ?? JOINED) });
      joint = JOINED;
    } else {
      cutCells(cells, lines, cuts, judge);
      cells = [];
      joint = JOINED;
    }
  });
  cutCells(cells, lines, cuts, judge);
  return cuts.size > 0 ? without(texts, lines, cuts) : texts;
}

/** The line with letters that stand for digits as those: in words of such letters and enough digits. @param {string} line */
const asDigits = (line) =>
  LIKE_BESIDE.test(line) ? line.replace(LETTERED, (word) => (hasDigits(word) ? word.replace(A_LIKE, (letter) => LIKE.get(letter) ?? letter) : word)) : line;

/** @param {string} word */
function hasDigits(word) {
  const digits = word.replace(/[^0-9]/g, "").length;
  return digits > 0 && (SURELY.test(word) ? 4 : 2) * digits >= seen(word).length;
}

/** Numbers with letters in the place of some digits: such as may stand there for certain, or a known form. @param {string} line @param {string} mapped */
function lettered(line, mapped) {
  /** @type {Cut[]} */
  const cuts = [];
  for (const { 0: word, index } of line.matchAll(LETTERED)) {
    const read = mapped.slice(index, index + word.length);
    if (read === word) continue;
    const digits = digitsOf(read);
    const sure = digits.length >= LONG && SURELY.test(word);
    if (sure || shapeOf(digits, PHONE)) cuts.push({ start: index, end: index + word.length, stars: true });
  }
  for (const { 0: run, index } of mapped.matchAll(RUN)) {
    if (run !== line.slice(index, index + run.length) && shapeOf(digitsOf(run), PHONE)) cuts.push({ start: index, end: index + run.length, stars: true });
  }
  return [...cuts, ...apart(mapped)];
}

/** Cuts with what other digits their words have: a letter does not divide a number from its rest. @param {string} line @param {Cut[]} cuts */
function widened(line, cuts) {
  const words = [...line.matchAll(WORD)];
  /** @type {Cut[]} */
  const wide = [];
  let at = 0;
  for (const cut of cuts) {
    if (cut.end <= (wide.at(-1)?.end ?? -1)) continue;
    let { start, end } = cut;
    for (let word = words[at]; word && word.index < cut.end; word = words[++at]) {
      if (word.index + word[0].length <= cut.start) continue;
      for (const { 0: figures, index } of word[0].matchAll(FIGURES)) {
        start = Math.min(start, word.index + index);
        end = Math.max(end, word.index + index + figures.length);
      }
    }
    wide.push({ start, end, stars: true });
  }
  return joined(wide);
}

/**
 * @param {string} line
 * @param {string} mapped the line with letters as digits
 * @param {number} first
 * @param {number[]} joints
 * @param {string[]} texts
 * @param {Judge} judge
 * @returns {Cut[]}
 */
function runsOf(line, mapped, first, joints, texts, judge) {
  const cuts = [];
  let at = first;
  let behind = 0;
  RUN.lastIndex = 0;
  // Not `matchAll`, which makes the expression anew for each line.
  for (let found = RUN.exec(line); found; found = RUN.exec(line)) {
    const [text] = found;
    const start = found.index;
    const next = RUN.lastIndex;
    // The text in which the run begins.
    while (behind + (texts[at]?.length ?? 0) <= start && joints[at + 1] === JOINED) behind += texts[at++]?.length ?? 0;
    const run = { text, digits: digitsOf(text), line, start, end: start + text.length, first: at };
    const number = isNumber(run, line.slice(Math.max(0, start - BESIDE), start), line.slice(run.end, run.end + BESIDE));
    if (judge.run?.(run, number) || number) cuts.push({ start, end: run.end, stars: true });
    RUN.lastIndex = next; // whoever was asked may have read something too
  }
  cuts.push(...apart(line), ...(mapped === line ? [] : lettered(line, mapped)));
  for (const [start, end] of judge.spans?.(line) ?? []) cuts.push({ start, end, stars: true });
  return joined(cuts);
}

/** Numbers that are known by their form, whatever signs stand between their groups. @param {string} line @returns {Cut[]} */
function apart(line) {
  /** @type {Cut[]} */
  const cuts = [];
  for (const { 0: text, index } of line.matchAll(APART)) {
    const found = [...text.matchAll(FIGURES)];
    const groups = found.map(([group]) => digitsOf(group));
    for (const [from, to] of numbersIn(groups, groups.map(() => END))) {
      const last = /** @type {RegExpExecArray} */ (found[to - 1]);
      cuts.push({ start: index + /** @type {RegExpExecArray} */ (found[from]).index, end: index + last.index + last[0].length, stars: true });
    }
  }
  return cuts;
}

/** Cuts in their order, those that meet as one. @param {Cut[]} cuts */
function joined(cuts) {
  cuts.sort((a, b) => a.start - b.start);
  /** @type {Cut[]} */
  const whole = [];
  for (const cut of cuts) {
    const last = whole.at(-1);
    if (last && cut.start < last.end) last.end = Math.max(last.end, cut.end);
    else whole.push(cut);
  }
  return whole;
}

/**
 * @param {string[]} texts
 * @param {number[]} joints
 */
function linesOf(texts, joints) {
  /** @type {{first: number, parts: string[]}[]} */
  const lines = [];
  texts.forEach((text, at) => {
    const last = lines.at(-1);
    if (last && joints[at] === JOINED) last.parts.push(text);
    else lines.push({ first: at, parts: [text] });
  });
  return lines.map(({ first, parts }) => ({ first, text: parts.join("") }));
}

/**
 * Whether digits in one line are a number that may not be seen; `before` and `after` are what stands beside them.
 *
 * @param {{text: string, digits: string}} run
 * @param {string} [before]
 * @param {string} [after]
 */
export const isNumber = (run, before = "", after = "") =>
  run.digits.replace("X", "").length >= LONG && !isOrdinary(run.text, before) && !isVersion(run) && !isSum(run, before, after);

/** @param {{text: string, digits: string}} run */
const isVersion = ({ text, digits }) => A_VERSION.test(seen(text)) && !shapeOf(digits, PHONE);

/**
 * Whether a currency or unit stands beside what could be an amount, and is no telephone number.
 *
 * @param {{text: string}} run
 * @param {string} before
 * @param {string} after
 */
function isSum({ text }, before, after) {
  if (!BEFORE.test(before) && !AFTER.test(after)) return false;
  const [, whole] = AN_INTEGER.exec(seen(text)) ?? [];
  return whole !== undefined && !shapeOf(whole, PHONE);
}

/** Whether letters and digits are the number of a security (ISO 6166). @param {string} letters @param {string} digits */
const isSecurity = (letters, digits) => isLuhn([...(letters + digits)].map((sign) => Number.parseInt(sign, 36)).join(""));

/** Whether numbers side by side go up. @param {string} text */
function isRow(text) {
  if (!IN_ORDER.test(text)) return false;
  const values = text.split(/[ ,/]+/).map(Number);
  return values.every((value, at) => at === 0 || value > /** @type {number} */ (values[at - 1]));
}

/**
 * Whether a run is nothing but dates, years, amounts and names of things; `before` is what stands in front of it.
 *
 * @param {string} text
 * @param {string} [before]
 */
export function isOrdinary(text, before = "") {
  const plain = seen(text).replace(BLANK, " ").replace(DASH, "-");
  if (isRow(plain) || isList(plain)) return true;
  /** @param {RegExp} pattern @param {number} at */
  const behind = (pattern, at) => {
    pattern.lastIndex = at;
    return pattern.test(plain) ? pattern.lastIndex : -1;
  };
  let at = named(plain, before);
  if (at === plain.length) return true;
  if (at) {
    at = behind(UNIT_GAP, at);
    if (at < 0) return false;
  } else {
    const hour = behind(HALF_A_TIME, 0);
    const gap = hour < 0 ? -1 : behind(UNIT_GAP, hour);
    if (gap >= 0 && behind(DATE, gap) >= 0) at = gap;
  }
  let dated = false;
  for (let end = behind(UNIT, at); end >= 0; end = behind(UNIT, at)) {
    dated = behind(DATE, at) >= 0;
    if (end === plain.length) return true;
    const next = behind(UNIT_GAP, end);
    if (next < 0) return false;
    at = next;
  }
  return dated && behind(HALF_A_TIME, at) === plain.length;
}

/** Whether decimals stand side by side; long ones are none where their digits are those of a card. @param {string} plain */
const isList = (plain) => A_LIST.test(plain) && !(A_LONG_DECIMAL.test(plain) && shapeOf(digitsOf(plain), PHONE));

/**
 * Behind which figure the number of an order, product, standard or security ends that letters have begun, or 0.
 *
 * @param {string} plain
 * @param {string} before
 */
function named(plain, before) {
  for (const { before: name, form } of NAMES) {
    const code = name.test(before) ? form.exec(plain) : null;
    if (code) return code[0].length;
  }
  const [, letters] = BEFORE_SECURITY.exec(before) ?? [];
  return letters && A_SECURITY.test(plain) && isSecurity(letters, plain) ? plain.length : 0;
}

/** Whether a run says that it is an amount, by its form or by the sign of a currency beside it. @param {Run} run */
export const isAmount = ({ text, line, start, end }) =>
  AMOUNT.test(text) || BEFORE.test(line.slice(Math.max(0, start - BESIDE), start)) || AFTER.test(line.slice(end, end + BESIDE));

/**
 * @param {Cell[]} cells
 * @param {Line[]} lines
 * @param {Map<number, Cut[]>} cuts
 * @param {Judge} judge
 */
function cutCells(cells, lines, cuts, judge) {
  if (cells.length < 2) return;
  /** @type {string[]} */
  const groups = [];
  /** @type {number[]} */
  const owners = [];
  /** @type {number[]} */
  const joints = [];
  for (const { number, bare, joint } of cells) {
    for (const [at, group] of bare.split(GROUP).entries()) {
      groups.push(digitsOf(group));
      owners.push(number);
      joints.push(at ? JOINED : joint);
    }
  }
  let stretches = numbersIn(groups, joints);
  if (judge.cells?.(groups, owners.map((number) => lines[number]?.first ?? 0), stretches.length > 0)) stretches = [[0, groups.length]];
  for (const [start, end] of stretches) {
    for (const number of new Set(owners.slice(start, end))) {
      const length = lines[number]?.text.length ?? 0;
      cuts.set(number, [{ start: 0, end: length, stars: number === owners[start] }]);
    }
  }
}

/**
 * Which stretches of groups of digits, each in a cell or part of one, are a number: from and behind which group. Beyond
 * the end of another thing only one whose form is known is.
 *
 * @param {string[]} groups
 * @param {number[]} joints how each follows the one before
 */
export function numbersIn(groups, joints) {
  const single = singles(groups, joints);
  const ended = joints.indexOf(END, 1) > 0;
  /** @type {[number, number][]} */
  const found = [];
  for (let at = 0; at < groups.length; ) {
    const end = single[at] || shaped(groups, joints, at, ended);
    if (end) found.push([at, end]);
    at = end || at + 1;
  }
  return found;
}

/**
 * For each group the end of the row of `LONG_CELLS` single digits or more that begins with it and does not just count, or 0.
 *
 * @param {string[]} groups
 * @param {number[]} joints
 */
function singles(groups, joints) {
  const found = groups.map(() => 0);
  let end = 0;
  let counting = true;
  let [cells, ended] = [false, false];
  for (let at = groups.length - 1; at >= 0; at -= 1) {
    if (groups[at]?.length !== 1) continue;
    if (groups[at + 1]?.length === 1) {
      counting &&= (Number(groups[at + 1]) - Number(groups[at]) + 10) % 10 === 1;
      cells ||= joints[at + 1] === CELL;
      ended ||= joints[at + 1] === END;
    } else {
      [end, counting, cells, ended] = [at + 1, true, false, false];
    }
    const length = end - at;
    if (length < LONG_CELLS || counting || (ended && (cells || length > MOST_DIGITS))) continue;
    if (!ended || shapeOf(groups.slice(at, end).join(""), PHONE)) found[at] = end;
  }
  return found;
}

/**
 * The end of the groups that are a known number together, or 0: in usual groups, or all that there are. The rows of a
 * table are not read on into the next; what is in one column is.
 *
 * @param {string[]} groups
 * @param {number[]} joints
 * @param {number} start
 * @param {boolean} ended whether the end of another thing lies between some of them
 */
function shaped(groups, joints, start, ended) {
  for (const end of ends(groups, start, ended)) {
    const part = groups.slice(start, end);
    const within = joints.slice(start + 1, end);
    if (within.includes(END) && within.includes(CELL)) continue;
    if (!isEven(part) && shapeOf(part.join(""), part.map(({ length }) => length))) return end;
  }
  return 0;
}

/** Whether groups are the beginning of a card, identity or telephone number. @param {string[]} groups */
export function begins(groups) {
  const digits = groups.join("");
  const last = groups.length - 1;
  if (digits.length < LONG || isEven(groups) || isEven(groups.slice(0, -1))) return false;
  const fits = (/** @type {number[]} */ widths) =>
    last < widths.length && groups.every(({ length }, at) => (at < last ? length === widths[at] : length <= (widths[at] ?? 0)));
  if (fits(FOURS)) return last > 1 && CARD.test(digits);
  return GROUPS.some((widths) => fits(widths) && (widths[0] === 6 ? PROVINCES.includes(Number(digits.slice(0, 2))) : MOBILE.test(digits)));
}

/** Whether groups are round figures, or go up or down by the same step: amounts, years and codes do. @param {string[]} groups */
function isEven(groups) {
  if (groups.every((group) => group.endsWith("00"))) return true;
  const step = Number(groups[1]) - Number(groups[0]);
  return groups.length > 2 && groups.every((group, at) => at === 0 || Number(group) - Number(groups[at - 1]) === step);
}

/**
 * @param {string[]} groups
 * @param {number} start
 * @param {boolean} ended
 */
function* ends(groups, start, ended) {
  let end = start;
  while (groups[end]?.length === 4 && end - start < MOST_FOURS) {
    end += 1;
    if (end - start > 2) yield end;
  }
  if (end - start > 2 && end < groups.length && /** @type {string} */ (groups[end]).length < 4) yield end + 1;
  for (const widths of GROUPS) {
    if (widths.every((width, at) => groups[start + at]?.length === width)) yield start + widths.length;
  }
  // Beside what is hidden for its length.
  let long = false;
  for (let total = 0, at = start; at < groups.length; at += 1) {
    const { length } = /** @type {string} */ (groups[at]);
    total += length;
    long ||= length >= LONG;
    if (total > MOST_DIGITS) break;
    if (long && at > start) yield at + 1;
  }
  if (!ended && start === 0 && groups.length > 1 && groups.length <= MOST_DIGITS) yield groups.length;
}

/**
 * The name of the shape that these digits have, "" where they have none.
 *
 * @param {string} digits
 * @param {number[]} widths
 */
export const shapeOf = (digits, widths) =>
  digits.slice(0, -1).includes("X") ? "" : KNOWN.find(({ digits: lengths, begin, check }) => lengths.includes(digits.length) && begin.test(digits) && checked(check, digits, widths))?.name ?? "";

/**
 * @param {string} check
 * @param {string} digits
 * @param {number[]} widths
 */
function checked(check, digits, widths) {
  if (check === "iso7064") {
    const total = IDENTITY_WEIGHTS.reduce((sum, weight, at) => sum + weight * Number(digits[at]), 0);
    return IDENTITY_CHECKS[total % 11] === digits[17];
  }
  if (digits.endsWith("X")) return false;
  if (check === "province") return PROVINCES.includes(Number(digits.slice(0, 2)));
  if (check === "groups") return GROUPS.some((group) => group.length === widths.length && group.every((width, at) => width === widths[at]));
  return isLuhn(digits);
}

/** @param {string} digits */
function isLuhn(digits) {
  const total = [...digits].reverse().reduce((sum, digit, at) => {
    const value = Number(digit) * (at % 2 ? 2 : 1);
    return sum + (value > 9 ? value - 9 : value);
  }, 0);
  return total % 10 === 0;
}

/**
 * @param {string[]} texts
 * @param {Line[]} lines
 * @param {Map<number, Cut[]>} cuts
 */
function without(texts, lines, cuts) {
  const kept = [...texts];
  for (const [number, found] of cuts) {
    const first = lines[number]?.first ?? 0;
    const behind = lines[number + 1]?.first ?? texts.length;
    let begin = 0;
    let which = 0;
    for (let index = first; index < behind; index += 1) {
      const text = texts[index] ?? "";
      const end = begin + text.length;
      let at = begin;
      let left = "";
      for (let cut = found[which]; cut && cut.start < end; cut = found[++which]) {
        if (cut.start >= begin) left += text.slice(at - begin, cut.start - begin) + (cut.stars ? STARS : "");
        at = Math.min(cut.end, end);
        if (cut.end > end) break;
      }
      kept[index] = left + text.slice(at - begin);
      begin = end;
    }
  }
  return kept;
}

/** The runs of digits of a text, as ASCII writes them. @param {string} text */
export const runsIn = (text) => [...plainDigits(text).matchAll(RUN)].map(([run]) => ({ text: run, digits: digitsOf(run) }));

const OTHER = new RegExp(`[^0-9xX×${HALF}${UNSEEN}${BLANKS}${SEPARATORS}]`);
/** Whether a text has something that no number goes on beyond. @param {string} text */
export const breaks = (text) => OTHER.test(plainDigits(text));
