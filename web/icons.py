"""The icons that pages can show: those that the browser bundle takes from Lucide."""

from __future__ import annotations

import re
from pathlib import Path

_LIST = Path(__file__).parent / "vendor" / "icons.js"


def icons() -> frozenset[str]:
    """Their names."""
    return frozenset(re.findall(r'"lucide-static/icons/([a-z0-9-]+)\.svg"', _LIST.read_text(encoding="utf-8")))
