from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from demo.browser import Received
from demo.report import CONTINUOUS, CallReport, judge, read_journal

GOOD = Received(300, 1280, 720, 0.05, 0, 0.0, 0.0)


def track(name: str, frames: int | None = None) -> dict[str, Any]:
    """A recorded track of 12 s with as many frames as it should have, or with `frames`."""
    kind, usual = ("audio", 600) if name.endswith("microphone") else ("video", 300)
    frames = usual if frames is None else frames
    return {"name": name, "kind": kind, "seconds": 12.0, "segments": 6, "frames": frames, "unsent_s": 0.0}


def good() -> CallReport:
    tracks = [track(name) for name in CONTINUOUS]
    return CallReport(
        session="s1",
        answer_to_media_ms=600,
        kiosk=GOOD,
        console=GOOD,
        tracks=[*tracks, {"name": "cobrowse", "kind": "cobrowse", "seconds": 11.0, "segments": 6}],
        cobrowse_events=40,
        documents=[{"state": "accepted"}],
        replay_url="http://127.0.0.1/library/s1",
        verified=True,
        seconds=12.0,
    )


def test_a_good_call_has_no_problem() -> None:
    report = good()
    judge(report)
    assert report.ok
    assert report.problems == []


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"answer_to_media_ms": None}, "after the answer"),
        ({"answer_to_media_ms": 9000}, "9000 ms after"),
        ({"kiosk": None}, "the kiosk has no statistics"),
        ({"console": dataclasses.replace(GOOD, video_frames=20)}, "the console decoded only 20 frames"),
        ({"console": dataclasses.replace(GOOD, width=960, height=540)}, "the console sees a picture of 960x540"),
        ({"kiosk": dataclasses.replace(GOOD, width=640, height=360)}, "the kiosk sees a picture of 640x360"),
        ({"kiosk": dataclasses.replace(GOOD, audio_level=0.0)}, "the kiosk hears nothing"),
        ({"kiosk": dataclasses.replace(GOOD, frozen_s=3.5)}, "frozen picture for 3.5 s"),
        ({"cobrowse_events": 0}, "no co-browse event"),
        ({"documents": [{"state": "stored"}]}, "no document was accepted"),
        ({"verified": False}, "does not verify"),
        ({"tracks": []}, "cobrowse is not recorded"),
        ({"seconds": 20.0}, "customer-1.camera has only 12.0 s of 20 s"),
        ({"tracks": [track("customer-1.microphone", 1199)]}, "customer-1.microphone has 100 frames a second"),
        ({"tracks": [track("customer-1.microphone", 400)]}, "customer-1.microphone has 33 frames a second"),
        ({"tracks": [track("customer-1.camera", 720)]}, "customer-1.camera has 60 frames a second"),
    ],
)
def test_each_thing_that_is_missing_is_a_problem(change: dict[str, object], problem: str) -> None:
    report = dataclasses.replace(good(), problems=[])
    for name, value in change.items():
        setattr(report, name, value)
    judge(report)
    assert not report.ok
    assert any(problem in text for text in report.problems), report.problems
    assert f"NOT AS IT MUST BE: {report.problems[0]}" in report.sentences()


def test_a_slow_machine_is_no_fault_of_the_call() -> None:
    """Times are judged in what the machine needed just before; pictures and sound that are missing are not excused."""
    report = good()
    report.answer_to_media_ms = 6000
    report.kiosk = dataclasses.replace(GOOD, frozen_s=3.0)
    report.slowness = 2.0
    judge(report)
    assert report.problems == []
    report.answer_to_media_ms = 8001
    report.console = dataclasses.replace(GOOD, frozen_s=4.1, audio_level=0.0, video_frames=5)
    judge(report)
    assert len(report.problems) == 4


def test_what_a_starved_browser_did_not_send_is_no_fault_of_the_call() -> None:
    report = good()
    report.seconds = 14.0
    report.tracks[1]["unsent_s"] = 5.0
    for others in (report.tracks[0], *report.tracks[2:]):
        others |= {"seconds": 13.5, "frames": others.get("frames", 0) * 9 // 8}
    report.slowness = 1.0
    judge(report)
    assert report.problems == ["customer-1.microphone has only 12.0 s of 14 s"]
    report.problems.clear()
    report.slowness = 2.0
    judge(report)
    assert report.problems == []
    # What is missing without a word is a fault on any machine, and so is more than a machine so slow leaves out.
    report.tracks[1]["unsent_s"] = 0.5
    judge(report)
    report.tracks[1] |= {"unsent_s": 9.0, "seconds": 5.0, "frames": 250}
    judge(report)
    assert [problem[:25] for problem in report.problems] == ["customer-1.microphone has"] * 2


def test_the_picture_that_the_machine_encodes_is_the_one_that_must_come() -> None:
    small = dataclasses.replace(GOOD, width=640, height=360)
    report = dataclasses.replace(good(), picture=(640, 360), why="too slow", kiosk=small, console=small)
    judge(report)
    assert report.problems == []
    assert (json.loads(report.json())["picture"], json.loads(report.json())["why"]) == ("640x360", "too slow")
    assert "cameras of 640x360: too slow" in report.sentences()
    report.console = GOOD
    judge(report)
    assert report.problems == ["the console sees a picture of 1280x720"]


def test_the_report_is_one_line_with_the_agreed_fields() -> None:
    text = good().json()
    assert "\n" not in text
    values = json.loads(text)
    assert values["ok"] is True
    assert values["kiosk"]["video_frames"] == 300
    assert (values["console"]["width"], values["console"]["height"]) == (1280, 720)
    assert values["console"]["audio_level"] == 0.05
    assert {"name", "kind", "seconds", "segments"} <= values["recording"]["tracks"][0].keys()
    assert values["cobrowse"] == {"events": 40}
    assert {"session", "answer_to_media_ms", "documents", "replay_url", "verified"} <= values.keys()


def test_the_journal_tells_of_tracks_documents_and_cobrowsing() -> None:
    report = CallReport()
    stored = {
        "document": "d1",
        "sha256": "ab",
        "size": 9,
        "media_type": "image/jpeg",
        "width": 8,
        "height": 6,
        "blob": "b",
    }
    read_journal(
        report,
        [
            ("segment_sealed", {"track": "customer-1.camera", "frames": 60}),
            ("segment_sealed", {"track": "customer-1.camera", "frames": 58}),
            ("segment_sealed", {"track": "cobrowse", "frames": 7}),
            ("gap_declared", {"track": "customer-1.camera", "start_ms": 100, "end_ms": 350, "reason": "no_media"}),
            ("gap_declared", {"track": "customer-1.camera", "start_ms": 900, "end_ms": 950, "reason": "held"}),
            ("document_decided", {"document": "unknown", "accepted": True}),
            ("document_stored", stored),
            ("document_decided", {"document": "d1", "accepted": True}),
            ("recording_completed", {"tracks": [{"track": "customer-1.camera", "kind": "video", "recorded_ms": 3900}]}),
        ],
    )
    [camera] = report.tracks
    assert camera == {
        "name": "customer-1.camera", "kind": "video", "seconds": 3.9, "segments": 2, "frames": 118, "unsent_s": 0.25
    }  # fmt: skip
    assert report.cobrowse_events == 7
    assert report.documents == [
        {"state": "accepted", "sha256": "ab", "size": 9, "media_type": "image/jpeg", "width": 8, "height": 6}
    ]
