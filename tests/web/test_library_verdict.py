"""Whether a record is complete and proven, or what is missing: said by the real check, at the top and in full."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.async_api import Route, expect

from demo.browser import PHONE_SCREEN
from tests.big import big
from tests.server.evidence.recorded import SESSION
from tests.web.audit import faults_everywhere
from tests.web.test_library import STATE, library, looking_at, until

pytestmark = pytest.mark.chromium

RUNNING = {"state": "running", "done": 3, "total": 7, "at_ms": None, "count": 0, "findings": []}


async def test_a_record_is_checked_and_what_was_found_is_said(tmp_path: Path) -> None:
    async with (
        library(tmp_path, seconds=4) as made,
        looking_at(made, "/library", tmp_path) as (shown, complaints),
    ):
        answers = [(429, {"error": {"code": "rate_limited"}}), (200, RUNNING)]

        async def answer(route: Route) -> None:
            if answers:
                status, body = answers.pop(0)
                await route.fulfill(status=status, body=json.dumps(body), content_type="application/json")
            else:
                await route.continue_()

        await shown.route("**/api/sessions/*/proof*", answer)
        await shown.goto(f"{made.base}/library/{SESSION}")
        word = shown.locator("button.verdict")
        await expect(word).to_have_text("Not checked")
        await word.click()
        await expect(shown.get_by_role("tab", name="Proof")).to_be_focused()
        full = shown.locator(".verdict-full")
        await expect(full).to_contain_text("Many recordings are being checked just now")
        await shown.get_by_role("button", name="Check again").click()
        await expect(word).to_contain_text("Being checked: 42 %")
        await expect(word).to_have_text("Proven, parts missing", timeout=60_000)
        await expect(full).to_contain_text("Customer's camera: 1.4 s missing")
        await expect(full.locator("p.muted")).to_contain_text("papers: 1.")
        assert await faults_everywhere(shown, PHONE_SCREEN) == []
        # Files that are damaged are found, and named by what they are of.
        blob = made.archive.folder / "blobs" / f"sessions/{SESSION}/tracks/kiosk.camera/000000"
        blob.write_bytes(blob.read_bytes()[:-1])
        await shown.get_by_role("button", name="Check again").click()
        await expect(word).to_have_text("Not as it was recorded", timeout=60_000)
        await expect(full.locator(".findings")).to_have_text(
            "Customer's camera, segment 1: missing, damaged or changed."
        )
        assert await faults_everywhere(shown, PHONE_SCREEN) == []
        await shown.get_by_role("button", name="中文").click()
        await expect(word).to_have_text("与当时的记录不符")
        await expect(full.locator(".findings")).to_have_text("客户摄像头第 1 段：缺失、损坏或被改动。")
        assert [complaint for complaint in complaints if "429" not in complaint] == []


async def test_what_came_afterwards_is_recorded_and_said(tmp_path: Path) -> None:
    async with (
        library(tmp_path, seconds=4, late=True) as made,
        looking_at(made, f"/library/{SESSION}", tmp_path) as (shown, complaints),
    ):
        word = shown.locator("button.verdict")
        await expect(word).to_have_text("Complete and proven", timeout=60_000)
        await word.click()
        full = shown.locator(".verdict-full")
        said = "Customer's camera: 1.4 s lost on the network, delivered by the kiosk afterwards"
        await expect(full).to_contain_text(said)
        assert "missing" not in await full.inner_text()
        late = shown.locator(".lane .late")
        await expect(late).to_have_count(1)
        assert (await late.get_attribute("title")) == "Delivered afterwards, at 0:05"
        await expect(shown.locator(".lane.video .gap")).to_have_count(0)
        spans = await shown.locator(".lane.video").first.locator(".span").count()
        assert spans == 1, "it is drawn as recorded"
        assert await faults_everywhere(shown, PHONE_SCREEN) == []
        # And it is played like everything else: from the begin of what was lost.
        await shown.evaluate("document.querySelector('library-timeline').recording.seek(2700)")
        await until(shown, STATE, lambda state: abs(state["kiosk.camera"]["at"] - 2.7) < 0.2)
        await shown.screenshot(path=tmp_path / "late.png")
        before = (await shown.evaluate(STATE))["kiosk.camera"]["frames"]
        await shown.get_by_role("button", name="Play", exact=True).click()
        await until(shown, STATE, lambda state: state["kiosk.camera"]["at"] > 3.9)
        assert (await shown.evaluate(STATE))["kiosk.camera"]["frames"] - before > 15
        assert complaints == []


@big
async def test_a_running_call_is_checked_when_it_is_over(tmp_path: Path) -> None:
    async with (
        library(tmp_path, seconds=2, finished=False) as made,
        looking_at(made, f"/library/{SESSION}", tmp_path) as (shown, _),
    ):
        await expect(shown.locator("button.verdict")).to_have_text("Checked after the call")
        await shown.get_by_role("tab", name="Proof").click()
        await expect(shown.locator(".verdict-full")).to_contain_text("when the call has ended")
        await expect(shown.get_by_role("button", name="Check again")).to_have_count(0)
