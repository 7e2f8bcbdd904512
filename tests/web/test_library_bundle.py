"""An evidence bundle from the library's player: made for a purpose, stopped, gone on with, downloaded, removed."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Route, expect

from demo.browser import PHONE_SCREEN
from server.evidence.bundle_verifier import check_bundle
from tests.server.evidence.recorded import SESSION
from tests.web.audit import faults_everywhere
from tests.web.test_library import library, looking_at

pytestmark = pytest.mark.chromium

RUNNING = {"state": "running", "done": 3, "total": 7, "purpose": "court"}


async def test_a_bundle_is_made_stopped_and_downloaded(tmp_path: Path) -> None:
    async with (
        library(tmp_path, seconds=2) as made,
        looking_at(made, "/library", tmp_path) as (shown, complaints),
    ):
        # The first run is played, so that it can be stopped in the middle; then the server makes it.
        answers: list[tuple[int, dict[str, Any]]] = [
            (200, {"state": "none"}),
            (429, {"error": {"code": "rate_limited"}}),
        ]
        playing = [True]

        async def answer(route: Route) -> None:
            if route.request.url.endswith("/stop"):
                playing.clear()
                await route.fulfill(json={**RUNNING, "state": "stopped"})
            elif playing:
                status, body = answers.pop(0) if answers else (200, RUNNING)
                await route.fulfill(status=status, body=json.dumps(body), content_type="application/json")
            else:
                await route.continue_()

        await shown.route("**/api/sessions/*/bundle**", answer)
        await shown.goto(f"{made.base}/library/{SESSION}")
        await shown.get_by_role("tab", name="Proof").click()
        bundle = shown.locator(".bundle:not(.holds)")
        making = bundle.get_by_role("button", name="Make the bundle")
        await expect(making).to_be_disabled()
        assert await faults_everywhere(shown, PHONE_SCREEN) == []
        await bundle.get_by_label("Made for").select_option("court")
        await making.click()
        await expect(bundle.get_by_role("alert")).to_contain_text("Too many bundles")
        await making.click()
        await expect(bundle).to_contain_text("Being made: 42 %")
        await expect(bundle.get_by_role("progressbar")).to_be_visible()
        assert await faults_everywhere(shown, PHONE_SCREEN) == []
        await bundle.get_by_role("button", name="Cancel").click()
        await expect(bundle).to_contain_text("Stopped.")
        await bundle.get_by_role("button", name="Go on").click()
        await expect(bundle).to_contain_text("Made, and checked: sound.", timeout=60_000)
        assert await faults_everywhere(shown, PHONE_SCREEN) == []
        async with shown.expect_download() as coming:
            await bundle.get_by_role("link", name="Download").click()
        download = await coming.value
        assert download.suggested_filename == f"visavis-{SESSION}.tar"
        await download.save_as(tmp_path / "bundle.tar")
        (tmp_path / "unpacked").mkdir()
        unpacking = ["tar", "-x", "-f", str(tmp_path / "bundle.tar"), "-C", str(tmp_path / "unpacked")]
        await asyncio.to_thread(lambda: subprocess.run(unpacking, check=True))
        assert check_bundle(tmp_path / "unpacked" / f"visavis-{SESSION}").exit_code == 0
        await shown.get_by_role("button", name="中文").click()
        await expect(bundle).to_contain_text("制作完成，核验无误。")
        await bundle.get_by_role("button", name="从服务器删除").click()
        await expect(bundle.get_by_role("button", name="制作证据包")).to_be_disabled()
        assert [complaint for complaint in complaints if "429" not in complaint] == []


async def test_the_report_can_be_read_and_printed(tmp_path: Path) -> None:
    """The report of a bundle in a browser that loads nothing else, and as pages of paper."""
    async with (
        library(tmp_path, seconds=2) as made,
        looking_at(made, "/library", tmp_path) as (shown, _),
    ):
        from server.evidence.bundle import export_bundle
        from server.evidence.bundle_report import Origin

        archive = made.archive
        parts: dict[str, Any] = {"journal": archive.journal, "blobs": archive.blobs, "vault": archive.vault}
        await export_bundle(SESSION, tmp_path / "bundle", **parts, origin=Origin("cli:x", "person:7", "court"))
        page = await shown.context.new_page()
        requests: list[str] = []
        page.on("request", lambda asked: requests.append(asked.url))
        address = (tmp_path / "bundle" / "report.html").as_uri()
        await page.goto(address)
        assert requests == [address]
        await expect(page.locator("section:lang(zh-CN) .verdict")).to_contain_text("完好")
        await expect(page.locator("section:lang(en) .verdict")).to_contain_text("Sound")
        paper = await page.pdf()
        pages = [int(count) for count in re.findall(rb"/Count (\d+)", paper)]
        assert max(pages) >= 2, "each language begins on a page of its own"
        await page.emulate_media(media="print")
        await expect(page.locator("nav")).to_be_hidden()
