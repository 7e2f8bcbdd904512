"""One timer for all legs of an event loop: wake-ups cost more than the work done in them.

A few legs tick in one wake-up. Many legs take turns, so that no packet waits for the ticks of all of them.
"""

from __future__ import annotations

import asyncio
import time
from typing import Final, Protocol

import structlog

from link.per_loop import PerLoop

log = structlog.get_logger()

TICK_EVERY_S: Final = 0.1
"""Between two ticks of a member. chosen: a twelfth of the silence that ends a leg; docs/performance.md (What the slow
packets waited for) has what ticks cost."""
HURRY_EVERY_S: Final = 0.02
"""Between two calls of one that is in a hurry. chosen: the `nack.NACK_AFTER_S` of a first request."""
TOGETHER_MEMBERS: Final = 8
"""That tick in one turn of the loop, about 0.2 ms. docs/performance.md (What was tried)."""


class Member(Protocol):
    """Whoever is driven by a ticker. Neither call may raise; if one does, it is logged."""

    def tick(self, now: float) -> None:
        """Called about every 100 ms; a time or two at 0 to 200 ms when others come or go."""

    def repair(self, now: float) -> bool:
        """Called every 20 ms after `Ticker.hurry`, for as long as it returns True."""


class Ticker:
    """Calls its members every 100 ms, and those in a hurry every 20 ms; runs only while it has members."""

    def __init__(self) -> None:
        self._members: dict[Member, None] = {}
        self._hurried: dict[Member, None] = {}
        self._slow: asyncio.TimerHandle | None = None
        self._fast: asyncio.TimerHandle | None = None
        self._turn = 0

    def add(self, member: Member) -> None:
        self._members[member] = None
        if self._slow is None:
            self._slow = asyncio.get_running_loop().call_later(TICK_EVERY_S, self._run_slow)

    def remove(self, member: Member) -> None:
        self._members.pop(member, None)
        self._hurried.pop(member, None)
        if not self._members and self._slow is not None:
            self._slow.cancel()
            self._slow = None

    def hurry(self, member: Member) -> None:
        self._hurried[member] = None
        if self._fast is None:
            self._fast = asyncio.get_running_loop().call_later(HURRY_EVERY_S, self._run_fast)

    def _run_slow(self) -> None:
        turns = max(1, -(-len(self._members) // TOGETHER_MEMBERS))
        self._slow = asyncio.get_running_loop().call_later(TICK_EVERY_S / turns, self._run_slow)
        self._turn = (self._turn + 1) % turns
        now = time.monotonic()
        for member in tuple(self._members)[self._turn :: turns]:
            try:
                member.tick(now)
            except Exception:
                log.exception("media tick failed")

    def _run_fast(self) -> None:
        self._fast = None
        now = time.monotonic()
        for member in tuple(self._hurried):
            again = False
            try:
                again = member.repair(now)
            except Exception:
                log.exception("media repair failed")
            if not again:
                self._hurried.pop(member, None)
        if self._hurried:
            self._fast = asyncio.get_running_loop().call_later(HURRY_EVERY_S, self._run_fast)


running_ticker = PerLoop(Ticker)
"""The ticker of the running event loop."""
