"""Whether packets are lost because too many are sent, or however many are sent. Sans-IO.

A path with a queue shows by its delay that it is full. One without (a router that drops what is over a rate) shows it
only by loss, and a radio link loses as large a share of a thin stream as of a thick one. Reporting all loss starves the
sender on the radio link: browsers halve their rate again and again. Hiding it overloads the router. So where much is
lost the sender is asked for less than what came, once, for some seconds. If that changes nothing the path loses by
itself, and the sender is let alone until it loses more. If the loss is gone it may have been excess, or have ended by
itself: so there is more room again at once, and only if the loss comes back on the way up the sender stays below what
the path has carried.
"""

from __future__ import annotations

from collections import deque
from math import sqrt
from typing import Final

from link.rtc.congestion.ramp import FAST_PER_S, FREE_PER_S, SLOW_PER_S

MUCH_SHARE: Final = 0.15
"""Loss up to this is repaired and takes no bandwidth away: docs/media.md (Much loss); draft-ietf-rmcat-gcc-02 section 6
comes down from 10 % on."""
FREE_BPS: Final = 1 << 40
"""The ceiling while there is none. chosen: above any path."""
LOWEST_BPS: Final = 200_000
"""Nobody is asked to stay below. chosen: sound, and a picture now and then."""
_MORE_SHARE: Final = 0.1
"""So much beyond the usual loss may be excess, or `_MORE_SIGMAS` if that is more. The 10 % of draft-ietf-rmcat-gcc-02
section 6."""
_MORE_SIGMAS: Final = 3.0
"""Standard deviations that chance explains. chosen: three, one second in 740."""
_WINDOW_S: Final = 2.0
"""The time over which loss is counted. chosen: two reports."""
_FILLED_SHARE: Final = 0.75
"""The share of the window that must have passed. chosen: reports come a little early or late."""
_SETTLES_S: Final = 1.2
"""From when less is asked for until it shows, beyond a round trip. chosen: one report, and two ticks."""
_CUT_RATIO: Final = 0.85
"""The share of what came that is asked for. The beta of draft-ietf-rmcat-gcc-02 section 5.6."""
_GONE_SHARE: Final = 0.5
"""If less of the loss beyond the usual is left, it was excess. chosen: half."""
_USUAL_WEIGHT_RATIO: Final = 0.1
"""The weight of one second in the usual loss. chosen: ten seconds, longer than a trial."""
_HOLD_S: Final = 8.0
"""For so long more is not tried again once the loss came back. chosen: longer than a trial and its way up."""
_HOLD_MOST_S: Final = 16.0
"""The longest of these. chosen: twice; a path that has become wide is not left unused for longer."""
_BACK_RATIO: Final = 1.1
"""The fast increase ends at this many times what has been carried. chosen: up to about there nothing can be lost."""
_SHOWN_RATIO: Final = 1.35
"""Above so many times what has been carried excess would have shown. chosen: a quarter would be lost."""
_FEWEST_PACKETS: Final = 30
"""Fewer tell nothing. chosen: at 15 % loss their standard deviation is 6.5 %."""
_CHANCE_SIGMAS: Final = 0.5
"""Standard deviations by which one second alone must exceed the usual while the ceiling rises. chosen: half; each
further second costs more packets than a needless step back."""


