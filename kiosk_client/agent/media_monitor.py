"""Whether the server is heard in a call, for the page, which sees only this machine."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from link.rtc.leg import Leg, LegState
from link.rtc.transport.liveness import SILENT_AFTER_S

EVERY_S = 0.3
AGAIN_S = 1.0  # without such a silence: what comes and goes is not said to have come back


class MediaMonitor:
    """Looks at the leg to the server while a call runs, and tells a change: True when nothing at all is heard.

    A leg that is gone and not replaced in time is not heard either. While the first is made nothing is known. Methods
    are called on the event loop.
    """

    def __init__(self, leg: Callable[[], Leg | None], tell: Callable[[bool], None]) -> None:
        self._leg, self._tell = leg, tell
        self._timer: asyncio.TimerHandle | None = None
        self._silent = False
        self._silent_at = 0.0
        self._heard_at: float | None = None

    def begin(self) -> None:
        """Look from now on. Idempotent."""
        if self._timer is None:
            self._wait()

    def end(self) -> None:
        """Look no more: who is not in a call misses nothing."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._heard_at = None
        self._decide(False)

    def _wait(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(EVERY_S, self._look)

    def _look(self) -> None:
        self._wait()
        leg, now = self._leg(), asyncio.get_running_loop().time()
        if leg is None or leg.state not in (LegState.CONNECTED, LegState.DOUBTFUL, LegState.SILENT):
            self._silent_at = now
            if self._heard_at is not None and now - self._heard_at > SILENT_AFTER_S:
                self._decide(True)
            return
        if leg.statistics().quiet > SILENT_AFTER_S:
            self._silent_at = now
            self._decide(True)
            return
        self._heard_at = now
        if now - self._silent_at >= AGAIN_S:
            self._decide(False)

    def _decide(self, silent: bool) -> None:
        if silent is not self._silent:
            self._silent = silent
            self._tell(silent)
