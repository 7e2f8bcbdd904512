"""What a session's kiosk is asked for afterwards: what of its media was lost on the way to the recorder.

One piece at a time, the oldest first: in the call while the kiosk's media arrives and its network is not bad, and for
some minutes after the call. A piece is asked for by a name that is made for it and good for one delivery, and only what
a recorder has found missing is ever asked for: that it was on hold, or before the consent, is another kind of missing.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Final

import structlog

from link.protocol.errors import BadMessage, NotFound
from link.protocol.late_media import unpack
from link.protocol.server import MediaComplete, MediaWanted, ServerMessage
from link.rtc.tracks.depacketizer import EncodedFrame
from link.rtc.wire import opus
from link.rtc.wire.vp8 import picture_size
from link.tasks import cancel, spawn
from server.recording.late import OpenHole
from server.recording.recorder import Recorder
from server.recording.segment import AUDIO

log = structlog.get_logger()

PIECE_MS: Final = 10_000
"""Asked for at once: four megabytes of the largest picture (docs/media.md), so memory and a repetition are bounded."""
AGAIN_S: Final = 5.0
"""A request that is not answered is said again: the kiosk may just have come back."""
ANSWER_S: Final = 60.0
"""In a call, after so long without an answer another hole has its turn."""
TRIES: Final = 3
"""So often in the call; what is not delivered then is asked for after it."""
LOOK_S: Final = 1.0


@dataclass(slots=True)
class Asked:
    """One piece that the kiosk is asked for."""

    wanted: str
    recorder: Recorder
    hole: OpenHole
    start_ms: int
    end_ms: int
    claimed: bool = False
    done: asyncio.Event = field(default_factory=asyncio.Event)

    async def take(self, body: bytes) -> None:
        """Record what was delivered; the piece is done with, whatever it was.

        Raises `BadMessage` for anything but frames of this track, in order and within the piece, and `NotFound` where
        the recording does not wait for it any more.
        """
        try:
            frames = await asyncio.to_thread(_frames, self.hole.kind, body, self.start_ms, self.end_ms)
        except ValueError as error:
            await self.recorder.fill(self.hole, (), self.end_ms)
            self.done.set()
            raise BadMessage(f"this is no delivery: {error}") from error
        taken = await self.recorder.fill(self.hole, frames, self.end_ms)
        self.done.set()
        if not taken:
            raise NotFound("it is not waited for any more")


def _frames(kind: str, body: bytes, start_ms: int, end_ms: int) -> list[EncodedFrame]:
    """Parse a delivery as live media is parsed. Raises `ValueError`."""
    return [_frame(kind, data, at_ms) for at_ms, data in unpack(body, start_ms=start_ms, end_ms=end_ms)]


def _frame(kind: str, data: bytes, at_ms: int) -> EncodedFrame:
    if kind == AUDIO:
        duration = opus.duration(data)
        if not duration:
            raise ValueError("no Opus packet")
        return EncodedFrame(data, True, at_ms / 1000, 0, duration=duration)
    keyframe = not data[0] & 1
    width, height = picture_size(data) if keyframe else (0, 0)
    if keyframe and not (width and height):
        raise ValueError("no VP8 keyframe")
    return EncodedFrame(data, keyframe, at_ms / 1000, 0, width, height)


class LateMedia:
    """Owned by a session's recording. All methods are called on the event loop."""

    def __init__(
        self, session: str, tell: Callable[[ServerMessage], None], may_ask: Callable[[], bool], *, within_s: float
    ) -> None:
        """`tell` reaches the session's kiosk, if that is connected. `may_ask`: whether its network has room just now.

        `within_s`: how long after the call is waited for what is still missing; 0: nothing is ever asked for.
        """
        self.kept = False
        """Whether a leg's far end has said that it keeps what it sends."""
        self.within_s = within_s
        self._session = session
        self._tell = tell
        self._may_ask = may_ask
        self._recorder: Recorder | None = None
        self._asked: Asked | None = None
        self._ended = self._stopped = False
        self._change = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def follow(self, recorder: Recorder | None) -> None:
        """From now on holes are those of this recorder."""
        self._recorder, self._asked = recorder, None
        if recorder is not None:
            recorder.on_owed = self._owed
        self._change.set()

    def _owed(self) -> None:
        self._change.set()
        if self._task is None and not self._stopped and self._recorder is not None and self._recorder.owed:
            self._task = spawn(self._run(), name=f"late media {self._session}")

    @contextlib.asynccontextmanager
    async def delivery(self, wanted: str) -> AsyncIterator[Asked]:
        """What is asked for by this name, for one who delivers it. Raises `NotFound` if nothing is, or another does."""
        asked = self._asked
        if asked is None or asked.claimed or asked.done.is_set() or asked.wanted != wanted:
            raise NotFound("this is not asked for")
        asked.claimed = True
        try:
            yield asked
        finally:
            asked.claimed = False

    async def settle(self) -> None:
        """The call is over: return when nothing is owed any more, after `within_s` seconds at the latest."""
        recorder = self._recorder
        self._ended = True
        if recorder is None or not recorder.owed:
            return
        for hole in recorder.owed:
            hole.tries = 0
        self._change.set()
        log.info("recording waits for media", session=self._session, holes=len(recorder.owed), seconds=self.within_s)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.within_s):
                while recorder.owed and not recorder.failed:
                    self._change.clear()
                    await self._change.wait()

    async def complete(self) -> None:
        """The recording is complete: whoever kept media may delete it."""
        await self.stop()
        if self.kept:
            self._tell(MediaComplete(self._session))

    async def stop(self) -> None:
        """Ask for nothing more, ever. Idempotent."""
        task, self._task = self._task, None
        self._asked, self._stopped = None, True
        await cancel(task)

    async def _run(self) -> None:
        while True:
            hole = self._next()
            if hole is None or self._recorder is None or not self._may_ask():
                await self._changed(LOOK_S if hole is not None else None)
                continue
            await self._fetch(self._recorder, hole)

    def _next(self) -> OpenHole | None:
        holes = () if self._recorder is None else self._recorder.owed
        return next((hole for hole in holes if hole.closed and hole.tries < TRIES), None)

    async def _changed(self, within_s: float | None) -> None:
        self._change.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._change.wait()

    async def _fetch(self, recorder: Recorder, hole: OpenHole) -> None:
        """Ask for the next piece of a hole until it was delivered, or for `ANSWER_S` in the call."""
        begins = hole.filled_ms == hole.start_ms
        start_ms = hole.start_ms - hole.lead_ms if begins else hole.filled_ms
        end_ms = min(hole.end_ms, hole.filled_ms + PIECE_MS)
        asked = self._asked = Asked(secrets.token_urlsafe(12), recorder, hole, start_ms, end_ms)
        message = MediaWanted(
            self._session,
            asked.wanted,
            hole.track.rpartition(".")[2],
            start_ms,
            end_ms,
            hole.after,
            hole.before,
            hole.follows and begins,
        )
        loop = asyncio.get_running_loop()
        begun = loop.time()
        try:
            while self._asked is asked and not asked.done.is_set():
                if not asked.claimed:
                    if not self._ended and loop.time() - begun >= ANSWER_S:
                        hole.tries += 1
                        return
                    self._tell(message)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(AGAIN_S):
                        await asked.done.wait()
        finally:
            if self._asked is asked:
                self._asked = None
            self._change.set()
        if hole.over:
            log.info("media delivered late", session=self._session, track=hole.track, start_ms=hole.start_ms)
