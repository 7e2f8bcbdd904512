"""The patterns of sensitive numbers: the one table for the kiosk's page and the server.

The page's copy, `web/src/cobrowse/patterns.js`, is written by :mod:`server.cobrowse.generate`; a test fails when it is
stale. Regular expressions here use only what Python and JavaScript understand alike, on texts in which every digit is
one of ASCII's.
"""

from __future__ import annotations

import sys
from typing import Final, NamedTuple

STARS: Final = "••••••••"
"""Always of the same length, so that it does not reveal the length of what was masked."""

LONG: Final = 9
"""So many digits in one text are a number that may not be seen, whatever it is."""
BETWEEN: Final = 3
"""At most so many separators stand between two digits of one number; any row of blanks counts as one."""
LONG_CELLS: Final = 11
"""So many boxes or cells in a row with one digit each are one number."""
MOST_DIGITS: Final = 19
"""No number of a card has more."""
MOST_APART: Final = 8
"""At most so many signs, no letters or figures, stand between two groups of a number that is known by its form."""


def _digits() -> str:
    """Every decimal digit of Unicode and what else reads as one, in rows of ten from nought to nine."""
    decimal = filter(str.isdecimal, map(chr, range(sys.maxunicode)))  # category Nd; this runs at every start
    others = (
        *("⁰¹²³⁴⁵⁶⁷⁸⁹", "₀₁₂₃₄₅₆₇₈₉", "⓪①②③④⑤⑥⑦⑧⑨", "⓿❶❷❸❹❺❻❼❽❾", "⓪⓵⓶⓷⓸⓹⓺⓻⓼⓽", "🄋➀➁➂➃➄➅➆➇➈", "🄌➊➋➌➍➎➏➐➑➒"),
        *("⓪⑴⑵⑶⑷⑸⑹⑺⑻⑼", "🄀⒈⒉⒊⒋⒌⒍⒎⒏⒐", "🄁🄂🄃🄄🄅🄆🄇🄈🄉🄊", "〇〡〢〣〤〥〦〧〨〩"),
        *("〇一二三四五六七八九", "零幺二三四五六七八九", "零壹贰叁肆伍陆柒捌玖", "零壹貳參肆伍陸柒捌玖"),
    )
    return "".join((*decimal, *others))


DIGITS: Final = _digits()
LIKE_DIGITS: Final = ("OoОоΟο○◯Ｏｏ", "lIiІіΙιӀıｌＩｉ", "Zz", "", "", "Ss", "b", "", "B", "g")
"""Letters that stand for nought, one, two and so on to whoever reads a number with them in it."""
LETTERS: Final = "A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u0370-\u04ff\uff21-\uff3a\uff41-\uff5a"
"""Contents of a class in brackets: what makes one word with figures beside it."""
SURE_LIKE: Final = 2
"""Of these rows so many are read so wherever they stand between digits; the others where a check digit says so."""
BLANKS: Final = "\t\n\v\f\r \x85\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
UNSEEN: Final = (
    "\u00ad\u0300-\u036f\u0483-\u0489\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u1ab0-\u1aff\u1dc0-\u1dff\u200b-\u200f"
    "\u202a-\u202e\u2060-\u206f\u20d0-\u20ff\u3099\u309a\u3164\ufe00-\ufe0f\ufe20-\ufe2f\ufeff\uffa0\ufff9-\ufffb"
)
"""Signs that nobody sees, and marks above, below and through another sign; they separate nothing."""
UNSEEN_ABOVE: Final = ((0xE0000, 0xE01EF),)
"""The same beyond U+FFFF, from and to."""
SEPARATORS: Final = (
    ".,'’·・‧•/_|\\\\\\-\u058a\u05be\u1400\u1806\u2010-\u2015\u2212\u2e17\u2e1a\u2e3a\u2e3b\u2e40\u301c\u3030\u30a0\u30fb"
    "\ufe31\ufe32\ufe58\ufe63\uff0c-\uff0f\uff3c\uff3f\uff5c\uff65"
)
"""What people and pages group numbers with. BLANKS, UNSEEN and SEPARATORS are contents of a class in brackets."""

