"""Pictures that wait here while a queue stands on the path, instead of in it. Sans-IO.

What is sent into a full path is delayed, and then dropped, by something that does not know a picture from a voice: the
sound waits as long as the pictures before it, and each picture that misses a packet stands until that has been asked
for and has gone through the same queue. So from when a queue is seen until it is gone, pictures leave at the rate that
the path is believed to carry. Sound is never held.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Final

from link.rtc.tracks.forwarded_track import ForwardedTrack

MAX_WAIT_S: Final = 2.0
"""Pictures wait at most this long: with more of them they leave faster. As libwebrtc's pacer
(kMaxExpectedQueueLength)."""
MAX_WAITING_BYTES: Final = 1 << 20
"""What waits at most, of a far end that floods us. chosen: 4 Mbit/s over `MAX_WAIT_S`."""
_BURST_S: Final = 0.04
"""What may leave at once, in seconds of the rate. chosen: two releases of the ticker (`ticker.HURRY_EVERY_S`)."""
_QUICKEN_PER_S: Final = 2.0
"""The rate is multiplied by this in each second once the queue is gone. chosen: a browser that gets little for some
seconds says that it can take little."""
_HEADERS_BYTES: Final = 70
"""Around each payload. chosen: 20 of IPv4, 8 of UDP, 20 of RTP, 16 of SRTP's tag, and a few for IPv6 or TURN."""
_STAMPED_BYTES: Final = 20
"""The header of a packet with abs-send-time, whose last three bytes that is. RFC 3550 section 5.1, RFC 8285 section
4.2."""


class Pacer:
    """That of one leg. `hurry` asks for `release` to be called every 20 ms for as long as it returns True."""

    def __init__(self, send: Callable[[bytes, bytes], None], hurry: Callable[[], None]) -> None:
        """What leaves goes to `send(header, payload)`."""
        self._send = send
        self.hurry = hurry
        self._slots: list[ForwardedTrack] = []
        self._again: frozenset[bytes] = frozenset()
        self._held: deque[tuple[bytes, bytes]] = deque()
        self._repairs: dict[bytes, tuple[bytes, bytes]] = {}  # sent first; by what they repair
        self._size = 0  # bytes that wait
        self._rate = 0
        self._quickened = 0.0
        self._left = self._at = 0.0  # bytes that may leave, and as of when

    @property
    def holding(self) -> bool:
        """Whether something is held back at present."""
        return self._rate > 0

    @property
    def waiting(self) -> float:
        """Seconds that what waits takes at the present rate."""
        return self._size * 8 / self._rate if self._rate else 0.0

    def hold(self, rate: int, slots: Iterable[ForwardedTrack], now: float) -> None:
        """From now on let the pictures of these slots leave at `rate` bit/s."""
        if not self._rate:
            self._slots = [slot for slot in slots if slot.kind == "video"]
            self._again = frozenset(slot.rtx.ssrc.to_bytes(4, "big") for slot in self._slots)
            self._left, self._at = 0.0, now
            for slot in self._slots:
                slot.detour(self._take)
            self.hurry()
        self._rate, self._quickened = rate, now

    def quicken(self, rate: int, now: float) -> None:
        """There is no queue any more: let what waits leave at `rate` at least, and faster and faster.

        A browser that receives little for some seconds reports little capacity.
        """
        elapsed = min(1.0, now - self._quickened)
        self._quickened = now
        self._rate = max(rate, int(self._rate * _QUICKEN_PER_S**elapsed))

    def let_go(self, now: float) -> None:
        """The path is free: send what waits, and hold nothing any more."""
        for slot in self._slots:
            slot.detour(None)
        self._slots = []
        while self._repairs or self._held:
            self._leave(now)
        self._rate = self._size = 0

    def release(self, now: float) -> bool:
        """Send the packets that the rate admits by now; whether to call again soon."""
        if not self._rate:
            return False
        rate = max(self._rate / 8, self._size / MAX_WAIT_S)
        self._left = min(self._left + (now - self._at) * rate, max(_BURST_S * rate, 1.0))
        self._at = now
        while self._left > 0 and (self._repairs or self._held):
            self._left -= self._leave(now)
        return True

    def _take(self, header: bytes, payload: bytes) -> None:
        ssrc = header[8:12]
        if ssrc not in self._again:
            self._held.append((header, payload))
        elif (repaired := ssrc + payload[:2]) not in self._repairs:  # the far end repeats its NACKs while it waits
            self._repairs[repaired] = header, payload
        else:
            return
        self._size += len(payload) + _HEADERS_BYTES
        while self._size > MAX_WAITING_BYTES:
            self._leave(self._at)

    def _leave(self, now: float) -> int:
        repairs = self._repairs
        header, payload = repairs.pop(next(iter(repairs))) if repairs else self._held.popleft()
        size = len(payload) + _HEADERS_BYTES
        self._size -= size
        if len(header) == _STAMPED_BYTES:  # the time for which it waited here is none of the path's
            header = header[:-3] + (int(now * 262144.0) & 0xFFFFFF).to_bytes(3, "big")
        self._send(header, payload)
        return size
