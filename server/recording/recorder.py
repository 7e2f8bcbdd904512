"""Runs the recording of one session: two tasks, one that writes and one that seals.

Every 400 ms the writing task takes what the tracks were given and hands it to a worker thread, which cuts, encrypts and
writes it; so what was heard is on the disk, encrypted, within half a second. The sealing task stores finished segments
as blobs and has them journaled. A segment is always in the spool or stored: a local store takes the file itself; with
another one it leaves the spool once it is journaled.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from pathlib import Path

import structlog

from link.messages.errors import Unavailable, VisavisError
from link.tasks import cancel, spawn
from server.blobs.blobs import Blobs
from server.blobs.container import Broken
from server.blobs.vault import SessionKey
from server.recording.items import Closed, Item, Line, Outcome, WantKeyframe
from server.recording.segment import COBROWSE, Complete, complete
from server.recording.track import Cutter, TrackState, TrackWriter
from server.recording.worker import running_worker, until_next
from server.session.events import GapDeclared, RecordingCompleted, SegmentSealed, TrackStarted, TrackSummary

log = structlog.get_logger()

WRITE_EVERY_S = 0.4
TOGETHER = 8
"""Segments completed in one go: the tracks of a call end theirs at the same moments."""
UNSEALED = 4096  # finished segments (small; what they hold is on the disk) that may wait for blob store and journal
RETRY_S = (0.5, 1.0, 2.0, 4.0)
FINISH_S = 30.0  # how long `finish` waits for a blob store or a journal that does not answer

RecordingEvent = TrackStarted | SegmentSealed | GapDeclared


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
        keep: Callable[[SegmentSealed], Awaitable[None]] | None = None,
        on_failure: Callable[[], None] | None = None,
        resume: Mapping[str, TrackState] | None = None,
        reason: str = "restart",
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`now_ms` is the session's clock; `post` is called on the event loop; `resume` is what `recover` returned,
        and `reason` why there is a hole until something more is received.

        `keep` returns once a sealed segment is durably journaled, and raises `VisavisError` if that cannot be:
        `recover` then finds the segment. Without it the segments are posted like everything else.
        `on_failure` is called when a task of the recorder has died: it records no more, and after `suspend` another has
        to go on with what `recover` finds.
        `monotonic` is the clock, in seconds, that frames carry.
        """
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
        self._damaged: dict[str, list[Closed]] = {}
        self._closed: asyncio.Queue[Closed | None] = asyncio.Queue(UNSEALED)
        self._unsealed = 0
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

    async def finish(self) -> RecordingCompleted:
        """Seal everything, end the tasks, and return the completeness statement.

        Raises `Unavailable` if not everything could be sealed within half a minute: the statement would not be true,
        and `recover` has to seal what is in the spool.
        """
        await self.suspend()
        if self._unsealed or self._writing.cancelled() or self.failed:
            raise Unavailable("not everything is sealed")
        states = {name: cutter.state for name, cutter in self._cutters.items()}
        return RecordingCompleted([self._summary(name, state) for name, state in states.items() if state])

    def _summary(self, name: str, state: TrackState) -> TrackSummary:
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
            begin = loop.time()
            await asyncio.wait([self._writing], timeout=FINISH_S)
            if not self.failed:
                await asyncio.wait([self._sealing], timeout=max(0.0, begin + FINISH_S - loop.time()))
            if self._unsealed or not self._writing.done():
                # They are in the spool or stored; `recover` finds them.
                self._log.error("segments not sealed", waiting=self._unsealed)
        finally:
            await cancel(self._writing)
            await cancel(self._sealing)
            if _died(self._writing):
                for cutter in self._cutters.values():
                    cutter.drop()
            self._ended.set_result(None)

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
            for name, outcome in await self._worker.run(self._cut, batches, self._now_ms(), ending):
                await self._handle(name, outcome)
        await self._closed.put(None)

    def _cut(self, batches: Mapping[str, list[Item]], now_ms: int, ending: bool) -> list[tuple[str, Outcome]]:
        outcomes: list[tuple[str, Outcome]] = []
        for name, items in batches.items():
            cutter = self._cutters[name]
            outcomes += [(name, outcome) for outcome in cutter.take(items, now_ms)]
            if ending:
                outcomes += [(name, outcome) for outcome in cutter.finish(now_ms)]
        return outcomes

    async def _handle(self, name: str, outcome: Outcome) -> None:
        match outcome:
            case Closed():
                self._unsealed += 1
                await self._closed.put(outcome)
            case WantKeyframe():
                request = self._writers[name].request_keyframe
                if request is not None:
                    request()
            case _:
                if isinstance(outcome, GapDeclared):
                    length = outcome.end_ms - outcome.start_ms
                    self._log.info("gap", track=name, milliseconds=length, reason=outcome.reason)
                self._post(outcome)

    async def _seal(self) -> None:
        ending = False
        while not ending:
            batch = [await self._closed.get()]
            while len(batch) < TOGETHER and not self._closed.empty():
                batch.append(self._closed.get_nowait())
            ending = batch[-1] is None
            segments = [closed for closed in batch if closed is not None]
            for closed, outcome in zip(segments, await self._worker.run(self._complete, segments), strict=True):
                await self._seal_one(closed, outcome)

    def _complete(self, segments: list[Closed]) -> list[tuple[Complete, bool] | Broken | OSError]:
        """Read the segments back and complete them; whether each is stored already, or what is wrong with it."""
        outcomes: list[tuple[Complete, bool] | Broken | OSError] = []
        for closed in segments:
            try:
                done = complete(self._key, closed.name, closed.path.read_bytes())
            except (Broken, OSError) as error:
                outcomes.append(error)
            else:
                outcomes.append((done, self._blobs.take_in(closed.name.blob, closed.path, done.blob, done.kept)))
        return outcomes

    async def _seal_one(self, closed: Closed, outcome: tuple[Complete, bool] | Broken | OSError) -> None:
        name = closed.name
        where = {"track": name.track, "index": name.index}
        if isinstance(outcome, Broken | OSError):
            self._log.error("segment lost", **where, error=str(outcome))
            self._damaged.setdefault(name.track, []).append(closed)
            self._post(GapDeclared(name.track, closed.start_ms, closed.end_ms, "damaged"))
            self._unsealed -= 1
            return
        done, stored = outcome
        if not stored:
            await self._store(name.blob, done.blob)
        sealed = SegmentSealed(
            track=name.track,
            index=name.index,
            start_ms=closed.start_ms,
            end_ms=closed.end_ms,
            frames=closed.frames,
            size=len(done.blob),
            sha256=done.sha256,
            blob=name.blob,
            keyframe=closed.keyframe,
            lost_ms=closed.lost_ms,
            digest=done.digest,
        )
        if self._keep is None:
            self._post(sealed)
        else:
            try:
                await self._keep(sealed)
            except VisavisError as error:
                self._log.error("segment not journaled", **where, error=error.message)
                return
        if not stored:
            await asyncio.to_thread(closed.path.unlink, missing_ok=True)
        self._unsealed -= 1

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


def _died(task: asyncio.Task[None]) -> bool:
    return task.done() and not task.cancelled() and task.exception() is not None
