"""What every test may rely on: quiet logs, and no task left running when a test ends."""

from __future__ import annotations

import asyncio
import functools
import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import structlog
from playwright.async_api import expect

from tests import machine

# Before anything of link.rtc is imported, and for the processes that tests start.
os.environ.setdefault("VISAVIS_COMPILED", "0")

_configure = structlog.configure
_ALONE = "pytest.mark.alone"
_BESIDE = pytest.StashKey[tuple[subprocess.Popen[bytes], Path]]()


def _configure_for_tests(**options: Any) -> None:
    """As `structlog.configure`, but no logger keeps the output of the test in which it was used first."""
    _configure(**{**options, "cache_logger_on_first_use": False})


def pytest_configure(config: pytest.Config) -> None:
    # How long a page is given to show something that it must show; what it takes is for the bench to say.
    expect.set_options(timeout=30_000)
    setattr(structlog, "configure", _configure_for_tests)  # noqa: B010 - the signature is wider on purpose
    if machine.VARIABLE not in os.environ:  # else this is a process of tests, whose parent has started it
        config.stash[_BESIDE] = machine.start()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if _BESIDE in config.stash:
        seen = machine.Machine(config.stash[_BESIDE][1])
        terminalreporter.write_line(machine.told(seen.samples(), os.cpu_count() or 1))


def pytest_unconfigure(config: pytest.Config) -> None:
    if _BESIDE in config.stash:
        machine.stop(*config.stash[_BESIDE])


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Do not import what has no test of those that are asked for: `-m "alone …"` needs few of the files."""
    asked = str(config.getoption("markexpr"))
    is_test = collection_path.suffix == ".py" and collection_path.name.startswith("test_")
    return True if is_test and asked.startswith("alone") and not _may_be_alone(collection_path) else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("alone") and not _may_be_alone(item.path):
            raise pytest.UsageError(f"{item.nodeid} is marked alone in neither its file nor its conftest")


@functools.cache
def _may_be_alone(path: Path) -> bool:
    marking = (path, path.parent / "conftest.py")
    return any(_ALONE in file.read_text("utf-8") for file in marking if file.is_file())


def pytest_runtest_setup() -> None:
    machine.begin_test()


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
