"""Whether packets are lost because too many are sent, or whatever is sent. Sans-IO.

A path with a queue shows by its delay that it is full. One without (a router that drops what is over a rate) shows it
only by loss, and a radio loses just as much of a thin stream as of a thick one. Who tells a sender of all loss makes it
starve on the radio: browsers halve and halve again. Who hides it drowns the router. So where much is lost the sender is
asked for less than what came, once, for some seconds. If that changes nothing the path loses by itself, and the sender
is let alone until it loses more. If the loss is gone it may have been excess, or have ended by itself: so there is more
room again at once, and only if the loss comes back on the way up the sender stays below what the path has carried.
"""

from __future__ import annotations

from collections import deque
from math import sqrt
from typing import Final

MUCH: Final = 0.15
"""The share that is repaired without a thought."""
FREE: Final = 1 << 40
LOWEST: Final = 200_000
"""Bit/s that nobody is asked to stay below: sound, and a picture now and then."""
_MORE: Final = 0.1  # than the usual share, or three times what chance explains
_WINDOW: Final = 2.0
_SETTLES: Final = 1.2
"""Seconds from when less is asked for until it shows, beyond a round trip."""
_CUT: Final = 0.85
_GONE: Final = 0.5  # of what was lost beyond the usual: if so little is left, it was excess
_HOLD: Final = 8.0
_HOLD_MOST: Final = 16.0
_GROWTH: Final = 1.08  # in a second: it takes two to be seen, and less than 30 % are to be lost then
_FAST_GROWTH: Final = 1.28  # up to about what has been carried, where it is not known to be excess
_AGAIN: Final = 1.1
_FREE_GROWTH: Final = 1.5  # and where it would have shown
_SHOWN: Final = 1.35  # times what has been carried: over that a quarter would be lost
_FEWEST: Final = 30
_CHANCE: Final = 0.5


class LossBasedEstimator:
    """The judgement of one direction of one path. `ceiling` is bit/s that may be sent, `FREE` while there is none.

    `usual` is the share that is lost whatever is sent, as far as that is known.
    """

    def __init__(self) -> None:
        self.ceiling = FREE
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
    def tried(self) -> bool:
        """Whether less is asked for at present to see what comes of it."""
        return self._trial_until is not None

    @property
    def _climbing(self) -> bool:
        """Whether there is more room again, to see whether the path carries it."""
        return self.ceiling != FREE and self._trial_until is None

    def observe(self, expected: int, received: int, carried: int, now: float, rtt: float = 0.0) -> None:
        """Once a second: packets sent and received so far, without repairs, and bit/s that come at present."""
        seen = self._seen
        if seen and (expected < seen[-1][1] or now - seen[-1][0] > 2 * _WINDOW):
            seen.clear()  # the streams began anew, or nothing was sent for a while
        seen.append((now, expected, received))
        while len(seen) > 2 and seen[1][0] <= now - _WINDOW:
            seen.popleft()
        at, expected_then, received_then = seen[0]
        packets = expected - expected_then
        share = max(0.0, 1.0 - (received - received_then) / packets) if packets >= _FEWEST else None
        if self._trial_until is not None:
            if now >= self._trial_until:
                self._decide(share, now)
            return
        long = now - at >= 0.75 * _WINDOW
        if self._climbing and (last := self._last_second()) is not None:
            share, long = last, True
        if share is not None and long and self._much(share, packets) and carried > LOWEST:
            self._back = self.ceiling != FREE
            self._before, self._carried = share, carried
            self.ceiling = max(LOWEST, int(_CUT * carried))
            self._trial_until = now + _SETTLES + rtt + _WINDOW
        else:
            self._grow(now)

    def _last_second(self) -> float | None:
        """The share lost in the last second, if that is no chance: while there is more room each second costs more."""
        if len(self._seen) < 2:
            return None
        before, present = self._seen[-2], self._seen[-1]
        packets = present[1] - before[1]
        if packets < _FEWEST:
            return None
        share = 1.0 - (present[2] - before[2]) / packets
        usual = max(MUCH, self.usual)
        return share if share > usual + _CHANCE * sqrt(usual * (1 - usual) / packets) else None

    def _much(self, share: float, packets: int) -> bool:
        """Whether so much is lost of so many packets that less may help."""
        if self.usual:
            self.usual += 0.1 * (share - self.usual)
        chance = 3 * sqrt(self.usual * (1 - self.usual) / packets)
        return share > max(MUCH, self.usual + max(_MORE, chance))

    def _decide(self, share: float | None, now: float) -> None:
        self._trial_until = None
        self._seen.clear()
        if share is not None and share - self.usual <= _GONE * (self._before - self.usual):
            self.usual = share  # what stays of it
            self._hold = min(_HOLD_MOST, 2 * self._hold or _HOLD) if self._back else 0.0
        else:
            self.usual = max(self.usual, 0.5 * (share + self._before) if share is not None else 0.0)
            if not self._hold:
                self.ceiling = FREE
                return
        self.ceiling = max(LOWEST, int(_CUT * self._carried))
        self._held_until = self._grown = now + self._hold

    def _grow(self, now: float) -> None:
        """After a while see whether there is more room again."""
        if self.ceiling == FREE or now < self._held_until:
            return
        elapsed = now - self._grown
        grown = self.ceiling * (_FREE_GROWTH if self.ceiling > _SHOWN * self._carried else _GROWTH) ** elapsed
        if not self._hold:
            grown = max(grown, min(_AGAIN * self._carried, self.ceiling * _FAST_GROWTH**elapsed))
        self.ceiling = int(grown)
        self._grown = now
        if self.ceiling > 2 * max(self._carried, LOWEST):
            self.ceiling = FREE
            self._hold = 0.0
