"""Whole recordings of three tracks, each with luck of its own: pauses, bursts, holds, late frames, a disk that refuses,
errors of reading, a slow journal, kills and late ends. The record accounts for every millisecond once, what was
captured lies within 40 ms of when it was, and `verify` finds nothing, reading a real journal from a real database.

Written apart from `test_histories`, with the journal's order of what is posted and what is kept. The clock is made up,
files are real. `VISAVIS_HISTORIES` says how many are tried.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import random
import shutil
import struct
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from link.protocol.errors import Unavailable
from link.rtc.tracks.depacketizer import EncodedFrame, MediaGap
from link.tasks import cancel
from server.blobs.container import Broken
from server.blobs.vault import SessionKey
from server.evidence.integrity_checks import check_accounts, check_segment
from server.evidence.reader import open_segment
from server.evidence.verify import VerifyReport, verify_session
from server.recording import recorder as recorder_module
from server.recording import track as track_module
from server.recording.items import ClosedSegment
from server.recording.recorder import Recorder
from server.recording.recovery import Recovered, discard_spool, recover
from server.recording.segment import COBROWSE, kind_of
from server.recording.webm import read_clusters
from server.session.events import (
    Answered,
    Disposed,
    Ended,
    Event,
    GapDeclared,
    Offered,
    Rated,
    RecordingCompleted,
    RecordingStarted,
    SegmentSealed,
)
from server.session.events import (
    Closed as SessionClosed,
)
from server.store.sessions import Projection
from tests.server.evidence.recorded import STARTED_US, Archive, requested

HISTORIES = int(os.environ.get("VISAVIS_HISTORIES", "48"))
GROUPS = 4
STEP_MS = 400
TRACKS = {"kiosk.microphone": 20, "kiosk.camera": 40, "specialist.microphone": 20}
OPUS = b"\xfc\xff\xfe"  # 20 ms of it
LIPS_MS = 40
_CAPTURED = struct.Struct(">Q")


def captured(data: bytes, at_ms: float) -> bytes:
    """The frame with the moment of its capture, in milliseconds of the session, for who looks at the recording."""
    return data + _CAPTURED.pack(round(at_ms))


class Inline:
    """The worker thread's place in the event loop: what is made up must not depend on threads."""

    async def run(self, function: Callable[..., Any], *arguments: Any) -> Any:
        await asyncio.sleep(0)
        return function(*arguments)


