"""From packets to segments: what pauses is a gap where it paused, what stands is recorded, and nothing is left over."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from server.blobs.suite import SUITES
from server.blobs.vault import SessionKey
from server.recording.items import ClosedSegment, CutResult
from server.recording.track import Cutter, TrackWriter
from server.session.events import GapDeclared
from tests.link.rtc.timeline import START, Event, Leap, Pause, Stall, Timeline

KEY = SessionKey("s1", SUITES["aes-256-gcm"], bytes(32))
KINDS = {"sound": "audio", "picture": "video"}
DELAY_MS = 30
NEAR_MS = 100


class Recorded:
    """What is recorded of a timeline, with a made-up clock: written every 400 ms, as the recorder does."""

    def __init__(self, spool: Path, timeline: Timeline) -> None:
        self.outcomes: dict[str, list[CutResult]] = {track: [] for track in timeline.every}
        self.writers = {track: TrackWriter(track, KINDS[track]) for track in timeline.every}
        offset_ms = -START * 1000
        self.cutters = {t: Cutter(t, KINDS[t], key=KEY, spool=spool, offset_ms=offset_ms) for t in timeline.every}
        for track, writer in self.writers.items():
            timeline.sinks[track] = (writer.frame, writer.gap, writer.standing)
        timeline.on_tick = self.tick
        self.turns = 0
        timeline.run()
        end = round(timeline.seconds * 1000)
        for track, cutter in self.cutters.items():
            self.outcomes[track] += cutter.take(self.writers[track].take(), end)
            self.outcomes[track] += cutter.finish(end)

    def tick(self, now: float) -> None:
        self.turns += 1
        if self.turns % 4 == 0:
            for track, cutter in self.cutters.items():
                self.outcomes[track] += cutter.take(self.writers[track].take(), round((now - START) * 1000))

    def segments(self, track: str) -> list[ClosedSegment]:
        return [o for o in self.outcomes[track] if isinstance(o, ClosedSegment)]

    def gaps(self, track: str) -> list[tuple[int, int, str]]:
        return [(o.start_ms, o.end_ms, o.reason) for o in self.outcomes[track] if isinstance(o, GapDeclared)]

    def is_whole(self, track: str) -> None:
        spans = sorted([(o.start_ms, o.end_ms) for o in self.segments(track)] + [g[:2] for g in self.gaps(track)])
        assert all(a[1] == b[0] for a, b in pairwise(spans)), "every millisecond is a segment or a gap"
        assert spans[0][0] <= 2 * DELAY_MS


@pytest.mark.parametrize("length", [0.7, 2.3, 3.0, 6.0])
@pytest.mark.parametrize("reports", [True, False])
def test_a_microphone_that_is_unplugged(length: float, reports: bool, tmp_path: Path) -> None:
    silent = (0.0, 0.0) if reports else (7.9, 19.0)
    got = Recorded(tmp_path, Timeline([Pause("sound", 8.0, length)], no_reports=silent))
    [(start, end, reason)] = got.gaps("sound")
    assert (start, end) == pytest.approx((8000 + DELAY_MS, 8000 + length * 1000 + DELAY_MS), abs=NEAR_MS)
    assert reason == "no_media"
    assert got.gaps("picture") == []
    got.is_whole("sound")


@pytest.mark.parametrize("length", [2.3, 3.0, 6.0])
def test_a_camera_that_pauses(length: float, tmp_path: Path) -> None:
    got = Recorded(tmp_path, Timeline([Pause("picture", 8.0, length)]))
    [(start, end, reason)] = got.gaps("picture")
    assert (start, end) == pytest.approx((8000 + DELAY_MS, 8000 + length * 1000 + DELAY_MS), abs=NEAR_MS)
    assert reason == "no_media"
    got.is_whole("picture")


@pytest.mark.parametrize("events", [[Stall(8.0, 3.0)], [Leap("sound", 8.0, -3.0)], [Leap("picture", 8.0, 40.0)], []])
@pytest.mark.parametrize("early", [0.0, 1.4, 2.9])
def test_what_is_no_pause_is_no_gap(events: list[Event], early: float, tmp_path: Path) -> None:
    got = Recorded(tmp_path, Timeline(events, early=early))
    for track in KINDS:
        assert got.gaps(track) == []
        got.is_whole(track)


@pytest.mark.parametrize("every", [0.7, 2.0, 3.0, 5.0])
@pytest.mark.parametrize("beside", [True, False])
def test_a_picture_that_stands_is_recorded(every: float, beside: bool, tmp_path: Path) -> None:
    """One every two seconds, of a sender that is there all the time."""
    got = Recorded(tmp_path, Timeline(every={"picture": every}, beside=beside))
    assert got.gaps("picture") == []
    got.is_whole("picture")
    segments = got.segments("picture")
    assert len(segments) <= 11
    assert segments[-1].end_ms - segments[0].start_ms == pytest.approx(20_000, abs=1000)


def test_a_sender_that_is_gone_leaves_no_standing_picture(tmp_path: Path) -> None:
    """Nothing of it was heard meanwhile, neither media nor reports."""
    timeline = Timeline(every={"picture": 5.0}, report_every=0.0)
    got = Recorded(tmp_path, timeline)
    assert all((until - START) % 5.0 < 0.1 for until in timeline.standing["picture"]), "of the moment itself"
    assert [reason for *_, reason in got.gaps("picture")] == ["no_media"] * 4
    got.is_whole("picture")
