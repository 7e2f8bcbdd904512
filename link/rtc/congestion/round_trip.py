"""What round trips tell of a path: how long they take, and whether a queue stands on it. Sans-IO.

A queue delays everything and lets nothing overtake. So what counts is the fastest of some round trips, and a path on
which answers overtake one another has to show much more of a delay, more often.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from link.rtc.congestion.minimum_filter import MinimumFilter

LONG_S: Final = 0.15
"""Round trips that exceed `_USUAL_RATIO` times the shortest by this are long. chosen: above `STANDING_S`, as reports
measure them less exactly than checks do."""
STANDING_S: Final = 0.12
"""Several checks in a row take this much longer than usual only in a queue. docs/media.md (A narrow path); 0.1 s are
common on a leg whose ends share two busy cores."""
_USUAL_RATIO: Final = 1.5
"""Round trips vary up to this many times the shortest. chosen: 250 ms that vary by 100 ms, the far network of
docs/network.md (What people see and hear), stay within it."""
_SPAN_S: Final = 0.8
"""Older checks say nothing about now. chosen: eight of those that leave every 100 ms."""
_PENDING_CHECKS: Final = 32
"""Unanswered checks that are remembered. chosen: as many as `consent.MAX_ASKED_CHECKS`."""
_QUEUE_CHECKS: Final = 3
"""Checks in a row that tell a queue. docs/media.md (A narrow path)."""
_VARYING_CHECKS: Final = 8
"""The same on a path where answers overtake one another. chosen: all that `_SPAN_S` holds."""
_VARYING_S: Final = 0.05
"""Overtaking from which a path counts as one of these. chosen: the interval of checks,
`rtcp_session._CHECK_EVERY_S`."""
_HALF_LIFE_S: Final = 4.0
"""In this time half of what is known about overtaking is forgotten. chosen: several spans of checks."""
_SAME_S: Final = 0.002
"""Checks that left within this left together. chosen: the resolution of a busy loop's turn."""
_LEAST_S: Final = 0.001
"""No round trip counts as shorter. chosen: on loopback the clock's resolution would decide."""
_SMOOTHING_RATIO: Final = 0.25
"""The weight of one sample. chosen: twice the alpha of RFC 6298 section 2, as there are few samples a second."""
_LATEST_TRIPS: Final = 4
"""Round trips that must all be long. chosen: the reports of two tracks over two seconds."""
_EASES_S: Final = 5.0
"""Round trips as long as before after less was sent for so long are the path's own. docs/media.md (Jitter is no
queue)."""
_NOT_EASED_RATIO: Final = 0.7
"""As long as before: more than this share. chosen: the share that cameras are asked for meanwhile."""


class RoundTrips:
    """Those of one leg; `value` is smoothed, in seconds, and 0.0 while unknown."""

    def __init__(self) -> None:
        self.value = 0.0
        self.measured = float("-inf")  # when the last one came
        self.elsewhere = 0.0  # seconds of them that are known to be spent in a queue on the way back
        self._fastest = MinimumFilter()
        self._latest: deque[float] = deque(maxlen=_LATEST_TRIPS)
        self._answered: deque[tuple[float, float]] = deque(maxlen=_VARYING_CHECKS)  # when asked, and how long it took
        self._asked: deque[float] = deque(maxlen=_PENDING_CHECKS)  # after the last one that was answered
        self._overtaken, self._overtaken_at = 0.0, 0.0
        self._full_since, self._longest = 0.0, 0.0  # while less is sent for a queue

    def asked(self, now: float) -> None:
        """A check of the path leaves."""
        self._asked.append(now)

    def add(self, rtt: float, now: float, *, check: bool = False) -> None:
        """One of `rtt` seconds was measured; by a `check` that left on its own account, not with a report.

        A report tells of the time at which the packet left that it answers, up to a second ago.
        """
        rtt = max(_LEAST_S, rtt)
        self._fastest.add(rtt, now)
        self._latest.append(rtt)
        self.measured = now
        self.value = rtt if not self.value else self.value + _SMOOTHING_RATIO * (rtt - self.value)
        if check:
            left = now - rtt
            # How long ago one came that had left later.
            behind = now - min((at + took for at, took in self._answered if at > left + _SAME_S), default=now)
            if behind >= self._remembered(now):
                self._overtaken, self._overtaken_at = behind, now
            self._answered.append((left, rtt))
            while self._asked and self._asked[0] <= left + _SAME_S:
                self._asked.popleft()

    def eased(self, full: bool, now: float) -> None:
        """Less is sent if `full`. If that does not shorten them for seconds, the path itself has become longer."""
        if not full:
            self._longest = 0.0
            return
        if not self._longest:
            self._full_since = now
        self._longest = max(self._longest, self.value)
        if now - self._full_since >= _EASES_S and self._latest:
            if self.value > _NOT_EASED_RATIO * self._longest:
                self._fastest = MinimumFilter()
                self._fastest.add(min(self._latest), now)
            self._longest = 0.0

    def _remembered(self, now: float) -> float:
        return self._overtaken * 0.5 ** ((now - self._overtaken_at) / _HALF_LIFE_S) if self._overtaken else 0.0

    def long(self, now: float) -> bool:
        """Whether they take much longer than they did, all of the last ones."""
        usual = _USUAL_RATIO * self._fastest.value + LONG_S
        if self.value <= usual:
            return False
        usual += self._remembered(now) + self.elsewhere
        return self.value > usual and min(self._latest) > usual

    def queue(self, now: float) -> bool:
        """Whether something waits on the path: the last checks took longer, or are overdue after one that did.

        A hiccup of a process delays one or two of those that leave every 100 ms, a queue all of them.
        """
        varies = self._remembered(now)
        needed = _QUEUE_CHECKS if varies < _VARYING_S else _VARYING_CHECKS
        usual = _USUAL_RATIO * self._fastest.value + STANDING_S + varies + self.elsewhere
        answered = [rtt for at, rtt in self._answered if now - at - rtt < _SPAN_S][-needed:]
        overdue = sum(1 for at in self._asked if now - at > usual)
        return bool(answered) and len(answered) + overdue >= needed and min(answered) > usual

    def overdue(self, now: float) -> bool:
        """Whether none of the last checks has come back in the time after which there is a queue.

        They stand in it: on a narrow path an answer takes longer than the queue needs to overflow. Loss, or a far end
        that stands still, would do the same; so this counts only together with another sign.
        """
        usual = _USUAL_RATIO * self._fastest.value + STANDING_S + self._remembered(now) + self.elsewhere
        return sum(1 for at in self._asked if usual < now - at < _SPAN_S) >= _QUEUE_CHECKS
