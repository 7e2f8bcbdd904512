"""What was captured on hold is not recorded afterwards either, however long it waited for a repair."""

from __future__ import annotations

from pathlib import Path

from link.rtc.relay import Relay
from link.rtc.tracks.published_track import PublishedTrack
from server.recording.items import ClosedSegment, CutResult
from server.recording.track import TrackWriter
from server.session.events import GapDeclared
from tests.server.recording.test_track import contents, cutter

LOST, HELD, RESUMED, END = 140, 100, 200, 260
"""Numbers of packets, 20 ms each: from 100 to 199 the line is on hold, and 140 is lost for good."""


def test_sound_that_waited_for_a_repair_through_the_end_of_a_hold(tmp_path: Path) -> None:
    """Before, 1.2 s of what was said on hold came after it, and were recorded."""
    published, writer = PublishedTrack("audio"), TrackWriter("kiosk.microphone", "audio")
    Relay().tap(published, writer.frame, writer.gap)
    track, out = cutter(tmp_path, "audio"), list[CutResult]()
    for number in range(END):
        now = number * 0.02
        if number == HELD:
            writer.pause("hold", HELD * 20)
        if number == RESUMED:
            writer.resume(RESUMED * 20)
        if number != LOST:
            published.receive(number, number * 960, False, b"\xfc" + b"<%d>" % number, now)
        if number == RESUMED + 10:  # four seconds after it was missed nobody waits any more; here a little sooner
            for subscriber in published.subscribers:
                subscriber.gave_up(0x10000 + LOST)
        out += track.take(writer.take(), round(now * 1000))
    out += track.finish(END * 20)
    recorded = b"".join(contents(closed) for closed in out if isinstance(closed, ClosedSegment))
    heard = {number for number in range(END) if b"<%d>" % number in recorded}
    assert heard == set(range(HELD)) | set(range(RESUMED, END))
    gaps = [(gap.start_ms, gap.end_ms, gap.reason) for gap in out if isinstance(gap, GapDeclared)]
    assert gaps == [(HELD * 20, RESUMED * 20, "hold")]


def test_a_reader_that_comes_late_is_not_held_up_by_what_it_missed() -> None:
    """Before, a packet from before its time kept a reader waiting for all that had followed: 20 s were not recorded."""
    published, writer = PublishedTrack("audio"), TrackWriter("kiosk.microphone", "audio")
    for number in range(100):
        if number != 95:
            published.receive(number, number * 960, False, b"\xfc", number * 0.02)
    Relay().tap(published, writer.frame, writer.gap)
    published.receive(95, 95 * 960, False, b"\xfc", 2.0)
    for number in range(100, 150):
        published.receive(number, number * 960, False, b"\xfc", number * 0.02)
    assert len(writer.take()) == 50
