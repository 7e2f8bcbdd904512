"""The printed report has words for everything that a journal tells, in both languages."""

from __future__ import annotations

import re
import typing

import pytest

from server.evidence import report_words as words
from server.evidence.report_words import EN, ZH
from server.session import events as e

KINDS = [str(kind.__struct_config__.tag) for kind in typing.get_args(e.Event)]
REASONS = {
    *("hold", "disconnected", "loss", "no_media", "restart", "disk_full", "write_error", "overload", "refused"),
    *("damaged", "key_destroyed", "left", "tray_closed"),
}
TABLES = {name: table for name, table in vars(words).items() if name.isupper() and isinstance(table, dict)}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_event_is_told_or_silent(kind: str) -> None:
    assert (kind in words.MOMENTS) != (kind in words.SILENT)


def test_every_reason_of_a_gap_has_words() -> None:
    assert words.GAPS.keys() >= REASONS


@pytest.mark.parametrize("name", TABLES)
def test_both_languages_are_complete(name: str) -> None:
    for code, (zh, en) in TABLES[name].items():
        assert re.search(r"[\u4e00-\u9fff{]", zh), code
        assert not re.search(r"[\u4e00-\u9fff]", en), code
        assert set(re.findall(r"\{(\w+)\}", zh)) == set(re.findall(r"\{(\w+)\}", en)), code


def test_names_of_participants_and_tracks() -> None:
    assert words.participant("customer-1", ZH) == "客户"
    assert words.participant("specialist-2", EN) == "Specialist 2"
    assert words.track("specialist-2.camera", ZH) == "专家 2画面"
    assert words.track("kiosk.microphone", EN) == "Customer's voice"
    assert words.track("cobrowse", EN) == "Customer's screen"
    assert words.track("customer-1.auxiliary", ZH) == "客户拍摄台"
    assert words.word(words.GAPS, "something_new", EN) == "something new"


def test_what_somebody_wrote_is_never_filled_in() -> None:
    fields = {"sender": "kiosk", "text": "{participant} {reason} {0}", "reason": "x"}
    assert words.moment("chat_sent", fields, EN) == "Customer wrote: {participant} {reason} {0}"


def test_what_was_not_recorded_is_named_with_its_reason() -> None:
    fields = {"track": "customer-1.camera", "reason": "disk_full", "since_ms": 1, "policy": "warn"}
    assert (
        words.moment("recording_stalled", fields, EN) == "Not recorded any more: Customer's camera (The disk was full)"
    )
    assert words.moment("recording_resumed", {"track": "cobrowse", "excuse": ""}, ZH) == "录制中断结束：客户屏幕"


def test_yes_and_no() -> None:
    assert words.moment("document_answered", {"agreed": False}, ZH) == "客户不同意出示"
    assert words.moment("document_answered", {"agreed": True}, ZH) == "客户同意出示"
    assert (
        words.moment("document_decided", {"accepted": False, "reason": "blurred"}, EN)
        == "The paper was rejected: blurred"
    )
    assert words.moment("disposed", {"outcome": "declined"}, EN) == "Outcome: Customer decided against it"
    assert words.moment("offer_ended", {"reason": "declined"}, EN) == "Not answered (declined)"
