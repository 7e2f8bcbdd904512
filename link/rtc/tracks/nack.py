"""What is missing of one stream, and when to ask for it. Sans-IO.

A gap in the numbers is not a loss yet: packets overtake one another. So the first request waits about as long as late
packets of this stream came late before. A request may be lost like anything else, and an answer takes a round trip: on
a long path the first request is said twice, and once the answer is overdue it is said four times in a round trip,
because browsers pass over what comes a moment too soon after their last answer. That costs a few bytes and saves whole
round trips.
"""

from __future__ import annotations

from collections.abc import Iterable

NACK_AFTER = 0.02
"""Seconds before the first request, at least."""
NACK_AFTER_MOST = 0.1
NACK_EVERY = 0.05  # or the round-trip time, if that is longer
NACK_TWICE = 0.02
"""Seconds until the first request is repeated on a path of more than `LONG_PATH` seconds there and back."""
LONG_PATH = 0.06


class _Missing:
    __slots__ = ("again", "asked", "asked_at", "since", "too_late")

    def __init__(self, since: float, again: float) -> None:
        self.since = since
        self.again = again
        self.asked = 0
        self.asked_at = 0.0  # for the first time
        self.too_late = False


class NackList:
    """The missing packets of one stream, by extended sequence number; the stream bounds how many."""

    __slots__ = ("_missing", "lateness")

    def __init__(self) -> None:
        self._missing: dict[int, _Missing] = {}
        self.lateness = 0.0
        """Seconds by which packets come late that were only overtaken."""

    def __len__(self) -> int:
        return len(self._missing)

    def __contains__(self, sequence: int) -> bool:
        return sequence in self._missing

    @property
    def oldest(self) -> int:
        return next(iter(self._missing))

    def miss(self, sequences: Iterable[int], now: float) -> None:
        """These were passed over by a packet that arrived at `now`."""
        again = now + max(NACK_AFTER, self.lateness)
        for sequence in sequences:
            self._missing[sequence] = _Missing(now, again)

    def came(self, sequence: int, now: float, rtt: float) -> bool:
        """A missing packet arrived; whether that is the answer to a request rather than a packet overtaken."""
        entry = self._missing.pop(sequence, None)
        if entry is None:
            return False
        if entry.asked and now - entry.asked_at >= 0.5 * rtt:
            return True
        late = min(NACK_AFTER_MOST, now - entry.since)
        # Near the largest of the last ones: to wait for nearly all of them is worth the wait.
        self.lateness += (late - self.lateness) * (0.25 if late > self.lateness else 0.02)
        return False

    def forget(self, sequence: int) -> None:
        del self._missing[sequence]

    def clear(self) -> None:
        self._missing.clear()

    def due(self, now: float, rtt: float, give_up: float, patience: float) -> tuple[list[int], list[int], bool]:
        """What to ask for now, what is missing for `patience`, and whether something became older than `give_up`."""
        asked: list[int] = []
        old: list[int] = []
        too_late = False
        interval = max(NACK_EVERY, rtt)
        twice = rtt > LONG_PATH
        overdue = max(NACK_TWICE, interval / 4) if twice else interval
        for sequence, entry in self._missing.items():
            age = now - entry.since
            if age >= give_up and not entry.too_late:
                entry.too_late = too_late = True
            if age >= patience:
                old.append(sequence)
            elif now >= entry.again:
                entry.asked += 1
                if entry.asked == 1:
                    entry.asked_at = now
                    entry.again = now + (NACK_TWICE if twice else interval)
                else:
                    entry.again = max(entry.asked_at + interval, now + overdue)
                asked.append(sequence)
        return asked, old, too_late
