"""A reader of one track: whole frames in order, after repair. Sans-IO but for the clock that callers' requests need."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from link.rtc.tracks.capture_clock import CaptureClock
from link.rtc.tracks.depacketizer import AudioAssembler, EncodedFrame, MediaGap, VideoAssembler
from link.rtc.tracks.published_track import Packet, PublishedTrack
from link.rtc.wire import opus
from link.rtc.wire.vp8 import picture_size, starts_keyframe

_MAX_PENDING_PACKETS: Final = 1024
"""Packets, and frames, that wait for what is missing before them. chosen: as many as a video's history holds."""
KEYFRAME_SHARE: Final = 0.1
"""Keyframes that a reader asks for cost a tenth of the track's bytes at most. docs/library.md (Seeking)."""
LEAST_INTERVAL_S: Final = 2.0
"""Between them at least. chosen: a recording's segment, which is fetched whole."""
_LEAST_STEP_S: Final = 0.004
"""Between two frames at least. docs/media.md (Clocks)."""
_USUAL_STEP_S: Final = 0.03
"""A step up to here may be halved to make up for lost time. chosen: a picture at 30 fps."""
STANDS_S: Final = 10.0
"""For so long one picture may be all there is to see. docs/media.md (Few pictures)."""
_FEW_S: Final = 0.5
"""From this between pictures on one is taken to stand until the next. chosen: below two a second nobody sees motion."""
_LATE_RATIO: Final = 2.5
"""A picture is overdue after so many times as long as between the last two. chosen: one of three was skipped."""


class _Waiting(NamedTuple):
    """A frame whose time is not known yet."""

    clock: CaptureClock
    packet: Packet
    data: bytes
    keyframe: bool


