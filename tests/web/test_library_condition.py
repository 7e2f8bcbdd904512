"""A supervisor sees what is the matter with the server, and that it is over."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from link.protocol.errors import Unavailable
from server.api.http.app_keys import CONFIG
from server.calls.registry import Registry
from server.recording.space import DiskFloor
from server.store.database import sqlite_file
from tests.machine import allow
from tests.server.calls.bank import locked
from tests.web.audit import faults
from tests.web.test_library import library, looking_at

pytestmark = pytest.mark.chromium


async def too_little(_floor: DiskFloor) -> None:
    raise Unavailable("too little free disk space")


async def told(shown: Page, words: str, code: str) -> None:
    """The notice comes within five seconds, and load balancers are told as well."""
    since = time.monotonic()
    await expect(shown.get_by_role("alert")).to_contain_text(words, timeout=40_000)
    passed = time.monotonic() - since
    assert passed <= allow(5.0), passed
    ready = await shown.evaluate(
        "fetch('/ready').then(async (got) => [got.status, (await got.json()).reasons[0].code])"
    )
    assert ready == [503, code]


async def test_a_full_disk_and_a_locked_database_are_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with library(tmp_path) as made, looking_at(made, "/library", tmp_path) as (shown, complaints):
        notice = shown.get_by_role("alert")
        await expect(shown.locator("tbody tr")).to_have_count(1)
        await expect(notice).to_have_count(0)
        with monkeypatch.context() as full:
            full.setattr(DiskFloor, "check", too_little)
            await told(shown, "disk is almost full", "disk")
            assert await faults(shown) == []
            if folder := os.environ.get("VISAVIS_SCREENSHOTS"):
                await shown.screenshot(path=Path(folder) / "condition-disk.png")
        await expect(notice).to_have_count(0, timeout=40_000)
        with monkeypatch.context() as alarmed:
            alarmed.setattr(Registry, "alarms", lambda _self, _branches: frozenset({"stalled", "paused_long"}))
            await expect(notice).to_contain_text("A call is not recorded completely", timeout=40_000)
            await expect(notice).to_contain_text("paused for over five minutes")
            assert await shown.evaluate("fetch('/ready').then((got) => got.status)") == 200, "new calls can be taken"
        await expect(notice).to_have_count(0, timeout=40_000)
        file = sqlite_file(made.server.app[CONFIG].database_url)
        assert file is not None
        other = await locked(file, "EXCLUSIVE")
        try:
            await told(shown, "database cannot be written", "database")
            other.execute("ROLLBACK")
        finally:
            other.close()
        await expect(notice).to_have_count(0, timeout=40_000)
        assert [line for line in complaints if "503" not in line] == []
