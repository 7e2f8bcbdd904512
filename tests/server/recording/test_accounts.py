"""What is journaled, what is in the files and what is declared missing agree, whatever the disk does."""

from __future__ import annotations

import asyncio
import errno
import os
from pathlib import Path

import pytest

from link.tasks import spawn
from server.blobs.blobs import Blobs
from server.evidence.integrity_checks import check_accounts
from server.recording import track as track_module
from server.recording.items import ClosedSegment, Expect
from server.recording.recorder import Kept
from server.recording.recovery import recover
from server.recording.segment import SegmentName, facts
from server.recording.webm import Block, clusters
from server.session.events import Event, GapDeclared, SegmentSealed, TrackStarted
from tests.server.recording import media
from tests.server.recording.test_recorder import Bench
from tests.server.recording.test_track import KEY, contents, cutter, gaps, pictures, sounds, spans


def spool_sound(folder: Path, index: int, start: int, end: int) -> None:
    name = SegmentName("s1", "kiosk.microphone", index)
    blocks = [Block(at, True, b"\xfc") for at in range(start, end, 20)]
    name.spool(folder / "spool").parent.mkdir(parents=True, exist_ok=True)
    name.spool(folder / "spool").write_bytes(KEY.seal(name.container, clusters(blocks)))


async def recovered(folder: Path, history: list[Event], until_ms: int = 6000) -> list[Event]:
    blobs = Blobs.at(str(folder / "blobs"))
    found = await recover("s1", history, spool=folder / "spool", blobs=blobs, key=KEY, until_ms=until_ms)
    events = [*history, *found.events, found.completed()]
    assert list(check_accounts(events)) == []
    for line in found.completed().tracks:
        assert line.expected_ms == line.recorded_ms + line.gap_ms
    return found.events


STARTED = TrackStarted("kiosk.microphone", "audio", "opus")


async def test_a_gap_that_was_journaled_before_the_segment_in_front_of_it(tmp_path: Path) -> None:
    spool_sound(tmp_path, 0, 0, 2000)
    events = await recovered(tmp_path, [STARTED, GapDeclared("kiosk.microphone", 2011, 4000, "no_media")])
    assert [(e.start_ms, e.end_ms) for e in events if isinstance(e, SegmentSealed)] == [(0, 2011)]


async def test_what_was_expected_and_not_journaled_yet_is_counted(tmp_path: Path) -> None:
    """Who is connected is to be heard from then on, also where the process died before anything was journaled of it."""
    spool_sound(tmp_path, 0, 2600, 4000)
    blobs = Blobs.at(str(tmp_path / "blobs"))
    expected = {"kiosk.microphone": 1000, "kiosk.camera": 1000}
    parts = {"spool": tmp_path / "spool", "blobs": blobs, "key": KEY, "until_ms": 6000}
    found = await recover("s1", [STARTED], expected=expected, **parts)  # type: ignore[arg-type]
    gaps = [(gap.track, gap.start_ms, gap.end_ms, gap.reason) for gap in found.events if isinstance(gap, GapDeclared)]
    assert sorted(gaps) == [
        ("kiosk.camera", 1000, 6000, "restart"),
        ("kiosk.microphone", 1000, 2600, "no_media"),
        ("kiosk.microphone", 4000, 6000, "restart"),
    ]
    assert list(check_accounts([STARTED, *found.events, found.completed()])) == []
    again = await recover("s1", [STARTED, *found.events], expected=expected, **parts)  # type: ignore[arg-type]
    assert again.events == []


async def test_a_hole_that_nothing_tells_of_is_declared(tmp_path: Path) -> None:
    blob = "sessions/s1/tracks/kiosk.microphone/000002"
    later = SegmentSealed("kiosk.microphone", 2, 4000, 5000, 50, 10, "00", blob)
    spool_sound(tmp_path, 0, 0, 2000)
    events = await recovered(tmp_path, [STARTED, later])
    assert [(e.start_ms, e.end_ms) for e in events if isinstance(e, GapDeclared)] == [(2000, 4000), (5000, 6000)]


