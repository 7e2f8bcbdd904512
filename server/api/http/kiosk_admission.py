"""Spreads the connections of kiosks over time: those over the rate are told when to come back, and are admitted then.

After a restart all kiosks of a bank come at once. Each costs some milliseconds of the event loop that carries the media
of calls, so their connections are spread. A kiosk over the rate gets HTTP 503 before the upgrade, with a `Retry-After`
that is a reservation: it is kept for that kiosk, and later ones queue behind it.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from aiohttp import web

from link.protocol.errors import Unavailable

PER_S: Final = 100.0
AT_ONCE: Final = 200
"""Kiosks that are admitted at once without waiting; a small site never reaches it."""
EARLY_S: Final = 1.0
"""`Retry-After` is in whole seconds, and clocks differ in speed."""
KEPT_S: Final = 60.0
"""Seconds that a reservation is kept after its time."""
BOOKED: Final = 50_000
"""Most reservations that are kept. Only enrolled kiosks get one."""


class Admission:
    """Admission to `/ws/kiosk`, with reservations."""

    def __init__(
        self, per_s: float = PER_S, at_once: int = AT_ONCE, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._interval = 1 / per_s
        self._slack = at_once / per_s
        self._clock = clock
        self._busy_until = 0.0
        self._booked: OrderedDict[str, float] = OrderedDict()

    def enter(self, kiosk: str, *, urgent: bool = False) -> None:
        """Admit the kiosk now; always if it is `urgent`, because a customer waits there.

        Raises:
            Unavailable: it has to come back, `retry_after` seconds from now.
        """
        now = self._clock()
        self._forget(now)
        booked = self._booked.get(kiosk)
        if booked is not None and not urgent and booked - now > EARLY_S:
            raise Unavailable("many kiosks come at once", retry_after=booked - now)
        if booked is not None:
            del self._booked[kiosk]
            return
        wait = self._busy_until - self._slack - now
        full = len(self._booked) >= BOOKED
        if not (wait > 0 and full):
            self._busy_until = max(self._busy_until, now) + self._interval
        if wait <= 0 or urgent:
            return
        if not full:
            self._booked[kiosk] = now + wait
        raise Unavailable("many kiosks come at once", retry_after=wait)

    def _forget(self, now: float) -> None:
        while self._booked and next(iter(self._booked.values())) < now - KEPT_S:
            self._booked.popitem(last=False)


ADMISSION: web.AppKey[Admission] = web.AppKey("admission", Admission)
