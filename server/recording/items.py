"""Inputs of a track's cutter, in order, and its results."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from link.protocol.values import MediaMark
from link.rtc.tracks.depacketizer import EncodedFrame, MediaGap
from server.recording.segment import SegmentName
from server.session.events import GapDeclared, TrackStarted


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the co-browse track, as JSON."""

    at_ms: int
    data: bytes
    keyframe: bool = False


@dataclass(frozen=True, slots=True)
class FromLeg:
    """What comes now comes by this leg, whose far end keeps what it sends; empty: by one that keeps nothing."""

    leg: str


@dataclass(frozen=True, slots=True)
class Pause:
    """Nothing more is recorded until `Resume`, for this reason. `owed`: it would be recorded if it came."""

    at_ms: int
    reason: str
    owed: bool = False


@dataclass(frozen=True, slots=True)
class Resume:
    """Recording goes on with what was captured from then on."""

    at_ms: int = 0


@dataclass(frozen=True, slots=True)
class Expect:
    """The track's source is there: media are expected from now on, and a hole until they come."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class VisibleUntil:
    """The last picture was there to be seen until then, in seconds on the clock that frames carry."""

    until: float


@dataclass(frozen=True, slots=True)
class Dropped:
    """Something was thrown away here, for this reason."""

    reason: str


@dataclass(frozen=True, slots=True)
class WantKeyframe:
    """The cutter can go on only with a keyframe."""


@dataclass(frozen=True, slots=True)
class Hole:
    """A span that was lost on the way to us, and that the far end may still have.

    It lies between the frames `after` and `before`, of which one at least is known; `follows`: everything from `after`
    on is missing. `numbers` are set aside for its segments, so that these have numbers in the order of time. `first`:
    the track begins with it.
    """

    track: str
    kind: str
    start_ms: int
    end_ms: int
    reason: str
    after: MediaMark | None
    before: MediaMark | None
    follows: bool
    numbers: range
    first: bool = False


@dataclass(frozen=True, slots=True)
class ClosedSegment:
    """A segment that is written and waits to be sealed. The first `size` bytes of its file are what was written.

    `arrived_ms` is when what it holds was delivered afterwards, 0 where it came in time.
    """

    name: SegmentName
    kind: str
    path: Path
    start_ms: int
    end_ms: int
    frames: int
    keyframe: bool
    lost_ms: int
    size: int = field(compare=False)  # differs with what was written together
    arrived_ms: int = 0


Item = EncodedFrame | MediaGap | Line | FromLeg | Pause | Resume | Expect | VisibleUntil | Dropped
CutResult = TrackStarted | GapDeclared | Hole | ClosedSegment | WantKeyframe
