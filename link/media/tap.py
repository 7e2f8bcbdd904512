"""A reader of one flow: whole frames in order, after repair. Sans-IO but for the clock that callers' requests need."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from link.media import opus
from link.media.flow import Flow, Packet
from link.media.frames import AudioAssembler, EncodedFrame, MediaGap, VideoAssembler
from link.media.vp8 import picture_size, starts_keyframe

_MAX_PENDING = 1024


class Tap:
    """A reader of one flow, made by `Relay.tap`.

    Packets wait until all before them came or were given up (4 s at most). A frame that cannot be made whole ends the
    stretch; video goes on with the next keyframe, and then the gap is reported, before the frame that ends it.
    """

    patient = True

    def __init__(
        self,
        flow: Flow,
        sink: Callable[[EncodedFrame], None],
        on_gap: Callable[[MediaGap], None],
        keyframe_interval: float,
        now: float,
    ) -> None:
        self._flow = flow
        self._sink = sink
        self._on_gap = on_gap
        self._interval = keyframe_interval
        self._assembler = VideoAssembler() if flow.kind == "video" else AudioAssembler()
        self._pending: dict[int, Packet | None] = {}  # None: given up
        self._next = -1
        self._after = flow.highest  # what comes late of before would never be continued
        self._last_time = float("-inf")
        self._end = float("-inf")  # of the last frame
        self._broken: str | None = None
        self._keyframe_at = now
        self._closed = False
        flow.add(self)
        flow.request_keyframe(now)

    def request_keyframe(self) -> None:
        """Ask the publisher for a keyframe soon (a segment wants to begin)."""
        if not self._closed:
            self._flow.request_keyframe(time.monotonic())

    def close(self) -> None:
        """Report a gap that is still open; no callback is called after this. Idempotent."""
        if self._closed:
            return
        self._closed = True
        self._flow.remove(self)
        self._pending.clear()
        if self._broken is not None:
            self._on_gap(MediaGap(self._end, max(self._end, time.monotonic()), self._broken))

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
        if self._flow.kind == "video" and not starts_keyframe(packet.payload):
            self._hold(packet.sequence, packet)
            return False
        self._next = packet.sequence
        for sequence in [sequence for sequence in self._pending if sequence < self._next]:
            del self._pending[sequence]
        return True

    def _hold(self, sequence: int, packet: Packet | None) -> None:
        pending = self._pending
        pending[sequence] = packet
        if len(pending) > _MAX_PENDING:
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
        self._lose(reason)

    def tick(self, now: float) -> None:
        if not self._flow.active(now):
            return
        if self._assembler.waiting or (self._interval and now - self._keyframe_at >= self._interval):
            self._flow.request_keyframe(now)

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
            self._flow.request_keyframe(packet.arrival)
            return
        if frame is not None:
            self._deliver(packet, *frame)

    def _deliver(self, packet: Packet, data: bytes, keyframe: bool) -> None:
        moment = max(self._last_time, self._flow.clock.time(packet.timestamp, packet.arrival))
        self._last_time = moment
        if self._broken is not None:
            self._on_gap(MediaGap(self._end, max(self._end, moment), self._broken))
            self._broken = None
        width = height = 0
        duration = 0.0
        if self._flow.kind == "audio":
            duration = opus.duration(data)
        elif keyframe:
            self._keyframe_at = packet.arrival
            width, height = picture_size(data)
        self._end = moment + duration
        self._sink(EncodedFrame(data, keyframe, moment, packet.timestamp, width, height, duration))

    def _lose(self, reason: str) -> None:
        self._assembler.lose()
        if self._end > float("-inf") and self._broken is None:
            self._broken = reason
