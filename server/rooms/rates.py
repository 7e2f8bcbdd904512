"""How much a client may ask for: a bucket that fills at a steady rate."""

from __future__ import annotations

import time
from collections.abc import Callable


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
