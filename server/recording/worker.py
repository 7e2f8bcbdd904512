"""Batches work for threads: with many calls, switching threads would cost more than the work.

Recorders write at the same moments, so what they submit in one turn of the event loop runs as one job in one thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from link.per_loop import PerLoop

T = TypeVar("T")


class Worker:
    """Runs functions in worker threads, those of one turn of the loop one after the other in the same thread."""

    def __init__(self) -> None:
        self._jobs: list[tuple[asyncio.Future[Any], Callable[[], Any]]] = []

    async def run(self, function: Callable[..., T], *arguments: Any) -> T:
        """As `asyncio.to_thread`: the function's result, or what it raised. Cancelling does not stop the function."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        if not self._jobs:
            loop.call_soon(self._hand_over, loop)
        self._jobs.append((future, partial(function, *arguments)))
        return await future

    def _hand_over(self, loop: asyncio.AbstractEventLoop) -> None:
        jobs, self._jobs = self._jobs, []

        def work() -> None:
            outcomes = [_outcome(function) for _, function in jobs]
            loop.call_soon_threadsafe(_settle, [future for future, _ in jobs], outcomes)

        loop.run_in_executor(None, work)


def _outcome(function: Callable[[], Any]) -> tuple[Any, BaseException | None]:
    try:
        return function(), None
    except BaseException as error:  # noqa: BLE001 - raised again where it was asked for
        return None, error


def _settle(futures: list[asyncio.Future[Any]], outcomes: list[tuple[Any, BaseException | None]]) -> None:
    for future, (result, error) in zip(futures, outcomes, strict=True):
        if future.done():
            continue
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)


running_worker = PerLoop(Worker)
"""The worker of the running event loop."""


def until_next(every: float, now: float) -> float:
    """Seconds from `now` to the next multiple of `every`, so that recorders wake at the same time."""
    return every - now % every
