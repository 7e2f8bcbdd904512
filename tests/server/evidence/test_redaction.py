"""A list of redactions is read strictly, and its hash can be computed by anybody."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from server.evidence.redaction import (
    COVERED,
    FORMAT,
    MOST,
    MOST_BYTES,
    BadRedaction,
    check_redaction,
    read_redaction,
    words,
)
from server.evidence.report_words import EN, ZH

HEAD: dict[str, Any] = {"format": FORMAT, "session": "s1"}
INTERVAL: dict[str, Any] = {"track": "customer-1.microphone", "from_ms": 100, "to_ms": 900, "reason": "报出卡号"}
REGION: dict[str, Any] = {
    "track": "customer-1.camera", "from_ms": 0, "to_ms": 50, "x": 0.25, "y": 0.5, "w": 0.75, "h": 0.5, "reason": "r",
}  # fmt: skip
TRACKS = {"customer-1.microphone": "audio", "customer-1.camera": "video", "cobrowse": "cobrowse"}
WHOLE: dict[str, Any] = {
    **HEAD,
    "intervals": [INTERVAL],
    "regions": [REGION],
    "chat": [{"id": "c1", "reason": "a number"}],
    "documents": [{"id": "d1", "reason": "another's paper"}],
}


def read(told: object) -> Any:
    return read_redaction(json.dumps(told, ensure_ascii=False).encode())


def test_what_is_in_it_is_counted_and_hashed() -> None:
    redaction = read(WHOLE)
    assert redaction.count == 4
    text = json.dumps(WHOLE, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert redaction.sha256 == hashlib.sha256(text.encode()).hexdigest()
    assert redaction.sha256 == read(dict(reversed(WHOLE.items()))).sha256
    assert redaction.listed() == WHOLE
    assert redaction.sha256 in redaction.note(ZH)
    assert "4 places" in redaction.note(EN)
    assert read({**HEAD, "intervals": [{**INTERVAL, "to_ms": 901}]}).sha256 != read(WHOLE).sha256
    check_redaction(redaction, "s1", tracks=TRACKS, length_ms=5000, chat={"c1"}, documents={"d1"})


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ([], "not a list of redactions"),
        ({}, "missing required field `format`"),
        ({**HEAD, "format": "visavis.redaction.v2", "chat": WHOLE["chat"]}, "format: visavis.redaction.v1 is expected"),
        (HEAD, "there is nothing in it"),
        ({**HEAD, "notes": []}, "unknown field `notes`"),
        ({**HEAD, "intervals": [{**INTERVAL, "until": 3}]}, "unknown field `until`"),
        ({**HEAD, "intervals": [{**INTERVAL, "from_ms": "100"}]}, "Expected `int`"),
        ({**HEAD, "intervals": [{**INTERVAL, "from_ms": 1.5}]}, "Expected `int`"),
        ({**HEAD, "intervals": [{**INTERVAL, "to_ms": 100}]}, "intervals[0]: from_ms and to_ms"),
        ({**HEAD, "intervals": [{**INTERVAL, "from_ms": -1}]}, "intervals[0]: from_ms and to_ms"),
        ({**HEAD, "intervals": [INTERVAL, {**INTERVAL, "reason": " "}]}, "intervals[1]: reason"),
        ({**HEAD, "intervals": [{**INTERVAL, "reason": "a\nb"}]}, "intervals[0]: reason"),
        ({**HEAD, "intervals": [{**INTERVAL, "reason": "x" * 201}]}, "intervals[0]: reason"),
        ({**HEAD, "regions": [{**REGION, "w": 0.76}]}, "regions[0]: x, y, w, h"),
        ({**HEAD, "regions": [{**REGION, "h": 0}]}, "regions[0]: x, y, w, h"),
        ({**HEAD, "regions": [{**REGION, "x": -0.1}]}, "regions[0]: x, y, w, h"),
        ({**HEAD, "chat": WHOLE["chat"] * (MOST + 1)}, "1000 are the most"),
    ],
)
def test_what_is_not_understood_is_said(told: object, why: str) -> None:
    with pytest.raises(BadRedaction) as caught:
        read(told)
    assert why in str(caught.value)


def test_bytes_that_are_no_json_are_refused() -> None:
    for data in (b"\xff\xfe", b"[" * 100_000, b" " * (MOST_BYTES + 1), b'{"format": NaN}'):
        with pytest.raises(BadRedaction):
            read_redaction(data)


def test_everything_that_names_nothing_is_said_at_once() -> None:
    redaction = read(
        {
            **HEAD,
            "intervals": [{**INTERVAL, "track": "nobody.camera"}, {**INTERVAL, "from_ms": 5000, "to_ms": 6000}],
            "regions": [{**REGION, "track": "customer-1.microphone"}],
            "chat": [{"id": "c9", "reason": "r"}],
            "documents": [{"id": "c1", "reason": "r"}],
        }
    )
    with pytest.raises(BadRedaction) as caught:
        check_redaction(redaction, "s1", tracks=TRACKS, length_ms=5000, chat={"c1"}, documents={"d1"})
    assert [line.split(": ")[0] for line in str(caught.value).splitlines()] == [
        *("intervals[0]", "intervals[1]", "regions[0]", "chat[0]", "documents[0]"),
    ]
    with pytest.raises(BadRedaction, match="for the session s1, not for s2"):
        check_redaction(redaction, "s2", tracks=TRACKS, length_ms=5000, chat=(), documents=())


def test_words_say_what_was_done_and_why() -> None:
    assert words("报出卡号", COVERED, ZH) == "已遮盖：报出卡号"
    assert words("a card", COVERED, EN) == "Covered: a card"
