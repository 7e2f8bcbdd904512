"""Numbers whose parts stand in several elements, or come one after the other: nothing of them goes on or is kept."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from server.cobrowse import Sanitiser
from server.cobrowse.numbers import STARS
from server.cobrowse.reading import MOST
from tests.server.cobrowse.payloads import element, nodes, page

CARD, IDENTITY = "6222021234567890128", "11010519491231002X"
NOTHING: dict[str, Any] = {"texts": [], "attributes": [], "removes": [], "adds": []}


class Copy:
    """What a console shows of one epoch: the texts by their ids, in the order in which they came first."""

    def __init__(self, markup: str) -> None:
        self.sanitiser = Sanitiser()
        self.said: list[str] = []
        self.texts: dict[int, str] = {}
        self.put(page(nodes(markup)))

    def put(self, events: list[dict[str, Any]]) -> None:
        clean = self.sanitiser(json.dumps(events).encode()).decode()
        self.said.append(clean)
        for event in json.loads(clean):
            self._walk(event["data"])

    def change(self, **data: Any) -> None:
        self.put([{"type": 3, "timestamp": 2000, "data": {"source": 0, **NOTHING, **data}}])

    def add(self, parent: int, *children: dict[str, Any], before: int | None = None) -> None:
        self.change(adds=[{"parentId": parent, "nextId": before, "node": child} for child in children])

    def _walk(self, value: Any) -> None:
        if isinstance(value, list):
            for one in value:
                self._walk(one)
        elif isinstance(value, dict):
            if value.get("type") == 3 and "textContent" in value:
                self.texts[value["id"]] = value["textContent"]
            elif "value" in value and "id" in value:
                self.texts[value["id"]] = value["value"]
            for one in value.values():
                self._walk(one)

    def shows(self, secret: str = CARD) -> list[str]:
        read = re.sub(r"\W", "", "".join(self.texts.values()))
        return [secret[at : at + 6] for at in range(len(secret) - 5) if secret[at : at + 6] in read]


def text(number: int, value: str) -> dict[str, Any]:
    return {"type": 3, "id": number, "textContent": value}


def spans(value: str, size: int, tag: str = "span") -> str:
    return "".join(f"<{tag}>{value[at : at + size]}</{tag}>" for at in range(0, len(value), size))


@pytest.mark.parametrize(
    "markup",
    [
        spans(CARD, 1),
        spans(CARD, 4),
        spans(CARD, 4, "b").replace("</b>", "</b> \n  "),
        f"<p>Card {CARD[:5]}<i>{CARD[5:8]}<b>{CARD[8:]}</b></i>, yes</p>",
        f"<table><tr>{spans(CARD, 4, 'td')}</tr><tr>{spans(IDENTITY, 1, 'td')}</tr></table>",
        spans(CARD, 1, "div"),
    ],
)
def test_a_picture(markup: str) -> None:
    copy = Copy(markup)
    assert not copy.shows()
    assert not copy.shows(IDENTITY)
    assert STARS in "".join(copy.texts.values())


def test_parts_that_come_later_take_those_before_with_them() -> None:
    copy = Copy("<p><b>Card </b><i>6222 02</i></p>")
    paragraph, bold, italic = 101, 102, 104
    assert copy.texts == {bold + 1: "Card ", italic + 1: "6222 02"}
    copy.add(paragraph, element("span", [text(200, "12345")], 199))
    assert copy.texts == {bold + 1: "Card ", italic + 1: STARS, 200: ""}
    copy.add(paragraph, text(201, "67890128"))
    copy.add(paragraph, text(202, " and so on"))
    assert copy.texts == {bold + 1: "Card ", italic + 1: STARS, 200: "", 201: "", 202: " and so on"}
    copy.change(texts=[{"id": 202, "value": "9 too"}])
    assert copy.texts[202] == " too"
    assert not copy.shows()
    assert not any(part in said for said in copy.said for part in ("12345", "67890128"))


def test_what_stood_between_goes_away() -> None:
    copy = Copy("<p>62220<b>x</b>21234567</p>")
    assert set(copy.texts.values()) == {"62220", "x", "21234567"}
    copy.change(removes=[{"parentId": 101, "id": 103}])
    assert list(copy.texts.values()) == [STARS, "x", ""]


def test_a_part_that_moves_and_one_that_is_added_before_another() -> None:
    copy = Copy("<p>62220</p><p>21234567</p>")
    copy.change(removes=[{"parentId": 103, "id": 104}])
    copy.add(101, text(104, "21234567"))
    assert list(copy.texts.values()) == [STARS, ""]
    copy = Copy("<p>x</p>")
    first, second = text(200, "62220"), text(201, "21234567")
    copy.change(
        adds=[{"parentId": 101, "nextId": 201, "node": first}, {"parentId": 101, "nextId": None, "node": second}]
    )
    assert copy.texts[200] + copy.texts[201] == STARS


def test_a_shadow_tree_is_read_and_ends_where_it_ends() -> None:
    shadow = {**element("b", [text(200, "6222")], 199), "isShadow": True}
    more = {**text(201, "02123"), "isShadow": True}
    host = {**element("x-a", [shadow, more, text(202, "44")], 198), "isShadowHost": True}
    copy = Copy("<p>x</p>")
    copy.add(101, host)
    assert (copy.texts[200], copy.texts[201], copy.texts[202]) == (STARS, "", "44")


def test_ordinary_changes_stay() -> None:
    copy = Copy("<table><tr><td>1200<td>3400</tr></table><p>1</p><p>20,000 元</p>")
    texts = dict(copy.texts)
    copy.change(texts=[{"id": number, "value": value} for number, value in texts.items()])
    assert copy.texts == texts
    copy.change(texts=[{"id": 7000, "value": f"of no known page: {CARD}"}])
    assert copy.texts[7000] == f"of no known page: {STARS}"


def test_a_page_of_very_many_nodes_is_read_text_by_text() -> None:
    copy = Copy("<p>x</p>")
    many = [element("i", [], 1000 + number) for number in range(3)]
    copy.sanitiser._reading._nodes.update(dict.fromkeys(range(10_000, 10_000 + MOST), None))  # type: ignore[arg-type]
    copy.add(101, *many, text(5000, f"card {CARD}"))
    assert copy.texts[5000] == f"card {STARS}"
    assert not copy.shows()


def test_time_grows_with_the_page_alone() -> None:
    """So does what is looked at: a change in a long row of digits reads its neighbours and no more."""
    copy = Copy("<p>x</p>")
    copy.add(101, *(element("i", [text(20_000 + number, "12")], 10_000 + number) for number in range(4000)))
    reading = copy.sanitiser._reading
    looked: list[int] = []
    judge = reading._judge
    reading._judge = lambda segment, told, more: looked.append(len(segment.texts)) or judge(segment, told, more)  # type: ignore[method-assign, func-returns-value]
    copy.change(texts=[{"id": 22_000, "value": "34"}])
    assert looked
    assert sum(looked) <= 200
    copy.change(texts=[{"id": 20_000 + number, "value": "56"} for number in range(4000)])
    assert sum(looked) <= 20_000
