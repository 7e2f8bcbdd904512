"""What a kiosk's page sends cannot run, load or navigate anything when it is replayed, and keeps its shape."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from link.protocol.errors import BadMessage
from server.cobrowse import Sanitiser, sanitise
from server.cobrowse.numbers import STARS, mask_numbers
from tests.server.cobrowse.payloads import PAYLOADS, element, nodes, page

ALLOWED_DATA = re.compile(r"data:(image|font)/", re.IGNORECASE)


def cleaned(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    result: list[dict[str, Any]] = json.loads(sanitise(json.dumps(events).encode()))
    return result


def increment(source: int, **data: Any) -> dict[str, Any]:
    return {"type": 3, "timestamp": 2000, "data": {"source": source, **data}}


def every_element(value: Any) -> list[dict[str, Any]]:
    found = []
    if isinstance(value, dict):
        if value.get("type") == 2 and "tagName" in value:
            found.append(value)
        for inner in value.values():
            found += every_element(inner)
    elif isinstance(value, list):
        for inner in value:
            found += every_element(inner)
    return found


def assert_harmless(events: list[dict[str, Any]]) -> None:
    """Judge by rules of its own, not by those of the sanitiser."""
    text = json.dumps(events).lower()
    for bad in ("evil.example", "javascript:", "vbscript:", "__hit", "expression(", "srcdoc", "@import"):
        assert bad not in re.sub(r"[\x00-\x20\u200b]|\\u0001|\\t|\\n", "", text), bad
    for found in every_element(events):
        assert found["tagName"].lower() not in {
            *(
                "script",
                "iframe",
                "object",
                "embed",
                "base",
                "meta",
                "applet",
                "frame",
                "frameset",
                "template",
                "animate",
            ),
            *("set", "math", "portal", "source", "audio", "video"),
        }
        for name, value in found["attributes"].items():
            assert not name.lower().startswith("on")
            assert name.lower() not in {"srcdoc", "action", "formaction", "ping", "srcset", "http-equiv", "is"}
            if name.lower() in {"src", "href", "xlink:href", "data", "poster", "background"}:
                assert value.startswith("#") or ALLOWED_DATA.match(value), (name, value)


def test_there_are_enough_payloads() -> None:
    assert len(set(PAYLOADS)) >= 200


@pytest.mark.parametrize("payload", PAYLOADS)
def test_payload_in_a_snapshot(payload: str) -> None:
    assert_harmless(cleaned(page(nodes(payload))))


@pytest.mark.parametrize("payload", PAYLOADS)
def test_payload_added_and_changed_later(payload: str) -> None:
    adds = [{"parentId": 5, "nextId": None, "node": node} for node in nodes(payload)]
    changes = [
        {"id": found["id"], "attributes": found["attributes"]} for found in every_element([add["node"] for add in adds])
    ]
    assert_harmless(cleaned([increment(0, texts=[], removes=[], attributes=changes, adds=adds)]))


def test_ids_and_order_survive() -> None:
    before = page(nodes("<p id='a'>one<script>1</script><b>two</b></p><iframe src='x'></iframe>"))
    after = cleaned(before)
    ids = [found["id"] for found in every_element(after)]
    assert ids == [found["id"] for found in every_element(before)]
    names = [found["tagName"] for found in every_element(after)]
    assert names == ["html", "head", "body", "p", "noscript", "b", "div"]


def test_ordinary_page_is_unchanged() -> None:
    body = nodes(
        "<main class='card' data-screen='form' aria-label='Form'><label for='n'>Name</label>"
        "<input id='n' type='text' value='••••••••' placeholder='Name'><button disabled=''>Next</button>"
        "<img src='data:image/png;base64,AAAA' alt='logo'><svg viewBox='0 0 24 24'><path d='M1 2 3 4 5 6 7 8 9 10 11'/>"
        "<use href='#i'/></svg><a href='#top' style='color: red; background: url(data:image/png;base64,AA)'>Top</a>"
        "</main>"
    )
    head = [element("style", [{"type": 3, "id": 7, "textContent": "body { color: #123 }", "isStyle": True}], 6)]
    before = page(body, head)
    before[1]["data"]["node"]["compatMode"] = "CSS1Compat"
    assert cleaned(before) == before


def test_inlined_style_sheet_survives_without_its_address() -> None:
    head = [element("link", [], 6, rel="stylesheet", href="http://127.0.0.1/a.css", _cssText="a{color:red}")]
    found = [node for node in every_element(cleaned(page([], head))) if node["tagName"] == "link"]
    assert found[0]["attributes"] == {"_cssText": "a{color:red}"}


def test_every_kind_of_change_passes() -> None:
    rule = {"rule": "a { color: red }", "index": 0}
    events = [
        {"type": 0, "timestamp": 1, "data": {}},
        {"type": 1, "timestamp": 1, "data": {}},
        increment(1, positions=[{"x": 1, "y": 2.5, "id": 5, "timeOffset": -40}]),
        increment(2, type=2, id=5, x=1, y=2, pointerType=0),
        increment(2, type=5, id=5),
        increment(3, id=5, x=0, y=10),
        increment(4, width=1080, height=1920),
        increment(5, id=5, text="••••••••", isChecked=False),
        increment(6, positions=[]),
        increment(8, id=5, adds=[rule], removes=[{"index": [0, 1]}]),
        increment(8, styleId=1, replaceSync="a{}"),
        increment(13, id=5, index=[0], set={"property": "color", "value": "red", "priority": "important"}),
        increment(13, styleId=5, index=[0], remove={"property": "color"}),
        increment(14, ranges=[{"start": 5, "startOffset": 0, "end": 5, "endOffset": 1}]),
        increment(15, id=5, styles=[{"styleId": 1, "rules": [rule]}], styleIds=[1]),
        increment(
            0,
            texts=[{"id": 9, "value": "new"}],
            attributes=[
                {"id": 5, "attributes": {"class": "x", "title": None, "style": {"color": "red", "top": False}}}
            ],
            removes=[{"parentId": 5, "id": 9}],
            adds=[],
        ),
    ]
    assert cleaned(events) == events


def test_what_nobody_shows_is_left_out() -> None:
    events = [
        {"type": 5, "timestamp": 1, "data": {"tag": "x", "payload": {}}},
        {"type": 6, "timestamp": 1, "data": {"plugin": "x", "payload": {}}},
        *(increment(source, anything="x") for source in (7, 9, 10, 11, 16)),
        increment(0, texts=[], attributes=[], removes=[], adds=[{"parentId": 1, "nextId": None, "node": {"type": 0}}]),
    ]
    assert cleaned(events) == [increment(0, texts=[], attributes=[], removes=[], adds=[])]


def test_address_of_the_page_loses_its_query() -> None:
    (event,) = cleaned([{"type": 4, "timestamp": 1, "data": {"href": "http://h/p?card=1#x", "width": 1, "height": 1}}])
    assert event["data"]["href"] == "http://h/p"


@pytest.mark.parametrize(
    "batch",
    [
        b"",
        b"{}",
        b"[1]",
        b"[",
        b"\xff",
        b'[{"type":9}]',
        b'[{"type":3,"timestamp":1}]',
        b"[" * 100_000,
        b'[{"type":4,"timestamp":1e999,"data":{"href":"","width":1,"height":1}}]',
        b'[{"type":3,"timestamp":1,"data":{"source":99}}]',
        b'[{"type":3,"timestamp":1,"data":{"source":true,"id":1}}]',
        b'[{"type":3,"timestamp":1,"data":{"source":3,"id":"5","x":1,"y":2}}]',
        b'[{"type":7,"timestamp":1,"data":{}}]',
        b'[{"type":2,"timestamp":1,"data":{"node":{"type":2},"initialOffset":{"left":0,"top":0}}}]',
        b'[{"type":3,"timestamp":1,"data":{"source":15,"id":1,"styleIds":5}}]',
        b'[{"type":3,"timestamp":1,"data":{"source":8,"removes":[{}]}}]',
    ],
)
def test_nonsense_is_one_error(batch: bytes) -> None:
    with pytest.raises(BadMessage):
        sanitise(batch)


def test_depth_is_bounded() -> None:
    markup = json.dumps(page([{"type": 3, "id": 9, "textContent": "deep"}]))
    div = '{"type":2,"id":9,"tagName":"div","attributes":{},"childNodes":['
    text = '{"type": 3, "id": 9, "textContent": "deep"}'
    for levels, refused in ((250, False), (350, True), (50_000, True)):
        batch = markup.replace(text, div * levels + text + "]}" * levels).encode()
        if refused:
            with pytest.raises(BadMessage):
                sanitise(batch)
        else:
            assert sanitise(batch)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(
                    ("type", "timestamp", "data", "source", "node", "adds", "attributes", "id", "childNodes", "style")
                ),
                inner,
                max_size=5,
            )
        ),
        max_leaves=20,
    )
)
@settings(max_examples=300, deadline=None)
def test_any_json_is_cleaned_or_refused(value: Any) -> None:
    try:
        result = json.loads(sanitise(json.dumps([value]).encode()))
    except BadMessage:
        return
    assert isinstance(result, list)


@pytest.mark.parametrize(
    "number",
    [
        "4111111111111111",
        "4111 1111 1111 1111",
        "4111-1111-1111-1111",
        "622202 1234567890123",
        "6222.0212.3456.7890.123",
        "11010519491231002X",
        "110105 19491231 002x",
        "１１０１０５１９４９１２３１００２１",
        "4111\u00a01111\u00a01111\u00a01111",
        "4111 – 1111",
        "3782 822463 10005",
        "110105194912310021",
    ],
)
def test_card_and_identity_numbers_are_masked(number: str) -> None:
    if number == "4111 – 1111":
        assert mask_numbers(number) == number
        return
    body = nodes(f"<p title='card {number}'>No. {number}.</p>")
    text = json.dumps(cleaned(page(body)), ensure_ascii=False)
    assert number not in text
    assert f"No. {STARS}." in text
    changes = increment(0, texts=[{"id": 9, "value": f"a {number} b"}], attributes=[], removes=[], adds=[])
    assert cleaned([changes])[0]["data"]["texts"][0]["value"] == f"a {STARS} b"
    assert cleaned([increment(5, id=1, text=number, isChecked=False)])[0]["data"]["text"] == STARS


@pytest.mark.parametrize("text", ["2026-11-23 14:30", "95588", "¥1,000,000.00", "010 6655", "v1.2.3.4"])
def test_ordinary_numbers_stay(text: str) -> None:
    assert mask_numbers(text) == text


def test_texts_of_one_style_element_are_read_as_one() -> None:
    texts = [{"type": 3, "id": 7, "textContent": "@impo"}, {"type": 3, "id": 8, "textContent": "rt 'http://evil/x';"}]
    head = [element("style", texts, 6)]
    assert "evil" not in json.dumps(cleaned(page([], head)))
    marked = "@imp/* rr_split */ort 'http://evil/x';"
    head = [element("style", [{"type": 3, "id": 7, "textContent": ""}, texts[1]], 6, _cssText=marked)]
    assert "evil" not in json.dumps(cleaned(page([], head)))


def test_ordinary_texts_of_a_style_element_stay_apart() -> None:
    texts = [{"type": 3, "id": number, "textContent": "", "isStyle": True} for number in (7, 8)]
    before = page([], [element("style", texts, 6, _cssText="a{color:red}/* rr_split */b{top:0}")])
    (style,) = [found for found in every_element(cleaned(before)) if found["tagName"] == "style"]
    assert style["attributes"] == {}
    assert [text["textContent"] for text in style["childNodes"]] == ["a{color:red}", "b{top:0}"]


@pytest.mark.parametrize("later", ["texts", "adds", "moved"])
def test_a_style_is_no_safer_when_it_changes_later(later: str) -> None:
    """What an earlier batch said to be a style element stays one, whatever later batches call it."""
    sanitiser = Sanitiser()
    text = {"type": 3, "id": 7, "textContent": "@impo"}
    sanitiser(json.dumps(page([], [element("style", [text], 6)])).encode())
    nothing: dict[str, Any] = {"texts": [], "attributes": [], "removes": [], "adds": []}
    evil = "rt 'http://evil/x'; a{background:url(http://evil/y)}"
    adds: list[dict[str, Any]] = [{"parentId": 6, "nextId": None, "node": {"type": 3, "id": 8, "textContent": evil}}]
    changes: dict[str, dict[str, Any]] = {
        "texts": {"texts": [{"id": 7, "value": "@import 'http://evil/x';"}, {"id": 6, "value": evil}]},
        "adds": {"adds": adds},
        "moved": {"adds": [{**adds[0], "parentId": 5}], "texts": [{"id": 7, "value": evil}]},
    }
    text_of = sanitiser(json.dumps([increment(0, **{**nothing, **changes[later]})]).encode()).decode()
    shown = json.loads(text_of)[0]["data"]
    styled = [text["value"] for text in shown["texts"]]
    styled += [add["node"]["textContent"] for add in shown["adds"] if add["parentId"] == 6]
    assert styled
    assert all("@import" not in text and "evil/y" not in text for text in styled)
    # Each ends where no other text can go on: a word of one and a word of the next are two words.
    assert all(text.endswith(("}", "\n")) or not text for text in styled)


@pytest.mark.parametrize(
    "text",
    [
        "image(1).jpg",
        "me@import.example (x)",
        "image/* (max 5 MB)",
        "C:\\files\\75rl(x)",
        "url(http://a/b)",
        "@import x",
    ],
)
def test_ordinary_text_is_not_read_as_css(text: str) -> None:
    changes = increment(
        0,
        texts=[{"id": 9, "value": text}],
        attributes=[{"id": 5, "attributes": {"alt": text, "class": text, "aria-label": text}}],
        removes=[],
        adds=[],
    )
    assert cleaned([changes]) == [changes]
    assert text in json.dumps(cleaned(page([{"type": 3, "id": 9, "textContent": text}]))).replace("\\\\", "\\")


def test_character_data_becomes_text() -> None:
    """A copy is a document of HTML, in which a section of character data cannot be made: drawing it would fail."""
    svg = element("svg", [{"type": 4, "id": 9, "textContent": "shown 6222021234567890128"}], 8)
    adds = [{"parentId": 5, "nextId": None, "node": svg}]
    for result in (
        cleaned(page([svg])),
        cleaned([increment(0, texts=[], attributes=[], removes=[], adds=adds)]),
    ):
        text = json.dumps(result, ensure_ascii=False)
        assert f"shown {STARS}" in text
        assert '"type": 4, "id": 9' not in text


@pytest.mark.parametrize("name", ["documentElement", "body", "head", "createElement", "childNodes", "parentNode"])
def test_no_element_hides_a_property_of_the_document(name: str) -> None:
    body = nodes(f"<form id='amount' name='{name}'><input id='{name}' name='{name}'></form><img name='{name}'>")
    for found in every_element(cleaned(page(body))):
        assert name not in (found["attributes"].get("name"), found["attributes"].get("id"))
    changed = increment(0, texts=[], removes=[], adds=[], attributes=[{"id": 9, "attributes": {"name": name}}])
    assert cleaned([changed])[0]["data"]["attributes"][0]["attributes"] == {"name": f"x-{name}"}
    assert '"amount"' in json.dumps(cleaned(page(body)))


def test_what_a_copy_leaves_out_is_kept_by_its_codes() -> None:
    payload = {"nodes": 2, "image": 1, "evil": 5}
    event = {"type": 5, "timestamp": 1, "data": {"tag": "omitted", "payload": payload}}
    assert cleaned([event]) == [event | {"data": {"tag": "omitted", "payload": {"nodes": 2, "image": 1}}}]
    assert cleaned([{"type": 5, "timestamp": 1, "data": {"tag": "other", "payload": payload}}]) == []
    for wrong in ({"nodes": -1}, {"nodes": "x"}, {"nodes": 1.5}, [1]):
        with pytest.raises(BadMessage):
            cleaned([{"type": 5, "timestamp": 1, "data": {"tag": "omitted", "payload": wrong}}])


def test_a_page_of_as_many_levels_as_a_kiosk_sends_is_taken() -> None:
    node: dict[str, Any] = {"type": 3, "id": 1, "textContent": "deep"}
    for level in range(275):
        node = {"type": 2, "id": level + 2, "tagName": "div", "attributes": {}, "childNodes": [node]}
    assert "deep" in json.dumps(cleaned(page([node])))
