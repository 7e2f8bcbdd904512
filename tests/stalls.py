"""How long one turn of the event loop takes, on a machine that others use."""

from __future__ import annotations

import asyncio
import gc
import os
import time
from collections.abc import Coroutine
from typing import Any, TypeVar

from link.tasks import spawn

T = TypeVar("T")
TRIES = 4
"""How often to look before a long turn is the code's: code that holds the loop does so each time.

A virtual machine that is stopped for a moment, or a thread that waits for a core with what the loop needs, looks the
same, but not each time: turns of 10 to 80 ms in which nothing was computed were seen on a machine with twice as many
busy processes as cores.
"""


async def longest_turn(work: Coroutine[Any, Any, T]) -> tuple[T, float]:
    """Do `work`; its result, and the longest turn of the loop meanwhile, in seconds.

    Of a turn counts what the loop's thread computed or waited for by its own doing, such as a file or a lock; not the
    time in which the thread could have run and other processes had the core (the kernel's run delay of the thread, see
    the kernel's sched-stats). So the figure is nearly the same on a busy machine. What was there before, which for a
    test run is much, is kept from the garbage collector, as a server does at its start.
    """
    gc.collect()
    gc.freeze()
    task = spawn(work, name="work that must not hold the loop")
    descriptor = os.open("/proc/thread-self/schedstat", os.O_RDONLY)
    try:
        longest, before = 0.0, _now(descriptor)
        while not task.done():
            await asyncio.sleep(0)
            now = _now(descriptor)
            longest = max(longest, now - before)
            before = now
    finally:
        os.close(descriptor)
        gc.unfreeze()
    return await task, longest


def _now(descriptor: int) -> float:
    # A thread loses its core most easily as it returns from the kernel: then what was read is older than the clock.
    for _ in range(50):
        begun = time.monotonic()
        read = os.pread(descriptor, 100, 0)
        if time.monotonic() - begun < 0.001:
            break
    return held(read, begun)


def held(schedstat: bytes, now: float) -> float:
    """Seconds on the monotonic clock, which says `now`, without those in which the thread was kept from running."""
    return now - int(schedstat.split()[1]) / 1e9
