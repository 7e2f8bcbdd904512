"""Runs the recording of one session: two tasks, one that writes and one that seals.

Every 400 ms the writing task passes what the tracks have queued to a worker thread, which cuts, encrypts and writes it;
so media is on disk, encrypted, within half a second. The sealing task stores finished segments as blobs and has them
journaled together with the gaps between them, in order and in one transaction for all that wait: so the journal of a
track has no holes at any moment, but for those that it says are awaited: lost on the way, and asked for
(`server.recording.late`). A segment is always in the spool or stored: a local store moves the file itself; with
another store the file leaves the spool once the segment is journaled.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import structlog

from link.protocol.errors import Unavailable, VisavisError
from link.rtc.tracks.depacketizer import EncodedFrame
from link.tasks import cancel, spawn
from server.blobs.blobs import Blobs
from server.blobs.container import Broken
from server.blobs.vault import SessionKey
from server.recording.account import TrackAccount
from server.recording.items import ClosedSegment, CutResult, Hole, Item, Line, WantKeyframe
from server.recording.late import HoleFiller, OpenHole, Owed
from server.recording.segment import COBROWSE, Complete, complete
from server.recording.track import Cutter, TrackState, TrackWriter
from server.recording.worker import running_worker, until_next
from server.session.events import (
    GapDeclared,
    MediaAwaited,
    RecordingCompleted,
    SegmentSealed,
    TrackStarted,
    TrackSummary,
)

log = structlog.get_logger()

WRITE_EVERY_S = 0.4
TOGETHER = 32
"""Segments completed and journaled together. The tracks of a call end theirs at the same moments, so a durable
transaction is paid for once, and a recorder behind a slow disk can catch up."""
UNSEALED = 4096  # finished segments (small; what they hold is on the disk) and gaps that may wait to be journaled
RETRY_S = (0.5, 1.0, 2.0, 4.0)
FINISH_S = 30.0  # how long `finish` waits for a blob store or a journal without any progress

Kept = SegmentSealed | GapDeclared | MediaAwaited
RecordingEvent = TrackStarted | Kept


class Keep(Protocol):
    """Journals events, all of them or none."""

    async def __call__(self, *events: Kept) -> None: ...


@dataclass(slots=True)
class _Afterwards:
    """What late deliveries have added to a track, in milliseconds."""

    recorded_ms: int = 0
    gap_ms: int = 0
    segments: int = 0
    first_ms: int = 1 << 60

    def count(self, outcome: ClosedSegment | GapDeclared) -> None:
        length = outcome.end_ms - outcome.start_ms
        self.first_ms = min(self.first_ms, outcome.start_ms)
        if isinstance(outcome, GapDeclared):
            self.gap_ms += length
        else:
            self.recorded_ms += length - outcome.lost_ms
            self.gap_ms += outcome.lost_ms
            self.segments += 1


_Read = tuple[Complete, bool] | Broken | OSError


class Recorder:
    """The recorder of one session. Made on the event loop; ended by `finish`, or by `suspend` to go on later."""

    def __init__(
        self,
        session: str,
        *,
        spool: Path,
        blobs: Blobs,
        key: SessionKey,
        now_ms: Callable[[], int],
        post: Callable[[RecordingEvent], None],
        keep: Keep | None = None,
        on_failure: Callable[[], None] | None = None,
        resume: Mapping[str, TrackState] | None = None,
        reason: str = "restart",
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`now_ms` is the session's clock; `post` is called on the event loop; `resume` is what `recover` returned,
        and `reason` why there is a hole until something more is received.

        `keep` returns once sealed segments and gaps are durably journaled, in one transaction, and raises
        `VisavisError` if that cannot be: `recover` then finds the segments and declares what is missing between them.
        Without it they are posted like everything else.
        `on_failure` is called when a task of the recorder has died: it records no more, and after `suspend` another has
        to go on with what `recover` finds.
        `monotonic` is the clock, in seconds, that frames carry.
        """
        self.accounts: Mapping[str, TrackAccount] = {}
        """How much of each track is written; a new mapping after every write."""
        self.unsealed_gaps: list[GapDeclared] = []
        """What `accounts` count as missing and the journal does not have yet, in order."""
        self._written: Mapping[str, TrackAccount] = {}
        self._log = log.bind(session=session)
        self._spool = spool
        self._blobs = blobs
        self._key = key
        self._post = post
        self._keep = keep
        self._on_failure = on_failure
        # Frames carry the monotonic clock. Tying it to the session's clock once keeps steps of the wall clock out.
        self._monotonic = monotonic
        self._offset_ms = now_ms() - monotonic() * 1000
        self._worker = running_worker()
        self._writers: dict[str, TrackWriter] = {}
        self._cutters: dict[str, Cutter] = {}
        self._resume = dict(resume or {})
        self._reason = reason
        self._damaged: dict[str, list[ClosedSegment]] = {}
        self.on_owed: Callable[[], None] = lambda: None
        """Called when there is another hole to fill, or one may be filled now."""
        self._owed = Owed(now_ms())
        self._filling = asyncio.Lock()
        self._afterwards: dict[str, _Afterwards] = {}
        self._live_over, self._late_over = asyncio.Event(), asyncio.Event()
        self._closed: asyncio.Queue[ClosedSegment | GapDeclared | MediaAwaited | None] = asyncio.Queue(UNSEALED)
        self._unsealed = 0  # of what goes into the journal
        self._done = 0  # steps that the two tasks have come on
        self._stop = asyncio.Event()
        self._ended: asyncio.Future[None] | None = None
        self._writing = spawn(self._write(), name=f"recorder write {session}")
        self._sealing = spawn(self._seal(), name=f"recorder seal {session}")
        for task in (self._writing, self._sealing):
            task.add_done_callback(self._task_ended)
        for name, state in self._resume.items():
            self.track(name, state.kind)

    @property
    def failed(self) -> bool:
        """Whether it records no more because one of its tasks has died."""
        return _died(self._writing) or _died(self._sealing)

    @property
    def tracks(self) -> list[tuple[str, str]]:
        """Name and kind of every track that something was received on."""
        return [(name, cutter.kind) for name, cutter in self._cutters.items() if cutter.state and cutter.state.started]

    def track(self, name: str, kind: str) -> TrackWriter:
        """Return the writer of a track, the same one each time; nothing is journaled before its first frame."""
        writer = self._writers.get(name)
        if writer is None:
            writer = self._writers[name] = TrackWriter(name, kind)
            self._cutters[name] = Cutter(
                name,
                kind,
                key=self._key,
                spool=self._spool,
                offset_ms=self._offset_ms,
                state=self._resume.get(name),
                reason=self._reason,
            )
        return writer

    def cobrowse(self, kind: str, data: bytes | str, *, epoch: str = "", keyframe: bool = False) -> None:
        """Record one line of the co-browse track: `rrweb` (JSON array of sanitised events), `point` or `highlight`.

        `data` is JSON. `keyframe` says that an rrweb batch begins with a full snapshot, so that replay can begin there.
        """
        body = data.encode() if isinstance(data, str) else data
        at = self._now_ms()
        head = f'{{"at":{at},"kind":"{kind}","epoch":"{epoch}","keyframe":{str(keyframe).lower()},"data":'
        self.track(COBROWSE, COBROWSE).line(Line(at, head.encode() + body.replace(b"\n", b" ") + b"}", keyframe))

    def pause(self, reason: str) -> None:
        """Pause every track (hold)."""
        for writer in self._writers.values():
            writer.pause(reason, self._now_ms())

    def resume(self) -> None:
        """Go on with every track."""
        for writer in self._writers.values():
            writer.resume(self._now_ms())

    @property
    def owed(self) -> Sequence[OpenHole]:
        """What was lost on the way and may still be delivered, the oldest first."""
        return self._owed.holes

    async def end_live(self) -> None:
        """Take nothing more that comes in time; what is owed may still be filled. Idempotent."""
        self._stop.set()
        over = spawn(self._live_over.wait(), name="recorder's last cut")
        try:
            await asyncio.wait({over, self._writing}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await cancel(over)

    async def fill(self, hole: OpenHole, frames: Sequence[EncodedFrame], until_ms: int) -> bool:
        """Record what was delivered of a hole, up to `until_ms`; there is nothing more before that. False: too late.

        Times are seconds of the session, in order, and within the hole behind what was delivered of it before. At
        the hole's end it is closed: what is missing of it is a gap.
        """
        # What was cut is accounted for, whatever becomes of who delivers.
        filling = spawn(self._fill_in_turn(hole, frames, until_ms), name="late media")
        return await asyncio.shield(filling)

    async def give_up(self, hole: OpenHole) -> None:
        """Nothing more of this hole will come: it is a gap, but for what was delivered."""
        await self.fill(hole, (), hole.end_ms)

    async def _fill_in_turn(self, hole: OpenHole, frames: Sequence[EncodedFrame], until_ms: int) -> bool:
        async with self._filling:
            if hole.over or self._late_over.is_set():
                return False
            await self._fill(hole, frames, until_ms)
            return True

    async def _fill(self, hole: OpenHole, frames: Sequence[EncodedFrame], until_ms: int) -> None:
        filler = hole.filler = hole.filler or HoleFiller(hole, key=self._key, spool=self._spool)
        outcomes: list[ClosedSegment | GapDeclared] = []
        if frames:
            outcomes = await self._worker.run(filler.take, frames, self._now_ms())
        else:
            filler.miss()
        hole.filled_ms = max(hole.filled_ms, min(until_ms, hole.end_ms))
        if hole.filled_ms >= hole.end_ms:
            self._owed.remove(hole)
            outcomes = outcomes + await self._worker.run(filler.finish)
        for outcome in outcomes:
            self._afterwards.setdefault(hole.track, _Afterwards()).count(outcome)
            if isinstance(outcome, GapDeclared):
                self._say_gap(outcome)
            await self._put(outcome)

    async def finish(self) -> RecordingCompleted:
        """Seal everything, end the tasks, and return the completeness statement. What is owed is given up.

        However far sealing is behind, it is waited for. Raises `Unavailable` if it gets nowhere for half a minute, or
        what was to be journaled was refused: the statement would not be true, and `recover` has to seal what is in the
        spool.
        """
        await self.suspend()
        if self._unsealed or self._writing.cancelled() or self.failed:
            raise Unavailable("not everything is sealed")
        states = {name: cutter.state for name, cutter in self._cutters.items()}
        return RecordingCompleted([self._summary(name, state) for name, state in states.items() if state])

    def _summary(self, name: str, state: TrackState) -> TrackSummary:
        late = self._afterwards.get(name, _Afterwards())
        state = replace(
            state,
            first_ms=min(state.first_ms, late.first_ms),
            recorded_ms=state.recorded_ms + late.recorded_ms,
            gap_ms=state.gap_ms + late.gap_ms,
            segments=state.segments + late.segments,
        )
        for closed in self._damaged.get(name, []):
            lost = closed.end_ms - closed.start_ms - closed.lost_ms
            state = replace(
                state,
                recorded_ms=state.recorded_ms - lost,
                gap_ms=state.gap_ms + lost,
                segments=state.segments - 1,
            )
        return state.summary(name)

    async def suspend(self) -> None:
        """Seal everything received so far and end the tasks; a new recorder can go on. Idempotent."""
        if self._ended is not None:
            await asyncio.shield(self._ended)
            return
        loop = asyncio.get_running_loop()
        self._ended = loop.create_future()
        try:
            self._stop.set()
            self._late_over.set()
            await self._caught_up()
            if self._unsealed or not self._writing.done():
                # The segments are in the spool or stored; `recover` finds them.
                self._log.error("segments not sealed", waiting=self._unsealed)
        finally:
            await cancel(self._writing)
            await cancel(self._sealing)
            if _died(self._writing):
                for cutter in self._cutters.values():
                    cutter.drop()
                for hole in self._owed.holes:
                    if hole.filler is not None:
                        hole.filler.drop()
            self._ended.set_result(None)

    async def _caught_up(self) -> None:
        """Wait for both tasks as long as they make progress."""
        tasks = {self._writing, self._sealing}
        while tasks and not self.failed:
            done = self._done
            ended, tasks = await asyncio.wait(tasks, timeout=FINISH_S, return_when=asyncio.FIRST_COMPLETED)
            if not ended and done == self._done:
                return

    def _task_ended(self, _task: asyncio.Task[None]) -> None:
        if self.failed and self._ended is None and self._on_failure is not None:
            self._on_failure()

    def _now_ms(self) -> int:
        return round(self._monotonic() * 1000 + self._offset_ms)

    async def _write(self) -> None:
        ending = False
        while not ending:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(until_next(WRITE_EVERY_S, time.monotonic())):
                    await self._stop.wait()
            batches = {name: writer.take() for name, writer in self._writers.items()}
            ending = self._stop.is_set()
            outcomes = await self._worker.run(self._cut, batches, self._now_ms(), ending)
            # Both in one turn of the event loop: what an account counts as missing is among the gaps.
            self.unsealed_gaps += [outcome for _, outcome in outcomes if isinstance(outcome, GapDeclared)]
            self.accounts = self._written
            for name, outcome in outcomes:
                await self._handle(name, outcome)
            while not self._late_over.is_set() and (surplus := self._owed.surplus) is not None:
                await self.give_up(surplus)
        self._owed.close_all()
        self._live_over.set()
        self.on_owed()
        await self._late_over.wait()
        async with self._filling:
            for hole in list(self._owed.holes):
                await self._fill(hole, (), hole.end_ms)
        await self._closed.put(None)

    def _cut(self, batches: Mapping[str, list[Item]], now_ms: int, ending: bool) -> list[tuple[str, CutResult]]:
        outcomes: list[tuple[str, CutResult]] = []
        for name, items in batches.items():
            cutter = self._cutters[name]
            outcomes += [(name, outcome) for outcome in cutter.take(items, now_ms)]
            if ending:
                outcomes += [(name, outcome) for outcome in cutter.finish(now_ms)]
        accounts = {name: self._cutters[name].account(now_ms) for name in batches}
        self._written = {name: account for name, account in accounts.items() if account is not None}
        return outcomes

    async def _handle(self, name: str, outcome: CutResult) -> None:
        match outcome:
            case ClosedSegment() | GapDeclared():
                if isinstance(outcome, GapDeclared):
                    self._say_gap(outcome)
                closed = self._owed.close(name)
                await self._put(outcome)
                if closed:
                    self.on_owed()
            case Hole():
                length = outcome.end_ms - outcome.start_ms
                self._log.info("lost on the way", track=name, milliseconds=length, reason=outcome.reason)
                self._owed.add(outcome)
                await self._put(MediaAwaited(name, outcome.start_ms, outcome.end_ms, outcome.reason))
                self.on_owed()
            case WantKeyframe():
                request = self._writers[name].request_keyframe
                if request is not None:
                    request()
            case _:
                self._post(outcome)

    def _say_gap(self, gap: GapDeclared) -> None:
        self._log.info("gap", track=gap.track, milliseconds=gap.end_ms - gap.start_ms, reason=gap.reason)

    async def _put(self, outcome: ClosedSegment | GapDeclared | MediaAwaited) -> None:
        self._unsealed += 1
        await self._closed.put(outcome)
        self._done += 1

    async def _seal(self) -> None:
        ending = False
        while not ending:
            batch = [await self._closed.get()]
            while len(batch) < TOGETHER and not self._closed.empty():
                batch.append(self._closed.get_nowait())
            ending = batch[-1] is None
            outcomes = [outcome for outcome in batch if outcome is not None]
            if outcomes:
                await self._seal_all(outcomes)

    async def _seal_all(self, outcomes: list[ClosedSegment | GapDeclared | MediaAwaited]) -> None:
        """Store the segments and journal them with the gaps, in order."""
        segments = [closed for closed in outcomes if isinstance(closed, ClosedSegment)]
        reads = iter(await self._read(segments))
        events: list[Kept] = []
        in_spool: list[ClosedSegment] = []
        damaged: list[ClosedSegment] = []
        for outcome in outcomes:
            if isinstance(outcome, GapDeclared | MediaAwaited):
                events.append(outcome)
                continue
            read, name = next(reads), outcome.name
            if isinstance(read, Broken | OSError):
                self._log.error("segment lost", track=name.track, index=name.index, error=str(read))
                damaged.append(outcome)
                events.append(GapDeclared(name.track, outcome.start_ms, outcome.end_ms, "damaged"))
                continue
            done, stored = read
            if not stored:
                await self._store(name.blob, done.blob)
                self._done += 1
                in_spool.append(outcome)
            events.append(_sealed(outcome, done))
        if not await self._journal(events):
            return
        journaled = {id(outcome) for outcome in outcomes}
        self.unsealed_gaps = [gap for gap in self.unsealed_gaps if id(gap) not in journaled]
        for closed in damaged:
            self._damaged.setdefault(closed.name.track, []).append(closed)
        if in_spool:
            await asyncio.to_thread(_remove, in_spool)
        self._unsealed -= len(outcomes)
        self._done += 1

    async def _read(self, segments: list[ClosedSegment]) -> list[_Read]:
        """Read the segments back and complete them. A failed read is repeated."""
        reads = list(await self._worker.run(self._complete, segments)) if segments else []
        for pause in RETRY_S:
            again = [number for number, read in enumerate(reads) if isinstance(read, OSError)]
            if not again:
                break
            self._log.warning("segments not read yet", segments=len(again))
            await asyncio.sleep(pause)
            for number, read in zip(
                again, await self._worker.run(self._complete, [segments[n] for n in again]), strict=True
            ):
                reads[number] = read
        return reads

    def _complete(self, segments: list[ClosedSegment]) -> list[_Read]:
        """Read the segments back and complete them; whether each is stored already, or what is wrong with it."""
        reads: list[_Read] = []
        for closed in segments:
            try:
                # Bytes after it are of a write that failed half-way; they were never counted.
                done = complete(self._key, closed.name, closed.path.read_bytes()[: closed.size])
            except (Broken, OSError) as error:
                reads.append(error)
            else:
                reads.append((done, self._blobs.take_in(closed.name.blob, closed.path, done.blob, done.kept)))
            self._done += 1  # counts as progress: many of them on a slow disk take longer than `FINISH_S`
        return reads

    async def _journal(self, events: list[Kept]) -> bool:
        """Whether the events are in the journal, or will be."""
        if self._keep is None:
            for event in events:
                self._post(event)
            return True
        try:
            await self._keep(*events)
        except VisavisError as error:
            where = [(event.track, event.index) for event in events if isinstance(event, SegmentSealed)]
            self._log.error("not journaled", segments=where, events=len(events), error=error.message)
            return False
        return True

    async def _store(self, name: str, blob: bytes) -> None:
        """Store until it is stored; meanwhile the segment is safe in the spool."""
        attempt = 0
        while True:
            try:
                await self._blobs.put(name, blob)
                return
            except Unavailable as error:
                self._log.warning("segment not stored yet", blob=name, attempt=attempt, error=error.message)
                await asyncio.sleep(RETRY_S[min(attempt, len(RETRY_S) - 1)])
                attempt += 1


def _remove(segments: list[ClosedSegment]) -> None:
    for closed in segments:
        closed.path.unlink(missing_ok=True)


def _sealed(closed: ClosedSegment, done: Complete) -> SegmentSealed:
    return SegmentSealed(
        track=closed.name.track,
        index=closed.name.index,
        start_ms=closed.start_ms,
        end_ms=closed.end_ms,
        frames=closed.frames,
        size=len(done.blob),
        sha256=done.sha256,
        blob=closed.name.blob,
        keyframe=closed.keyframe,
        lost_ms=closed.lost_ms,
        digest=done.digest,
        arrived_ms=closed.arrived_ms,
    )


def _died(task: asyncio.Task[None]) -> bool:
    return task.done() and not task.cancelled() and task.exception() is not None
