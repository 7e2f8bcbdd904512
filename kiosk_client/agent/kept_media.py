"""What this kiosk sends in one session, kept until the server has all of it: a bounded ring on the disk, encrypted.

Frames are taken where they leave, on the event loop, and written by a thread twice a second. The file is one ring of a
fixed size: what is new takes the place of the oldest. It is encrypted with a key that is in this process's memory only
(AES-256-GCM, a nonce per piece that is never used twice), and it has no name: whatever becomes of this process, the
system frees it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
import time
from array import array
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, Any, Final, NamedTuple, TypeVar

import msgspec
import structlog
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from link.rtc.relay import FrameReader, Relay
from link.rtc.tracks.depacketizer import EncodedFrame
from link.rtc.tracks.forwarded_track import ForwardedTrack
from link.rtc.tracks.published_track import PublishedTrack
from link.tasks import spawn

log = structlog.get_logger()

T = TypeVar("T")

WRITE_EVERY_S: Final = 0.5
MAX_WAITING_BYTES: Final = 16 * 1024 * 1024
"""Frames that wait for the disk: half a minute of the largest picture. Beyond it they are not kept."""
FOLDER: Final = "kept"
_NONE: Final = -1


class KeptFrame(NamedTuple):
    """One frame: when it was captured (seconds, monotonic), and leg and RTP timestamp with which it left, or none.

    It is the `place`-th of its track in the `piece`-th piece of the ring. `first`: what was before it is not kept.
    """

    time_s: float
    leg: str
    stamp: int
    piece: int
    place: int
    first: bool = False


@dataclass(slots=True)
class _Piece:
    """One encrypted piece of the ring, and what is known of its frames without opening it."""

    number: int
    start: int
    size: int
    until_s: float
    times: dict[str, array[float]] = field(default_factory=dict)
    stamps: dict[str, array[int]] = field(default_factory=dict)


@dataclass(slots=True)
class _Tap:
    published: PublishedTrack
    reader: FrameReader
    slot: ForwardedTrack | None = None
    leg: int = _NONE  # which of all legs


_Waiting = tuple[str, float, int, bytes]
"""Track, time, leg and stamp in one number, data."""


class KeptMedia:
    """Of one session. `close` deletes everything. Without a disk that can be written to, nothing is kept."""

    def __init__(
        self, folder: Path, *, most_bytes: int, most_s: float, now: Callable[[], float] = time.monotonic
    ) -> None:
        """`most_bytes` and `most_s` bound the ring: what is older goes, whichever is reached first."""
        self.active = False
        """Whether what leaves now is kept: never on hold."""
        self._folder, self._most_bytes, self._most_s, self._now = folder, most_bytes, most_s, now
        self._cipher = AESGCM(AESGCM.generate_key(256))
        self._relay = Relay()
        self._taps: dict[str, _Tap] = {}
        self._legs: list[str] = []
        self._waiting: list[_Waiting] = []
        self._waiting_bytes = 0
        self._pieces: deque[_Piece] = deque()
        self._count = 0
        self._end = 0  # where the next piece goes
        self._file: IO[bytes] | None = None
        self._failed = False
        self._turn = asyncio.Lock()
        self._writer: asyncio.Task[None] | None = None
        self._over = asyncio.Event()

    # --- what leaves --------------------------------------------------------------------------------------------------

    def follow(self, track: str, published: PublishedTrack, slot: ForwardedTrack | None, leg: str) -> None:
        """Keep what `published` brings for a track from now on; it leaves by this slot of a leg, if there is one."""
        if self._over.is_set():
            return
        tap = self._taps.get(track)
        if tap is None or tap.published is not published:
            if tap is not None:
                tap.reader.close()
            # A keyframe for its own sake would delay that for which the people in the call wait.
            reader = self._relay.tap(published, lambda frame: self._take(track, frame), lambda _: None, asks=False)
            tap = self._taps[track] = _Tap(published, reader)
        if leg and leg not in self._legs:
            self._legs.append(leg)
        tap.slot, tap.leg = (slot, self._legs.index(leg)) if slot is not None and leg else (None, _NONE)
        tap.reader.follow_others()
        if self._writer is None:
            self._writer = spawn(self._write_on(), name="kept media")

    def stop(self) -> None:
        """The call is over: nothing more leaves. What was kept stays."""
        self.active = False
        for tap in self._taps.values():
            tap.reader.close()
        self._taps.clear()

    def _take(self, track: str, frame: EncodedFrame) -> None:
        if not self.active or self._failed or self._waiting_bytes > MAX_WAITING_BYTES:
            return
        tap, mark = self._taps[track], _NONE
        if tap.slot is not None and (stamp := tap.slot.stamp(frame.rtp_time)) is not None:
            mark = tap.leg << 32 | stamp
        self._waiting.append((track, frame.time, mark, frame.data))
        self._waiting_bytes += len(frame.data)

    # --- the ring -----------------------------------------------------------------------------------------------------

    async def _write_on(self) -> None:
        while not (self._failed or self._over.is_set()):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(WRITE_EVERY_S):
                    await self._over.wait()
            await self.flush()

    async def flush(self) -> None:
        """Put everything that was taken onto the disk."""
        async with self._turn:
            waiting, self._waiting, self._waiting_bytes = self._waiting, [], 0
            if self._over.is_set() or self._failed:
                return
            try:
                await _in_thread(self._write, waiting, self._now())
            except OSError as error:
                self._failed = True
                log.warning("media is not kept", error=error.strerror)
                self._drop()

    def _write(self, waiting: Sequence[_Waiting], now: float) -> None:
        while self._pieces and self._pieces[0].until_s < now - self._most_s:
            self._pieces.popleft()
        if not waiting:
            return
        if self._file is None:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115 - closed by `close`
        piece = _Piece(self._count, 0, 0, now)
        frames: dict[str, list[bytes]] = {}
        for track, at, mark, data in waiting:
            frames.setdefault(track, []).append(data)
            piece.times.setdefault(track, array("d")).append(at)
            piece.stamps.setdefault(track, array("q")).append(mark)
        sealed = self._cipher.encrypt(_nonce(piece.number), msgspec.msgpack.encode(frames), None)
        self._count += 1
        piece.size = len(sealed)
        if piece.size > self._most_bytes:
            return
        piece.start = self._room(piece.size)
        view, place = memoryview(sealed), piece.start
        while view:
            written = os.pwrite(self._file.fileno(), view, place)
            view, place = view[written:], place + written
        self._pieces.append(piece)

    def _room(self, size: int) -> int:
        """Where a piece of this size goes; those that it takes the place of are gone."""
        start = self._end if self._end + size <= self._most_bytes else 0
        if start < self._end:  # around: what lies behind the end is the oldest
            while self._pieces and self._pieces[0].start >= self._end:
                self._pieces.popleft()
        while self._pieces and _overlap(self._pieces[0], start, size):
            self._pieces.popleft()
        self._end = start + size
        return start

    # --- what is asked for --------------------------------------------------------------------------------------------

    async def frames(
        self, track: str, after: tuple[str, int] | None, before: tuple[str, int] | None, span_s: float
    ) -> list[KeptFrame]:
        """The frames of a track, in order, from the one `after` which it begins (leg and stamp) to the one `before`.

        Where one of them is not known, `span_s` seconds and a little more from the other.
        """
        await self.flush()
        async with self._turn:
            return await _in_thread(self._listed, track, after, before, span_s)

    def _listed(
        self, track: str, after: tuple[str, int] | None, before: tuple[str, int] | None, span_s: float
    ) -> list[KeptFrame]:
        pieces = [piece for piece in self._pieces if track in piece.times]
        first, last = self._holding(pieces, track, after), self._holding(pieces, track, before)
        if first is None and last is None:
            return []
        span_s += 2 * WRITE_EVERY_S
        if first is None:
            assert last is not None
            begin = pieces[last].times[track][0] - span_s
            first = next(n for n, piece in enumerate(pieces) if piece.times[track][-1] >= begin)
        if last is None:
            end = pieces[first].times[track][-1] + span_s
            last = max(n for n, piece in enumerate(pieces) if piece.times[track][0] <= end)
        found: list[KeptFrame] = []
        for piece in pieces[first : last + 1]:
            stamps = piece.stamps[track]
            for place, at in enumerate(piece.times[track]):
                leg = "" if stamps[place] == _NONE else self._legs[stamps[place] >> 32]
                begins = first == 0 and not found
                found.append(KeptFrame(at, leg, stamps[place] & 0xFFFFFFFF, piece.number, place, begins))
        return found

    def _holding(self, pieces: Sequence[_Piece], track: str, mark: tuple[str, int] | None) -> int | None:
        """Which piece has the frame of this leg and stamp."""
        if mark is None or mark[0] not in self._legs:
            return None
        wanted = self._legs.index(mark[0]) << 32 | mark[1]
        return next((n for n, piece in enumerate(pieces) if wanted in piece.stamps[track]), None)

    async def read(self, track: str, wanted: Sequence[KeptFrame]) -> list[bytes | None]:
        """The data of these frames; None for one that is not kept any more."""
        async with self._turn:
            return await _in_thread(self._read, track, wanted)

    def _read(self, track: str, wanted: Sequence[KeptFrame]) -> list[bytes | None]:
        pieces = {piece.number: piece for piece in self._pieces}
        opened: tuple[int, list[bytes]] = (-1, [])
        found: list[bytes | None] = []
        for frame in wanted:
            piece = pieces.get(frame.piece)
            if piece is None or self._file is None:
                found.append(None)
                continue
            if opened[0] != piece.number:
                sealed = os.pread(self._file.fileno(), piece.size, piece.start)
                inside = msgspec.msgpack.decode(
                    self._cipher.decrypt(_nonce(piece.number), sealed, None), type=dict[str, list[bytes]]
                )
                opened = piece.number, inside.get(track, [])
            found.append(opened[1][frame.place])
        return found

    # --- the end ------------------------------------------------------------------------------------------------------

    async def close(self) -> None:
        """Delete everything that was kept. Idempotent."""
        self.stop()
        self._over.set()
        if self._writer is not None:
            await asyncio.wait([self._writer])
        async with self._turn:
            self._drop()

    def _drop(self) -> None:
        self._waiting.clear()
        self._pieces.clear()
        if self._file is not None:
            self._file.close()
            self._file = None


def _overlap(piece: _Piece, start: int, size: int) -> bool:
    return piece.start < start + size and start < piece.start + piece.size


async def _in_thread(function: Callable[..., T], *arguments: Any) -> T:
    """As `asyncio.to_thread`, but who is cancelled waits: the file must not be closed under a thread that uses it."""
    job = asyncio.get_running_loop().run_in_executor(None, partial(function, *arguments))
    try:
        return await asyncio.shield(job)
    except asyncio.CancelledError:
        await asyncio.wait([job])
        raise


def _nonce(number: int) -> bytes:
    return number.to_bytes(12, "big")
