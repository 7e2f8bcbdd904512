"""Work for threads: together, each with its own outcome."""

from __future__ import annotations

import asyncio
import threading

import pytest

from server.recording.worker import Worker, until_next


async def test_what_is_asked_for_together_runs_in_one_thread_in_order() -> None:
    worker, ran = Worker(), []

    def work(number: int) -> int:
        ran.append((number, threading.get_ident()))
        return number * 2

    assert await asyncio.gather(*(worker.run(work, number) for number in range(5))) == [0, 2, 4, 6, 8]
    assert [number for number, _ in ran] == list(range(5))
    assert len({thread for _, thread in ran}) == 1
    assert ran[0][1] != threading.get_ident()


async def test_a_failure_is_only_its_own() -> None:
    worker = Worker()

    def fail() -> None:
        raise OSError("no space")

    good, bad, other = await asyncio.gather(
        worker.run(int, "1"), worker.run(fail), worker.run(int, "2"), return_exceptions=True
    )
    assert (good, other) == (1, 2)
    assert isinstance(bad, OSError)


async def test_whoever_stops_waiting_does_not_disturb_the_others() -> None:
    worker, gate = Worker(), threading.Event()
    first = asyncio.ensure_future(worker.run(gate.wait, 5))  # noqa: TID251
    second = asyncio.ensure_future(worker.run(int, "3"))  # noqa: TID251
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    gate.set()
    assert await second == 3


@pytest.mark.parametrize(("now", "wait"), [(0.0, 0.4), (0.1, 0.3), (4.3, 0.1)])
def test_recorders_wake_together(now: float, wait: float) -> None:
    assert until_next(0.4, now) == pytest.approx(wait)
