"""rrweb events (version 2), checked field by field and rebuilt: what this module does not know is dropped.

Kept: the document and its changes, pointer, scrolling, input, style sheets, selection. Left out, because nothing shows
them or they could load something: canvas and media commands, fonts, logs, plugins, assets, and custom events but the
one that declares what a copy leaves out.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import msgspec

from link.protocol.errors import BadMessage
from server.cobrowse.css import clean_css, clean_sheet
from server.cobrowse.nodes import Sheets, clean_added, clean_attributes, clean_document, string, whole
from server.cobrowse.numbers import mask_numbers
from server.cobrowse.reading import Reading

EVENTS = 20_000
OMITTED = "omitted"
"""rrweb's custom event of this tag declares what the copy leaves out, each time all of it: ``{code: count}``."""
OMISSIONS = ("nodes", "depth", "text", "style", "image", "background", "cursor", "font")
"""Parts of a page that are too large or too deep, long texts and style sheets that were cut, images nobody may read,
and pictures, pointers and fonts that style sheets ask for."""
Fields = dict[str, Any]

_decoder = msgspec.json.Decoder(list[dict[str, Any]])
_encoder = msgspec.json.Encoder()


class Sanitiser:
    """Cleans the batches of one epoch in order; it remembers which texts are style sheets."""

    def __init__(self) -> None:
        self._sheets = Sheets()
        self._reading = Reading()

    def __call__(self, batch: bytes) -> bytes:
        """Return a batch (a JSON array of rrweb events) with only harmless content, as JSON again.

        CPU-bound: about 12 ms for a page of 1,000 elements, so large batches belong in a worker thread. Text nodes and
        attributes have their long numbers masked.

        Raises:
            BadMessage: it is no such array; nothing of it may be used.
        """
        try:
            events = _decoder.decode(batch)
            if len(events) > EVENTS:
                raise BadMessage("too many events in a batch")
            return _encoder.encode([clean for event in events for clean in _event(event, self._sheets, self._reading)])
        except (msgspec.MsgspecError, RecursionError, UnicodeError, TypeError, KeyError, AttributeError) as error:
            raise BadMessage("a co-browse batch is not made of rrweb events") from error


def sanitise(batch: bytes) -> bytes:
    """Return a batch cleaned by itself, as the only one of its epoch. Raises `BadMessage`."""
    return Sanitiser()(batch)


def _event(event: Fields, sheets: Sheets, reading: Reading) -> list[Fields]:
    """The event, clean, and what it makes necessary behind it."""
    data = event.get("data")
    more: list[Fields] = []
    match event.get("type"):
        case 0 | 1:
            clean: Fields | None = {}
        case 2:
            clean = _snapshot(_object(data), sheets, reading)
        case 3:
            clean, more = _increment(_object(data), sheets, reading)
        case 4:
            clean = _meta(_object(data))
        case 5:
            clean = _omitted(_object(data))
        case 6:
            clean = None
        case _:
            raise BadMessage("an event of an unknown type")
    if clean is None:
        return []
    timestamp = _number(event.get("timestamp"))
    return [{"type": event["type"], "timestamp": timestamp, "data": one} for one in (clean, *more)]


def _snapshot(data: Fields, sheets: Sheets, reading: Reading) -> Fields:
    offset = _object(data.get("initialOffset"))
    document = clean_document(data.get("node"), sheets)
    reading.picture(document)
    return {
        "node": document,
        "initialOffset": {"left": _number(offset.get("left")), "top": _number(offset.get("top"))},
    }


def _meta(data: Fields) -> Fields:
    return {"href": _page(string(data.get("href"))), **_numbers(data, "width", "height")}


def _omitted(data: Fields) -> Fields | None:
    """What the copy leaves out: how often, by code. The kiosk's recorder says it (web/src/cobrowse/likeness.js)."""
    if data.get("tag") != OMITTED:
        return None
    counts = _object(data.get("payload"))
    return {"tag": OMITTED, "payload": {code: _count(counts[code]) for code in OMISSIONS if code in counts}}


def _count(value: object) -> int:
    number = whole(value)
    if number < 0:
        raise BadMessage("a count is none")
    return number


def _page(address: str) -> str:
    try:
        parts = urlsplit(address)
    except ValueError:
        return "about:blank"
    if parts.scheme not in ("http", "https"):
        return "about:blank"
    return mask_numbers(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}")


def _increment(data: Fields, sheets: Sheets, reading: Reading) -> tuple[Fields | None, list[Fields]]:
    source = data.get("source")
    if source in _LEFT_OUT:
        return None, []
    if source == 0 and source is not False:
        change = _mutation(data, sheets)
        more = reading.mutation(change, sheets)
        return {"source": 0, **change}, more
    rebuild = _SOURCES.get(source) if isinstance(source, int) else None
    if rebuild is None:
        raise BadMessage("a change of an unknown source")
    clean = {"source": source, **rebuild(data)}
    return clean, reading.input(clean) if source == 5 else []


