"""Whether a queue stands on the path away from us: the one place where its signs are weighed. Sans-IO.

We send, and only the far end sees what arrives. A browser that is busy reports less capacity and longer round trips
than its path has, so no sign counts that could be the browser's own, unless another confirms it:

| sign | what it is | counts |
|---|---|---|
| long | all of the last round trips, by reports and by checks, take much longer than they did | by itself |
| standing | several checks in a row took longer, or are overdue after one that did | if the far end asks for less |
| swamped | no check comes back, and half of what is sent arrives | if nothing is lost and the far end is heard |
| inbound | the queue on the way to us, in which answers wait | is taken off every round trip |
| not eased | less was sent for seconds, and the round trips are as long as before | takes back `long` |
"""

from __future__ import annotations

from typing import Final, NamedTuple

from link.rtc.congestion.round_trip import RoundTrips

_HEARD_S: Final = 0.1
"""Who was heard within this is there. chosen: one tick."""
_WITHOUT_NACK_S: Final = 0.5
"""So long without a NACK, overdue checks are not lost but queued. chosen: ten times the pause between two NACKs of a
packet on a short path."""
_INBOUND_FADES_S: Final = 0.05
"""By so much a queue on the way to us is forgotten in each tick. chosen: half a tick's time, slower than it drains."""


class FarEnd(NamedTuple):
    """What the far end says of the path, and whether it can be believed."""

    asks_less: bool  # it can take less than it is sent, or just could
    gets_half: bool  # it can take little more than half
    loses: bool  # more is lost than the path loses whatever is sent
    heard: float  # when it was last heard


class QueueDetector:
    """One leg's. Round trips and checks go in, one answer comes out."""

    def __init__(self) -> None:
        self.trips = RoundTrips()
        self._nacked = float("-inf")

    def nacked(self, now: float) -> None:
        """The far end asks for packets again: it does not wait for them in a queue."""
        self._nacked = now

    def inbound(self, seconds: float) -> None:
        """Once a tick: so long is the queue on the way to us. An answer may have been in it a while ago."""
        self.trips.elsewhere = max(seconds, self.trips.elsewhere - _INBOUND_FADES_S)

    def shows(self, far_end: FarEnd, now: float) -> bool:
        """Whether checks tell a queue: soon, and only while the far end asks for less."""
        return far_end.asks_less and (self.trips.queue(now) or self._swamped(far_end, now))

    def stands(self, far_end: FarEnd, now: float) -> bool:
        """Whether a queue stands, by all signs. Once a tick at least: less is sent from then on while it does."""
        standing = self.trips.long(now) or self.shows(far_end, now)
        self.trips.eased(standing, now)
        return standing

    def _swamped(self, far_end: FarEnd, now: float) -> bool:
        """Whether the far end gets half of what it is sent, and we hear it while our checks do not come back.

        Not where packets are lost, for then checks are too.
        """
        if not far_end.gets_half or far_end.loses or now - far_end.heard >= _HEARD_S:
            return False
        return now - self._nacked >= _WITHOUT_NACK_S and self.trips.overdue(now)
