"""What round trips tell of a path: how long they take, and whether a queue stands on it. Sans-IO."""

from __future__ import annotations

from collections import deque

from link.media.clock import MinimumFilter

MUCH_DELAY = 0.15
STANDING = 0.12  # 0.1 is common on a leg whose ends share two busy cores
"""Seconds that each of some checks in a row takes longer than usual only where something waits before it."""
_SPAN = 0.8
_CHECKS = 3
_SAME = 0.002
_WEIGHT = 0.25


class RoundTrips:
    """Those of one leg; `value` is smoothed, in seconds, and 0.0 while unknown."""

    def __init__(self) -> None:
        self.value = 0.0
        self._fastest = MinimumFilter()
        self._answered: deque[tuple[float, float]] = deque(maxlen=_CHECKS)  # when it was asked, and how long it took
        self._asked: deque[float] = deque(maxlen=16)  # after the last one that was answered

    def asked(self, now: float) -> None:
        """A check of the path leaves."""
        self._asked.append(now)

    def add(self, rtt: float, now: float, *, check: bool = False) -> None:
        """One of `rtt` seconds was measured; by a `check` that left on its own account, not with a report.

        A report tells of the time at which the packet left that it answers, up to a second ago.
        """
        rtt = max(0.001, rtt)
        self._fastest.add(rtt, now)
        self.value = rtt if not self.value else self.value + _WEIGHT * (rtt - self.value)
        if check:
            self._answered.append((now - rtt, rtt))
            while self._asked and self._asked[0] <= now - rtt + _SAME:
                self._asked.popleft()

    def long(self) -> bool:
        """Whether they take much longer than they did."""
        return self.value > 1.5 * self._fastest.value + MUCH_DELAY

    def queue(self, now: float) -> bool:
        """Whether something waits on the path: the last checks took longer, or are overdue after one that did.

        A hiccup of a process delays one or two of those that leave every 100 ms, a queue all of them.
        """
        usual = 1.5 * self._fastest.value + STANDING
        answered = [rtt for at, rtt in self._answered if now - at < _SPAN]
        overdue = sum(1 for at in self._asked if usual < now - at < _SPAN)
        return bool(answered) and len(answered) + overdue >= _CHECKS and min(answered) > usual
