"""What was lost on the way and is delivered afterwards: holes of the tracks, and their filling.

A recorder declares no gap where the far end keeps what it sends: the hole stays open until somebody has filled it or
given it up (`Owed`). What is delivered is cut, encrypted and sealed like what comes in time (`HoleFiller`), in segments
of its own: nothing that is sealed is ever changed. What is still missing then is a gap for the reason of its loss.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from link.protocol.values import MediaMark
from link.rtc.tracks.depacketizer import EncodedFrame, MediaGap
from server.blobs.vault import SessionKey
from server.recording.items import ClosedSegment, CutResult, Hole, Item
from server.recording.segment import AUDIO, VIDEO
from server.recording.track import HOLE_MS, MIN_GAP_MS, Cutter, TrackState
from server.session.events import GapDeclared

LEAD_MS = 2000
"""Before a track's first hole so much more is taken of a picture: what comes within the hole may build on that."""
FILLED_MS = {AUDIO: MIN_GAP_MS, VIDEO: HOLE_MS[VIDEO]}
"""In a filled hole, without anything for longer is a gap: all that was sent of it has come, and sound never pauses."""
MAX_HOLES = 1024
"""Holes of a recording that are open at a time; of more than that the oldest is given up."""


class HoleFiller:
    """Cuts what is delivered of one hole. One call at a time, from any thread; disk and crypto happen here."""

    def __init__(self, hole: OpenHole, *, key: SessionKey, spool: Path) -> None:
        self._hole, self._key, self._spool = hole, key, spool
        self._last: ClosedSegment | None = None  # waits for its end: nothing may follow it in the hole
        self._arrived_ms = 0
        self._missed = False
        self._cutter = self._begun_at(hole.start_ms)

    def _begun_at(self, start_ms: int) -> Cutter:
        hole = self._hole
        state = TrackState(hole.kind, start_ms, start_ms, next_index=hole.numbers.start)
        return Cutter(
            *(hole.track, hole.kind), key=self._key, spool=self._spool, offset_ms=0.0,
            state=state, reason="", follows=hole.follows, hole_ms=FILLED_MS[hole.kind],
        )  # fmt: skip

    def miss(self) -> None:
        """Of a piece of the hole nothing has come: what is not recorded there is not few pictures, but lost."""
        self._missed = True

    def take(self, frames: Sequence[EncodedFrame], arrived_ms: int) -> list[ClosedSegment | GapDeclared]:
        """Take frames in order, whose times are seconds of the session, within the hole and behind those before.

        A track may begin earlier than its first hole: with the last keyframe before that (`OpenHole.lead_ms`).
        """
        self._arrived_ms = arrived_ms
        settled = self._settled(self._cut(self._led(frames)))
        last = settled[-1] if settled else None
        if not isinstance(last, ClosedSegment):
            return settled
        self._last = last
        return settled[:-1]

    def _cut(self, items: list[Item]) -> list[CutResult]:
        if self._missed:
            items.insert(0, MediaGap(0.0, 0.0, "no_media"))
            self._missed = False
        return self._cutter.take(items, self._hole.start_ms)

    def _led(self, frames: Sequence[EncodedFrame]) -> list[Item]:
        """The frames from where the hole begins, which is with the last keyframe before it if there is one."""
        hole = self._hole
        early = [n for n, frame in enumerate(frames) if round(frame.time * 1000) < hole.start_ms]
        if not early:
            return list(frames)
        begin = next((n for n in reversed(early) if frames[n].keyframe and hole.kind == VIDEO), len(early))
        if begin < len(early) and hole.lead_ms:
            hole.start_ms = round(frames[begin].time * 1000)
            self._cutter = self._begun_at(hole.start_ms)
            return list(frames[begin:])
        return list(frames[len(early) :])

    def finish(self) -> list[ClosedSegment | GapDeclared]:
        """Nothing more comes: account for the hole up to its end."""
        hole = self._hole
        settled = self._settled([*self._cut([]), *self._cutter.finish(hole.end_ms)])
        state = self._cutter.state
        assert state is not None
        edge_ms = min(state.edge_ms, hole.end_ms)
        if edge_ms < hole.end_ms:
            last = settled[-1] if settled else None
            if isinstance(last, ClosedSegment) and hole.end_ms - edge_ms <= FILLED_MS[hole.kind]:
                settled[-1] = replace(last, end_ms=hole.end_ms)  # as in time: the next frame is not far behind
            else:
                settled += hole.gaps(edge_ms, hole.end_ms)
        return settled

    def drop(self) -> None:
        """Abandon the open segment, as a crash would; `recover` finds it in the spool."""
        self._cutter.drop()

    def _settled(self, outcomes: Iterable[CutResult]) -> list[ClosedSegment | GapDeclared]:
        hole, settled = self._hole, list[ClosedSegment | GapDeclared]()
        if self._last is not None:
            settled.append(self._last)
            self._last = None
        for outcome in outcomes:
            if isinstance(outcome, ClosedSegment):
                # The last frame may be seen or heard for longer than there is room.
                end_ms = min(outcome.end_ms, hole.end_ms)
                settled.append(replace(outcome, end_ms=end_ms, arrived_ms=self._arrived_ms))
            elif isinstance(outcome, GapDeclared):
                ours = outcome.reason == "no_media"
                settled += hole.gaps(outcome.start_ms, outcome.end_ms) if ours else [outcome]
        return settled


