"""Style sheets as they are served: one for each face, made of the parts that it lists.

A sheet (`styles/kiosk.css`) holds comments and lines of two kinds, and nothing else:

    @layer base, parts, screens;
    @import "kiosk/home.css" layer(screens);

What a browser would fetch, part after part, before the first paint, is put in here once: a page asks for its sheet
only, and in it are the parts, each within its layer. The parts themselves are not served.
"""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["STYLES", "SheetError", "parts_of", "read_sheet"]

STYLES = Path(__file__).parent / "styles"

_LINE = re.compile(
    r'@layer (?P<order>[a-z]+(?:, [a-z]+)*);|@import "(?P<part>[a-z]+/[a-z-]+\.css)" layer\((?P<layer>[a-z]+)\);'
)
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)


class SheetError(ValueError):
    """A sheet says something else than which parts it has, or names one that there is not."""


def parts_of(sheet: str, folder: Path = STYLES) -> list[tuple[str, str]]:
    """Return the parts of a sheet (`kiosk.css`) in their order, as path below `folder` and layer.

    Raises `SheetError` for a line that is neither an order of layers nor a part within a layer.
    """
    return [(line["part"], line["layer"]) for line in _lines(sheet, folder) if line["part"]]


def read_sheet(sheet: str, folder: Path = STYLES) -> str:
    """Return the text of a sheet with all its parts.

    Raises `SheetError` as `parts_of` does, and for a part that is missing.
    """
    text = []
    for line in _lines(sheet, folder):
        if not line["part"]:
            text.append(f"{line[0]}\n")
            continue
        try:
            part = (folder / line["part"]).read_text(encoding="utf-8")
        except FileNotFoundError as error:
            raise SheetError(f"{sheet} names {line['part']}, which there is not") from error
        text.append(f"@layer {line['layer']} {{\n{part}}}\n")
    return "\n".join(text)


def _lines(sheet: str, folder: Path) -> list[re.Match[str]]:
    found = []
    for line in _COMMENT.sub("", (folder / sheet).read_text(encoding="utf-8")).splitlines():
        if not line.strip():
            continue
        match = _LINE.fullmatch(line.strip())
        if match is None:
            raise SheetError(f"{sheet} may only list layers and parts, not {line.strip()!r}")
        found.append(match)
    return found
