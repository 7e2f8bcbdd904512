"""Random histories of the whole recorder: whatever fails, every millisecond is accounted for once and what is sealed
can be read. The clock is made up, and a kill is one that leaves spool and journal as they happen to be.

VISAVIS_HISTORIES says how many are tried (a few in everyday runs).
"""

from __future__ import annotations

import asyncio
import errno
import os
import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from link.protocol.errors import Unavailable
from link.rtc.tracks.depacketizer import EncodedFrame, MediaGap
from link.tasks import cancel
from server.blobs.blobs import Blobs
from server.blobs.suite import SUITES
from server.blobs.vault import SessionKey
from server.evidence.integrity_checks import check_accounts, check_segment
from server.recording import track as track_module
from server.recording.recorder import Kept, Recorder
from server.recording.recovery import Recovered, discard_spool, recover
from server.session.events import Event, GapDeclared, RecordingCompleted, SegmentSealed

HISTORIES = int(os.environ.get("VISAVIS_HISTORIES", "60"))
KEY = SessionKey("s1", SUITES["aes-256-gcm"], bytes(32))
TRACKS = (("kiosk.camera", "video", 40), ("kiosk.microphone", "audio", 20))
KINDS = {name: kind for name, kind, _ in TRACKS}


class Call:
    """One session of random luck."""

    def __init__(self, folder: Path, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
        self.chance = random.Random(seed)
        self.folder, self.blobs = folder, Blobs.at(str(folder / "blobs"))
        self.events: list[Event] = []
        self.ms = 1000
        self.stuck = False  # the journal does not answer
        self.recorder: Recorder
        self.write, self.read = track_module._write_all, Path.read_bytes
        monkeypatch.setattr(track_module, "_write_all", self._write)
        monkeypatch.setattr(Path, "read_bytes", lambda path: self._read(path))
        self.refused = self.unread = 0.0

    def _write(self, descriptor: int, data: bytes) -> None:
        if self.chance.random() < self.refused:
            os.write(descriptor, data[: self.chance.randrange(len(data))])
            raise OSError(errno.ENOSPC, "no space")
        self.write(descriptor, data)

    def _read(self, path: Path) -> bytes:
        if self.chance.random() < self.unread:
            raise OSError(errno.EMFILE, "too many open files")
        return self.read(path)

    async def keep(self, *events: Kept) -> None:
        if self.stuck:
            await asyncio.Event().wait()
        self.events += events

    def begin(self, found: Recovered | None = None) -> None:
        self.recorder = Recorder(
            "s1",
            spool=self.folder / "spool",
            blobs=self.blobs,
            key=KEY,
            now_ms=lambda: self.ms,
            post=self.events.append,
            keep=self.keep,
            resume=found.tracks if found else None,
            monotonic=lambda: self.ms / 1000,
        )
        for name, kind, _ in TRACKS:
            self.recorder.track(name, kind).expect(self.ms)

    def feed(self) -> None:
        """Some time passes: media, a pause of the source, a loss, a hold, a burst of what was captured before."""
        length = self.chance.randrange(40, 3500)
        what = self.chance.choice(["media"] * 4 + ["nothing", "hold", "loss", "late"])
        for name, kind, step in TRACKS:
            writer = self.recorder.track(name, kind)
            begin = self.ms - (self.chance.randrange(900) if what == "late" else 0)
            if what == "hold":
                writer.pause("hold", self.ms)
                writer.resume(self.ms + length)
            elif what == "loss":
                writer.gap(MediaGap(begin / 1000, (begin + length) / 1000, "loss"))
            elif what != "nothing":
                for number, at in enumerate(range(begin, self.ms + length, step)):
                    writer.frame(EncodedFrame(b"\xfc%d" % at, number % 25 == 0, at / 1000, 0, 0, 0, 0.02))
        self.ms += length

    async def written(self) -> None:
        """Let what was fed go to the disk."""
        worked = self.recorder._worker
        for _ in range(3):
            await worked.run(lambda: None)

    async def kill(self) -> None:
        await cancel(self.recorder._writing)
        await cancel(self.recorder._sealing)
        await self.written()  # threads that are at work end their work, as a disk does
        for cutter in self.recorder._cutters.values():
            cutter.drop()

    async def recovered(self) -> Recovered:
        self.ms += self.chance.randrange(3000)
        found = await recover(
            "s1", self.events, spool=self.folder / "spool", blobs=self.blobs, key=KEY, until_ms=self.ms
        )
        self.events += found.events
        return found

    async def live(self) -> None:
        self.begin()
        for _ in range(self.chance.randrange(1, 9)):
            self.refused = self.chance.choice((0.0, 0.0, 0.2))
            self.unread = self.chance.choice((0.0, 0.0, 0.3))
            self.stuck = self.stuck or self.chance.random() < 0.1
            self.feed()
            await self.written()
            if self.chance.random() < 0.25:
                await self.kill()
                self.stuck = False
                found = await self.recovered()
                await discard_spool("s1", self.folder / "spool")
                self.begin(found)
        self.refused = 0.0
        try:
            self.events.append(await self.recorder.finish())
        except Unavailable:
            self.events.append((await self.recovered()).completed())

    async def check(self) -> None:
        self.refused = self.unread = 0.0
        assert list(check_accounts(self.events)) == []
        for event in self.events:
            if isinstance(event, SegmentSealed):
                kind = KINDS[event.track]
                finding = check_segment(KEY, kind, event, await self.blobs.get(event.blob))
                assert finding is None or "recorded twice" in finding.problem, finding
        (statement,) = [event for event in self.events if isinstance(event, RecordingCompleted)]
        for line in statement.tracks:
            assert line.expected_ms == line.recorded_ms + line.gap_ms

    def tampered(self) -> None:
        """Whatever piece is taken out of the accounts is missed."""
        pieces = [n for n, event in enumerate(self.events) if isinstance(event, SegmentSealed | GapDeclared)]
        for number in self.chance.sample(pieces, min(5, len(pieces))):
            assert list(check_accounts(self.events[:number] + self.events[number + 1 :]))


@pytest.mark.parametrize("part", range(3))
async def test_every_millisecond_is_accounted_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: int) -> None:
    monkeypatch.setattr("server.recording.recorder.until_next", lambda every, now: 0.001)
    monkeypatch.setattr("server.recording.recorder.RETRY_S", (0.0, 0.0))
    monkeypatch.setattr("server.recording.recorder.FINISH_S", 0.3)
    monkeypatch.setattr("server.recording.recovery.RETRY_S", (0.0, 0.0))
    # One thread, so that it is known when it has ended its work.
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
    for number in range(HISTORIES // 3):
        seed = number * 3 + part
        print("history", seed)
        with monkeypatch.context() as patches:
            call = Call(tmp_path / str(seed), seed, patches)
            await call.live()
            await call.check()
            call.tampered()
