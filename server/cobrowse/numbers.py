"""Masks sensitive numbers in one text or across several; `web/src/cobrowse/numbers.js` does the same."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from server.cobrowse import patterns as p

STARS = p.STARS
JOINED, CELL, END = 0, 1, 2
"""How a text follows the one before it: in the same line, in the next box or cell, or in another part of the page."""
MOST_FOURS: Final = 5
PHONE: Final = (3, 4, 4)
"""The usual groups of a telephone number."""

_GAP: Final = f"[{p.UNSEEN}]*(?:(?:[{p.BLANKS}]+(?![{p.BLANKS}])|[{p.SEPARATORS}])[{p.UNSEEN}]*){{0,{p.BETWEEN}}}"
_RUN: Final = re.compile(f"[0-9](?:{_GAP}[0-9])*[xX×]?")
_CELL: Final = re.compile(f"[0-9](?:[{p.UNSEEN}]*(?:[{p.BLANKS}\\-][{p.UNSEEN}]*)?[0-9])*[xX]?")
_GROUP: Final = re.compile(f"[{p.BLANKS}\\-]")
_EDGE: Final = re.compile(f"[{p.BLANKS}{p.UNSEEN}{p.SEPARATORS}]*")
# A run of digits is looked at from its beginning only and gives none of them back: else a long one costs its square.
_APART: Final = re.compile(rf"(?<![0-9])[0-9]++(?:[\W_]{{1,{p.MOST_APART}}}[0-9]++){{2,}}[xX]?")
_FIGURES: Final = re.compile("[0-9]+[xX]?")
_WORTH: Final = re.compile("[0-9]")
_BREAK: Final = re.compile(f"[^0-9xX×{p.UNSEEN}{p.BLANKS}{p.SEPARATORS}]")
_OTHER: Final = re.compile("[^0-9]+")
_PLAIN: Final = re.compile(f"[{p.UNSEEN}]+")
_ABOVE: Final = {code: "\u200b" for first, last in p.UNSEEN_ABOVE for code in range(first, last + 1)}
_TO_DIGIT: Final = {ord(digit): str(at % 10) for at, digit in enumerate(p.DIGITS)} | _ABOVE
_LIKE: Final = {ord(letter): str(at) for at, row in enumerate(p.LIKE_DIGITS) for letter in row}
_LIKELY: Final = "".join(p.LIKE_DIGITS)
_SURE: Final = "".join(p.LIKE_DIGITS[: p.SURE_LIKE])
_BESIDE: Final = re.compile(f"[0-9][{p.UNSEEN}]*[{_LIKELY}]|[{_LIKELY}][{p.UNSEEN}]*[0-9]")
_LETTERED: Final = re.compile(f"(?<![0-9{p.LETTERS}{p.UNSEEN}])[0-9{_LIKELY}{p.UNSEEN}]+(?![0-9{p.LETTERS}])")
_SURELY: Final = re.compile(f"[0-9{_SURE}{p.UNSEEN}]+")
_WORD: Final = re.compile(f"[0-9{_LIKELY}{p.LETTERS}{p.UNSEEN}]+")
_BLANK: Final = re.compile(f"[{p.BLANKS}]")
_DASH: Final = re.compile(f"[{p.DASHES}]")
_ORDINARY: Final = re.compile("|".join(p.ORDINARY))
_DATE: Final = re.compile("|".join(p.DATES))
_ORDINARY_GAP: Final = re.compile(p.ORDINARY_GAP)
_ROW: Final = re.compile(p.ROW)
_IN_ROW: Final = re.compile("[ ,/]+")
_CODES: Final = [(re.compile(before), re.compile(f"(?:{form})(?![0-9])")) for before, form in p.CODES]
_SECURITY_BEFORE: Final = re.compile(p.SECURITY_BEFORE)
_SECURITY: Final = re.compile(p.SECURITY)
_DECIMALS: Final = re.compile(p.DECIMALS)
_LONG_DECIMAL: Final = re.compile(p.LONG_DECIMAL)
_VERSION: Final = re.compile(p.VERSION)
_CURRENCY_BEFORE: Final = re.compile(p.CURRENCY_BEFORE, re.IGNORECASE)
_CURRENCY_AFTER: Final = re.compile(p.CURRENCY_AFTER, re.IGNORECASE)
_INTEGER: Final = re.compile(rf"([0-9]{{1,{p.MOST_AMOUNT}}})(?:\.[0-9]{{1,4}})?")
_HOUR: Final = re.compile(p.HOUR)
_SHAPES: Final = [(shape, re.compile(shape.begins)) for shape in p.SHAPES]
_PROVINCES: Final = frozenset(p.PROVINCES)


class Run(NamedTuple):
    """Digits that follow one another: `text` as it stands there, `digits` as ASCII writes them, with a final X."""

    text: str
    digits: str


class _Cell(NamedTuple):
    """A line of nothing but digits, by its number, and how it follows the one before."""

    number: int
    bare: str
    joint: int


class Cut(NamedTuple):
    """A part of a line that is left out, with stars in its place or with nothing."""

    start: int
    end: int
    stars: bool


def plain_digits(text: str) -> str:
    """The text with every digit as ASCII writes it; its length stays."""
    return text if text.isascii() else text.translate(_TO_DIGIT)


def digits_of(text: str) -> str:
    """The digits of a run, with the X that an identity number may end in."""
    digits = _OTHER.sub("", text)
    return digits + "X" if text.endswith(("x", "X", "×")) else digits


def mask_numbers(text: str) -> str:
    """Return `text` with every run of `LONG` digits or more, grouped or not, replaced by stars of constant length.

    Dates and amounts are left, however long. Time is linear in the length of the text.
    """
    return hide([text], [JOINED])[0] if len(text) >= p.LONG else text


def breaks(text: str) -> bool:
    """Whether a text has something that no number goes on beyond."""
    return bool(_BREAK.search(plain_digits(text)))


def is_bare(text: str) -> bool:
    """Whether a text is nothing but digits, with what may stand between them."""
    plain = plain_digits(text)
    return bool(_WORTH.search(plain)) and not _BREAK.search(plain)


def hide(texts: Sequence[str], joints: Sequence[int]) -> list[str]:
    """Return the texts without numbers that may not be seen, in one of them or over several.

    `joints[i]` says how text `i` follows the one before: `JOINED` or `CELL`. The stars stand in the first text that has
    a part of the number; the others lose theirs.
    """
    read = list(map(plain_digits, texts))
    if not any(map(_WORTH.search, read)):
        return list(texts)
    lines = _lines(read, joints)
    cuts: dict[int, list[Cut]] = {}
    cells: list[_Cell] = []
    joint = JOINED
    for number, (first, line) in enumerate(lines):
        mapped = _as_digits(line)
        if found := _joined([*_runs(line), *_apart(line), *(_lettered(line, mapped) if mapped != line else ())]):
            cuts[number] = _widened(line, found)
        joint = max(joint, joints[first])
        start = _EDGE.match(line).end()  # type: ignore[union-attr]
        if start == len(line):
            continue
        cell = _CELL.match(mapped, start)
        if cell and _EDGE.fullmatch(mapped, cell.end()):
            cells.append(_Cell(number, cell[0], joint))
        else:
            _cut_cells(cells, lines, cuts)
            cells = []
        joint = JOINED
    _cut_cells(cells, lines, cuts)
    return _without(texts, lines, cuts) if cuts else list(texts)


def _runs(line: str) -> Iterator[Cut]:
    for run in _RUN.finditer(line):
        before, after = line[max(0, run.start() - 16) : run.start()], line[run.end() : run.end() + 16]
        if is_number(Run(run[0], digits_of(run[0])), before, after):
            yield Cut(run.start(), run.end(), True)


def _as_digits(line: str) -> str:
    """The line with letters that stand for digits as those: in words of such letters and enough digits."""
    if not _BESIDE.search(line):
        return line
    return _LETTERED.sub(lambda word: word[0].translate(_LIKE) if _has_digits(word[0]) else word[0], line)


def _has_digits(word: str) -> bool:
    digits = len(_WORTH.findall(word))
    return digits > 0 and (4 if _SURELY.fullmatch(word) else 2) * digits >= len(_PLAIN.sub("", word))


def _lettered(line: str, mapped: str) -> Iterator[Cut]:
    """Numbers with letters in the place of some digits: such as may stand there for certain, or a known form."""
    for word in _LETTERED.finditer(line):
        new = mapped[word.start() : word.end()]
        if new != word[0]:
            digits = digits_of(new)
            sure = len(digits) >= p.LONG and _SURELY.fullmatch(word[0])
            if sure or shape_of(digits, PHONE):
                yield Cut(word.start(), word.end(), True)
    for run in _RUN.finditer(mapped):
        if run[0] != line[run.start() : run.end()] and shape_of(digits_of(run[0]), PHONE):
            yield Cut(run.start(), run.end(), True)
    yield from _apart(mapped)


def _widened(line: str, cuts: list[Cut]) -> list[Cut]:
    """Cuts with what other digits their words have: a letter does not divide a number from its rest."""
    words = [(word.start(), word.end()) for word in _WORD.finditer(line)]
    wide: list[Cut] = []
    at = 0
    for cut in cuts:
        if wide and cut.end <= wide[-1].end:
            continue
        start, end = cut.start, cut.end
        while at < len(words) and words[at][0] < cut.end:
            if words[at][1] > cut.start:
                for figures in _FIGURES.finditer(line, *words[at]):
                    start, end = min(start, figures.start()), max(end, figures.end())
            at += 1
        wide.append(Cut(start, end, True))
    return _joined(wide)


def _apart(line: str) -> Iterator[Cut]:
    """Numbers that are known by their form, whatever signs stand between their groups."""
    for row in _APART.finditer(line):
        found = list(_FIGURES.finditer(row[0]))
        groups = [digits_of(group[0]) for group in found]
        for start, end in numbers_in(groups, [END] * len(groups)):
            yield Cut(row.start() + found[start].start(), row.start() + found[end - 1].end(), True)


def _joined(cuts: list[Cut]) -> list[Cut]:
    """Cuts in their order, those that meet as one."""
    whole: list[Cut] = []
    for cut in sorted(cuts):
        if whole and cut.start < whole[-1].end:
            whole[-1] = whole[-1]._replace(end=max(whole[-1].end, cut.end))
        else:
            whole.append(cut)
    return whole


def _lines(texts: Sequence[str], joints: Sequence[int]) -> list[tuple[int, str]]:
    """The first text and the whole of each line."""
    starts = [at for at, joint in enumerate(joints) if at == 0 or joint != JOINED]
    return [(start, "".join(texts[start:end])) for start, end in pairwise([*starts, len(texts)])]


def is_number(run: Run, before: str = "", after: str = "") -> bool:
    """Whether digits in one line are a number that may not be seen; `before` and `after` are what stands beside."""
    if len(run.digits.rstrip("X")) < p.LONG:
        return False
    return not (is_ordinary(run.text, before) or _is_version(run) or _is_amount(run, before, after))


def _is_version(run: Run) -> bool:
    return bool(_VERSION.fullmatch(_PLAIN.sub("", run.text))) and not shape_of(run.digits, PHONE)


def _is_amount(run: Run, before: str, after: str) -> bool:
    """Whether a currency or unit stands beside what could be an amount, and is no telephone number."""
    if not (_CURRENCY_BEFORE.search(before) or _CURRENCY_AFTER.match(after)):
        return False
    amount = _INTEGER.fullmatch(_PLAIN.sub("", run.text))
    return amount is not None and not shape_of(amount[1], PHONE)


def _is_security(letters: str, digits: str) -> bool:
    """Whether letters and digits are the number of a security (ISO 6166)."""
    whole = "".join(str(int(sign, 36)) for sign in letters + digits)
    return _luhn(whole)


def _is_row(text: str) -> bool:
    """Whether numbers side by side go up."""
    return bool(_ROW.fullmatch(text)) and all(a < b for a, b in pairwise(map(int, _IN_ROW.split(text))))


def is_ordinary(text: str, before: str = "") -> bool:
    """Whether a run is nothing but dates, years, amounts and names of things; `before` is what stands before it."""
    plain = _DASH.sub("-", _BLANK.sub(" ", _PLAIN.sub("", text)))
    if _is_row(plain) or _is_list(plain):
        return True
    at = _named(plain, before)
    if at == len(plain):
        return True
    if at:
        gap = _ORDINARY_GAP.match(plain, at)
        if not gap:
            return False
        at = gap.end()
    elif hour := _HOUR.match(plain):
        gap = _ORDINARY_GAP.match(plain, hour.end())
        if gap and _DATE.match(plain, gap.end()):
            at = gap.end()
    dated = False
    while unit := _ORDINARY.match(plain, at):
        dated = bool(_DATE.match(plain, at))
        at = unit.end()
        if at == len(plain):
            return True
        gap = _ORDINARY_GAP.match(plain, at)
        if not gap:
            return False
        at = gap.end()
    hour = _HOUR.match(plain, at)
    return dated and hour is not None and hour.end() == len(plain)


def _is_list(plain: str) -> bool:
    """Whether decimals stand side by side; long ones are none where their digits are those of a card."""
    if not _DECIMALS.fullmatch(plain):
        return False
    return not (_LONG_DECIMAL.search(plain) and shape_of(digits_of(plain), PHONE))


def _named(plain: str, before: str) -> int:
    """Behind which figure the number of an order, product, standard or security ends that letters have begun, or 0."""
    for name, form in _CODES:
        if name.search(before) and (code := form.match(plain)):
            return code.end()
    letters = _SECURITY_BEFORE.search(before)
    if letters and _SECURITY.fullmatch(plain) and _is_security(letters[1], plain):
        return len(plain)
    return 0


def _cut_cells(cells: list[_Cell], lines: list[tuple[int, str]], cuts: dict[int, list[Cut]]) -> None:
    """Cut cells side by side that hold nothing but digits, where together they are a number."""
    if len(cells) < 2:
        return
    groups: list[str] = []
    owners: list[int] = []
    joints: list[int] = []
    for cell in cells:
        for at, group in enumerate(_GROUP.split(cell.bare)):
            groups.append(digits_of(group))
            owners.append(cell.number)
            joints.append(JOINED if at else cell.joint)
    for start, end in numbers_in(groups, joints):
        for number in sorted(set(owners[start:end])):
            cuts[number] = [Cut(0, len(lines[number][1]), number == owners[start])]


def numbers_in(groups: Sequence[str], joints: Sequence[int]) -> list[tuple[int, int]]:
    """Which stretches of groups of digits, each in a cell or part of one, are a number: from and behind which group.

    `joints` says how each group follows the one before. Beyond the end of another thing only a number whose form is
    known goes on.
    """
    singles = _singles(groups, joints)
    ended = END in joints[1:]
    found = []
    at = 0
    while at < len(groups):
        end = singles[at] or _shaped(groups, joints, at, ended=ended)
        if end:
            found.append((at, end))
        at = end or at + 1
    return found


def _singles(groups: Sequence[str], joints: Sequence[int]) -> list[int]:
    """For each group the end of the row of single digits that begins with it and does not just count, or 0."""
    found = [0] * len(groups)
    end, counting, cells, ended = 0, True, False, False
    for at in range(len(groups) - 1, -1, -1):
        if len(groups[at]) != 1:
            continue
        if at + 1 < len(groups) and len(groups[at + 1]) == 1:
            counting = counting and (int(groups[at + 1]) - int(groups[at])) % 10 == 1
            cells = cells or joints[at + 1] == CELL
            ended = ended or joints[at + 1] == END
        else:
            end, counting, cells, ended = at + 1, True, False, False
        length = end - at
        if length < p.LONG_CELLS or counting or (ended and (cells or length > p.MOST_DIGITS)):
            continue
        if not ended or shape_of("".join(groups[at:end]), PHONE):
            found[at] = end
    return found


def _shaped(groups: Sequence[str], joints: Sequence[int], start: int, *, ended: bool) -> int:
    """The end of the groups that are a known number together, or 0: in usual groups, or all that there are.

    The rows of a table are not read on into the next; what is in one column is.
    """
    for end in _ends(groups, start, ended=ended):
        part, within = groups[start:end], joints[start + 1 : end]
        if END in within and CELL in within:
            continue
        if not _is_even(part) and shape_of("".join(part), tuple(map(len, part))):
            return end
    return 0


def _is_even(groups: Sequence[str]) -> bool:
    """Whether groups are round figures, or go up or down by the same step: amounts, years and codes do."""
    if all(group.endswith("00") for group in groups):
        return True
    values = [int(group.rstrip("X")) for group in groups]
    return len(groups) > 2 and len({b - a for a, b in pairwise(values)}) == 1 and not groups[-1].endswith("X")


def _ends(groups: Sequence[str], start: int, *, ended: bool) -> Iterator[int]:
    """Where a number that begins with this group may end: fours and a rest, a known grouping, or everything."""
    end = start
    while end < len(groups) and len(groups[end]) == 4 and end - start < MOST_FOURS:
        end += 1
        if end - start > 2:
            yield end
    if end - start > 2 and end < len(groups) and len(groups[end]) < 4:
        yield end + 1
    for widths in p.GROUPS:
        end = start + len(widths)
        if end <= len(groups) and all(len(groups[start + at]) == width for at, width in enumerate(widths)):
            yield end
    total, long = 0, False  # beside what is hidden for its length
    for at in range(start, len(groups)):
        total += len(groups[at])
        long = long or len(groups[at]) >= p.LONG
        if total > p.MOST_DIGITS:
            break
        if long and at > start:
            yield at + 1
    if not ended and start == 0 and 1 < len(groups) <= p.MOST_DIGITS:
        yield len(groups)


def shape_of(digits: str, widths: tuple[int, ...]) -> str:
    """The name of the shape that these digits have, "" where they have none."""
    length = len(digits)
    if "X" in digits[:-1]:
        return ""
    for shape, begins in _SHAPES:
        if length in shape.digits and begins.match(digits) and _checked(shape.check, digits, widths):
            return shape.name
    return ""


def _checked(check: str, digits: str, widths: tuple[int, ...]) -> bool:
    if check == "iso7064":
        total = sum(weight * int(digit) for weight, digit in zip(p.IDENTITY_WEIGHTS, digits, strict=False))
        return p.IDENTITY_CHECKS[total % 11] == digits[17]
    if digits.endswith("X"):
        return False
    if check == "province":
        return int(digits[:2]) in _PROVINCES
    if check == "groups":
        return widths in p.GROUPS
    return _luhn(digits)


def _luhn(digits: str) -> bool:
    doubled = [2 * int(digit) for digit in digits[-2::-2]]
    return (sum(map(int, digits[-1::-2])) + sum(n - 9 * (n > 9) for n in doubled)) % 10 == 0


def _without(texts: Sequence[str], lines: list[tuple[int, str]], cuts: dict[int, list[Cut]]) -> list[str]:
    """The texts of the lines without what is cut."""
    kept = list(texts)
    for number, found in cuts.items():
        first = lines[number][0]
        behind = lines[number + 1][0] if number + 1 < len(lines) else len(texts)
        line = "".join(texts[first:behind])
        begin = which = 0
        for index in range(first, behind):
            end = begin + len(texts[index])
            at, left = begin, ""
            while which < len(found) and found[which].start < end:
                cut = found[which]
                if cut.start >= begin:
                    left += line[at : cut.start] + (STARS if cut.stars else "")
                at = min(cut.end, end)
                if cut.end > end:
                    break
                which += 1
            kept[index] = left + line[at:end]
            begin = end
    return kept
