"""The recorder with real VP8 and Opus: what comes out of the blobs is decoded by FFmpeg and counted."""

from __future__ import annotations

import asyncio
import hashlib
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from link.protocol.errors import Unavailable, VisavisError
from link.rtc.tracks.depacketizer import EncodedFrame
from server.blobs.blobs import Blobs
from server.blobs.suite import SUITES
from server.blobs.vault import SessionKey
from server.recording.recorder import Keep, Kept, Recorder
from server.recording.recovery import recover
from server.recording.segment import SegmentName, unpack_lines
from server.recording.webm import init_segment
from server.session.events import Event, GapDeclared, SegmentSealed, TrackStarted
from tests.machine import allow
from tests.server.recording import media


class Bench:
    """A recorder with its surroundings, in a session that began `age` seconds ago."""

    def __init__(
        self,
        folder: Path,
        suite: str = "aes-256-gcm",
        age: float = 0.0,
        keep: Keep | None = None,
        blobs: Path | None = None,
    ) -> None:
        self.folder = folder
        self.blobs = Blobs.at(str(blobs or folder / "blobs"))
        self.key = SessionKey("s1", SUITES[suite], bytes(range(SUITES[suite].key_bytes)))
        self.events: list[Event] = []
        self.age = age  # seconds; the clock stands still unless a test moves it
        self.recorder = Recorder(
            "s1",
            spool=folder / "spool",
            blobs=self.blobs,
            key=self.key,
            now_ms=lambda: round(self.age * 1000),
            post=self.events.append,
            keep=keep,
            monotonic=lambda: self.age,
        )

    def feed(self, name: str, kind: str, frames: Sequence[EncodedFrame]) -> None:
        writer = self.recorder.track(name, kind)
        for frame in frames:
            writer.frame(frame)

    def sealed(self, track: str) -> list[SegmentSealed]:
        return [event for event in self.events if isinstance(event, SegmentSealed) and event.track == track]

    async def contents(self, event: SegmentSealed) -> bytes:
        return self.key.unseal(SegmentName("s1", event.track, event.index).container, await self.blobs.get(event.blob))

    async def file(self, track: str, kind: str) -> bytes:
        parts = [await self.contents(event) for event in self.sealed(track)]
        return init_segment(kind, width=320, height=180) + b"".join(parts)

    def far_store(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let the store be one that cannot take files as they are, like S3."""
        monkeypatch.setattr(self.blobs, "take_in", lambda *told: False)

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(30):
            while not holds():
                await asyncio.sleep(0.02)


@pytest.mark.parametrize("suite", SUITES)
async def test_a_call_is_recorded_whole(tmp_path: Path, suite: str, no_task_left: None) -> None:
    bench = Bench(tmp_path, suite, age=10.1)
    bench.feed("kiosk.camera", "video", media.vp8(9, start=1))
    bench.feed("kiosk.microphone", "audio", media.opus(9, start=1))
    statement = await bench.recorder.finish()
    video = [time for time, _ in media.decoded(await bench.file("kiosk.camera", "video"), "video")]
    assert len(video) == 225
    assert (video[0], video[-1]) == (1.0, 9.96)
    audio = [time for time, _ in media.decoded(await bench.file("kiosk.microphone", "audio"), "audio")]
    assert audio[0] == 1.0
    assert abs(audio[-1] - 9.98) < 0.03
    assert {line.track: line.kind for line in statement.tracks} == {
        "kiosk.camera": "video",
        "kiosk.microphone": "audio",
    }
    for line in statement.tracks:
        assert abs(line.recorded_ms - 9000) < 30
        assert line.expected_ms - line.recorded_ms == line.gap_ms
    assert [event.index for event in bench.sealed("kiosk.camera")] == [0, 1, 2, 3, 4]
    assert all(event.keyframe and len(event.sha256) == 64 for event in bench.sealed("kiosk.camera"))
    assert all(event.digest.startswith("sm3:") == (suite == "sm4-gcm") for event in bench.sealed("kiosk.camera"))
    assert not list((tmp_path / "spool").rglob("*.open"))


async def test_every_second_of_a_live_call_is_on_the_disk_within_half_a_second(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    frames = media.vp8(0.4)
    bench.feed("kiosk.camera", "video", frames)
    given = time.monotonic()
    spool = SegmentName("s1", "kiosk.camera", 0).spool(tmp_path / "spool")
    await bench.until(lambda: spool.exists() and spool.stat().st_size > sum(len(frame.data) for frame in frames))
    assert time.monotonic() - given < allow(1.0)
    await bench.recorder.finish()


async def test_segments_are_sealed_while_the_call_runs(tmp_path: Path) -> None:
    bench = Bench(tmp_path, age=5)
    bench.feed("kiosk.camera", "video", media.vp8(5))
    await bench.until(lambda: len(bench.sealed("kiosk.camera")) == 2)
    first = bench.sealed("kiosk.camera")[0]
    assert (first.start_ms, first.end_ms, first.frames) == (0, 2000, 50)
    assert isinstance(bench.events[0], TrackStarted)
    assert (bench.events[0].width, bench.events[0].height) == (320, 180)
    assert bench.recorder.tracks == [("kiosk.camera", "video")]
    await bench.recorder.finish()


async def test_hold_is_a_declared_gap(tmp_path: Path) -> None:
    bench = Bench(tmp_path, age=1)
    asked: list[int] = []
    writer = bench.recorder.track("kiosk.camera", "video")
    writer.request_keyframe = lambda: asked.append(1)
    frames = media.vp8(6)
    bench.feed("kiosk.camera", "video", frames[:25])
    bench.recorder.pause("hold")
    bench.feed("kiosk.camera", "video", frames[25:50])
    bench.recorder.resume()
    bench.feed("kiosk.camera", "video", frames[50:])
    bench.age = 6
    statement = await bench.recorder.finish()
    gaps = [event for event in bench.events if isinstance(event, GapDeclared)]
    assert [(gap.start_ms, gap.end_ms, gap.reason) for gap in gaps] == [(1000, 2000, "hold")]
    assert asked
    (line,) = statement.tracks
    assert (line.expected_ms, line.recorded_ms, line.gap_ms) == (6000, 5000, 1000)


async def test_cobrowse_lines_are_recorded_with_their_time(tmp_path: Path) -> None:
    bench = Bench(tmp_path, age=1)
    bench.recorder.cobrowse("rrweb", '[{"type":2}]', epoch="e1", keyframe=True)
    bench.recorder.cobrowse("point", b'{"x":0.5,\n"y":0.25}')
    statement = await bench.recorder.finish()
    (event,) = bench.sealed("cobrowse")
    lines = [json.loads(line) for line in unpack_lines(await bench.contents(event))]
    assert [line["kind"] for line in lines] == ["rrweb", "point"]
    assert lines[0]["epoch"] == "e1"
    assert lines[0]["data"] == [{"type": 2}]
    assert lines[1]["data"] == {"x": 0.5, "y": 0.25}
    assert 900 < lines[0]["at"] < allow(2000)
    assert event.keyframe
    assert statement.tracks[0].kind == "cobrowse"


async def test_blob_store_that_fails_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(tmp_path, age=3)
    bench.far_store(monkeypatch)
    real = bench.blobs.put
    failures = iter((True, True, False))

    async def put(name: str, data: bytes) -> None:
        if next(failures, False):
            raise Unavailable("the store is away")
        await real(name, data)

    monkeypatch.setattr(bench.blobs, "put", put)
    bench.feed("kiosk.camera", "video", media.vp8(3))
    await bench.recorder.finish()
    assert len(bench.sealed("kiosk.camera")) == 2
    assert not [event for event in bench.events if isinstance(event, GapDeclared)]


async def test_segment_that_the_disk_lost_is_declared(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.feed("kiosk.camera", "video", media.vp8(1))
    spool = SegmentName("s1", "kiosk.camera", 0).spool(tmp_path / "spool")
    await bench.until(lambda: spool.exists() and spool.stat().st_size > 1000)
    data = bytearray(spool.read_bytes())
    data[60] ^= 1
    spool.write_bytes(data)
    await bench.recorder.finish()
    assert not bench.sealed("kiosk.camera")
    assert [event.reason for event in bench.events if isinstance(event, GapDeclared)] == ["damaged"]


async def test_suspend_seals_and_a_new_recorder_goes_on(tmp_path: Path, no_task_left: None) -> None:
    bench = Bench(tmp_path)
    bench.feed("kiosk.camera", "video", media.vp8(1))
    await asyncio.gather(bench.recorder.suspend(), bench.recorder.suspend())
    assert len(bench.sealed("kiosk.camera")) == 1


async def test_a_store_that_stays_away_leaves_everything_to_recovery(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_task_left: None
) -> None:
    bench = Bench(tmp_path, age=3)
    bench.far_store(monkeypatch)
    real = bench.blobs.put

    async def away(name: str, data: bytes) -> None:
        raise Unavailable("the store is away")

    monkeypatch.setattr(bench.blobs, "put", away)
    monkeypatch.setattr("server.recording.recorder.FINISH_S", 0.8)
    bench.feed("kiosk.camera", "video", media.vp8(3))
    for _ in range(2):
        with pytest.raises(Unavailable, match="sealed"):
            await bench.recorder.finish()
    assert not bench.sealed("kiosk.camera")
    assert len(list((tmp_path / "spool").rglob("*.open"))) == 2
    monkeypatch.setattr(bench.blobs, "put", real)
    found = await recover("s1", bench.events, spool=tmp_path / "spool", blobs=bench.blobs, key=bench.key, until_ms=3000)
    assert [event.frames for event in found.events if isinstance(event, SegmentSealed)] == [50, 25]
    assert (found.completed().tracks[0].recorded_ms, found.completed().tracks[0].segments) == (3000, 2)


async def test_a_segment_leaves_the_spool_when_it_is_journaled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_task_left: None
) -> None:
    journaled = asyncio.Event()
    asked: list[SegmentSealed] = []

    async def keep(*events: Kept) -> None:
        asked.extend(event for event in events if isinstance(event, SegmentSealed))
        await journaled.wait()

    bench = Bench(tmp_path, age=3, keep=keep)
    bench.far_store(monkeypatch)
    bench.feed("kiosk.camera", "video", media.vp8(3))
    await bench.until(lambda: asked != [])
    first = SegmentName("s1", "kiosk.camera", 0).spool(tmp_path / "spool")
    assert first.exists()
    journaled.set()
    await bench.recorder.finish()
    assert [segment.index for segment in asked] == [0, 1]
    assert not list((tmp_path / "spool").rglob("*.open"))


@pytest.mark.parametrize("far", [False, True])
async def test_a_segment_that_is_refused_is_left_to_recovery(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, far: bool
) -> None:
    async def keep(*events: Kept) -> None:
        raise VisavisError("internal")

    bench = Bench(tmp_path, age=1, keep=keep)
    if far:
        bench.far_store(monkeypatch)
    bench.feed("kiosk.camera", "video", media.vp8(1))
    with pytest.raises(Unavailable):
        await bench.recorder.finish()
    assert len(list((tmp_path / "spool").rglob("*.open"))) == int(far)
    found = await recover("s1", bench.events, spool=tmp_path / "spool", blobs=bench.blobs, key=bench.key, until_ms=1000)
    assert [event.frames for event in found.events if isinstance(event, SegmentSealed)] == [25]


async def test_a_store_on_another_filesystem_is_written_to(tmp_path: Path) -> None:
    """As with S3, the file cannot simply be moved."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as elsewhere:
        assert Path(elsewhere).stat().st_dev != tmp_path.stat().st_dev
        bench = Bench(tmp_path, age=3, blobs=Path(elsewhere))
        bench.feed("kiosk.camera", "video", media.vp8(3))
        await bench.recorder.finish()
        assert [event.frames for event in bench.sealed("kiosk.camera")] == [50, 25]
        for event in bench.sealed("kiosk.camera"):
            assert hashlib.sha256(await bench.blobs.get(event.blob)).hexdigest() == event.sha256
            assert await bench.contents(event)
    assert not list((tmp_path / "spool").rglob("*.open"))


async def test_a_local_store_takes_the_file_itself(tmp_path: Path) -> None:
    bench = Bench(tmp_path, age=1)
    bench.feed("kiosk.camera", "video", media.vp8(1))
    spool = SegmentName("s1", "kiosk.camera", 0).spool(tmp_path / "spool")
    await bench.until(lambda: spool.exists() and spool.stat().st_size > 1000)
    number = spool.stat().st_ino
    await bench.recorder.finish()
    (event,) = bench.sealed("kiosk.camera")
    stored = tmp_path / "blobs" / event.blob
    assert stored.stat().st_ino == number
    assert hashlib.sha256(stored.read_bytes()).hexdigest() == event.sha256
    assert stored.stat().st_size == event.size


async def test_what_a_full_disk_left_of_a_chunk_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(tmp_path, age=1)
    bench.feed("kiosk.camera", "video", media.vp8(1))
    spool = SegmentName("s1", "kiosk.camera", 0).spool(tmp_path / "spool")
    await bench.until(lambda: spool.exists() and spool.stat().st_size > 1000)
    with spool.open("ab") as file:
        file.write(b"\0\0\x10\0half a chunk")
    await bench.recorder.finish()
    (event,) = bench.sealed("kiosk.camera")
    assert event.frames == 25
    assert hashlib.sha256((tmp_path / "blobs" / event.blob).read_bytes()).hexdigest() == event.sha256
    assert await bench.contents(event)
