from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from tests.stalls import LATE_S, TRIES, held, longest_turn, undisturbed


async def test_a_computing_and_a_waiting_turn_are_found() -> None:
    async def computes() -> str:
        await asyncio.sleep(0.01)
        until = time.thread_time() + 0.03
        while time.thread_time() < until:
            pass
        return "done"

    async def waits() -> None:
        await asyncio.sleep(0.01)
        time.sleep(0.03)  # noqa: ASYNC251

    result, longest = await longest_turn(computes())
    assert result == "done"
    assert longest >= 0.03
    _, longest = await longest_turn(waits())
    assert longest >= 0.03


async def test_waiting_as_one_should_is_nothing() -> None:
    assert min([(await longest_turn(asyncio.sleep(0.1)))[1] for _ in range(TRIES)]) < 0.03


def test_time_without_a_core_does_not_count() -> None:
    assert held(b"5 2000000000 1", 7.5) == 5.5
    assert held(b"5 0 1", 7.5) == 7.5


def failing(
    times: int, *, hold_s: float = 0.0, error: type[Exception] = AssertionError
) -> Callable[[], Coroutine[Any, Any, None]]:
    """Work that fails so many times, and holds the loop meanwhile."""
    left = [times]

    async def work() -> None:
        await asyncio.sleep(0.03)
        time.sleep(hold_s)  # noqa: ASYNC251
        await asyncio.sleep(0.03)
        if left[0]:
            left[0] -= 1
            raise error(f"{left[0]} more times")

    return work


async def test_what_fails_on_a_loop_that_was_late_is_tried_again() -> None:
    await undisturbed(failing(TRIES - 1, hold_s=2 * LATE_S), failing(0))
    with pytest.raises(AssertionError, match="0 more"):
        await undisturbed(failing(TRIES, hold_s=2 * LATE_S))


async def test_what_fails_otherwise_has_failed() -> None:
    with pytest.raises(ValueError, match="8 more"):
        await undisturbed(failing(0), failing(9, hold_s=2 * LATE_S, error=ValueError))


async def test_all_work_is_done_to_its_end() -> None:
    done = []

    async def long() -> None:
        await asyncio.sleep(0.2)
        done.append(True)

    with pytest.raises(ValueError, match="0 more"):
        await undisturbed(failing(1, error=ValueError), long)
    assert done
