"""What every test may rely on: quiet logs, and no task left running when a test ends."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio
import structlog

# Before anything of link.media is imported, and for the processes that tests start.
os.environ.setdefault("VISAVIS_COMPILED", "0")

_configure = structlog.configure


def _configure_for_tests(**options: Any) -> None:
    """As `structlog.configure`, but no logger keeps the output of the test in which it was used first."""
    _configure(**{**options, "cache_logger_on_first_use": False})


def pytest_configure() -> None:
    setattr(structlog, "configure", _configure_for_tests)  # noqa: B010 - the signature is wider on purpose


@pytest.fixture(autouse=True)
def _log_through_pytest() -> Iterator[None]:
    """Print log lines, so that pytest shows a test's lines only when it fails; undo what the test configures."""
    _print_logs()
    yield
    _print_logs()


def _print_logs() -> None:
    structlog.reset_defaults()
    structlog.configure(processors=[structlog.processors.add_log_level, structlog.dev.ConsoleRenderer(colors=False)])


@pytest_asyncio.fixture
async def no_task_left() -> AsyncIterator[None]:
    """Fail the test that leaves a task running; ask for it in tests of anything that starts tasks."""
    before = asyncio.all_tasks()
    yield
    left = [task for task in asyncio.all_tasks() - before if not task.done() and task is not asyncio.current_task()]
    assert not left, f"tasks left running: {[task.get_name() for task in left]}"
