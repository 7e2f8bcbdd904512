"""Exponential backoff for login attempts: a few are free, then each failure doubles the wait."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from link.protocol.errors import RateLimited

KEYS = 20_000
"""Most keys that are remembered; the longest unused is forgotten."""
QUIET_S = 3600.0
"""A key that was not used for this long starts afresh."""


@dataclass(slots=True)
class _Count:
    attempts: int
    last: float
    blocked_until: float


class Attempts:
    """Attempts by key. Each one counts as failed until `forgive`, so that parallel attempts are counted as well."""

    def __init__(self, *, free: int = 5, longest_s: float = 900.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._free = free
        self._longest_s = longest_s
        self._clock = clock
        self._counts: OrderedDict[str, _Count] = OrderedDict()

    def check(self, key: str) -> None:
        """Say whether `begin` would take an attempt of `key`; nothing is counted.

        Raises:
            RateLimited: it has to wait. `retry_after` says how many seconds.
        """
        now = self._clock()
        blocked_until = self._count(key, now).blocked_until
        if now < blocked_until:
            raise RateLimited("too many attempts", retry_after=round(blocked_until - now, 1))

    def begin(self, key: str) -> None:
        """Count one attempt of `key`.

        Raises:
            RateLimited: it has to wait; nothing was counted. `retry_after` says how many seconds.
        """
        self.check(key)
        now = self._clock()
        count = self._count(key, now)
        count.attempts += 1
        count.last = now
        count.blocked_until = self._blocked_until(count)
        self._counts[key] = count
        self._counts.move_to_end(key)
        while len(self._counts) > KEYS:
            self._counts.popitem(last=False)

    def forgive(self, key: str) -> None:
        """Take one attempt of `key` back: the password was right, or was not checked at all.

        Earlier failures stay counted. Otherwise somebody with an account of their own could guess another's for ever,
        by logging in successfully in between.
        """
        count = self._counts.get(key)
        if count is None:
            return
        count.attempts -= 1
        if count.attempts <= 0:
            del self._counts[key]
            return
        count.blocked_until = self._blocked_until(count)

    def _blocked_until(self, count: _Count) -> float:
        over = count.attempts - self._free
        return 0.0 if over < 0 else count.last + min(2.0 ** min(over, 60), self._longest_s)

    def _count(self, key: str, now: float) -> _Count:
        count = self._counts.get(key)
        return _Count(0, now, 0.0) if count is None or now - count.last > QUIET_S else count
