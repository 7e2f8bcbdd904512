"""What every test may rely on: quiet logs, and no task left running when a test ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
import structlog


@pytest.fixture(autouse=True, scope="session")
def _log_through_pytest() -> None:
    """Send structlog through print so that pytest shows a test's log lines only when it fails."""
    structlog.configure(processors=[structlog.processors.add_log_level, structlog.dev.ConsoleRenderer(colors=False)])


@pytest_asyncio.fixture
async def no_task_left() -> AsyncIterator[None]:
    """Fail the test that leaves a task running; ask for it in tests of anything that starts tasks."""
    before = asyncio.all_tasks()
    yield
    left = [task for task in asyncio.all_tasks() - before if not task.done() and task is not asyncio.current_task()]
    assert not left, f"tasks left running: {[task.get_name() for task in left]}"
