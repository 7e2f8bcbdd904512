"""Numbers that may not be seen, in one text or over several; `web/src/cobrowse/numbers.js` does the same."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from server.cobrowse import patterns as p

STARS = p.STARS
JOINED, CELL = 0, 1
"""How a text follows the one before it: in the same line, or in the next box or cell."""
MOST_FOURS: Final = 5

_GAP: Final = f"[{p.UNSEEN}]*(?:(?:[{p.BLANKS}]+(?![{p.BLANKS}])|[{p.SEPARATORS}])[{p.UNSEEN}]*){{0,{p.BETWEEN}}}"
_RUN: Final = re.compile(f"[0-9](?:{_GAP}[0-9])*[xX×]?")
_CELL: Final = re.compile(f"[0-9](?:[{p.UNSEEN}]*(?:[{p.BLANKS}\\-][{p.UNSEEN}]*)?[0-9])*[xX]?")
_GROUP: Final = re.compile(f"[{p.BLANKS}\\-]")
_EDGE: Final = re.compile(f"[{p.BLANKS}{p.UNSEEN}]*")
_WORTH: Final = re.compile("[0-9]")
_BREAK: Final = re.compile(f"[^0-9xX×{p.UNSEEN}{p.BLANKS}{p.SEPARATORS}]")
_OTHER: Final = re.compile("[^0-9]+")
_PLAIN: Final = re.compile(f"[{p.UNSEEN}]+")
_TO_DIGIT: Final = {ord(digit): str(at % 10) for at, digit in enumerate(p.DIGITS)}
_BLANK: Final = re.compile(f"[{p.BLANKS}]")
_DASH: Final = re.compile(f"[{p.DASHES}]")
_ORDINARY: Final = re.compile("|".join(p.ORDINARY))
_DATE: Final = re.compile("|".join(p.DATES))
_ORDINARY_GAP: Final = re.compile(p.ORDINARY_GAP)
_HOUR: Final = re.compile(p.HOUR)
_SHAPES: Final = [(shape, re.compile(shape.begins)) for shape in p.SHAPES]
_PROVINCES: Final = frozenset(p.PROVINCES)


class Run(NamedTuple):
    """Digits that follow one another: `text` as it stands there, `digits` as ASCII writes them, with a final X."""

    text: str
    digits: str


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

    Dates and amounts are no such runs, however long. Time grows with the length of the text and no faster.
    """
    return hide([text], [JOINED])[0] if len(text) >= p.LONG else text


def breaks(text: str) -> bool:
    """Whether a text has something that no number goes on beyond."""
    return bool(_BREAK.search(plain_digits(text)))


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
    cells: list[tuple[int, str]] = []
    for number, (_, line) in enumerate(lines):
        for run in _RUN.finditer(line):
            if is_number(Run(run[0], digits_of(run[0]))):
                cuts.setdefault(number, []).append(Cut(run.start(), run.end(), True))
        start = _EDGE.match(line).end()  # type: ignore[union-attr]
        if start == len(line):
            continue
        cell = _CELL.match(line, start)
        if cell and _EDGE.fullmatch(line, cell.end()):
            cells.append((number, cell[0]))
        else:
            _cut_cells(cells, lines, cuts)
            cells = []
    _cut_cells(cells, lines, cuts)
    return _without(texts, lines, cuts) if cuts else list(texts)


def _lines(texts: Sequence[str], joints: Sequence[int]) -> list[tuple[int, str]]:
    """The first text and the whole of each line."""
    starts = [at for at, joint in enumerate(joints) if at == 0 or joint != JOINED]
    return [(start, "".join(texts[start:end])) for start, end in pairwise([*starts, len(texts)])]


def is_number(run: Run) -> bool:
    """Whether digits in one line are a number that may not be seen."""
    return len(run.digits.rstrip("X")) >= p.LONG and not is_ordinary(run.text)


def is_ordinary(text: str) -> bool:
    """Whether a run is nothing but dates, years and amounts."""
    plain = _DASH.sub("-", _BLANK.sub(" ", _PLAIN.sub("", text)))
    at = 0
    if hour := _HOUR.match(plain):
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


def _cut_cells(cells: list[tuple[int, str]], lines: list[tuple[int, str]], cuts: dict[int, list[Cut]]) -> None:
    """Cut cells side by side that hold nothing but digits, where together they are a number."""
    if len(cells) < 2:
        return
    groups: list[str] = []
    owners: list[int] = []
    for number, bare in cells:
        for group in _GROUP.split(bare):
            groups.append(digits_of(group))
            owners.append(number)
    for start, end in numbers_in(groups):
        for number in sorted(set(owners[start:end])):
            whole = Cut(0, len(lines[number][1]), number == owners[start])
            cuts.setdefault(number, []).insert(0, whole)


def numbers_in(groups: Sequence[str]) -> list[tuple[int, int]]:
    """Which stretches of groups of digits, each in a cell or part of one, are a number: from and behind which group."""
    found = []
    at = 0
    while at < len(groups):
        end = _singles(groups, at) or _shaped(groups, at)
        if end:
            found.append((at, end))
        at = end or at + 1
    return found


def _singles(groups: Sequence[str], start: int) -> int:
    """The end of a row of `LONG_CELLS` single digits or more that do not just count, or 0."""
    if len(groups[start]) != 1:
        return 0
    end = start
    while end < len(groups) and len(groups[end]) == 1:
        end += 1
    counting = all((int(b) - int(a)) % 10 == 1 for a, b in pairwise(groups[start:end]))
    return end if end - start >= p.LONG_CELLS and not counting else 0


def _shaped(groups: Sequence[str], start: int) -> int:
    """The end of the groups that are a known number together, or 0: in usual groups, or all that there are."""
    for end in _ends(groups, start):
        if shape_of("".join(groups[start:end]), tuple(len(group) for group in groups[start:end])):
            return end
    return 0


def _ends(groups: Sequence[str], start: int) -> Iterator[int]:
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
    if start == 0 and 1 < len(groups) <= p.MOST_DIGITS:
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
    doubled = [2 * int(digit) for digit in digits[-2::-2]]
    return (sum(map(int, digits[-1::-2])) + sum(n - 9 * (n > 9) for n in doubled)) % 10 == 0


def _without(texts: Sequence[str], lines: list[tuple[int, str]], cuts: dict[int, list[Cut]]) -> list[str]:
    """The texts of the lines without what is cut."""
    kept = list(texts)
    for number, found in cuts.items():
        first = lines[number][0]
        behind = lines[number + 1][0] if number + 1 < len(lines) else len(texts)
        line = "".join(texts[first:behind])
        found = found[:1] if found[0].end == len(line) and found[0].start == 0 else found
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
