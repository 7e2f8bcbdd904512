"""Style sheets without anything that loads from elsewhere. The policy of the replay's document forbids it as well."""

from __future__ import annotations

import re

_COMMENT = re.compile(r"/\*.*?(?:\*/|\Z)", re.DOTALL)
# Escapes of ASCII letters, hexadecimal or by themselves (CSS Syntax 3 §4.3.7): another way to write `url` or `@import`.
_HEX_LETTER = re.compile(r"\\0{0,4}([46][1-9a-fA-F]|[57][0-9aA])(?:\r\n|[ \t\r\n\f])?(?![0-9a-fA-F])", re.IGNORECASE)
_PLAIN_LETTER = re.compile(r"\\([g-zG-Z])")
_URL = re.compile(r"""url\(\s*(?:"([^"]*)"|'([^']*)'|([^)]*?))\s*(?:\)|\Z)""", re.IGNORECASE | re.DOTALL)
_AT_RULE = re.compile(r"@(?:import|charset|namespace)\b[^;{}]*(?:;|\Z)?", re.IGNORECASE)
_LOADS = re.compile(
    r"(?:-webkit-|-moz-)?(?:image-set|cross-fade|element|image|src|expression|paint)\((?:[^()]|\([^()]*\))*\)?",
    re.IGNORECASE,
)
_LEGACY = re.compile(r"(?:behavior|-moz-binding)\s*:", re.IGNORECASE)
_SAFE_DATA = re.compile(
    r"data:(?:image/(?:png|jpe?g|gif|webp|bmp|avif|svg\+xml|x-icon)"
    r"|font/[a-z0-9.+-]+|application/(?:x-)?font-[a-z0-9.+-]+)[;,]",
    re.IGNORECASE,
)


def clean_css(text: str) -> str:
    """Return style rules or declarations in which every address is a fragment or inline image or font."""
    if "/*" in text:
        text = _keep_splits(text)
    if "\\" in text:
        text = _PLAIN_LETTER.sub(r"\1", _HEX_LETTER.sub(lambda match: chr(int(match[1], 16)), text))
    if "@" in text:
        text = _AT_RULE.sub("", text)
    if "(" in text:
        text = _LOADS.sub("none", _URL.sub(_address, text))
    return _LEGACY.sub("removed:", text).replace("</", "<\\/")


def is_inline_image(address: str) -> bool:
    """True for a `data:` address of an image."""
    return address.lower().startswith("data:image/") and bool(_SAFE_DATA.match(address))


def _address(match: re.Match[str]) -> str:
    address = next((group for group in match.groups() if group is not None), "").strip()
    return match[0] if address.startswith("#") or _SAFE_DATA.match(address) else "none"


def _keep_splits(text: str) -> str:
    # rrweb marks with this comment where a sheet's text nodes are divided.
    return "/* rr_split */".join(_COMMENT.sub(" ", part) for part in text.split("/* rr_split */"))