# What is ordinary however many digits it has: a row of such things, each with its own form, between separators. A digit
# never follows. The order counts: the first that fits is taken.
_YEAR = "(?:19|20)[0-9]{2}"
_MONTH, _DAY = "(?:0?[1-9]|1[0-2])", "(?:0?[1-9]|[12][0-9]|3[01])"
_MM, _DD = "(?:0[1-9]|1[0-2])", "(?:0[1-9]|[12][0-9]|3[01])"
_SERIAL: Final = rf"-(?!{_YEAR}(?![0-9]))[0-9]{{3}}"
DATES: Final = (
    rf"{_YEAR}-{_MONTH}-{_DAY}(?![0-9])",
    rf"{_YEAR}/{_MONTH}/{_DAY}(?![0-9])",
    rf"{_YEAR}\.{_MONTH}\.{_DAY}(?![0-9])",
    rf"{_YEAR}{_MM}{_DD}(?:(?:[01][0-9]|2[0-3])[0-5][0-9][0-5][0-9])?(?![0-9])",
    rf"{_DAY}-{_DAY}-(?:{_YEAR}|[0-9]{{2}})(?![0-9])",
    rf"{_DAY}/{_DAY}/(?:{_YEAR}|[0-9]{{2}})(?![0-9])",
    rf"{_DAY}\.{_DAY}\.(?:{_YEAR}|[0-9]{{2}})(?![0-9])",
    rf"{_YEAR}-{_MONTH}-{_YEAR}-{_MONTH}(?![0-9])",
    rf"{_YEAR}[-/.]{_MONTH}(?![0-9]|{_SERIAL})",
    rf"{_MONTH}[-/.]{_YEAR}(?![0-9])",
    rf"{_YEAR}(?![0-9]|{_SERIAL})",
)
_DECIMAL: Final = r"(?:0|[1-9][0-9]{0,8})\.[0-9]{1,4}"
AMOUNTS: Final = (
    r"[1-9][0-9]{0,2}(?:,[0-9]{3}){4}\.[0-9]{1,4}(?![0-9])",
    r"[1-9][0-9]{0,2}(?:,[0-9]{3}){1,3}(?:\.[0-9]{1,4})?(?![0-9]|,[0-9]{3})",
    r"[1-9][0-9]{0,2}(?:['’][0-9]{3}){1,3}(?:\.[0-9]{1,4})?(?![0-9]|['’][0-9])",
    r"[1-9][0-9]{0,2}(?:[. ][0-9]{3}){1,3},[0-9]{1,4}(?![0-9])",
    rf"{_DECIMAL}(?![0-9])",
    r"[1-9][0-9]{9}\.[0-9]{2}(?![0-9])",
    r"[0-9]\.[0-9]{5,8}(?![0-9])",
)
_BYTE: Final = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
OTHERS: Final = (
    r"(?:86[- ]?)?[48]00[- ]?[0-9]{3}[- ]?[0-9]{4}(?:-[0-9]{1,5})?(?![0-9])",
    r"[48]00[- ][0-9]{2}[- ]95[0-9]{3}(?![0-9])",
    r"95[0-9]{3,4}-[0-9]{1,4}(?![0-9])",
    rf"(?:{_BYTE}\.){{3}}{_BYTE}(?![0-9])",
    r"97[89]-[0-9]-[0-9]{2,5}-[0-9]{2,6}-[0-9](?![0-9])",
    rf"{_YEAR}-{_MONTH}(?:-{_DAY})?-(?!{_YEAR}(?![0-9]))[0-9]{{3,8}}(?![0-9])",
    rf"20[0-9]{{2}}{_MM}{_DD}(?:-?(?:[0-9]{{3}}|[0-9]{{5,8}})|-[0-9]{{4}})(?![0-9])",
    rf"{_YEAR}-[0-9]{{3,8}}(?![0-9])",
)
"""Numbers of companies that anybody may call, with an extension; addresses of computers; books; a date or year and the
serial number of an order."""
ROUND: Final = r"[1-9][0-9]{0,5}00(?![0-9])"
"""A round figure."""
ORDINARY: Final = (*OTHERS[:-1], *DATES, OTHERS[-1], *AMOUNTS, ROUND)
ORDINARY_GAP: Final = r"[ ]+(?:[-/|][ ]+)?|[-/|]|,[ ]+"
"""Between two ordinary things; blanks of all kinds are one here, and dashes too."""
DECIMALS: Final = rf"{_DECIMAL}(?:,[ ]*{_DECIMAL})+"
"""Decimals with nothing but commas between them."""
LONG_DECIMAL: Final = "[0-9.]{7}"
VERSION: Final = r"[0-9]{1,3}(?:\.(?:0|[1-9][0-9]{0,4})){2,4}"
"""Of a program. Neither this nor a row of decimals with long ones has the form of a card."""
ROW: Final = r"(?:0|[1-9][0-9]{0,2})(?:[ ,/]+(?:0|[1-9][0-9]{0,2})){3,}"
"""Small numbers side by side; ordinary where each is greater than the one before."""
_WORD: Final = "(?:^|[^A-Za-z])"
CODES: Final = (
    (f"{_WORD}[A-Z]{{2,6}}-?$", "(?:19|20)[0-9]{2}-?[0-9]{5,8}"),
    (f"{_WORD}[A-Z]{{2,6}}-?$", "00(?!86)[0-9]{5,10}"),
    (f"{_WORD}[A-Z]{{1,5}}(?:/[A-Z]{{1,3}})?[ -]?$", rf"[0-9]{{2,6}}(?:\.[0-9]{{1,2}})?-{_YEAR}"),
    (f"{_WORD}[CZ]$", "[17]0[0-9]{3}[12][0-9]0[0-9]{5}"),
    (f"公网安备[{BLANKS}]*$", "[0-9]{14}"),
)
"""What orders, products, standards and sites are called: what stands before, and the figures, which a digit never
follows. The fourth are wealth products, as the register of China's banks numbers them."""
SECURITY_BEFORE: Final = f"{_WORD}([A-Z]{{2}})$"
SECURITY: Final = "[0-9]{10}"
"""The rest of an ISIN of nothing but digits; its last is a check digit by Luhn (ISO 6166)."""
HOUR: Final = "[0-9]{1,2}(?![0-9])"
"""May stand before or after a row of dates: the half of a time that a colon cuts off."""
DASHES: Final = "\\-\u2010-\u2015\u2212\uff0d~～"

