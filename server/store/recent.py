"""A cache for rows that are read often and seldom change: one read for all requests within a moment."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Recent(Generic[T]):
    """The result of `load`, at most `keep_s` seconds old. A failure is told to who asked and is not kept."""

    def __init__(
        self, load: Callable[[], Awaitable[T]], keep_s: float = 1.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._load = load
        self._keep_s = keep_s
        self._clock = clock
        self._turn = asyncio.Lock()
        self._kept: tuple[float, T] | None = None

    async def get(self) -> T:
        """The value; who asks while it is read gets what is being read. Raises what `load` raises."""
        kept = self._kept
        if kept is not None and self._clock() - kept[0] < self._keep_s:
            return kept[1]
        asked = self._clock()
        async with self._turn:
            kept = self._kept
            if kept is None or kept[0] < asked:
                begun = self._clock()
                kept = self._kept = (begun, await self._load())
        return kept[1]
