"""One track: cut into segments by the session's clock; every gap is declared with its reason.

`TrackWriter` is called on the event loop and only queues items. `Cutter` runs in a worker thread: it cuts, encrypts and
writes. Both see the same items in the same order.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from link.protocol.values import MediaMark
from link.rtc.tracks.depacketizer import EncodedFrame, MediaGap
from server.blobs.container import ContainerWriter
from server.blobs.vault import SessionKey
from server.recording.account import TrackAccount
from server.recording.items import (
    ClosedSegment,
    CutResult,
    Dropped,
    Expect,
    FromLeg,
    Hole,
    Item,
    Line,
    Pause,
    Resume,
    VisibleUntil,
    WantKeyframe,
)
from server.recording.segment import AUDIO, COBROWSE, CODECS, PICTURE_MS, SEGMENT_MS, VIDEO, SegmentName, pack_lines
from server.recording.webm import Block, clusters
from server.session.events import GapDeclared, TrackStarted, TrackSummary

MIN_GAP_MS = 100  # a shorter loss is counted in its segment instead of being a gap of its own
HOLE_MS = {AUDIO: 500, VIDEO: 1000}  # without media for longer, and without a reason, is a gap
DECLARE_MS = 5000  # how often the gap of a track that was expected and has never come is declared
SEAL_AFTER_MS = 500  # a segment is closed so long after its end when nothing follows it
STOOD_AFTER_MS = 3000  # and where its last picture stood, as its sender is heard of once a second at least
SNAP_MS = 10  # smaller differences between an Opus packet's time and its predecessor's end are clock noise,
SNAP_SHARE = (
    0.25  # where they are also less than this of the packet: one that is followed at twice its pace is not moved
)
LOST_ON_THE_WAY = frozenset(("loss", "overflow", "no_media", "disconnected"))
"""Reasons for which a far end that keeps what it sends may have what is missing here."""
LEAST_HOLE_MS = 15  # a shorter loss is none: packets of sound are 20 ms
NUMBER_EVERY_MS = 90  # numbers set aside in a hole: its segments end at gaps of 100 ms at least, or after two seconds


@dataclass(slots=True)
class TrackState:
    """How far a track has come; what a recorder needs to go on with it after a restart. Times in milliseconds.

    A `Cutter` changes its own for every frame.

    `started` is whether `TrackStarted` was said: an expected track that never delivers has only gaps.
    """

    kind: str
    first_ms: int
    edge_ms: int  # everything before is recorded or declared
    next_index: int = 0
    recorded_ms: int = 0
    gap_ms: int = 0
    segments: int = 0
    started: bool = True

    def summary(self, track: str) -> TrackSummary:
        """Return the completeness statement."""
        expected = self.edge_ms - self.first_ms
        return TrackSummary(track, self.kind, expected, self.recorded_ms, self.gap_ms, self.segments)


class TrackWriter:
    """The interface for a track's source. No method blocks; the queue behind it is bounded."""

    def __init__(self, name: str, kind: str) -> None:
        self.name = name
        self.kind = kind
        self.request_keyframe: Callable[[], None] | None = None
        self.items: list[Item] = []
        self.bytes = 0
        self.limit = 16 << 20
        self._overflowed = False

    def frame(self, frame: EncodedFrame) -> None:
        """Record one encoded frame."""
        self._keep(frame, len(frame.data))

    def gap(self, gap: MediaGap) -> None:
        """Say that media is missing before the next frame."""
        self._keep(gap, 0)

    def standing(self, until: float) -> None:
        """Say that the last frame's picture was there to be seen until then; nothing is missing since."""
        self._keep(VisibleUntil(until), 0)

    def source(self, leg: str) -> None:
        """Say by which leg frames come from now on; empty for one whose far end keeps nothing of what it sends."""
        self._keep(FromLeg(leg), 0)

    def pause(self, reason: str, at_ms: int, *, owed: bool = False) -> None:
        """Record nothing until `resume`, and declare why (`hold`, `muted`, `specialist_lost`).

        `owed`: what comes would be recorded, and is asked for where its sender keeps it.
        """
        self._keep(Pause(at_ms, reason, owed), 0)

    def interrupt(self, reason: str, at_ms: int) -> None:
        """Record nothing until the next keyframe, and declare why."""
        self.pause(reason, at_ms)
        self.resume()

    def expect(self, at_ms: int) -> None:
        """Count the track from here on at the latest: until something is received, it is a gap (`no_media`)."""
        self._keep(Expect(at_ms), 0)

    def resume(self, at_ms: int = 0) -> None:
        """Record again, and nothing of what was captured before `at_ms`, however late it comes."""
        self._keep(Resume(at_ms), 0)

    def line(self, line: Line) -> None:
        """Record one line of the co-browse track."""
        self._keep(line, len(line.data))

    def take(self) -> list[Item]:
        """Return what was kept since the last time."""
        items, self.items, self.bytes, self._overflowed = self.items, [], 0, False
        return items

    def _keep(self, item: Item, size: int) -> None:
        # The worker does not keep up (a stalled disk): memory is bounded, and the loss is declared.
        if self.bytes + size > self.limit or len(self.items) > 100_000:
            if not self._overflowed:
                self._overflowed = True
                self.items.append(Dropped("overload"))
            if isinstance(item, EncodedFrame | Line):
                return
        self.items.append(item)
        self.bytes += size


