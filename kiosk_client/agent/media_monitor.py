"""Monitors whether media arrives from the server; the page itself is connected to this machine only."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from link.rtc.leg import Leg, LegState
from link.rtc.transport.liveness import SILENT_AFTER_S

EVERY_S = 0.3
AGAIN_S = 1.0  # without silence, before media counts as back: it must not flap


class MediaMonitor:
    """Watches the server leg during a call and reports changes: True when nothing at all is received.

    A leg that is lost and not replaced in time counts as silent. Before the first leg there is no report. Methods
    are called on the event loop.
    """

    def __init__(self, leg: Callable[[], Leg | None], tell: Callable[[bool], None]) -> None:
        self._leg, self._tell = leg, tell
        self._timer: asyncio.TimerHandle | None = None
        self._silent = False
        self._silent_at = 0.0
        self._heard_at: float | None = None

    def begin(self) -> None:
        """Start watching. Idempotent."""
        if self._timer is None:
            self._wait()

    def end(self) -> None:
        """Stop watching; outside of a call nothing is missing."""
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