class History:
    """One recording and everything that happens to it. `events` is what the journal has durably."""

    def __init__(self, seed: int, archive: Archive, key: SessionKey, monkeypatch: pytest.MonkeyPatch) -> None:
        self.chance = random.Random(seed)
        self.archive, self.key, self.session = archive, key, key.session
        self.spool = archive.folder / "spool"
        self.blobs = archive.blobs
        self.events: list[Event] = []
        self.posted: list[Event] = []  # told to the room, not in the journal yet
        self.now_ms = 5000
        self.sent: dict[str, int] = {}  # up to when each track has sent
        self.expected: dict[str, int] = {}  # since when it was to be heard or seen
        self.stopped: dict[str, int] = {}
        self.refuses = 0  # so many writes more
        self.unreadable = 0
        self.journal = asyncio.Event()
        self.journal.set()
        self.held = False
        self.log: list[str] = []
        self._patch(monkeypatch)
        self.recorder = self._made({}, "")

    def _patch(self, monkeypatch: pytest.MonkeyPatch) -> None:
        write, done = track_module._write_all, Recorder._complete

        def write_all(descriptor: int, data: bytes) -> None:
            if self.refuses:
                self.refuses -= 1
                write(descriptor, data[: self.chance.randrange(len(data))])
                raise OSError(self.chance.choice((errno.ENOSPC, errno.EIO)), "refused")
            write(descriptor, data)

        def complete(recorder: Recorder, segments: list[ClosedSegment]) -> list[Any]:
            outcomes = done(recorder, segments)
            for number in range(len(outcomes)):
                if self.unreadable:
                    # As if nothing had been read: a file that was moved into the store lies in the spool again.
                    self.unreadable -= 1
                    if not segments[number].path.exists():
                        shutil.copy(Path(self.blobs._root or "") / segments[number].name.blob, segments[number].path)
                    outcomes[number] = self.chance.choice((OSError(errno.EIO, "unreadable"), Broken("damaged")))
            return outcomes

        monkeypatch.setattr(track_module, "_write_all", write_all)
        monkeypatch.setattr(Recorder, "_complete", complete)
        monkeypatch.setattr(recorder_module, "running_worker", Inline)
        monkeypatch.setattr(recorder_module, "until_next", lambda every, now: 0.0)
        monkeypatch.setattr(recorder_module, "RETRY_S", (0.0,))
        monkeypatch.setattr(recorder_module, "FINISH_S", 0.25)

    def _made(self, tracks: Any, reason: str) -> Recorder:
        return Recorder(
            self.session, spool=self.spool, blobs=self.blobs, key=self.key, now_ms=lambda: self.now_ms,
            post=self.posted.append, keep=self.keep, resume=tracks, reason=reason,
            monotonic=lambda: self.now_ms / 1000,
        )  # fmt: skip

    async def _recovered(self) -> Recovered:
        return await recover(
            self.session, self.events, spool=self.spool, blobs=self.blobs, key=self.key, until_ms=self.now_ms,
            begun_ms=5000, expected=self.expected,
        )  # fmt: skip

    async def keep(self, *events: Event) -> None:
        await self.journal.wait()
        self._journaled(*events)

    def _journaled(self, *events: Event) -> None:
        """In the order in which a room's inbox has them."""
        self.events += [*self.posted, *events]
        self.posted.clear()

    # --- what happens -------------------------------------------------------------------------------------------------

    async def step(self) -> None:
        """So many milliseconds pass; sources send, or do not; what the recorder has taken is on the disk afterwards."""
        self.now_ms += STEP_MS
        for name, every in TRACKS.items():
            self._send(name, every)
        await self._turn()
        if self.chance.random() < 0.5:
            self._journaled()

    def _send(self, name: str, every: int) -> None:
        writer = self.recorder.track(name, kind_of(name))
        if name not in self.sent:
            if self.chance.random() < 0.6:
                return  # not there yet
            begun = self.now_ms - STEP_MS
            # The source may have been expected before it sends, or some of it captured before it was expected.
            if self.chance.random() < 0.7:
                self.expect(name, begun - self.chance.choice((0, 0, 800, 6000)))
            self.sent[name] = begun - self.chance.choice((0, 100, 400))
        if self.now_ms < self.stopped.get(name, 0):
            return
        begun = self.sent[name]
        # It paused, or what was sent meanwhile is lost; or else that comes in one burst.
        if self.stopped.pop(name, 0) and self.chance.random() < 0.5:
            begun = self.now_ms - STEP_MS
            if self.chance.random() < 0.7:
                writer.gap(MediaGap(self.sent[name] / 1000, begun / 1000, "loss"))
        picture = kind_of(name) == "video"
        for at in range(begun, self.now_ms, every):
            keyframe = not picture or at == begun or self.chance.random() < 0.02
            data = captured(b"picture" if picture else OPUS, at)
            writer.frame(EncodedFrame(data, keyframe, at / 1000, 0, duration=0.0 if picture else 0.02))
        self.sent[name] = max(begun, self.now_ms - (self.now_ms - begun) % every)

    def expect(self, name: str, at_ms: int) -> None:
        """Somebody is connected."""
        self.recorder.track(name, kind_of(name)).expect(at_ms)
        self.expected.setdefault(name, at_ms)

    async def _turn(self) -> None:
        """Until the writing task has taken everything twice: once may have begun before."""
        seen = 0
        take = self.recorder._cut

        def cut(*arguments: Any) -> Any:
            nonlocal seen
            seen += 1
            return take(*arguments)

        self.recorder._cut = cut  # type: ignore[method-assign,assignment]
        async with asyncio.timeout(30):
            while seen < 2 and not self.recorder._writing.done():
                await asyncio.sleep(0)
        self.recorder._cut = take  # type: ignore[method-assign]

    async def something(self) -> None:
        what = self.chance.choice(
            (*["nothing"] * 8, "stops", "stops", "hold", "disk", "disk", "read", "journal", "kill")
        )
        self.log.append(f"{self.now_ms} {what}")
        match what:
            case "stops":
                name = self.chance.choice(list(TRACKS))
                self.stopped[name] = self.now_ms + self.chance.choice((300, 700, 1500, 3000, 7000))
            case "hold":
                self.held = not self.held
                (self.recorder.pause("hold") if self.held else self.recorder.resume())
            case "disk":
                self.refuses += self.chance.randrange(1, 4)
            case "read":
                self.unreadable += self.chance.choice((1, 1, 2, 12))
            case "journal":
                (self.journal.clear if self.journal.is_set() else self.journal.set)()
            case "kill":
                await self.kill()
            case _:
                pass

    async def kill(self) -> None:
        """SIGKILL, and a new process that goes on: what was not in the journal is known to nobody."""
        await self._gone()
        self.journal.set()
        self.now_ms += self.chance.choice((50, 900, 5000))
        found = await self._recovered()
        if self.chance.random() < 0.2:  # killed again before any of it is journaled: the same is found
            return await self.kill()
        self.events += found.events
        if self.chance.random() < 0.2:  # or just after
            again = await self._recovered()
            assert again.events == [], "what was done is found done"
        await discard_spool(self.session, self.spool)
        self.sent = dict.fromkeys(self.sent, self.now_ms)
        self.stopped.clear()
        self.recorder = self._made(found.tracks, found.reason)
        if self.held:
            self.recorder.pause("hold")
        return None

    async def _gone(self) -> None:
        await cancel(self.recorder._writing)
        await cancel(self.recorder._sealing)
        for cutter in self.recorder._cutters.values():
            cutter.drop()
        self.posted.clear()

    async def end(self) -> RecordingCompleted:
        """The call is over: everything is sealed, or what is left is found by who comes after."""
        if self.chance.random() < 0.7:
            self.journal.set()  # else it takes longer than anybody waits
        try:
            statement = await self.recorder.finish()
            self._journaled(statement)
        except Unavailable:
            self._journaled()
            found = await self._recovered()
            statement = found.completed()
            self.events += [*found.events, statement]
        return statement