@dataclass(slots=True)
class _OpenSegment:
    name: SegmentName
    path: Path
    descriptor: int
    container: ContainerWriter
    start_ms: int
    boundary_ms: int
    good_bytes: int = 0
    good_edge_ms: int = 0
    good_frames: int = 0
    good_keyframe: bool = False
    frames: int = 0
    keyframe: bool = False
    stood: bool = False  # its last picture was seen for longer than pictures are
    blocks: list[Block] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)


class Cutter:
    """Cuts one track. Not thread-safe: one call at a time, from any thread; disk and crypto happen here."""

    def __init__(
        self,
        track: str,
        kind: str,
        *,
        key: SessionKey,
        spool: Path,
        offset_ms: float,
        state: TrackState | None = None,
        reason: str = "restart",
        follows: bool = False,
        hole_ms: int | None = None,
    ) -> None:
        """`offset_ms` added to a frame's time in milliseconds gives session time.

        `state` continues a track; what is missing until it goes on is a gap for this `reason`. `follows`: the next
        frame is the one behind the last of that state, and needs no keyframe before it. `hole_ms`: without media for
        longer, and without a reason, is a gap; as `HOLE_MS` has it if None.
        """
        self._hole_ms = HOLE_MS.get(kind, 1 << 40) if hole_ms is None else hole_ms
        self.track = track
        self.kind = kind
        self.state = replace(state) if state else None
        self._key = key
        self._spool = spool
        self._offset_ms = offset_ms
        self._from_ms = state.edge_ms if state else 0
        self._reason = reason if state else ""
        self._paused = False
        self._resumed_ms = 0
        self._needs_keyframe = kind != AUDIO and not follows
        self._next_audio_ms = -1
        self._last_ms = -1
        self._lost_ms = 0
        self._open: _OpenSegment | None = None
        self._out: list[CutResult] = []
        self._leg = ""
        self._owed = False  # what is missing for this reason would be recorded
        self._last = ("", 0, 0)  # the last frame recorded: leg, RTP timestamp, session time
        self._follows = False  # nothing but holes since then

    def take(self, items: list[Item], now_ms: int) -> list[CutResult]:
        """Take items in order, put everything on the disk, and return what came of it."""
        for item in items:
            if type(item) is not EncodedFrame:
                self._one(item)
            elif not self._paused:
                self._media(item)
        opened = self._open
        if opened and self.state and now_ms >= self._overdue_ms(opened, self.state):
            self._close(self.state.edge_ms if opened.stood else min(self.state.edge_ms, opened.boundary_ms))
        if self.state and not self.state.started and now_ms - self._from_ms >= DECLARE_MS:
            # Not only at the end: whoever watches the call sees it, and so does recovery.
            self._declare(now_ms, self._reason or "no_media")
        self._flush()
        out, self._out = self._out, []
        return out

    def account(self, now_ms: int) -> TrackAccount | None:
        """How much of the track is on the disk after the last `take`; None while nothing of it is expected."""
        state = self.state
        if state is None:
            return None
        reason = self._reason or ("no_media" if not state.started else "")
        # A page on which nothing happens is recorded as it is.
        quiet = self.kind == COBROWSE and state.started and not (reason or self._paused or self._needs_keyframe)
        until_ms = max(state.edge_ms, now_ms) if quiet else state.edge_ms
        recorded_ms = state.recorded_ms + max(0, until_ms - self._from_ms - self._lost_ms)
        return TrackAccount(self.kind, state.first_ms, until_ms, recorded_ms, state.gap_ms + self._lost_ms, reason)

    def _overdue_ms(self, opened: _OpenSegment, state: TrackState) -> int:
        """When a segment is closed that nothing follows; one whose picture stands lasts for as long as that does."""
        if opened.stood:
            return max(opened.boundary_ms, state.edge_ms) + STOOD_AFTER_MS
        return opened.boundary_ms + SEAL_AFTER_MS

    def finish(self, now_ms: int) -> list[CutResult]:
        """Close what is open and declare what is missing up to now."""
        if self.state:
            self._close(self.state.edge_ms)
            if now_ms - self._from_ms > self._tolerated():
                self._declare(now_ms, self._reason or "no_media")
            elif self.kind == COBROWSE:
                self._credit(now_ms)
            self.state.edge_ms = self._from_ms
        out, self._out = self._out, []
        return out

    def drop(self) -> None:
        """Abandon the open segment, as a crash would; `recover` finds it in the spool."""
        if self._open is not None:
            os.close(self._open.descriptor)
            self._open = None

    def _one(self, item: Item) -> None:
        match item:
            case Line():
                if not self._paused:
                    self._line(item)
            case MediaGap():
                self._reason = self._reason or item.reason
            case FromLeg():
                self._leg = item.leg
            case Pause():
                self._pause(item)
            case Expect():
                self._expect(item)
            case VisibleUntil():
                self._stand(round(item.until * 1000 + self._offset_ms))
            case Resume() if self._paused:
                self._paused = False
                self._resumed_ms = item.at_ms
                # When screen sharing goes on, a full picture is asked for anyway, to be shown.
                self._want_keyframe(ask=self.kind == VIDEO)
            case Resume():
                pass
            case Dropped():
                self._reason = self._reason or item.reason
                self._want_keyframe()

    def _stand(self, until_ms: int) -> None:
        """Count the time until then as recorded, with the last picture or with the next: few of them are no hole."""
        if self.state and self.state.started and not (self._paused or self._reason or self._needs_keyframe):
            self._advance(until_ms)
            if self._open:
                self._open.stood = True

    def _expect(self, expect: Expect) -> None:
        if self.state is None:
            self.state = TrackState(self.kind, expect.at_ms, expect.at_ms, started=False)
            self._from_ms = expect.at_ms
            self._reason = self._reason if self._paused else "no_media"

    def _pause(self, pause: Pause) -> None:
        if self.state:
            self._close(self.state.edge_ms)
            if self.kind == COBROWSE and not self._reason:
                self._credit(pause.at_ms)
            elif pause.at_ms - self.state.edge_ms > self._tolerated():
                self._declare(pause.at_ms, self._reason or "no_media")
        self._paused = True
        self._reason, self._owed = pause.reason, pause.owed

    def _media(self, frame: EncodedFrame) -> None:
        if self._needs_keyframe and not frame.keyframe:
            return
        if frame.time * 1000 + self._offset_ms < self._resumed_ms:
            return  # it waited for a repair
        if self.state and not self._begins_before(round(frame.time * 1000 + self._offset_ms)):
            return
        self._needs_keyframe = False
        at = self._time(frame)
        length = round(frame.duration * 1000) if self.kind == AUDIO else PICTURE_MS
        self._next_audio_ms = at + length
        self._start(at, frame.width, frame.height)
        self._roll(at)
        if self._needs_keyframe and not frame.keyframe:
            return  # the disk has just refused what came before
        self._needs_keyframe = False
        opened = self._segment(at, frame)
        if opened:
            opened.blocks.append(Block(at, frame.keyframe, frame.data))
            opened.frames += 1
            opened.keyframe = opened.keyframe or frame.keyframe
            self._last, self._follows = (self._leg, frame.rtp_time, at), True
            self._advance(at + length)

    def _begins_before(self, at: int) -> bool:
        """Whether a frame of this time may be kept; the track begins earlier for one that was captured earlier.

        What lies well inside a span that is declared missing is not kept: the account of that span is closed.
        """
        assert self.state
        at, state = max(0, at), self.state
        if at >= self._from_ms or self._open:
            return True
        if self._last_ms < 0 and not state.segments and not state.gap_ms:
            state.first_ms = state.edge_ms = self._from_ms = at
            return True
        return max(at, self._last_ms + 1) >= self._from_ms - MIN_GAP_MS

    def _line(self, line: Line) -> None:
        if self._needs_keyframe and not line.keyframe:
            return  # changes of a picture that is not recorded
        self._needs_keyframe = False
        at = max(line.at_ms, self._last_ms)
        self._last_ms = at
        self._start(at)
        self._roll(at)
        if self._needs_keyframe and not line.keyframe:
            return
        self._needs_keyframe = False
        opened = self._segment(at)
        if opened:
            opened.lines.append(line)
            opened.frames += 1
            opened.keyframe = opened.keyframe or line.keyframe
            self._advance(at + 1)

    def _time(self, frame: EncodedFrame) -> int:
        at = round(frame.time * 1000 + self._offset_ms)
        noise_ms = min(SNAP_MS, SNAP_SHARE * frame.duration * 1000)
        if self.kind == AUDIO and not self._reason and abs(at - self._next_audio_ms) <= noise_ms:
            at = self._next_audio_ms
        at = max(0, at, self._last_ms + 1)
        self._last_ms = at
        return at

    def _start(self, at: int, width: int = 0, height: int = 0) -> None:
        if self.state is None:
            self.state = TrackState(self.kind, at, at, started=False)
            self._from_ms = at
            self._reason = ""
        if not self.state.started:
            self.state.started = True
            self._out.append(TrackStarted(self.track, self.kind, CODECS[self.kind], width, height))

    def _roll(self, at: int) -> None:
        """Close the open segment if a frame at this time does not belong to it."""
        assert self.state
        gap = at - self.state.edge_ms > self._tolerated()
        if self._open and (gap or at >= self._open.boundary_ms):
            self._close(self.state.edge_ms if gap else self._open.boundary_ms)

    def _segment(self, at: int, frame: EncodedFrame | None = None) -> _OpenSegment | None:
        """Return the segment of a frame at this time, after accounting for the hole before it."""
        assert self.state
        hole = at - self.state.edge_ms
        if hole > self._tolerated():
            self._declare(at, self._reason or "no_media", _mark((self._leg, frame.rtp_time, at)) if frame else None)
        elif hole > 0 and self._reason:
            self._lost_ms += hole
        self._reason = ""
        if self._open is None:
            self._begin(at)
        return self._open

    def _tolerated(self) -> int:
        if not self._reason:
            return self._hole_ms
        lost = self._reason in ("loss", "overflow") or (self._reason == "disconnected" and self._owed)
        return LEAST_HOLE_MS if lost and self._leg else MIN_GAP_MS

    def _begin(self, at: int) -> None:
        assert self.state
        name = SegmentName(self._key.session, self.track, self.state.next_index)
        path = name.spool(self._spool)
        container = self._key.writer(name.container)
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        except OSError as error:
            self._failed(error)
            return
        start = self._from_ms
        boundary = (max(at, start) // SEGMENT_MS + 1) * SEGMENT_MS
        self._open = _OpenSegment(name, path, descriptor, container, start, boundary, good_edge_ms=start)
        self.state.next_index = name.index + 1

    def _flush(self) -> bool:
        """Write what the open segment holds in memory. False, with the loss noted, when the disk refuses."""
        opened = self._open
        if opened is None or not (opened.blocks or opened.lines):
            return True
        assert self.state
        data = clusters(opened.blocks) if opened.blocks else pack_lines(line.data for line in opened.lines)
        out = opened.container.chunk(data)
        out = opened.container.header + out if not opened.good_bytes else out
        opened.blocks, opened.lines = [], []
        try:
            _write_all(opened.descriptor, out)
        except OSError as error:
            self._abandon(opened, error)
            return False
        opened.good_bytes += len(out)
        opened.good_edge_ms = self.state.edge_ms
        opened.good_frames, opened.good_keyframe = opened.frames, opened.keyframe
        return True

    def _abandon(self, opened: _OpenSegment, error: OSError) -> None:
        """Keep of a segment what is on the disk already; the rest is a gap."""
        assert self.state
        self._open = None
        os.close(opened.descriptor)
        self.state.edge_ms = opened.good_edge_ms
        self._from_ms = opened.good_edge_ms
        # What was counted since the last write is not in the file, and must not be in the journal.
        opened.frames, opened.keyframe = opened.good_frames, opened.good_keyframe
        if opened.good_bytes:
            self._emit(opened, opened.good_edge_ms)
        else:
            opened.path.unlink(missing_ok=True)
        self._failed(error)

    def _failed(self, error: OSError) -> None:
        self._reason = "disk_full" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "write_error"
        self._want_keyframe()

    def _close(self, end_ms: int) -> None:
        if self._open is None or not self._flush():
            return
        opened, self._open = self._open, None
        os.close(opened.descriptor)
        if not opened.frames:
            opened.path.unlink(missing_ok=True)
            return
        self._from_ms = max(end_ms, opened.start_ms)
        self._emit(opened, self._from_ms)

    def _emit(self, opened: _OpenSegment, end_ms: int) -> None:
        assert self.state
        lost, self._lost_ms = min(self._lost_ms, end_ms - opened.start_ms), 0
        state = self.state
        state.edge_ms = max(state.edge_ms, end_ms)
        state.recorded_ms += end_ms - opened.start_ms - lost
        state.gap_ms += lost
        state.segments += 1
        closed = ClosedSegment(
            *(opened.name, self.kind, opened.path, opened.start_ms, end_ms),
            *(opened.frames, opened.keyframe, lost, opened.good_bytes),
        )
        self._out.append(closed)

    def _declare(self, until_ms: int, reason: str, before: MediaMark | None = None) -> None:
        """Account for what is missing up to then: a gap, or a hole where the frame before or behind it is known."""
        assert self.state
        self._close(self.state.edge_ms)
        start = self._from_ms
        if until_ms <= start:
            return
        after = _mark(self._last)
        if (after or before) and reason in LOST_ON_THE_WAY and (reason != "disconnected" or self._owed):
            first = self.state.next_index
            self.state.next_index += (until_ms - start) // NUMBER_EVERY_MS + 3
            numbers = range(first, self.state.next_index)
            follows = self._follows and after is not None
            begins = start == self.state.first_ms and after is None
            hole = Hole(self.track, self.kind, start, until_ms, reason, after, before, follows, numbers, begins)
            self._out.append(hole)
        else:
            self._out.append(GapDeclared(self.track, start, until_ms, reason))
            self.state.gap_ms += until_ms - start
            self._follows = False
        self.state.edge_ms = until_ms
        self._from_ms = until_ms

    def _credit(self, until_ms: int) -> None:
        """Count the silence of a co-browse track as recorded: nothing happened on the page."""
        assert self.state
        if until_ms > self._from_ms:
            self.state.recorded_ms += until_ms - self._from_ms
            self.state.edge_ms = until_ms
            self._from_ms = until_ms

    def _advance(self, until_ms: int) -> None:
        assert self.state
        self.state.edge_ms = max(self.state.edge_ms, until_ms)

    def _want_keyframe(self, *, ask: bool = True) -> None:
        if self.kind != AUDIO:
            self._needs_keyframe = True
            if ask:
                self._out.append(WantKeyframe())


def _mark(frame: tuple[str, int, int]) -> MediaMark | None:
    """The mark of a frame, where its sender keeps what it sends."""
    leg, rtp_time, at_ms = frame
    return MediaMark(leg, rtp_time & 0xFFFFFFFF, at_ms) if leg else None


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