def _mutation(data: Fields, sheets: Sheets) -> Fields:
    adds = []
    for add in _objects(data.get("adds")):
        node = clean_added(add.get("node"), whole(add.get("parentId")), sheets)
        if node is not None:
            adds.append(
                {"parentId": whole(add.get("parentId")), "nextId": _id_or_none(add.get("nextId")), "node": node}
                | ({"previousId": _id_or_none(add["previousId"])} if "previousId" in add else {})
            )
    return {
        "texts": [_text(text, sheets) for text in _objects(data.get("texts"))],
        "attributes": [
            {"id": whole(change.get("id")), "attributes": clean_attributes(change.get("attributes"))}
            for change in _objects(data.get("attributes"))
        ],
        "removes": [
            {"parentId": whole(remove.get("parentId")), "id": whole(remove.get("id"))}
            | ({"isShadow": True} if remove.get("isShadow") is True else {})
            for remove in _objects(data.get("removes"))
        ],
        "adds": adds,
    }


def _text(text: Fields, sheets: Sheets) -> Fields:
    number, value = whole(text.get("id")), text.get("value")
    if value is not None:
        value = clean_sheet(string(value)) if number in sheets else string(value)
    return {"id": number, "value": value}


def _moves(data: Fields) -> Fields:
    positions = [
        {"id": whole(at.get("id")), **_numbers(at, "x", "y", "timeOffset")} for at in _objects(data.get("positions"))
    ]
    return {"positions": positions}


def _interaction(data: Fields) -> Fields:
    kind = whole(data.get("type"))
    if not 0 <= kind <= 10:
        raise BadMessage("an interaction of an unknown type")
    pointer = {"pointerType": whole(data["pointerType"])} if data.get("pointerType") is not None else {}
    place = _numbers(data, "x", "y") if data.get("x") is not None else {}
    return {"type": kind, "id": whole(data.get("id")), **place, **pointer}


def _scroll(data: Fields) -> Fields:
    return {"id": whole(data.get("id")), **_numbers(data, "x", "y")}


def _viewport(data: Fields) -> Fields:
    return _numbers(data, "width", "height")


def _input(data: Fields) -> Fields:
    return {
        "id": whole(data.get("id")),
        "text": string(data.get("text", "")),
        "isChecked": data.get("isChecked") is True,
    }


def _sheet(data: Fields) -> Fields:
    clean = _sheet_of(data)
    if data.get("adds") is not None:
        clean["adds"] = [_rule(rule) for rule in _objects(data["adds"])]
    if data.get("removes") is not None:
        clean["removes"] = [{"index": _index(rule["index"])} for rule in _objects(data["removes"])]
    for name in ("replace", "replaceSync"):
        if data.get(name) is not None:
            clean[name] = clean_sheet(string(data[name]))
    return clean


def _declaration(data: Fields) -> Fields:
    clean = _sheet_of(data) | {"index": _index(data.get("index"))}
    if data.get("set") is not None:
        change = _object(data["set"])
        value = change.get("value")
        clean["set"] = {
            "property": string(change.get("property"))[:128],
            "value": None if value is None else clean_css(string(value)),
            "priority": "important" if change.get("priority") == "important" else "",
        }
    if data.get("remove") is not None:
        clean["remove"] = {"property": string(_object(data["remove"]).get("property"))[:128]}
    return clean


def _adopted(data: Fields) -> Fields:
    clean: Fields = {"id": whole(data.get("id")), "styleIds": [whole(value) for value in data.get("styleIds", [])]}
    if data.get("styles") is not None:
        clean["styles"] = [
            {"styleId": whole(style.get("styleId")), "rules": [_rule(rule) for rule in _objects(style.get("rules"))]}
            for style in _objects(data["styles"])
        ]
    return clean


def _selection(data: Fields) -> Fields:
    names = ("start", "startOffset", "end", "endOffset")
    return {"ranges": [{name: whole(part.get(name)) for name in names} for part in _objects(data.get("ranges"))]}


def _rule(rule: Fields) -> Fields:
    index = {"index": _index(rule["index"])} if rule.get("index") is not None else {}
    return {"rule": clean_css(string(rule.get("rule"))), **index}


def _sheet_of(data: Fields) -> Fields:
    return {name: whole(data[name]) for name in ("id", "styleId") if data.get(name) is not None}


def _index(value: object) -> int | list[int]:
    return [whole(part) for part in value] if isinstance(value, list) else whole(value)


def _id_or_none(value: object) -> int | None:
    return None if value is None else whole(value)


def _object(value: object) -> Fields:
    if not isinstance(value, dict):
        raise BadMessage("an object is missing")
    return value


def _objects(value: object) -> list[Fields]:
    if not isinstance(value, list):
        raise BadMessage("a list is missing")
    return [_object(item) for item in value]


def _number(value: object) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise BadMessage("a number is missing")
    return value


def _numbers(data: Fields, *names: str) -> Fields:
    return {name: _number(data.get(name)) for name in names}


_SOURCES: dict[int, Callable[[Fields], Fields]] = {
    1: _moves,
    2: _interaction,
    3: _scroll,
    4: _viewport,
    5: _input,
    6: _moves,
    8: _sheet,
    12: _moves,
    13: _declaration,
    14: _selection,
    15: _adopted,
}
_LEFT_OUT = frozenset((7, 9, 10, 11, 16))  # media, canvas, fonts, logs, custom elements