@dataclass(slots=True)
class OpenHole:
    """One stretch of a track that is missing, of one hole or several that follow each other."""

    track: str
    kind: str
    start_ms: int
    end_ms: int
    after: MediaMark | None
    before: MediaMark | None
    follows: bool
    numbers: range
    lost: list[GapDeclared]
    """The gaps that it would be, in order."""
    lead_ms: int = 0
    """So much before it may be delivered as well, and becomes part of the track if its picture needs it."""
    closed: bool = False
    """Something else of the track follows it."""
    filled_ms: int = 0
    """Up to here everything that there is has been delivered."""
    filler: HoleFiller | None = None
    tries: int = 0
    """How often it was asked for in vain."""
    over: bool = False
    """Filled, or given up."""

    def gaps(self, start_ms: int, end_ms: int) -> list[GapDeclared]:
        """Return the gaps of this span, each for the reason for which it was lost."""
        cut = ((gap, max(start_ms, gap.start_ms), min(end_ms, gap.end_ms)) for gap in self.lost)
        return [replace_span(gap, start, end) for gap, start, end in cut if start < end]


def replace_span(gap: GapDeclared, start_ms: int, end_ms: int) -> GapDeclared:
    """Return the gap with this span."""
    return GapDeclared(gap.track, start_ms, end_ms, gap.reason)


@dataclass(slots=True)
class Owed:
    """The open holes of a recording, in the order in which they were found. On the event loop.

    `begun_ms` is when the recording began: nothing of before is taken.
    """

    begun_ms: int = 0
    _holes: list[OpenHole] = field(default_factory=list)

    def add(self, hole: Hole) -> None:
        """Another hole; it is one with the last of its track where it follows that."""
        gap = GapDeclared(hole.track, hole.start_ms, hole.end_ms, hole.reason)
        last = self._last(hole.track)
        if last is not None and not last.closed and last.end_ms == hole.start_ms and last.filler is None:
            last.end_ms = hole.end_ms
            last.numbers = range(last.numbers.start, hole.numbers.stop)
            last.lost.append(gap)
            last.before = hole.before
        else:
            self.close(hole.track)
            last = OpenHole(
                *(hole.track, hole.kind, hole.start_ms, hole.end_ms, hole.after, hole.before, hole.follows),
                hole.numbers,
                [gap],
                lead_ms=min(LEAD_MS, max(0, hole.start_ms - self.begun_ms)) if hole.first and hole.kind == VIDEO else 0,
                filled_ms=hole.start_ms,
            )
            self._holes.append(last)
        last.closed = hole.before is not None

    def close(self, track: str) -> bool:
        """Something else of this track follows: its last hole does not grow any more. Whether it could until now."""
        last = self._last(track)
        if last is None or last.closed:
            return False
        last.closed = True
        return True

    def close_all(self) -> None:
        """The recording has ended: no hole grows any more."""
        for hole in self._holes:
            hole.closed = True

    def remove(self, hole: OpenHole) -> None:
        """It is filled, or given up."""
        hole.over = True
        self._holes = [other for other in self._holes if other is not hole]

    @property
    def holes(self) -> Sequence[OpenHole]:
        """All of them, the oldest first."""
        return self._holes

    @property
    def surplus(self) -> OpenHole | None:
        """The oldest hole where there are too many."""
        return self._holes[0] if len(self._holes) > MAX_HOLES else None

    def _last(self, track: str) -> OpenHole | None:
        return next((hole for hole in reversed(self._holes) if hole.track == track), None)
