"""Token buckets: how many requests or bytes a client may send."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from link.protocol.errors import RateLimited

KEYS: Final = 20_000
"""Most buckets that are kept; beyond it the least recently used one is dropped, which would be full by then."""


class Bucket:
    """Allows `rate` per second in the long run and `burst` at once."""

    def __init__(self, rate: float, burst: float, now: Callable[[], float] = time.monotonic) -> None:
        self.rate = rate
        self.burst = burst
        self._now = now
        self._level = burst
        self._at = now()

    def take(self, amount: float = 1.0) -> bool:
        """Whether `amount` is allowed now; if not, nothing is taken."""
        now = self._now()
        self._level = min(self.burst, self._level + (now - self._at) * self.rate)
        self._at = now
        if amount > self._level:
            return False
        self._level -= amount
        return True

    @property
    def wait_s(self) -> float:
        """Seconds until one more is allowed, as of the last `take`."""
        return max(0.0, (1.0 - self._level) / self.rate)


class Rates:
    """Buckets by client and kind of request. They outlive connections, so that reconnecting does not refill them."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._buckets: OrderedDict[tuple[str, str], Bucket] = OrderedDict()

    def take(self, what: str, key: str, rate: float, burst: float) -> None:
        """Count one `what` of `key`: `rate` a second in the long run, `burst` at once.

        Raises:
            RateLimited: it is one too many, and was not counted; `retry_after` says in how many seconds it is not.
        """
        bucket = self._buckets.setdefault((what, key), Bucket(rate, burst, self._now))
        self._buckets.move_to_end((what, key))
        while len(self._buckets) > KEYS:
            self._buckets.popitem(last=False)
        if not bucket.take():
            raise RateLimited(f"too many of {what}", retry_after=round(bucket.wait_s + 0.05, 1))
