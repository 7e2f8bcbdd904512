"""The last guard against card and identity numbers; the kiosk masks first (web/src/cobrowse/mask.js)."""

from __future__ import annotations

import re

STARS = "••••••••"

# 13 digits or more in any script (cards have 13 to 19, identity numbers 15 or 18 with a final X), also in groups. The
# separators are those people and pages group numbers with.
_LONG_NUMBER = re.compile(r"\d(?:[ \t\u00a0\u2000-\u200b\u202f\u3000.\-\u2010-\u2015\u2212/_·]{0,2}\d){12,}[xX×]?")


def mask_numbers(text: str) -> str:
    """Return `text` with every run of 13 or more digits, grouped or not, replaced by stars of constant length."""
    if len(text) < 13:
        return text
    return _LONG_NUMBER.sub(STARS, text)
