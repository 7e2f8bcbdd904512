"""A session's clock: wall time at its start, monotonic from there, so that a jump of the wall clock changes nothing."""

from __future__ import annotations

import time
from collections.abc import Callable

from server.store.stamps import now_us


class Clock:
    """Unix microseconds that never go back, and milliseconds on the session's timeline."""

    def __init__(
        self,
        started_us: int | None = None,
        last_us: int = 0,
        *,
        wall_us: Callable[[], int] = now_us,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`started_us` is the journal time of the session's first entry and `last_us` of its last, if it has any."""
        self._monotonic = monotonic
        self._wall_us = max(wall_us(), last_us)
        self._since = monotonic()
        self.started_us = self._wall_us if started_us is None else started_us

    def begin(self) -> int:
        """Now, which becomes the start of the session's timeline."""
        self.started_us = self.now_us()
        return self.started_us

    def now_us(self) -> int:
        """Now, in unix microseconds."""
        return self._wall_us + int((self._monotonic() - self._since) * 1_000_000)

    def at_ms(self, at_us: int) -> int:
        """A journal time on the session's timeline."""
        return max(0, (at_us - self.started_us) // 1000)

    def now_ms(self) -> int:
        """Now, on the session's timeline."""
        return self.at_ms(self.now_us())
