"""Serialised DOM nodes, rebuilt from an allow list; ids are kept, so that later changes find their nodes."""

from __future__ import annotations

import re
from typing import Any

from link.protocol.errors import BadMessage
from server.cobrowse.clobber import harmless_name
from server.cobrowse.css import SPLIT, clean_css, clean_sheet, clean_texts, is_inline_image
from server.cobrowse.numbers import mask_numbers

DEPTH = 300
"""Levels of a page; the kiosk leaves out what is deeper than 260 (web/src/cobrowse/extent.js)."""
DOCUMENT, DOCTYPE, ELEMENT, TEXT, CDATA, COMMENT = range(6)

_TAG = re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,63}")
_ATTRIBUTE = re.compile(r"[A-Za-z_][A-Za-z0-9_:.-]{0,63}")
_CUSTOM = re.compile(r"[a-z][a-z0-9._]*-[a-z0-9._-]*")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Anything that runs, loads, navigates, animates attributes or changes how addresses are read.
_NEVER = _words(
    """
    script noscript object embed applet base meta frame frameset portal fencedframe template param animate animatemotion
    animatetransform animatecolor set discard handler listener source track math annotation-xml xml import bgsound
    isindex keygen
    """
)
# Shown as empty boxes of the same size.
_BOXES = _words("iframe video audio canvas")
# Attributes that hold an address, a document, a command or a policy. A few are let through below, checked.
_DENIED = _words(
    """
    src href xlink:href action formaction poster background cite longdesc data codebase classid archive manifest profile
    usemap ping srcset imagesrcset imagesizes srcdoc dynsrc lowsrc icon xml:base from to by values attributename begin
    end target formtarget download http-equiv content nonce integrity is sandbox allow csp autofocus contenteditable
    accesskey shadowrootmode rel as crossorigin referrerpolicy implementation event handler language charset async defer
    nomodule blocking fetchpriority attributionsrc itemid popovertarget commandfor command
    """
)
_OURS = _words("rr_width rr_height rr_scrollLeft rr_scrollTop rr_open_mode")
# Coordinates look like long numbers in groups.
_GEOMETRY = _words(
    """
    d points viewBox viewbox transform gradientTransform patternTransform stroke-dasharray x y x1 x2 y1 y2 cx cy r rx ry
    dx dy width height rotate tableValues kernelMatrix style
    """
)
# Attributes that are words for people or programs and never CSS, whatever brackets they have.
_WORDS = re.compile(r"title|alt|placeholder|label|value|class|id|name|for|summary|abbr|role|slot|part|(?:aria|data)-.*")
_STYLED = ("style", "link")
_FIELDS = ("input", "textarea")
SHEETS = 20_000
_SPACE = re.compile(r"[\x00-\x20\x7f-\xa0\u1680\u180e\u2000-\u200f\u2028-\u202f\u205f-\u2064\u3000\ufeff]+")
_DANGEROUS = (
    *("javascript:", "vbscript:", "livescript:", "mocha:", "blob:", "filesystem:", "file:", "view-source:"),
    *("data:text", "data:application", "data:image/svg"),
)


class Sheets:
    """The ids of style elements and of their texts, for a change of a text says only an id. Bounded."""

    def __init__(self) -> None:
        self._ids: set[int] = set()

    def __contains__(self, number: object) -> bool:
        return number in self._ids

    def add(self, number: int) -> None:
        """Remember an id. Once a style element's, it stays so, whatever the page sends later. Raises `BadMessage`."""
        if len(self._ids) >= SHEETS:
            raise BadMessage("the page has too many style sheets")
        self._ids.add(number)


def clean_document(node: object, sheets: Sheets) -> dict[str, Any]:
    """Return the document of a full snapshot. Raises `BadMessage`."""
    if not isinstance(node, dict) or node.get("type") != DOCUMENT:
        raise BadMessage("a full snapshot holds no document")
    return _node(node, DEPTH, sheets)


