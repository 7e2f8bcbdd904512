"""Writes ``web/src/cobrowse/patterns.js``, the page's table of numbers, from the server's: ``python -m
server.cobrowse.generate``. A test fails when the file is stale.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from server.cobrowse import patterns

TARGET: Final = Path(__file__).parents[2] / "web" / "src" / "cobrowse" / "patterns.js"


def javascript() -> str:
    """Return the text of ``patterns.js``."""
    lines = ["// Generated from server/cobrowse/patterns.py by `python -m server.cobrowse.generate`. Do not edit.", ""]
    for name, value in vars(patterns).items():
        if name.isupper() and not name.startswith("_"):
            lines += [f"export const {name} = {_written(name, value)};", ""]
    return "\n".join(lines)


def _written(name: str, value: Any) -> str:
    if isinstance(value, frozenset):
        return f"new Set({_json(sorted(value))})"
    if name == "SHAPES":
        return _json([shape._asdict() for shape in value])
    return _json(value)


def _json(value: Any) -> str:
    # Not U+2028 and its like as they are: half of the editors take them for the end of a line.
    return json.dumps(value, ensure_ascii=True)


if __name__ == "__main__":
    TARGET.write_text(javascript(), encoding="utf-8")
