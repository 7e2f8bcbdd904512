"""Opening a recording in a real Chromium: what for, asked before anything is shown; and the viewer's name over it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from demo.browser import PHONE_SCREEN
from server.api.http.app_keys import AUDIT, STORE, TALLY
from tests.server.evidence.recorded import SESSION
from tests.web.audit import faults_everywhere
from tests.web.test_library import Library, library, looking_at, until

pytestmark = pytest.mark.chromium


async def rows(made: Library, *actions: str) -> list[dict[str, Any]]:
    app = made.server.app
    await app[TALLY].sweep(everything=True)
    return [json.loads(one.detail) for one in await app[AUDIT].read(limit=1000) if one.action in actions]


async def test_it_is_asked_what_for_and_what_was_played_is_told(tmp_path: Path) -> None:
    async with (
        library(tmp_path, seconds=3, purpose=False) as made,
        looking_at(made, f"/library/{SESSION}", tmp_path) as (shown, complaints),
    ):
        dialog = shown.get_by_role("dialog", name="What do you open this recording for?")
        await expect(dialog).to_be_visible()
        await expect(shown.locator(".player, [data-track], .events")).to_have_count(0)
        opening = dialog.get_by_role("button", name="Open the recording")
        await expect(opening).to_be_disabled()
        assert await faults_everywhere(shown, PHONE_SCREEN) == []
        # By keyboard alone: the last purpose wants words, the second does not.
        await expect(dialog.get_by_role("radio").first).to_be_focused()
        await shown.keyboard.press("8")
        await expect(dialog.get_by_label("What for, in a few words")).to_be_focused()
        await expect(opening).to_be_disabled()
        await shown.keyboard.type("12")
        await expect(opening).to_be_disabled()
        await shown.keyboard.press("Shift+Tab")
        await shown.keyboard.press("2")
        await expect(dialog.get_by_role("radio", name="A customer's complaint")).to_be_checked()
        await shown.keyboard.press("Enter")
        await expect(dialog).to_be_hidden()
        await expect(shown.locator("[data-track='kiosk.camera'] video")).to_be_attached()
        [said] = await rows(made, "recording.purpose")
        assert (said["purpose"], said["minutes"]) == ("complaint", 120)
        assert [one["purpose"] for one in await rows(made, "recording.view")] == ["complaint"]
        # What is played is told when the page is left.
        await shown.locator(".timeline-surface").press("Home")
        await shown.locator(".timeline-surface").press(" ")
        await until(shown, "document.querySelector('.time-now').textContent", lambda text: text >= "0:02")
        await shown.locator(".timeline-surface").press(" ")
        async with shown.expect_response("**/played") as told:
            await shown.evaluate("dispatchEvent(new Event('pagehide'))")
        assert (await told.value).status == 204
        [played] = await rows(made, "read.played")
        [[start_ms, end_ms]] = played["spans"]["timeline"]
        assert start_ms < 300
        assert 1900 <= end_ms <= 4000
        # What ran out is asked for again, and what was chosen is chosen.
        async with made.server.app[STORE].database.write() as connection:
            await connection.exec_driver_sql("DELETE FROM viewing_purpose")
        await shown.evaluate("void document.querySelector('library-player').recording.load()")
        await expect(dialog).to_contain_text("has run out")
        await expect(dialog.get_by_role("radio", name="A customer's complaint")).to_be_focused()
        await shown.keyboard.press("Enter")
        await expect(dialog).to_be_hidden()
        assert len(await rows(made, "recording.purpose")) == 2
        assert [complaint for complaint in complaints if "428" not in complaint] == []


async def test_who_does_not_say_goes_back_to_the_list(tmp_path: Path) -> None:
    async with (
        library(tmp_path, seconds=1, purpose=False) as made,
        looking_at(made, f"/library/{SESSION}", tmp_path) as (shown, _),
    ):
        dialog = shown.get_by_role("dialog")
        await expect(dialog).to_be_visible()
        await shown.keyboard.press("Escape")
        await shown.wait_for_url("**/library")
        assert await rows(made, "recording.purpose", "recording.view", "read.media") == []


MARK = "[data-track='kiosk.camera'] > canvas.watermark"
INK = """(selector) => {
  const mark = document.querySelector(selector);
  const { data } = mark.getContext("2d").getImageData(0, 0, mark.width, mark.height);
  let [light, dark] = [0, 0];
  for (let at = 0; at < data.length; at += 4) {
    if (data[at + 3] > 60) data[at] > 200 ? light++ : data[at] < 60 ? dark++ : 0;
  }
  return [light, dark, mark.width * mark.height];
}"""


async def marked(shown: Page, selector: str) -> None:
    """A mark is there, has light and dark ink in it, and is nothing to press or to read out."""
    await expect(shown.locator(selector)).to_have_attribute("aria-hidden", "true")
    light, dark, area = await until(shown, f"({INK})({json.dumps(selector)})", lambda found: found[0] > 0)
    assert light / area > 0.005
    assert dark / area > 0.005
    style = "(one) => [getComputedStyle(one).pointerEvents, getComputedStyle(one).display]"
    assert await shown.locator(selector).evaluate(style) == ["none", "block"]


async def test_the_viewers_name_is_over_every_picture(tmp_path: Path) -> None:
    async with (
        library(tmp_path, seconds=2) as made,
        looking_at(made, f"/library/{SESSION}", tmp_path) as (shown, complaints),
    ):
        await expect(shown.locator(".tile")).to_have_count(3)
        await expect(shown.locator(".tile > canvas.watermark")).to_have_count(3)
        await marked(shown, MARK)
        # Taken away, hidden or made small it is back at once, and there is one.
        for attack in (
            "(one) => one.remove()",
            "(one) => one.style.setProperty('display', 'none', 'important')",
            "(one) => one.style.setProperty('opacity', '0', 'important')",
            "(one) => one.style.setProperty('width', '1px', 'important')",
            "(one) => one.style.setProperty('transform', 'scale(0)', 'important')",
        ):
            await shown.locator(MARK).evaluate(attack)
            await expect(shown.locator(MARK)).to_have_count(1)
            await expect(shown.locator(MARK)).to_be_visible()
            await marked(shown, MARK)
        # A style sheet of the page cannot hide it, whatever it says.
        rule = "canvas { display: none !important; visibility: hidden !important; opacity: 0 !important }"
        adding = "const sheet = new CSSStyleSheet(); sheet.replaceSync(rule); document.adoptedStyleSheets = [sheet];"
        await shown.evaluate(f"(rule) => {{ {adding} }}", rule)
        await marked(shown, MARK)
        # The buttons under it work; papers have it too, small and large.
        await shown.locator(".tile:not(.large) .enlarge").first.click()
        await shown.get_by_role("tab", name="Papers").click()
        await marked(shown, ".document-picture > canvas.watermark")
        await shown.locator(".document-picture").click()
        await marked(shown, ".document-dialog .marked > canvas.watermark")
        assert await faults_everywhere(shown, PHONE_SCREEN) == []
        # Reading the canvas back is the test, not the page.
        assert [complaint for complaint in complaints if "getImageData" not in complaint] == []
