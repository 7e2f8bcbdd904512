"""Tasks with a name, an owner and a failure that is seen.

Whoever calls `spawn` owns the task and ends it with `cancel`. This is the only module that may call asyncio's own
functions for starting tasks; the linter bans them elsewhere.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import structlog

log = structlog.get_logger()

T = TypeVar("T")


def spawn(coro: Coroutine[Any, Any, T], *, name: str) -> asyncio.Task[T]:
    """Start `coro` as a task called `name`.

    The caller keeps the task and ends it with `cancel`. An exception that ends the task is logged as
    `task failed` when it happens, also if nobody ever awaits the task; awaiting it still raises.
    """
    task = asyncio.create_task(coro, name=name)
    task.add_done_callback(_report)
    return task


async def cancel(task: asyncio.Task[Any] | None) -> None:
    """Cancel `task` and wait until it has ended; its result and its exception are dropped.

    Safe to call twice, on a finished task, on None and from the task itself (which then goes on to its next await).
    A task that waits by `asyncio.wait_for` may not hear it: before Python 3.12 that forgets a cancellation which comes
    together with what it waits for (python/cpython issue 86296). So ours wait under `asyncio.timeout`.
    If the caller is cancelled while waiting, the cancellation is passed on after `task` has been told to stop.
    """
    if task is None or task.done():
        return
    task.cancel()
    if task is asyncio.current_task():
        return
    await asyncio.wait([task])


def _report(task: asyncio.Task[Any]) -> None:
    if task.cancelled():
        return
    # Asking for the exception also marks it as seen, so asyncio does not print it a second time.
    error = task.exception()
    if error is not None:
        log.error("task failed", task=task.get_name(), exc_info=error)