class FrameReader:
    """A reader of one track, made by `Relay.tap`.

    Packets wait until all before them came or were given up (4 s at most). A frame that cannot be made whole ends the
    stretch; video goes on with the next keyframe, and then the gap is reported, before the frame that ends it. Frames
    wait for up to half a second where it is not known at once when they were captured (`CaptureClock.doubts`).
    """

    patient = True

    def __init__(
        self,
        track: PublishedTrack,
        sink: Callable[[EncodedFrame], None],
        on_gap: Callable[[MediaGap], None],
        keyframe_interval: float,
        now: float,
        on_standing: Callable[[float], None] | None = None,
        *,
        asks: bool = True,
    ) -> None:
        self._asks = asks
        self._track = track
        self._sink = sink
        self._on_gap = on_gap
        self._interval = self._longest_interval = keyframe_interval
        self._bytes = 0  # of the frames since the last keyframe
        self._assembler = VideoAssembler() if track.kind == "video" else AudioAssembler()
        self._pending: dict[int, Packet | None] = {}  # None: given up
        self._next = -1
        self._after = track.highest  # what comes late of before would never be continued
        self._waiting: deque[_Waiting | str] = deque()  # or why what follows does not continue what is before
        self._on_standing = on_standing if track.kind == "video" else None
        self._last: _Waiting | None = None
        self._last_media = self._last_shift = 0.0  # of the last frame on its own clock
        self._between = 0.0  # seconds between the last two
        self._last_time = float("-inf")
        self._end = float("-inf")  # of the last frame
        self._broken: str | None = None
        self._keyframe_at = now
        self._closed = False
        track.add(self)
        if asks:
            track.request_keyframe(now)

    def request_keyframe(self) -> None:
        """Ask the publisher for a keyframe soon (a segment wants to begin)."""
        if not self._closed:
            self._track.request_keyframe(time.monotonic())

    def follow_others(self) -> None:
        """Read each packet after whoever subscribes to the track now has had it."""
        if not self._closed:
            self._track.remove(self)
            self._track.add(self)

    def flush(self) -> None:
        """Hand on at once what waits for its exact time."""
        self._release_all()

    def close(self) -> None:
        """Report a gap that is still open; no callback is called after this. Idempotent."""
        if self._closed:
            return
        self._closed = True
        self._track.remove(self)
        self._pending.clear()
        self.flush()
        now = time.monotonic()
        self._stand(now)
        if self._broken is not None:
            self._on_gap(MediaGap(self._end, max(self._end, now), self._broken))

    # --- as a subscriber ----------------------------------------------------------------------------------------------

    def packet(self, packet: Packet) -> None:
        sequence = packet.sequence
        if sequence != self._next:
            if self._next < 0:
                if not self._begin(packet):
                    return
            elif sequence > self._next:
                self._hold(sequence, packet)
                return
            else:
                return
        self._take(packet)
        if self._pending:
            self._advance()

    def packet_run(self, run: Sequence[Packet]) -> None:
        for packet in run:
            if packet.sequence == self._next and not self._pending:
                self._take(packet)
            else:
                self.packet(packet)

    def _begin(self, packet: Packet) -> bool:
        """Whether reading can start here. A video starts with the first packet of a keyframe, which may be late."""
        if packet.sequence <= self._after:
            return False
        if self._track.kind == "video" and not starts_keyframe(packet.payload):
            self._hold(packet.sequence, packet)
            return False
        self._next = packet.sequence
        for sequence in [sequence for sequence in self._pending if sequence < self._next]:
            del self._pending[sequence]
        return True

    def _hold(self, sequence: int, packet: Packet | None) -> None:
        pending = self._pending
        pending[sequence] = packet
        if len(pending) > _MAX_PENDING_PACKETS:
            if self._next < 0:
                del pending[next(iter(pending))]
            else:
                self.restarted("overflow")

    def gave_up(self, sequence: int) -> None:
        if sequence >= self._next:
            self._hold(sequence, None)
            self._advance()

    def restarted(self, reason: str) -> None:
        self._pending.clear()
        self._next = -1
        self._release_all()  # of what has ended nothing more will be known
        self._lose(reason)

    def tick(self, now: float) -> None:
        self._release(now)
        self._stand(now)
        if not self._asks or not self._track.active(now):
            return
        if self._assembler.waiting or (self._interval and now - self._keyframe_at >= self._interval):
            self._track.request_keyframe(now)

    def limit(self) -> int:
        return 0

    # --- frames out ---------------------------------------------------------------------------------------------------

    def _advance(self) -> None:
        pending = self._pending
        while self._next in pending:
            packet = pending.pop(self._next)
            if packet is None:
                self._next += 1
                self._lose("loss")
            else:
                self._take(packet)

    def _take(self, packet: Packet) -> None:
        self._next = packet.sequence + 1
        try:
            frame = self._assembler.feed(packet)
        except ValueError:
            self._lose("loss")
            if self._asks:
                self._track.request_keyframe(packet.arrival)
            return
        if frame is not None:
            self._deliver(packet, *frame)

    def _deliver(self, packet: Packet, data: bytes, keyframe: bool) -> None:
        clock = self._track.clock
        if self._waiting or (clock.in_doubt and clock.doubts(packet.arrival)):
            self._waiting.append(_Waiting(clock, packet, data, keyframe))
            if len(self._waiting) > _MAX_PENDING_PACKETS:
                self._release_all()
            self._release(packet.arrival)
        else:
            self._emit(_Waiting(clock, packet, data, keyframe))

    def _release(self, now: float) -> None:
        """Let go of frames whose time is known by now."""
        waiting = self._waiting
        while waiting:
            first = waiting[0]
            if isinstance(first, str):
                self._break(first)
            elif first.clock.doubts(now):
                return
            else:
                self._emit(first)
            waiting.popleft()

    def _release_all(self) -> None:
        for waiting in self._waiting:
            if isinstance(waiting, str):
                self._break(waiting)
            else:
                waiting.clock.settle()
                self._emit(waiting)
        self._waiting.clear()

    def _emit(self, ready: _Waiting) -> None:
        clock, packet, data, keyframe = ready
        moment = self._moment(ready)
        if self._on_standing is not None:
            self._stood(ready, moment)
        self._last, self._last_media, self._last_shift = ready, clock.media(packet.timestamp), clock.shift
        self._last_time = moment
        if self._broken is not None:
            self._on_gap(MediaGap(self._end, max(self._end, moment), self._broken))
            self._broken = None
        width = height = 0
        duration = 0.0
        if self._track.kind == "audio":
            duration = opus.duration(data)
        elif keyframe:
            self._space_keyframes(len(data), packet.arrival)
            width, height = picture_size(data)
        else:
            self._bytes += len(data)
        self._end = moment + duration
        self._sink(EncodedFrame(data, keyframe, moment, packet.timestamp, width, height, duration))

    def _space_keyframes(self, size: int, arrival: float) -> None:
        """A keyframe of `size` bytes came: ask for the next one as soon as they cost no more than their share."""
        seconds, self._keyframe_at = arrival - self._keyframe_at, arrival
        if seconds > 0.0 and self._longest_interval:
            affordable = size * seconds / (KEYFRAME_SHARE * self._bytes) if self._bytes else self._longest_interval
            self._interval = min(self._longest_interval, max(LEAST_INTERVAL_S, affordable))
        self._bytes = 0

    def _moment(self, ready: _Waiting) -> float:
        """When it was captured. Time never goes back, nor stands still: where too much was said to have passed, what
        follows comes at twice its pace until that is made up for.
        """
        moment = ready.clock.time(ready.packet.timestamp, ready.packet.arrival)
        last = self._last
        if last is None:
            return moment
        step = ready.clock.media(ready.packet.timestamp) - self._last_media if last.clock is ready.clock else 0.0
        least = max(min(_LEAST_STEP_S, step), 0.5 * min(step, _USUAL_STEP_S)) if step > 0.0 else _LEAST_STEP_S
        return max(moment, self._last_time + least)

    def _stood(self, ready: _Waiting, moment: float) -> None:
        """See whether the last picture stood until this one came: none was lost, and none failed to be made."""
        last, clock = self._last, ready.clock
        if last is None or self._broken is not None or last.clock is not clock:
            self._between = 0.0
            return
        self._between = hole = moment - self._last_time
        paused = clock.shift - self._last_shift
        if _FEW_S < hole <= STANDS_S and paused < hole / 2 and clock.alive(last.packet.arrival, ready.packet.arrival):
            assert self._on_standing is not None
            self._on_standing(moment)

    def _stand(self, now: float) -> None:
        """Where there are few pictures the last one stands, until the next is overdue."""
        last = self._last
        if self._on_standing is None or last is None or self._broken is not None or self._waiting:
            return
        hole = last.clock.heard(now) - last.packet.arrival
        few = self._between > _FEW_S and 0.0 < hole <= min(STANDS_S, _LATE_RATIO * self._between)
        if few and last.clock.alive(last.packet.arrival, now):
            self._on_standing(self._last_time + hole)

    def _lose(self, reason: str) -> None:
        self._assembler.lose()
        if self._waiting:
            self._waiting.append(reason)
        else:
            self._break(reason)

    def _break(self, reason: str) -> None:
        if self._end > float("-inf") and self._broken is None:
            self._broken = reason
