"""The last guard against card and identity numbers; the kiosk masks first (web/src/cobrowse/mask.js)."""

from __future__ import annotations

import re

STARS = "••••••••"

# 13 digits or more in any script (cards have 13 to 19, identity numbers 15 or 18 with a final X), also in groups. The
# separators are those people and pages group numbers with, and signs that nobody sees.
_UNSEEN = r"\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff"
_BETWEEN = rf"[\s{_UNSEEN}\u00b7\u2010-\u2015\u2022\u2027\u2212\u30fb.,\-/_|\\]"
_LONG_NUMBER = re.compile(rf"\d(?:{_BETWEEN}{{0,3}}\d){{12,}}[xX×]?")
# Amounts in groups of three are no such numbers, however long.
_AMOUNT = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?")


def mask_numbers(text: str) -> str:
    """Return `text` with every run of 13 or more digits, grouped or not, replaced by stars of constant length."""
    if len(text) < 13:
        return text
    return _LONG_NUMBER.sub(lambda found: found[0] if _AMOUNT.fullmatch(found[0]) else STARS, text)
