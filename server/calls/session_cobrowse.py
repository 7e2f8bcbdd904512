"""Co-browsing inside one session: the kiosk page's recording to its viewers and the recorder, the pointer back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final, NamedTuple, Protocol

import msgspec
import structlog

from link.protocol.client import CobrowsePiece
from link.protocol.errors import VisavisError
from link.protocol.server import CobrowseBatch, CobrowseStale, HighlightNode, PointAt, ServerMessage
from link.rate_limit import Bucket
from server.recording.recorder import Recorder
from server.recording.segment import COBROWSE
from server.session.media_gate import MediaGate

log = structlog.get_logger()

UNITS: Final = 16000
MAX_BATCH: Final = 4 * 1024 * 1024
INLINE: Final = 1024
"""Larger batches are cleaned in a thread: a page can write what takes 3 microseconds for each byte."""
BYTES_PER_S: Final = 512 * 1024
BYTES_BURST: Final = 8 * 1024 * 1024
POINTS_PER_S: Final = 30.0
AGAIN_S: Final = 1.0
AGAIN_MOST_S: Final = 60.0
"""A page whose pictures are refused one after the other is asked for the next after a pause, each twice as long."""
CALM_S: Final = 120.0
"""After so long without a loss the next is the first again."""
CUSTOM: Final = 5
PICTURE: Final = [4, 2]
"""What a full picture is in rrweb's types of events: `Meta` and `FullSnapshot`."""
Sanitise = Callable[[bytes], bytes]
"""Checks and cleans a JSON array of rrweb events; raises VisavisError or ValueError for what cannot be shown."""


class _Data(msgspec.Struct):
    payload: dict[str, int] = {}


class _Event(msgspec.Struct):
    type: int
    data: _Data


_events: Final = msgspec.json.Decoder(list[_Event]).decode


class _Clean(NamedTuple):
    """A batch sanitised, whether it begins with a full picture, its parts, and what it says to leave out at most."""

    data: bytes
    picture: bool
    parts: list[str]
    left_out: dict[str, int]


class Timer(Protocol):
    """What can be called off."""

    def cancel(self) -> None: ...


def _later(pause_s: float, work: Callable[[], None]) -> Timer:
    return asyncio.get_running_loop().call_later(pause_s, work)


class Record(Protocol):
    """Keeps one line of the co-browse track."""

    def __call__(self, kind: str, data: bytes, *, epoch: str = "", keyframe: bool = False) -> None: ...


