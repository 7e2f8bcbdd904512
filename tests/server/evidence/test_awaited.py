"""What is awaited may be missing while a recording is not complete; when it is, it has come or is a gap."""

from __future__ import annotations

import itertools
import random

import pytest

from server.evidence import bundle_verifier, integrity_checks
from server.evidence.integrity_checks import check_accounts
from server.evidence.manifest import tell
from server.journal import Entry
from server.session import events as e

TRACK = "customer-1.camera"


def segment(index: int, start_ms: int, end_ms: int, arrived_ms: int = 0) -> e.SegmentSealed:
    return e.SegmentSealed(TRACK, index, start_ms, end_ms, 1, 1, "00", f"b{index}", arrived_ms=arrived_ms)


def statement(recorded_ms: int, gap_ms: int, segments: int) -> e.RecordingCompleted:
    return e.RecordingCompleted([e.TrackSummary(TRACK, "video", 10_000, recorded_ms, gap_ms, segments)])


BEFORE, AFTER = segment(0, 0, 2000), segment(9, 8000, 10_000)
AWAITED = e.MediaAwaited(TRACK, 2000, 8000, "disconnected")


@pytest.mark.parametrize(
    "more",
    [
        [],
        [segment(1, 2000, 4000, 9)],
        [segment(1, 4000, 5000, 9)],
        [segment(1, 2000, 4000, 9), segment(3, 6000, 8000, 9)],
        [segment(1, 2000, 4000, 9), e.GapDeclared(TRACK, 4000, 8000, "disconnected")],
    ],
)
def test_a_running_recording_is_sound_whatever_has_come(more: list[e.Event]) -> None:
    assert list(check_accounts([BEFORE, AWAITED, AFTER, *more])) == []


def test_a_complete_one_has_all_of_it_or_a_gap() -> None:
    come: list[e.Event] = [segment(1, 2000, 4000, 9), e.GapDeclared(TRACK, 4000, 8000, "disconnected")]
    assert list(check_accounts([BEFORE, AWAITED, AFTER, *come, statement(6000, 4000, 3)])) == []
    assert list(check_accounts([BEFORE, AWAITED, AFTER, come[0], statement(6000, 4000, 3)])) != []
    assert list(check_accounts([BEFORE, AWAITED, AFTER, statement(4000, 0, 2)])) != []


def test_nothing_comes_twice_and_nothing_else_may_be_missing() -> None:
    twice = [segment(1, 2000, 4000, 9), segment(2, 3000, 5000, 9)]
    assert any("inside what ends" in finding.problem for finding in check_accounts([BEFORE, AWAITED, AFTER, *twice]))
    other = segment(12, 10_500, 11_000)
    (finding,) = check_accounts([BEFORE, AWAITED, AFTER, other])
    assert "10000 to 10500" in finding.problem


def test_the_player_is_told_what_came_when() -> None:
    late = segment(1, 2000, 8000, 9500)
    events: list[e.Event] = [e.TrackStarted(TRACK, "video", "vp8"), BEFORE, AWAITED, AFTER, late]
    entries = [Entry("s1", n, n * 1000, e.kind(event), e.encode(event), b"", b"") for n, event in enumerate(events, 1)]
    told = tell("s1", entries, started_us=0, live=False)
    (track,) = told.tracks
    assert [(piece.start_ms, piece.arrived_ms) for piece in track.segments] == [(0, 0), (2000, 9500), (8000, 0)]
    assert track.gaps == []
    assert told.moments == [], "that it is awaited is no news for who watches"


@pytest.mark.parametrize("seed", range(20))
def test_a_bundle_accounts_for_it_as_the_store_does(seed: int) -> None:
    """The bundle's verifier has nothing of ours in it, so the rule stands in it once more."""
    chance = random.Random(seed)
    edges = sorted(chance.sample(range(100), 12))
    spans = [(begin, end) for begin, end in itertools.pairwise(edges) if chance.random() < 0.8]
    chance.shuffle(spans)
    holes, pieces = sorted(spans[:4]), [(begin, end, "segment") for begin, end in spans]
    assert bundle_verifier._with_awaited(pieces, holes) == integrity_checks._with_awaited(pieces, holes)
    assert bundle_verifier._with_awaited(pieces[5:], holes) == integrity_checks._with_awaited(pieces[5:], holes)
