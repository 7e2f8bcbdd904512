"""How long one turn of the event loop takes, on a machine that others use, and what that machine does to tests."""

from __future__ import annotations

import asyncio
import gc
import os
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from link.tasks import spawn

T = TypeVar("T")
LATE_S = 0.1
"""A loop that wakes so late was kept from its core: to both ends of a connection that looks like silence."""
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


async def undisturbed(*works: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Do `works` beside each other, all to their ends; raises the first of what they raise.

    What fails while the loop was late is tried again, `TRIES` times in all: both ends of a connection in real time live
    in this process, and one that is kept from its core hears nothing of the other. Code that is wrong fails each time.
    """
    for attempt in range(1, TRIES + 1):
        watching = spawn(_lateness(), name="how late the loop is")
        outcomes = await asyncio.gather(*(work() for work in works), return_exceptions=True)
        watching.cancel()
        late = await watching
        failures = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
        if not failures:
            return
        if attempt == TRIES or late < LATE_S or not all(isinstance(failure, AssertionError) for failure in failures):
            raise failures[0]
        print(f"the loop was {late:.2f} s late: once more after {failures[0]!r:.200}")


async def _lateness() -> float:
    """Until it is cancelled; the latest that the loop woke, in seconds."""
    late = 0.0
    try:
        while True:
            before = time.monotonic()
            await asyncio.sleep(0.01)
            late = max(late, time.monotonic() - before - 0.01)
    except asyncio.CancelledError:
        return late
