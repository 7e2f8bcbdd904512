"""What round trips tell of a path: how long they take, and whether a queue stands on it. Sans-IO.

A queue delays everything and lets nothing overtake. So what counts is the fastest of some round trips, and a path on
which answers overtake one another has to show much more of a delay, more often.
"""

from __future__ import annotations

from collections import deque

from link.rtc.congestion.minimum_filter import MinimumFilter

MUCH_DELAY = 0.15
STANDING = 0.12  # 0.1 is common on a leg whose ends share two busy cores
"""Seconds that each of some checks in a row takes longer than usual only where something waits before it."""
_SPAN = 0.8
_PENDING = 32
_CHECKS = 3
_CHECKS_IF_VARYING = 8
_VARYING = 0.05
_HALVES = 4.0
"""Seconds in which half of what is known about overtaking is forgotten."""
_SAME = 0.002
_WEIGHT = 0.25
_LATEST = 4
_EASES = 5.0
_NOT_EASED = 0.7


class RoundTrips:
    """Those of one leg; `value` is smoothed, in seconds, and 0.0 while unknown."""

    def __init__(self) -> None:
        self.value = 0.0
        self.measured = float("-inf")  # when the last one came
        self.elsewhere = 0.0  # seconds of them that are known to be spent in a queue on the way back
        self._fastest = MinimumFilter()
        self._latest: deque[float] = deque(maxlen=_LATEST)
        self._answered: deque[tuple[float, float]] = deque(
            maxlen=_CHECKS_IF_VARYING
        )  # when asked, and how long it took
        self._asked: deque[float] = deque(maxlen=_PENDING)  # after the last one that was answered
        self._overtaken, self._overtaken_at = 0.0, 0.0
        self._full_since, self._longest = 0.0, 0.0  # while less is sent for a queue

    def asked(self, now: float) -> None:
        """A check of the path leaves."""
        self._asked.append(now)

    def add(self, rtt: float, now: float, *, check: bool = False) -> None:
        """One of `rtt` seconds was measured; by a `check` that left on its own account, not with a report.

        A report tells of the time at which the packet left that it answers, up to a second ago.
        """
        rtt = max(0.001, rtt)
        self._fastest.add(rtt, now)
        self._latest.append(rtt)
        self.measured = now
        self.value = rtt if not self.value else self.value + _WEIGHT * (rtt - self.value)
        if check:
            left = now - rtt
            # How long ago one came that had left later.
            behind = now - min((at + took for at, took in self._answered if at > left + _SAME), default=now)
            if behind >= self._remembered(now):
                self._overtaken, self._overtaken_at = behind, now
            self._answered.append((left, rtt))
            while self._asked and self._asked[0] <= left + _SAME:
                self._asked.popleft()

    def eased(self, full: bool, now: float) -> None:
        """Less is sent if `full`. If that does not shorten them for seconds, the path itself has become longer."""
        if not full:
            self._longest = 0.0
            return
        if not self._longest:
            self._full_since = now
        self._longest = max(self._longest, self.value)
        if now - self._full_since >= _EASES and self._latest:
            if self.value > _NOT_EASED * self._longest:
                self._fastest = MinimumFilter()
                self._fastest.add(min(self._latest), now)
            self._longest = 0.0

    def _remembered(self, now: float) -> float:
        return self._overtaken * 0.5 ** ((now - self._overtaken_at) / _HALVES) if self._overtaken else 0.0

    def long(self, now: float) -> bool:
        """Whether they take much longer than they did, all of the last ones."""
        usual = 1.5 * self._fastest.value + MUCH_DELAY
        if self.value <= usual:
            return False
        usual += self._remembered(now) + self.elsewhere
        return self.value > usual and min(self._latest) > usual

    def queue(self, now: float) -> bool:
        """Whether something waits on the path: the last checks took longer, or are overdue after one that did.

        A hiccup of a process delays one or two of those that leave every 100 ms, a queue all of them.
        """
        varies = self._remembered(now)
        needed = _CHECKS if varies < _VARYING else _CHECKS_IF_VARYING
        usual = 1.5 * self._fastest.value + STANDING + varies + self.elsewhere
        answered = [rtt for at, rtt in self._answered if now - at - rtt < _SPAN][-needed:]
        overdue = sum(1 for at in self._asked if now - at > usual)
        return bool(answered) and len(answered) + overdue >= needed and min(answered) > usual

    def overdue(self, now: float) -> bool:
        """Whether none of the last checks has come back in the time after which there is a queue.

        They stand in it: on a narrow path an answer takes longer than the queue needs to overflow. Loss, or a far end
        that stands still, would do the same; so this counts only together with another sign.
        """
        usual = 1.5 * self._fastest.value + STANDING + self._remembered(now) + self.elsewhere
        return sum(1 for at in self._asked if usual < now - at < _SPAN) >= _CHECKS