CURRENCY_BEFORE: Final = f"(?:[¥￥$€£]|RMB|CNY|USD|HKD|EUR)[{BLANKS}]*$"
CURRENCY_AFTER: Final = (
    f"^[{BLANKS}]*(?:元|圆|块|万|亿|份|股|%|％|美元|港元|港币|欧元|yuan|RMB|CNY|USD|HKD|EUR|dollars|shares|units)"
)
"""What says of the digits beside it that they are an amount."""
MOST_AMOUNT: Final = 12
"""No amount has more digits before its point."""


class Shape(NamedTuple):
    """A number that is known by its form, also when each cell of a table holds a part of it.

    `begins` is a regular expression for its first digits; `check` says what its digits must satisfy.
    """

    name: str
    digits: tuple[int, ...]
    begins: str
    check: str


SHAPES: Final = (
    Shape("identity card", (18,), f"[1-9][0-9]{{5}}{_YEAR}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])", "iso7064"),
    Shape(
        "identity card of before 1999", (15,), "[1-9][0-9]{7}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])", "province"
    ),
    Shape("bank card", (14, 15, 16, 17, 18, 19), "(?:62|9[0-9]|4|5[0-9]|6[0-9]|3[0-9]|2[2-7]|81)", "luhn"),
    Shape("mobile telephone", (11,), "1[3-9]", "groups"),
    Shape("mobile telephone with its country", (13,), "861[3-9]", "groups"),
)
IDENTITY_WEIGHTS: Final = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
IDENTITY_CHECKS: Final = "10X98765432"
"""GB 11643: what the check character is for each remainder by eleven."""
PROVINCES: Final = (
    *(11, 12, 13, 14, 15, 21, 22, 23, 31, 32, 33, 34, 35, 36, 37, 41, 42, 43, 44, 45, 46, 50, 51, 52, 53, 54),
    *(61, 62, 63, 64, 65, 71, 81, 82),
)
GROUPS: Final = (
    (3, 4, 4),
    (2, 3, 4, 4),
    (4, 4, 3),
    (3, 8),
    (3, 3, 5),
    (7, 4),
    (6, 8, 4),
    (6, 4, 4, 4),
    (6, 13),
    (6, 12),
)
"""How telephone, identity and card numbers are divided, besides into fours and a rest."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


INLINE: Final = _words(
    """
    a abbr acronym b bdi bdo big cite code data del dfn em font i ins kbd mark nobr q rb rt ruby s samp slot small span
    strike strong sub sup time tspan tt u var wbr textpath
    """
)
"""Elements within a line of text. All others are boxes or cells."""
ENDS: Final = _words(
    """
    tr table thead tbody tfoot caption section article main nav aside header footer form fieldset dialog ul ol dl hr
    html head body title button select h1 h2 h3 h4 h5 h6 figure figcaption details summary
    """
)
"""Elements before, within and after which another thing begins: no number goes on beyond their edges."""

GEOMETRY: Final = _words(
    """
    d points viewBox viewbox transform gradientTransform patternTransform stroke-dasharray stroke-dashoffset x y x1 x2
    y1 y2 cx cy r rx ry fx fy dx dy width height rotate tableValues kernelMatrix values keyTimes keySplines offset
    textLength stroke-width opacity fill-opacity stroke-opacity stdDeviation baseFrequency refX refY
    markerWidth markerHeight
    """
)
"""Attributes of drawings whose coordinates look like long numbers in groups."""
