"""Which assertions were used: each works once, also across a restart of the server."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from link.protocol.errors import NotAuthenticated, Unavailable
from link.rate_limit import Rates

REMEMBERED: Final = 200_000
"""Most used assertions that are remembered; beyond it new ones are refused until old ones have ended."""
PRUNE_S: Final = 60.0
LATEST_S: Final = 120.0
"""Seconds; an assertion that ends later than this was made while clocks were fast, and cannot be used now."""

PER_S, BURST = 10.0, 300.0
"""Uses by one kiosk, which needs one for a connection or an upload: none may fill the memory that all have."""

Used = tuple[str, str, int]


class UsedAssertionRows(Protocol):
    """Where used assertions are kept across restarts."""

    async def all(self) -> list[Used]:
        """Every one that is kept: kiosk, `jti`, and when it ends (unix microseconds)."""

    async def add(self, used: Sequence[Used], *, ended_us: int | None = None) -> None:
        """Keep these, durably; with `ended_us`, forget those that ended before. Raises `Unavailable`."""


@dataclass(slots=True)
class _Batch:
    rows: list[Used] = field(default_factory=list)
    kept: bool = False


class UsedAssertions:
    """Remembers what was used until it has ended. Those used at the same time are written together."""

    def __init__(self, rows: UsedAssertionRows, clock: Callable[[], float] = time.time) -> None:
        self._rows = rows
        self._clock = clock
        self._used: dict[tuple[str, str], float] | None = None
        self._batch = _Batch()
        self._writing = asyncio.Lock()
        self._loading = asyncio.Lock()
        self._pruned = 0.0
        self._rates = Rates()

    async def use(self, kiosk: str, jti: str, until: float) -> None:
        """Use an assertion up that ends at `until` (unix seconds). Durable when it returns.

        Raises:
            NotAuthenticated: it was used before.
            RateLimited: the kiosk uses too many; this one is not used up.
            Unavailable: that could not be kept, so it counts as used and lets nobody in.
        """
        used = await self._load()
        self._prune(used)
        key = (kiosk, jti)
        if key in used:
            raise NotAuthenticated("the assertion was used before")
        self._rates.take("assertions", kiosk, PER_S, BURST)
        if len(used) >= REMEMBERED:
            raise NotAuthenticated("the assertion was used before")
        used[key] = until
        await self._keep((kiosk, jti, int(until * 1e6)))

    async def _load(self) -> dict[tuple[str, str], float]:
        async with self._loading:
            if self._used is None:
                now = self._clock()
                rows = await self._rows.all()
                self._used = {(kiosk, jti): until / 1e6 for kiosk, jti, until in rows if until / 1e6 >= now}
        return self._used

    def _prune(self, used: dict[tuple[str, str], float]) -> None:
        now = self._clock()
        # Wall clocks are set back and forth, so it is the distance from the last pruning that counts, either way.
        if abs(now - self._pruned) < PRUNE_S / 6 and len(used) < REMEMBERED:
            return
        self._pruned = now
        for key in [key for key, until in used.items() if until < now]:
            del used[key]
        if len(used) >= REMEMBERED:
            for key in [key for key, until in used.items() if until > now + LATEST_S]:
                del used[key]

    async def _keep(self, row: Used) -> None:
        batch = self._batch
        batch.rows.append(row)
        async with self._writing:
            if batch is self._batch:  # otherwise the previous holder of the lock has written it
                self._batch = _Batch()
                await self._rows.add(batch.rows, ended_us=int((self._clock() - PRUNE_S) * 1e6))
                batch.kept = True
        if not batch.kept:
            raise Unavailable("the database does not keep what was used")