async def test_what_was_declared_missing_is_not_recorded_as_well(tmp_path: Path) -> None:
    """A read that failed once: the gap is journaled, and the segment is found when it can be read again."""
    spool_sound(tmp_path, 0, 0, 2000)
    events = await recovered(tmp_path, [STARTED, GapDeclared("kiosk.microphone", 0, 2000, "damaged")])
    assert events == [GapDeclared("kiosk.microphone", 2000, 6000, "restart")]


@pytest.mark.parametrize("size", [0, 7, 4096])
async def test_a_file_that_nothing_had_reached_is_not_damaged(tmp_path: Path, size: int) -> None:
    spool_sound(tmp_path, 0, 0, 2000)
    path = SegmentName("s1", "kiosk.microphone", 1).spool(tmp_path / "spool")
    path.write_bytes(bytes(size))
    events = await recovered(tmp_path, [STARTED])
    assert events[-1] == GapDeclared("kiosk.microphone", 2000, 6000, "restart")
    assert len(events) == 2


async def test_a_read_that_fails_once_costs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, failures = Path.read_bytes, iter((errno.EIO, errno.EMFILE))

    def read(path: Path) -> bytes:
        number = next(failures, 0)
        if number:
            raise OSError(number, "not now")
        return real(path)

    monkeypatch.setattr("server.recording.recorder.RETRY_S", (0.0, 0.0, 0.0))
    monkeypatch.setattr(Path, "read_bytes", read)
    bench = Bench(tmp_path, age=3)
    bench.feed("kiosk.camera", "video", media.vp8(3))
    statement = await bench.recorder.finish()
    assert [event.frames for event in bench.sealed("kiosk.camera")] == [50, 25]
    assert statement.tracks[0].gap_ms == 0


async def test_gaps_wait_for_the_segments_in_front_of_them(tmp_path: Path) -> None:
    free, batches = asyncio.Event(), list[tuple[Event, ...]]()

    async def keep(*events: Kept) -> None:
        await free.wait()
        batches.append(events)

    bench = Bench(tmp_path, age=9, keep=keep)
    for start in (0, 3, 6):
        bench.feed("kiosk.microphone", "audio", media.opus(1, start=start))
    ending = spawn(bench.recorder.finish(), name="ending")
    await bench.until(lambda: bench.recorder._unsealed == 6)
    assert not [event for event in bench.events if isinstance(event, GapDeclared)]
    free.set()
    await ending
    events = [event for batch in batches for event in batch]
    assert [getattr(event, "start_ms", 0) for event in events] == [0, 1000, 3000, 4000, 6000, 7000]
    assert len(batches) < 6, "many segments in one transaction"
    assert list(check_accounts(events)) == []


def test_frames_of_a_refused_write_are_not_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    track = cutter(tmp_path)
    out = track.take(pictures(0, 480), 480)
    real = track_module._write_all

    def refuse(descriptor: int, data: bytes) -> None:
        os.write(descriptor, data[:9])
        raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr(track_module, "_write_all", refuse)
    out += track.take(pictures(480, 720, keyframe_first=False), 720)
    monkeypatch.setattr(track_module, "_write_all", real)
    (closed,) = [item for item in out if isinstance(item, ClosedSegment)]
    found = facts("video", contents(closed))
    assert found is not None
    assert closed.frames == found.frames == 12


def test_what_was_captured_before_the_track_was_expected_begins_it(tmp_path: Path) -> None:
    track = cutter(tmp_path, "audio")
    out = track.take([Expect(1000), *sounds(600, 3000)], 3000) + track.finish(3000)
    assert spans(out) == [(600, 2000), (2000, 3000)]
    assert gaps(out) == []
    assert track.state is not None
    assert track.state.summary("kiosk.microphone").expected_ms == 2400


def test_what_comes_for_a_span_that_is_declared_is_left_out(tmp_path: Path) -> None:
    track = cutter(tmp_path, "audio")
    out = track.take([Expect(0)], 6000) + track.take(sounds(5000, 8000), 8000) + track.finish(8000)
    assert gaps(out) == [(0, 6000, "no_media")]
    assert spans(out) == [(6000, 8000)]
    (closed,) = [item for item in out if isinstance(item, ClosedSegment)]
    found = facts("audio", contents(closed))
    assert found is not None
    assert 5900 <= found.start_ms <= 6000
