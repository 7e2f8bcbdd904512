"""The browser that the demonstration and the tests drive takes no more of the machine than its share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from demo.browser import open_browser

pytestmark = pytest.mark.chromium


def _nice_of_threads(marker: str) -> list[int]:
    """The nice values of every thread of the processes that were started with `marker` in their arguments."""
    values: list[int] = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if marker not in (process / "cmdline").read_text("utf-8", "replace"):
                continue
            values += [_nice(thread / "stat") for thread in (process / "task").iterdir()]
        except OSError:  # it has ended
            continue
    return values


def _nice(stat: Path) -> int:
    # Behind the name in brackets, which may hold anything: the 19th field of all (proc(5)).
    return int(stat.read_text("utf-8", "replace").rpartition(")")[2].split()[16])


async def test_a_browser_raises_no_priority_of_its_own(tmp_path: Path) -> None:
    clip = tmp_path / "only-here"
    async with open_browser(video=clip, audio=clip) as context:
        page = await context.new_page()
        await page.goto("data:text/html,<p>drawn</p>")
        values = _nice_of_threads(str(clip))
    assert values
    assert min(values) >= os.nice(0)
