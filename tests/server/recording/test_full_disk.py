"""A real disk that is full in the middle of a call: people go on seeing each other, the hole is declared, legs end.

The disk is a tmpfs of a few megabytes, so that the kernel says ENOSPC and nobody else; where it may not be mounted the
test is skipped.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from link.rtc.relay import Relay
from link.rtc.tracks.depacketizer import EncodedFrame
from link.tasks import cancel, spawn
from server.blobs.blobs import Blobs
from server.blobs.suite import SUITES
from server.blobs.vault import SessionKey
from server.recording.recorder import Recorder
from server.recording.segment import SegmentName
from server.session.events import Event, GapDeclared, SegmentSealed
from tests.link.rtc.test_leaks import held
from tests.link.rtc.test_leg import Camera, Pair, until
from tests.machine import allow

MEGABYTE = 1 << 20


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """Three megabytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", folder], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("a tmpfs may not be mounted here")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


class Recorded:
    """A camera through a leg, seen by somebody and recorded on the disk."""

    def __init__(self, disk: Path, session: str) -> None:
        self.pair, self.relay, self.camera = Pair(), Relay(), Camera(size=12_000)
        self.seen: list[EncodedFrame] = []
        self.events: list[Event] = []
        self.blobs = Blobs.at(str(disk / "blobs"))
        self.key = SessionKey(session, SUITES["aes-256-gcm"], bytes(32))
        self.session = session
        began = time.monotonic()
        self.recorder = Recorder(
            session,
            spool=disk / "spool",
            blobs=self.blobs,
            key=self.key,
            now_ms=lambda: round((time.monotonic() - began) * 1000),
            post=self.events.append,
        )

    async def begin(self) -> None:
        await self.pair.connect()
        self.relay.connect(self.camera.injection.track, self.pair.offerer, "camera")
        track = self.pair.answerer.tracks["camera"]
        writer = self.recorder.track("kiosk.camera", "video")
        self.taps = [
            self.relay.tap(track, writer.frame, writer.gap),
            self.relay.tap(track, self.seen.append, lambda _: None),
        ]
        writer.request_keyframe = self.taps[0].request_keyframe
        self.filming = spawn(self.camera.run(100_000), name="camera")

    async def films(self, frames: int) -> None:
        wanted = len(self.seen) + frames
        await until(lambda: len(self.seen) >= wanted, 30)

    async def end(self) -> float:
        """Close the legs while the recorder is at work, then let it finish; how long that took."""
        begin = time.monotonic()
        await cancel(self.filming)
        await asyncio.gather(self.pair.offerer.close(), self.pair.answerer.close())
        for tap in self.taps:
            tap.close()
        await self.recorder.finish()
        return time.monotonic() - begin

    def gaps(self) -> list[str]:
        return [event.reason for event in self.events if isinstance(event, GapDeclared)]

    def sealed(self) -> list[SegmentSealed]:
        return [event for event in self.events if isinstance(event, SegmentSealed)]

    async def check_sealed(self) -> None:
        """Every segment that is said to be there can be read."""
        for event in self.sealed():
            name = SegmentName(self.session, event.track, event.index).container
            assert self.key.unseal(name, await self.blobs.get(event.blob))


async def test_a_disk_that_is_full_for_a_while(disk: Path, no_task_left: None) -> None:
    call = Recorded(disk, "s1")
    await call.begin()
    await call.films(30)
    ballast = disk / "ballast"
    # Without a buffer: what is left in one is written when the file is closed, and that raises as well.
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(4096)):
            pass
    before = len(call.seen)
    await call.films(60)
    assert len(call.seen) - before >= 60, "who watches sees no difference"
    ballast.unlink()
    await call.films(100)
    assert await call.end() < allow(6)
    assert call.gaps().count("disk_full") >= 1
    assert len(call.sealed()) >= 2
    assert max(event.end_ms for event in call.sealed()) > 4000, "it went on when there was room again"
    await call.check_sealed()


@pytest.mark.skipif(not os.environ.get("VISAVIS_BIG_TESTS"), reason="takes longer: VISAVIS_BIG_TESTS=1")
@pytest.mark.alone
async def test_legs_that_end_while_the_disk_is_full_leave_nothing(disk: Path, no_task_left: None) -> None:
    """The disk stays full from the first second on: each call ends in its time, and the next one begins."""
    (disk / "ballast").write_bytes(bytes(2 * MEGABYTE + 900_000))

    async def one(number: int) -> None:
        call = Recorded(disk, f"s{number}")
        await call.begin()
        await call.films(20)
        assert await call.end() < allow(6)
        await call.check_sealed()

    for number in range(3):
        await one(number)
    before = held()
    for number in range(3, 9):
        await one(number)
    after = held()
    assert (after.tasks, after.threads, after.descriptors) == (before.tasks, before.threads, before.descriptors)