class SessionCobrowse:
    """Puts batches together, has them sanitised, hands them on. Batches of an epoch arrive in order or not at all."""

    def __init__(
        self,
        session: str,
        sanitise: Callable[[], Sanitise],
        tell_viewers: Callable[[ServerMessage], None],
        record: Record,
        take_snapshot: Callable[[], None],
        gap: Callable[[str], None],
        leave_out: Callable[[dict[str, int]], None],
        *,
        later: Callable[[float, Callable[[], None]], Timer] = _later,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """`sanitise` makes the cleaner of an epoch, which may remember its batches.

        `gap` is told when the record has a hole from now on until the next whole picture, and its reason. `leave_out`
        is told the most that the copy has left out so far, by code, when there is something new or twice as much of it.
        """
        self._session = session
        self._new_sanitise = sanitise
        self._sanitise = sanitise()
        self._tell_viewers = tell_viewers
        self._record = record
        self._take_snapshot = take_snapshot
        self._gap = gap
        self._leave_out = leave_out
        self._later = later
        self._now = now
        self._again: Timer | None = None
        self._failures = 0
        self._failed_at = 0.0
        self._left_out: dict[str, int] = {}
        self._shared = False
        self._epoch = ""
        self._lost = ""
        self._batch = 0
        self._parts: list[str] = []
        self._size = 0
        self._bytes = Bucket(BYTES_PER_S, BYTES_BURST)
        self._points = Bucket(POINTS_PER_S, POINTS_PER_S)
        self._snapshots = Bucket(1.0, 2.0)

    def obey(self, gate: MediaGate) -> None:
        """Pass on what comes, or drop it, as this gate has it. What was dropped is made up for by a new picture."""
        self._shared = gate.screen
        if not gate.screen:
            self._end()

    def follow(self, recorder: Recorder) -> None:
        """A recorder begins: it needs a whole picture, now and whenever it asks for one."""
        recorder.track(COBROWSE, COBROWSE).request_keyframe = self._request_picture
        self.refresh()

    def _request_picture(self) -> None:
        self.refresh()

    def interrupt(self, reason: str) -> None:
        """What comes next may not continue what came so far: a gap of the record for this reason."""
        if self._epoch:
            self._gap(reason)

    async def accept(self, piece: CobrowsePiece) -> None:
        """Take the kiosk's next piece. A hole, nonsense or too much costs the epoch: a snapshot starts a new one."""
        if not self._shared:
            return
        if piece.epoch != self._epoch and piece.batch == 0 and piece.part == 0:
            self._call_off()
            self._reset(piece.epoch)
        if (piece.epoch, piece.batch, piece.part) != (self._epoch, self._batch, len(self._parts)):
            self._lose(piece.epoch, "loss")
            return
        self._size += len(piece.data)
        if self._size > MAX_BATCH or not self._bytes.take(len(piece.data)):
            self._lose(piece.epoch, "overload")
            return
        self._parts.append(piece.data)
        if len(self._parts) < piece.parts:
            return
        text, epoch, batch = "".join(self._parts), self._epoch, self._batch
        self._parts, self._size, self._batch = [], 0, self._batch + 1
        try:
            clean = await self._clean(text)
        except (VisavisError, UnicodeEncodeError, ValueError):
            self._lose(epoch, "refused")
            return
        # Held or ended while the batch was checked.
        if self._shared:
            self._record("rrweb", clean.data, epoch=epoch, keyframe=batch == 0 or clean.picture)
            for part, data in enumerate(clean.parts):
                self._tell_viewers(CobrowseBatch(self._session, epoch, batch, part, len(clean.parts), data))
            self._note(clean.left_out)

    def refresh(self, *, failed: bool = False) -> bool:
        """Ask the kiosk's page for the whole picture, at most once a second; whether it was asked.

        When what came has `failed` to be drawn, whoever replays it will see no more: a gap of the record until then.
        """
        if not self._shared or not self._snapshots.take():
            return False
        if failed:
            self.interrupt("refused")
        self._take_snapshot()
        return True

    def point(self, x: float | None, y: float | None) -> PointAt | None:
        """The specialist's pointer, kept for the record; None while nothing is shared, and over 30 a second."""
        if not self._shared or not self._points.take():
            return None
        self._record("point", msgspec.json.encode({"x": x, "y": y}))
        return PointAt(self._session, x, y)

    def highlight(self, node: int | None) -> HighlightNode | None:
        """The specialist's outline, kept for the record; None while nothing is shared, and over 30 a second."""
        if not self._shared or not self._points.take():
            return None
        self._record("highlight", msgspec.json.encode({"node": node}))
        return HighlightNode(self._session, node)

    async def _clean(self, text: str) -> _Clean:
        """Sanitise a batch, off the event loop when that takes long."""
        if len(text) <= INLINE:
            return _look_through(self._sanitise, text)
        return await asyncio.to_thread(_look_through, self._sanitise, text)

    def _note(self, left_out: dict[str, int]) -> None:
        """Say what the copy leaves out, so seldom that the number of times is bounded by the size of the counts."""
        known = self._left_out
        if any(count > 0 and count >= 2 * known.get(code, 0) for code, count in left_out.items()):
            self._left_out = {code: max(known.get(code, 0), left_out.get(code, 0)) for code in {**known, **left_out}}
            self._leave_out({code: count for code, count in self._left_out.items() if count})

    def _lose(self, epoch: str, reason: str) -> None:
        """Show no more of this epoch, declare the gap of the record, and ask for another, after ever longer pauses."""
        self.interrupt(reason)
        shown = bool(self._epoch)
        self._reset("")
        if epoch == self._lost:
            return
        self._lost = epoch
        if self._now() - self._failed_at > CALM_S:
            self._failures = 0
        self._failures += 1
        self._failed_at = self._now()
        log.info("co-browsing epoch lost", session=self._session, reason=reason, times=self._failures)
        if shown:
            self._tell_viewers(CobrowseStale(self._session))
        if self._failures > 1 or not self.refresh():
            self._ask_in(min(AGAIN_MOST_S, AGAIN_S * 2 ** (self._failures - 1)))

    def _ask_in(self, pause_s: float) -> None:
        self._call_off()
        self._again = self._later(pause_s, self._ask)

    def _ask(self) -> None:
        self._again = None
        if self._shared and not self._epoch and not self.refresh():
            self._ask_in(AGAIN_S)

    def _call_off(self) -> None:
        if self._again is not None:
            self._again.cancel()
            self._again = None

    def _end(self) -> None:
        self._call_off()
        self._reset("")
        self._lost = ""

    def _reset(self, epoch: str) -> None:
        self._epoch, self._batch, self._parts, self._size = epoch, 0, [], 0
        self._sanitise = self._new_sanitise()


def _look_through(sanitise: Sanitise, text: str) -> _Clean:
    clean = sanitise(text.encode())
    events = _events(clean)
    left_out: dict[str, int] = {}
    for event in events:
        if event.type == CUSTOM:
            left_out |= {code: max(count, left_out.get(code, 0)) for code, count in event.data.payload.items()}
    return _Clean(clean, [event.type for event in events[:2]] == PICTURE, _parts(clean.decode()), left_out)


def _parts(text: str) -> list[str]:
    """Pieces of no more than `UNITS` UTF-16 units; two for what is outside of the basic plane."""
    step = UNITS if text.isascii() or max(text) <= "\uffff" else UNITS // 2
    return [text[start : start + step] for start in range(0, len(text), step)] or [""]
