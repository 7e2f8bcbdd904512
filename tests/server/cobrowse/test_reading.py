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
            elif value.get("type") == 2 and value["tagName"] in ("input", "textarea"):
                self.texts[value["id"]] = value["attributes"].get("value") or value["attributes"].get("placeholder", "")
            elif value.get("source") == 5:
                self.texts[value["id"]] = value["text"]
            elif "attributes" in value and "id" in value and "value" in value["attributes"]:
                self.texts[value["id"]] = value["attributes"]["value"]
            elif "value" in value and "id" in value:
                self.texts[value["id"]] = value["value"]
            for one in value.values():
                self._walk(one)

    def shows(self, secret: str = CARD) -> list[str]:
        read = re.sub(r"\W", "", "".join(self.texts.values()))
        return [secret[at : at + 6] for at in range(len(secret) - 5) if secret[at : at + 6] in read]

    def typed(self, number: int, value: str) -> None:
        data = {"source": 5, "id": number, "text": value, "isChecked": False}
        self.put([{"type": 3, "timestamp": 2000, "data": data}])


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


FOURS = [CARD[at : at + 4] for at in range(0, len(CARD), 4)]


def fields(parts: list[str], attribute: str = "value") -> str:
    return "".join(f"<input {attribute}='{part}'>" for part in parts)


@pytest.mark.parametrize(
    "markup",
    [
        fields(FOURS),
        fields(FOURS).replace("><", "> - <"),
        f"<table><tr><td>{fields(FOURS).replace('><', '><td><')}</table>",
        fields(FOURS, "placeholder"),
        fields([CARD[:7], CARD[7:]]),
        fields([CARD[:7], CARD[7:]], "placeholder"),
        f"<p>{fields(['6222'])}021234567890128</p>",
        f"<textarea value='6222'></textarea>{fields(['0212'])}34567890128",
        f"<h2>{'</h2><h2>'.join(FOURS)}</h2>",
        f"<button>{'</button><button>'.join(FOURS)}</button>",
        f"<table><tr><td>{'<tr><td>'.join(FOURS)}</table>",
        f"<textarea value='a'>{CARD}</textarea><input type=checkbox value={CARD} placeholder={CARD}>",
    ],
)
def test_parts_in_fields_and_one_below_the_other(markup: str) -> None:
    copy = Copy(markup)
    assert not copy.shows()
    assert CARD not in "".join(copy.said)


def test_fields_that_are_typed_into_one_after_the_other() -> None:
    copy = Copy(fields(["", "", "", "", ""]))
    for number, part in enumerate(FOURS):
        copy.typed(101 + number, part)
    assert not copy.shows()
    assert [copy.texts[number] for number in range(101, 106)] == [STARS] * 5
    # What was told before is told anew, behind the event that completes it.
    assert '"source":5,"id":101' in copy.said[-1]


def test_a_field_and_the_text_beside_it() -> None:
    copy = Copy(f"<p>{fields([''])}<b>34567890128</b></p>")
    copy.typed(102, "62220212")
    assert not copy.shows()
    copy = Copy(f"<p>{fields(['x'])}<b>34567890128</b></p>")
    copy.change(attributes=[{"id": 102, "attributes": {"value": "62220212"}}])
    assert not copy.shows()
    assert (copy.texts[102], copy.texts[104]) == (STARS, "")


def test_ordinary_fields_stay() -> None:
    values = ["2026", "11", "23", "20,000", "50000", "¥", "365"]
    copy = Copy(fields(values))
    assert list(copy.texts.values()) == values
    copy.typed(105, "70000")
    copy.typed(106, STARS)
    copy.typed(107, "")
    assert list(copy.texts.values()) == [*values[:4], "70000", STARS, ""]
    copy.typed(9000, CARD)  # of no page that is known
    assert copy.texts[9000] == STARS


def shown_in(slots: list[str], parts: list[tuple[str, str]]) -> dict[str, Any]:
    """A host whose shadow tree has these slots, and parts that ask for them by their names."""
    shadow = [
        {**element("slot", [], 300 + number, **({"name": name} if name else {})), "isShadow": True}
        for number, name in enumerate(slots)
    ]
    light = [
        element("span", [text(500 + number, part)], 400 + number, **({"slot": name} if name else {}))
        for number, (part, name) in enumerate(parts)
    ]
    return {**element("x-a", [*light, *shadow], 299), "isShadowHost": True}


def test_what_stands_in_slots_is_read_in_their_order() -> None:
    host = shown_in(["one", "", "two"], [("34567890128", "two"), ("622", "one"), ("20212", "")])
    copy = Copy("<p>x</p>")
    copy.add(101, host)
    assert not copy.shows()
    assert (copy.texts[501], copy.texts[502], copy.texts[500]) == (STARS, "", "")
    # A part that comes later, to a slot and beside the host.
    copy = Copy("<p>x</p>")
    copy.add(101, shown_in(["one", ""], [("20212", "")]))
    copy.add(299, element("span", [text(601, "622")], 600, slot="one"))
    copy.add(299, element("span", [text(603, "34567890128")], 602))
    assert not copy.shows()


def test_a_slot_that_is_renamed_or_gone_shows_others() -> None:
    copy = Copy("<p>x</p>")
    copy.add(101, shown_in(["one"], [("62220", "one"), ("21234567890128", "two")]))
    assert copy.texts[500] == "62220"
    copy.change(attributes=[{"id": 300, "attributes": {"name": "two"}}])
    copy.change(removes=[{"parentId": 299, "id": 300}])
    copy.change(attributes=[{"id": 401, "attributes": {"slot": "one"}}])
    slot = {**element("slot", [], 310, name="one"), "isShadow": True}
    copy.add(299, slot)
    copy.change(texts=[{"id": 501, "value": "21234567890128"}])
    assert not copy.shows()
    assert copy.texts[500] == STARS


def test_a_figure_of_a_list_is_left_out() -> None:
    assert CARD[:8] not in "".join(Copy(f"<ol><li value={CARD[:8]}>a</ol>").said)
