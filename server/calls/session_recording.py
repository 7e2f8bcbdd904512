"""The recording of one session as its room sees it: begun, taken up again, completed, always one thing at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, Protocol

import structlog

from link.protocol.errors import NotFound, Unavailable, WrongState
from link.tasks import cancel, spawn
from server.calls.late_media import LateMedia
from server.calls.recorder_factory import RecorderFactory
from server.calls.session_clock import Clock
from server.recording.account import TrackAccount
from server.recording.recorder import Recorder
from server.recording.segment import COBROWSE
from server.session import events as e
from server.session.media_gate import MediaGate
from server.session.state import Recording, State

log = structlog.get_logger()

TRIES: Final = 5
TRY_S: Final = 10.0
RESTARTS: Final = 3
RETRY_S: Final = 0.5
RETRY_MOST_S: Final = 30.0


class Journaled(Protocol):
    """What a recording needs of its room: the state, and ways to let events happen."""

    session: str
    clock: Clock

    @property
    def state(self) -> State: ...

    async def submit(self, *events: e.Event) -> State: ...

    def post(self, *events: e.Event) -> None: ...


class SessionRecording:
    """Owns the recorder. `start` and `finish` return at once; what they lead to comes as events."""

    def __init__(
        self,
        room: Journaled,
        recordings: RecorderFactory,
        on_recorder: Callable[[Recorder | None], None],
        late: LateMedia | None = None,
    ) -> None:
        """`on_recorder` is told the recorder that takes everything from now on; None: there is none.

        `late` fetches what was lost on the way; without it nothing is waited for.
        """
        self._room = room
        self._late = late
        self._recordings = recordings
        self._on_recorder = on_recorder
        self._unrecorded = ""
        self._recorder: Recorder | None = None
        self._restarts = 0
        self._turn = asyncio.Lock()
        self._jobs: set[asyncio.Task[None]] = set()

    @property
    def accounts(self) -> Mapping[str, TrackAccount]:
        """How much of each track is written; of none while no recorder runs."""
        return self._recorder.accounts if self._recorder is not None else {}

    @property
    def unsealed_gaps(self) -> Sequence[e.GapDeclared]:
        """What they count as missing and the journal does not have yet."""
        return self._recorder.unsealed_gaps if self._recorder is not None else ()

    def obey(self, gate: MediaGate) -> None:
        """Record the shared screen, or say why not, as this gate has it; legs are their own tracks' business."""
        if gate.screen_unrecorded != self._unrecorded:
            self._unrecorded = gate.screen_unrecorded
            self._pause_screen()

    def _pause_screen(self) -> None:
        # The screen comes by the page's messages and not by a leg, but is held and paused with the rest.
        if self._recorder is None:
            return
        track, now_ms = self._recorder.track(COBROWSE, COBROWSE), self._room.clock.now_ms()
        if self._unrecorded:
            track.pause(self._unrecorded, now_ms)
        else:
            track.resume(now_ms)

    def cobrowse(self, kind: str, data: bytes, *, epoch: str = "", keyframe: bool = False) -> None:
        """Record one line of the co-browse track, if anything is recorded now."""
        if self._recorder is not None:
            self._recorder.cobrowse(kind, data, epoch=epoch, keyframe=keyframe)

    def interrupt(self, reason: str) -> None:
        """The co-browse track has a gap from now on until the next keyframe."""
        if self._recorder is not None:
            track, now_ms = self._recorder.track(COBROWSE, COBROWSE), self._room.clock.now_ms()
            track.expect(now_ms)  # where nothing of the page was ever fit to be shown, that is missing too
            track.interrupt(reason, now_ms)

    def start(self) -> None:
        """Begin, or go on after a restart. If that is impossible the session ends: an unrecorded call must not be.

        A recorder that fails is replaced, a few times; then the session ends.
        """
        self._job(self._start, "start")

    def finish(self) -> None:
        """Seal everything and post `RecordingCompleted`; tried until it works, for the spool keeps everything."""
        self._job(self._finish, "finish")

    async def stop(self) -> None:
        """Stop without completing: everything received is sealed and posted, and another recorder can go on."""
        for job in list(self._jobs):
            await cancel(job)
        if self._late is not None:
            await self._late.stop()
        recorder = self._recorder
        if recorder is not None:
            self._listen(None)
            await recorder.suspend()

    def _job(self, work: Callable[[], Awaitable[None]], what: str) -> None:
        job = spawn(self._in_turn(work), name=f"{what} recording {self._room.session}")
        self._jobs.add(job)
        job.add_done_callback(self._jobs.discard)

    async def _in_turn(self, work: Callable[[], Awaitable[None]]) -> None:
        async with self._turn:
            await work()

    async def _start(self) -> None:
        if self._recorder is not None:
            return
        for attempt in range(1, TRIES + 1):
            try:
                async with asyncio.timeout(TRY_S):
                    recorder = await (self._resume() if self._room.state.recording is Recording.ON else self._begin())
                break
            except (Unavailable, TimeoutError):
                if attempt < TRIES:
                    await asyncio.sleep(RETRY_S)
                    continue
                log.error("recording impossible", session=self._room.session)
            except (NotFound, WrongState) as error:
                if not self._room.state.open:
                    log.info("recording not begun", session=self._room.session, reason=error.message)
                    return
                log.exception("recording impossible", session=self._room.session)
            except Exception:
                log.exception("recording impossible", session=self._room.session)
            self._give_up()
            return
        self._listen(recorder)

    def _give_up(self) -> None:
        self._recordings.failed()
        self._room.post(e.Ended("system", "recording_failed"))

    def _listen(self, recorder: Recorder | None) -> None:
        self._recorder = recorder
        if recorder is not None and self._unrecorded:
            self._pause_screen()
        if self._late is not None:
            self._late.follow(recorder)
        self._on_recorder(recorder)

    async def _begin(self) -> Recorder:
        room = self._room
        recorder, started = await self._recordings.start(
            room.session, room.clock.now_ms, room.post, self._keep, self._on_failure
        )
        try:
            await room.submit(started)
        except BaseException:
            await recorder.suspend()
            raise
        return recorder

    async def _resume(self) -> Recorder | None:
        room = self._room
        if not room.state.open:
            return None
        await room.submit()  # what an earlier recorder posted is in the journal now
        reason = "write_error" if self._restarts else "restart"
        recovered = await self._recordings.recover(room.session, room.clock.now_ms(), reason)
        await room.submit(*recovered.events)
        return await self._recordings.resume(
            room.session, recovered, room.clock.now_ms, room.post, self._keep, self._on_failure
        )

    async def _keep(self, *events: e.SegmentSealed | e.GapDeclared | e.MediaAwaited) -> None:
        """Journal what was sealed and what is missing, however long the journal is away."""
        while True:
            try:
                await self._room.submit(*events)
                return
            except Unavailable:
                await asyncio.sleep(RETRY_S)

    def _on_failure(self) -> None:
        self._job(self._restart, "restart")

    async def _restart(self) -> None:
        """The recorder broke: what it wrote is recovered, the hole is declared, and another goes on."""
        broken = self._recorder
        if broken is None or not broken.failed or not self._room.state.open:
            return
        self._recordings.failed()
        self._listen(None)
        await broken.suspend()
        self._restarts += 1
        log.error("recorder failed", session=self._room.session, times=self._restarts)
        if self._restarts > RESTARTS:
            self._give_up()
            return
        await self._start()

    async def _finish(self) -> None:
        pause = RETRY_S
        while True:
            try:
                await self._complete()
                return
            except Exception:
                log.exception("recording not completed", session=self._room.session)
            await asyncio.sleep(pause)
            pause = min(pause * 2, RETRY_MOST_S)

    async def _complete(self) -> None:
        self._on_recorder(None)
        room = self._room
        if room.state.recording is not Recording.ON:
            return
        if self._recorder is not None:
            try:
                if self._late is not None:
                    # The call has ended for everybody; its statement waits for what is still to be delivered.
                    await self._recorder.end_live()
                    await self._late.settle()
                events: list[e.Event] = [await self._recorder.finish()]
            except Unavailable:
                self._recorder = None  # the next try recovers what it left in the spool
                raise
        else:
            await room.submit()  # what the recorder posted is in the journal now
            recovered = await self._recordings.recover(room.session, room.state.since_ms)
            events = [*recovered.events, recovered.completed()]
        await room.submit(*events)
        self._recorder = None
        if self._late is not None:
            await self._late.complete()
        await self._recordings.discard(room.session)
