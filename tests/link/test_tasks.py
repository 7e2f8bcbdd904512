from __future__ import annotations

import asyncio

import pytest
import structlog

from link.tasks import cancel, spawn


async def test_spawn_returns_a_named_task_with_its_result() -> None:
    async def answer() -> int:
        return 42

    task = spawn(answer(), name="answer")
    assert task.get_name() == "answer"
    assert await task == 42


async def test_a_failure_is_logged_even_if_nobody_awaits() -> None:
    async def fail() -> None:
        raise ValueError("broken")

    with structlog.testing.capture_logs() as logs:
        task = spawn(fail(), name="fails")
        await asyncio.wait([task])
        await asyncio.sleep(0)
    assert [(entry["event"], entry["task"]) for entry in logs] == [("task failed", "fails")]
    with pytest.raises(ValueError, match="broken"):
        await task


async def test_cancel_waits_for_the_end_and_is_idempotent() -> None:
    ended: list[str] = []

    async def tidy() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append("tidy")

    with structlog.testing.capture_logs() as logs:
        task = spawn(tidy(), name="tidy")
        await asyncio.sleep(0)
        await cancel(task)
        assert ended == ["tidy"]
        await cancel(task)
        await cancel(None)
    assert task.cancelled()
    assert logs == []


async def test_cancel_drops_an_exception_raised_while_stopping() -> None:
    async def stubborn() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise OSError("disk")

    with structlog.testing.capture_logs() as logs:
        task = spawn(stubborn(), name="stubborn")
        await asyncio.sleep(0)
        await cancel(task)
        await asyncio.sleep(0)
    assert [entry["task"] for entry in logs] == ["stubborn"]


async def test_cancel_from_inside_ends_at_the_next_await() -> None:
    reached: list[int] = []

    async def suicide() -> None:
        current = asyncio.current_task()
        await cancel(current)
        reached.append(1)
        await asyncio.sleep(1)
        reached.append(2)

    task = spawn(suicide(), name="self")
    await asyncio.wait([task])
    assert reached == [1]