def clean_added(node: object, parent: int, sheets: Sheets) -> dict[str, Any] | None:
    """Return a node that is added to the document, None where nothing may be added (a frame's own document)."""
    if not isinstance(node, dict):
        raise BadMessage("an added node is none")
    if node.get("type") == DOCUMENT:
        return None
    clean = _node(node, DEPTH, sheets)
    if parent in sheets and "textContent" in clean:
        _style_texts([clean], [string(node.get("textContent"))], sheets)
    return clean


def clean_attributes(attributes: object, *, tag: str = "") -> dict[str, Any]:
    """Return harmless attributes; `tag` is "" where the element is not known (a change of attributes)."""
    if not isinstance(attributes, dict):
        raise BadMessage("attributes are no object")
    kept: dict[str, Any] = {}
    for name, value in attributes.items():
        clean = _attribute(name, value, tag)
        if clean is not _DROP:
            kept[name] = clean
    return kept


_DROP = object()


def _attribute(name: str, value: object, tag: str) -> object:
    lower = name.lower()
    if name == "style" and isinstance(value, dict):
        return clean_style_object(value)
    if value is None or isinstance(value, bool | int | float):
        removes = value is None and bool(_ATTRIBUTE.fullmatch(name))
        plain = name in _OURS or (bool(_ATTRIBUTE.fullmatch(name)) and not _refused(lower))
        return value if removes or plain else _DROP
    if not isinstance(value, str):
        raise BadMessage("an attribute is no text")
    if name == "_cssText":
        return clean_sheet(value.replace(SPLIT, "")) if tag in ("", *_STYLED) else _DROP
    if name == "rr_dataURL" or lower == "src":
        return value if tag in ("", "img") and is_inline_image(value) else _DROP
    if lower in ("href", "xlink:href"):
        return _href(value, tag)
    # The figure beside an entry of a list is no text that anybody reads with the others.
    if not _ATTRIBUTE.fullmatch(name) or (_refused(lower) and name not in _OURS) or (tag, lower) == ("li", "value"):
        return _DROP
    if _SPACE.sub("", value).lower().startswith(_DANGEROUS):
        return _DROP
    if lower in ("id", "name"):
        value = harmless_name(value)
    elif lower == "style" or ("(" in value and not _WORDS.fullmatch(lower)):
        value = clean_css(value)
    # What a field shows is read with what stands beside it (server.cobrowse.reading).
    as_it_is = name in _GEOMETRY or (tag in _FIELDS and lower in ("value", "placeholder"))
    return value if as_it_is else mask_numbers(value)


def _refused(lower: str) -> bool:
    return lower.startswith(("on", "rr_", "xmlns:")) or lower in _DENIED


def _href(value: str, tag: str) -> object:
    if value.startswith("#") and tag in (
        "a",
        "use",
        "textpath",
        "lineargradient",
        "radialgradient",
        "pattern",
        "image",
    ):
        return value
    if tag == "a":
        return "#"
    return value if tag == "image" and is_inline_image(value) and "svg" not in value[:20].lower() else _DROP


def clean_style_object(style: dict[str, Any]) -> dict[str, Any]:
    """Return rrweb's form of a changed style: each property's text, text and priority, or false where removed."""
    kept: dict[str, Any] = {}
    for name, value in style.items():
        if not isinstance(name, str) or len(name) > 128:
            raise BadMessage("a style property is no text")
        match value:
            case str():
                kept[name] = clean_css(value)
            case [str() as text, str() as priority]:
                kept[name] = [clean_css(text), "important" if priority == "important" else ""]
            case False | None:
                kept[name] = value
            case _:
                raise BadMessage("a style value is no text")
    return kept


