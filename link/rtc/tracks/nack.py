"""What is missing of one stream, and when to ask for it. Sans-IO.

A gap in the sequence numbers is not a loss yet: packets may be reordered. So the first request waits about as long as
reordered packets of this stream came late before. A request may be lost like anything else, and an answer takes a round
trip: on a long path the first request is sent twice, and once the answer is overdue it is sent four times in a round
trip, because browsers ignore a request that comes too soon after their last answer. That costs a few bytes and saves
whole round trips.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

NACK_AFTER_S: Final = 0.02
"""Before the first request, at least. docs/network.md (What is done about it)."""
NACK_AFTER_MOST_S: Final = 0.1
"""And at most. docs/network.md (What is done about it)."""
NACK_EVERY_S: Final = 0.05
"""Between two requests, or the round-trip time if that is longer. docs/media.md (Loss)."""
NACK_TWICE_S: Final = 0.02
"""Until the first request is repeated on a long path. docs/network.md (What is done about it)."""
LONG_PATH_S: Final = 0.06
"""A round trip from which a path is long. docs/network.md (What is done about it)."""
_REQUESTS_PER_TRIP_TIMES: Final = 4
"""How often an overdue packet is asked for in one round trip. docs/network.md (What is done about it)."""
_ANSWERED_RATIO: Final = 0.5
"""What comes sooner after a request than this share of a round trip was only late. chosen: half, as round trips
vary."""
_LATER_RATIO: Final = 0.25
"""The weight of a packet that comes later than others did. chosen: near the largest of the last ones, as it is worth
waiting for nearly all of them."""
_SOONER_RATIO: Final = 0.02
"""The weight of one that comes sooner. chosen: fifty packets."""


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
        again = now + max(NACK_AFTER_S, self.lateness)
        for sequence in sequences:
            self._missing[sequence] = _Missing(now, again)

    def came(self, sequence: int, now: float, rtt: float) -> bool:
        """A missing packet arrived; whether that is the answer to a request rather than a packet overtaken."""
        entry = self._missing.pop(sequence, None)
        if entry is None:
            return False
        if entry.asked and now - entry.asked_at >= _ANSWERED_RATIO * rtt:
            return True
        late = min(NACK_AFTER_MOST_S, now - entry.since)
        self.lateness += (late - self.lateness) * (_LATER_RATIO if late > self.lateness else _SOONER_RATIO)
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
        interval = max(NACK_EVERY_S, rtt)
        twice = rtt > LONG_PATH_S
        overdue = max(NACK_TWICE_S, interval / _REQUESTS_PER_TRIP_TIMES) if twice else interval
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
                    entry.again = now + (NACK_TWICE_S if twice else interval)
                else:
                    entry.again = max(entry.asked_at + interval, now + overdue)
                asked.append(sequence)
        return asked, old, too_late
