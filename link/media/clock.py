"""From RTP timestamps to moments on this process's monotonic clock, and back. Sans-IO.

A publisher's tracks share one `PeerClock`, so that what was captured together comes out with the same time. Until a
sender report ties a track to its peer's clock, arrival times serve; the change from one to the other is slewed.
"""

from __future__ import annotations

import time

NTP_UNIX = 2_208_988_800
_WALL_AT_START = time.time() - time.monotonic()
_MIN_WINDOW = 10.0  # seconds over which the fastest arrival is remembered (twice, alternating)
_OUTLIER = 0.1  # seconds
_SLEW = 0.02  # of elapsed time
_JUMP = 2.0  # a correction larger than this is made at once


def ntp_time(monotonic: float) -> int:
    """The 64-bit NTP timestamp of a monotonic time; it never jumps, whatever happens to the wall clock."""
    return int((monotonic + _WALL_AT_START + NTP_UNIX) * 4294967296.0)


class MinimumFilter:
    """The smallest value of the last 10 to 20 s."""

    __slots__ = ("_current", "_previous", "_until", "value")

    def __init__(self) -> None:
        self.value = float("inf")
        self._current = self._previous = float("inf")
        self._until = 0.0

    def add(self, value: float, now: float) -> None:
        if now >= self._until:
            self._previous = self._current if self._until else value
            self._current = value
            self._until = now + _MIN_WINDOW
            self.value = min(value, self._previous)
        elif value < self._current:
            self._current = value
            if value < self.value:
                self.value = value


class PeerClock:
    """The offset between one peer's NTP clock and our monotonic clock, by the fastest of its sender reports."""

    __slots__ = ("_offset",)

    def __init__(self) -> None:
        self._offset = MinimumFilter()

    def observe(self, ntp_seconds: float, now: float) -> None:
        """A sender report written at `ntp_seconds` of the peer's clock arrived at `now`."""
        if self._offset.value - (now - ntp_seconds) > _JUMP or (now - ntp_seconds) - self._offset.value > _JUMP:
            self._offset = MinimumFilter()
        self._offset.add(now - ntp_seconds, now)

    def monotonic(self, ntp_seconds: float) -> float:
        """Our monotonic time of a moment on the peer's clock, at the smallest transit time seen."""
        return ntp_seconds + self._offset.value


class TrackClock:
    """Capture times of one track. Timestamps are unwrapped; `rate` is in Hz."""

    __slots__ = ("_arrival", "_offset", "_outliers", "_peer", "_slewed", "_sr_offset", "rate")

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self._arrival = MinimumFilter()
        self._peer: PeerClock | None = None
        self._sr_offset: float | None = None  # peer's NTP seconds at RTP timestamp 0
        self._outliers = 0
        self._offset: float | None = None  # what is in use: monotonic seconds at RTP timestamp 0
        self._slewed = 0.0

    def observe(self, timestamp: int, now: float) -> None:
        """A packet stamped `timestamp` arrived at `now`, in order and not as a repair."""
        self._arrival.add(now - timestamp / self.rate, now)

    def report(self, timestamp: int, ntp: int, peer: PeerClock) -> None:
        """A sender report of this track ties `timestamp` to the 64-bit `ntp` time of `peer`, which has observed it."""
        offset = ntp / 4294967296.0 - timestamp / self.rate
        self._peer = peer
        if self._sr_offset is None:
            self._sr_offset = offset
        elif abs(offset - self._sr_offset) > _OUTLIER:
            self._outliers += 1
            if self._outliers < 3:
                return
            self._sr_offset = offset
        else:
            self._sr_offset += 0.25 * (offset - self._sr_offset)
        self._outliers = 0

    def _target(self) -> float:
        if self._peer is not None and self._sr_offset is not None:
            return self._peer.monotonic(self._sr_offset)
        return self._arrival.value

    def _current(self, now: float) -> float:
        target = self._target()
        offset = self._offset
        if offset is None or abs(target - offset) > _JUMP:
            offset = target
        else:
            step = max(0.0, now - self._slewed) * _SLEW
            offset += min(step, max(-step, target - offset))
        self._offset = offset
        self._slewed = now
        return offset

    def time(self, timestamp: int, now: float) -> float:
        """When what is stamped `timestamp` was captured; at least one packet has been observed."""
        return self._current(now) + timestamp / self.rate

    def timestamp(self, moment: float, now: float) -> int:
        """The RTP timestamp that belongs to the monotonic `moment`."""
        return round((moment - self._current(now)) * self.rate)