def _node(node: dict[str, Any], depth: int, sheets: Sheets) -> dict[str, Any]:
    if depth == 0:
        raise BadMessage("the page is nested too deeply")
    kind = node.get("type")
    clean: dict[str, Any] = {"type": kind, "id": whole(node.get("id"))}
    for flag in ("isShadow", "isShadowHost"):
        if node.get(flag) is True:
            clean[flag] = True
    if node.get("rootId") is not None:
        clean["rootId"] = whole(node["rootId"])
    match kind:
        case 0:
            clean["childNodes"] = _children(node, depth, sheets)
            clean["compatMode"] = "BackCompat" if node.get("compatMode") == "BackCompat" else "CSS1Compat"
        case 1:
            clean |= {"name": "html", "publicId": "", "systemId": ""}
        case 2:
            _element(node, clean, depth, sheets)
        case 3 | 4:
            # A section of character data can be made in a document of XML only, which the copy is not: there it throws.
            clean |= {"type": TEXT, "textContent": string(node.get("textContent"))}
        case 5:
            clean["textContent"] = ""
        case _:
            raise BadMessage("a node of an unknown type")
    return clean


def _element(node: dict[str, Any], clean: dict[str, Any], depth: int, sheets: Sheets) -> None:
    name = string(node.get("tagName"))
    attributes = node.get("attributes")
    lower = name.lower()
    if node.get("isSVG") is True:
        clean["isSVG"] = True
    if lower in _NEVER or not _TAG.fullmatch(name):
        # In the place of what may not be there; rrweb hides it by its own rule.
        clean |= {"tagName": "noscript", "attributes": {}, "childNodes": []}
        clean.pop("isShadowHost", None)
        return
    if lower in _BOXES:
        given = attributes if isinstance(attributes, dict) else {}
        size = {key: given[key] for key in ("rr_width", "rr_height", "class", "id") if key in given}
        clean |= {"tagName": "div", "attributes": clean_attributes(size), "childNodes": []}
        return
    if node.get("isCustom") is True and _CUSTOM.fullmatch(name):
        clean["isCustom"] = True
    if node.get("needBlock") is True:
        clean["needBlock"] = True
    clean["tagName"] = name
    clean["attributes"] = clean_attributes(attributes, tag=lower)
    clean["childNodes"] = _children(node, depth, sheets)
    if lower in _STYLED:
        _style(node, clean, sheets)


def _style(node: dict[str, Any], clean: dict[str, Any], sheets: Sheets) -> None:
    """Clean the texts of a style element together: rrweb divides `_cssText` among them, and a browser joins them."""
    sheets.add(clean["id"])
    given = [child for child in node["childNodes"] if child.get("type") in (TEXT, CDATA)]
    found = [child for child in clean["childNodes"] if child["type"] == TEXT]
    whole_text = node["attributes"].get("_cssText")
    if not isinstance(whole_text, str) or not found:
        _style_texts(found, [string(child.get("textContent")) for child in given], sheets)
        return
    del clean["attributes"]["_cssText"]
    texts = whole_text.split(SPLIT)
    if len(texts) > len(found):
        texts = ["".join(texts)]
    _style_texts(found, texts + [""] * (len(found) - len(texts)), sheets)


def _style_texts(nodes: list[dict[str, Any]], texts: list[str], sheets: Sheets) -> None:
    for node, text in zip(nodes, clean_texts(texts) if texts else [], strict=True):
        sheets.add(node["id"])
        node |= {"textContent": text, "isStyle": True}


def _children(node: dict[str, Any], depth: int, sheets: Sheets) -> list[dict[str, Any]]:
    children = node.get("childNodes")
    if not isinstance(children, list):
        raise BadMessage("a node has no list of children")
    kept = []
    for child in children:
        if not isinstance(child, dict):
            raise BadMessage("a child node is none")
        if child.get("type") != DOCUMENT:
            kept.append(_node(child, depth - 1, sheets))
    return kept


def whole(value: object) -> int:
    """Return an id or index. Raises `BadMessage`."""
    if isinstance(value, bool) or not isinstance(value, int) or not -2 <= value <= 2**53:
        raise BadMessage("a number is no id")
    return value


def string(value: object) -> str:
    """Return a text. Raises `BadMessage`."""
    if not isinstance(value, str):
        raise BadMessage("a text is none")
    return value