async def check(history: History, statement: RecordingCompleted) -> None:
    """That nothing is left over or there twice, that all of it lies where it was captured, and what `verify` says."""
    for line in statement.tracks:
        pieces = sorted(
            (event.start_ms, event.end_ms)
            for event in history.events
            if isinstance(event, SegmentSealed | GapDeclared) and event.track == line.track
        )
        assert all(before[1] == after[0] for before, after in pairwise(pieces)), (line.track, pieces)
        if not pieces:  # connected at the very end
            assert line.expected_ms == 0
            assert history.now_ms - history.expected[line.track] <= 100
            continue
        assert pieces[0][0] <= history.expected.get(line.track, pieces[0][0]), (line.track, pieces[0])
        if line.track != COBROWSE:
            assert line.recorded_ms + line.gap_ms == line.expected_ms == pieces[-1][1] - pieces[0][0], line.track
            assert history.now_ms - 1100 <= pieces[-1][1] <= history.now_ms + 40, (line.track, pieces[-1])
    for event in history.events:
        if isinstance(event, SegmentSealed):
            data = open_segment(history.key, event, await history.blobs.get(event.blob))
            for block in read_clusters(data):
                (at,) = _CAPTURED.unpack(block.data[-_CAPTURED.size :])
                assert abs(block.time_ms - at) <= LIPS_MS, (event.track, event.index, block.time_ms, at)
    assert history.expected.keys() <= {line.track for line in statement.tracks}
    await journal(history)
    report = await verified(history)
    assert report.findings == []
    assert (report.exit_code, report.running) == (0, False)
    assert report.segments == sum(isinstance(event, SegmentSealed) for event in history.events)


async def journal(history: History) -> None:
    """Put the call into the database, from its request to its end, as a room does."""
    first, row = requested(history.session)
    add, end_ms = history.archive.add, history.now_ms
    await add(history.session, 0, first, projection=row)
    answered = Projection(
        state="active", specialist="p1", specialist_name="Chen Jing", answered_us=STARTED_US + 1_000_000
    )
    began = RecordingStarted(history.key.suite.name, history.session)
    await add(
        history.session, 1000, Offered("p1", "Chen Jing"), Answered("p1", "Chen Jing"), began, projection=answered
    )
    ended = Projection(
        state="closed", ended_us=STARTED_US + end_ms * 1000, closed_us=STARTED_US + end_ms * 1000,
        end_reason="customer", rating=5, outcome="solved",
    )  # fmt: skip
    after = (Ended("kiosk", "customer"), Rated(5), Disposed("solved", "", "p1"), SessionClosed())
    await add(history.session, end_ms, *history.events, *after, projection=ended)


async def verified(history: History) -> VerifyReport:
    archive = history.archive
    return await verify_session(history.session, journal=archive.journal, blobs=archive.blobs, vault=archive.vault)


async def run(seed: int, archive: Archive, kind: type[History] = History) -> History:
    key = await archive.vault.create(f"{kind.__name__}-{seed}")
    with pytest.MonkeyPatch.context() as monkeypatch:
        history = kind(seed, archive, key, monkeypatch)
        try:
            for _ in range(history.chance.randrange(5, 60)):
                await history.step()
                await history.something()
            await check(history, await history.end())
        except BaseException:
            print(f"seed {seed}: {history.log}")
            for event in history.events:
                print(event)
            raise
        finally:
            with contextlib.suppress(Exception):
                await history._gone()
            shutil.rmtree(archive.folder / "spool", ignore_errors=True)
    return history


@pytest.mark.parametrize("group", range(GROUPS))
async def test_every_millisecond_is_accounted_for_once(group: int, tmp_path: Path, no_task_left: None) -> None:
    async with Archive.opened(tmp_path) as archive:
        for seed in range(group, HISTORIES, GROUPS):
            await run(seed, archive)
            shutil.rmtree(tmp_path / "blobs" / "sessions", ignore_errors=True)


async def test_a_recording_that_was_changed_is_found_out(tmp_path: Path) -> None:
    """Without any of its segments or gaps, or with another length of one, the account is wrong."""
    async with Archive.opened(tmp_path) as archive:
        history = await run(3, archive)
        pieces = [event for event in history.events if isinstance(event, SegmentSealed | GapDeclared)]
        assert len(pieces) > 10
        for piece in pieces:
            assert list(check_accounts([event for event in history.events if event is not piece])) != []
        segments = [event for event in pieces if isinstance(event, SegmentSealed)]
        for event in segments:
            blob = bytearray(await history.blobs.get(event.blob))
            at = history.chance.randrange(len(blob))
            blob[at] ^= 1 << history.chance.randrange(8)
            assert check_segment(history.key, kind_of(event.track), event, bytes(blob)) is not None, (event, at)