class LossBasedEstimator:
    """The judgement of one direction of one path. `ceiling` is bit/s that may be sent, `FREE_BPS` while there is none.

    `usual` is the share that is lost whatever is sent, as far as that is known.
    """

    def __init__(self) -> None:
        self.ceiling = FREE_BPS
        self.usual = 0.0
        self._seen: deque[tuple[float, int, int]] = deque()  # when, expected, received
        self._before = 0.0  # the share lost before less was asked for
        self._carried = 0  # bit/s that came then
        self._trial_until: float | None = None
        self._held_until = float("-inf")
        self._hold = 0.0  # seconds; 0 while it is not known whether it was excess
        self._back = False  # the loss came back while there was more room again
        self._grown = 0.0

    @property
    def _climbing(self) -> bool:
        """Whether the ceiling rises, to see whether the path carries more."""
        return self.ceiling != FREE_BPS and self._trial_until is None

    def observe(self, expected: int, received: int, carried: int, now: float, rtt: float = 0.0) -> None:
        """Once a second: packets sent and received so far, without repairs, and bit/s that come at present."""
        seen = self._seen
        if seen and (expected < seen[-1][1] or now - seen[-1][0] > 2 * _WINDOW_S):
            seen.clear()  # the streams began anew, or nothing was sent for a while
        seen.append((now, expected, received))
        while len(seen) > 2 and seen[1][0] <= now - _WINDOW_S:
            seen.popleft()
        at, expected_then, received_then = seen[0]
        packets = expected - expected_then
        share = max(0.0, 1.0 - (received - received_then) / packets) if packets >= _FEWEST_PACKETS else None
        if self._trial_until is not None:
            if now >= self._trial_until:
                self._decide(share, now)
            return
        long = now - at >= _FILLED_SHARE * _WINDOW_S
        if self._climbing and (last := self._last_second()) is not None:
            share, long = last, True
        if share is not None and long and self._much(share, packets) and carried > LOWEST_BPS:
            self._back = self.ceiling != FREE_BPS
            self._before, self._carried = share, carried
            self.ceiling = max(LOWEST_BPS, int(_CUT_RATIO * carried))
            self._trial_until = now + _SETTLES_S + rtt + _WINDOW_S
        else:
            self._grow(now)

    def _last_second(self) -> float | None:
        """The share lost in the last second, unless chance explains it: while the ceiling rises, waiting costs more."""
        if len(self._seen) < 2:
            return None
        before, present = self._seen[-2], self._seen[-1]
        packets = present[1] - before[1]
        if packets < _FEWEST_PACKETS:
            return None
        share = 1.0 - (present[2] - before[2]) / packets
        usual = max(MUCH_SHARE, self.usual)
        return share if share > usual + _CHANCE_SIGMAS * sqrt(usual * (1 - usual) / packets) else None

    def _much(self, share: float, packets: int) -> bool:
        """Whether the loss is high enough, for this number of packets, that sending less may help."""
        if self.usual:
            self.usual += _USUAL_WEIGHT_RATIO * (share - self.usual)
        chance = _MORE_SIGMAS * sqrt(self.usual * (1 - self.usual) / packets)
        return share > max(MUCH_SHARE, self.usual + max(_MORE_SHARE, chance))

    def _decide(self, share: float | None, now: float) -> None:
        self._trial_until = None
        self._seen.clear()
        if share is not None and share - self.usual <= _GONE_SHARE * (self._before - self.usual):
            self.usual = share  # what stays of it
            self._hold = min(_HOLD_MOST_S, 2 * self._hold or _HOLD_S) if self._back else 0.0
        else:
            self.usual = max(self.usual, 0.5 * (share + self._before) if share is not None else 0.0)
            if not self._hold:
                self.ceiling = FREE_BPS
                return
        self.ceiling = max(LOWEST_BPS, int(_CUT_RATIO * self._carried))
        self._held_until = self._grown = now + self._hold

    def _grow(self, now: float) -> None:
        """Raise the ceiling once it has been held long enough."""
        if self.ceiling == FREE_BPS or now < self._held_until:
            return
        elapsed = now - self._grown
        grown = self.ceiling * (FREE_PER_S if self.ceiling > _SHOWN_RATIO * self._carried else SLOW_PER_S) ** elapsed
        if not self._hold:
            grown = max(grown, min(_BACK_RATIO * self._carried, self.ceiling * FAST_PER_S**elapsed))
        self.ceiling = int(grown)
        self._grown = now
        if self.ceiling > 2 * max(self._carried, LOWEST_BPS):
            self.ceiling = FREE_BPS
            self._hold = 0.0
