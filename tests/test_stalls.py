from __future__ import annotations

import asyncio
import time

from tests.stalls import TRIES, held, longest_turn


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
