"""What the console says while the network is weak, lost, or not known: the page in Chromium, over the real relay."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from demo.browser import received
from link.protocol import client as c
from link.protocol import server as s
from link.protocol.values import Network, NetworkQuality
from link.rtc.quality import Reason
from tests.big import big
from tests.web.audit import COUNT, faults, faults_everywhere
from tests.web.console_rig import console, into_call
from tests.web.desk_server import TRACKS

pytestmark = pytest.mark.chromium


async def test_whose_network_is_weak_and_why_is_said(tmp_path: Path) -> None:
    async with console(tmp_path) as (desk, person, _):
        page = person.page
        await into_call(desk, page)
        quality = page.locator(".quality")
        await expect(quality).to_contain_text("Good connection", timeout=30_000)
        desk.update(network=[Network("kiosk", NetworkQuality.WEAK, "loss")])
        await expect(quality).to_contain_text("Customer's network is weak: packets are lost")
        await expect(quality).to_contain_text("the sound goes first")
        await expect(page.get_by_role("group", name="Network").get_by_role("status")).to_contain_text("weak")
        bad = Network("specialist", NetworkQuality.BAD, "bandwidth")
        desk.update(network=[Network("kiosk", NetworkQuality.WEAK, "loss"), bad])
        await expect(quality).to_contain_text("Your network is poor: little bandwidth")
        await expect(quality).to_contain_text("reconnects by itself")
        assert await faults_everywhere(page) == []
        await quality.focus()
        await expect(quality).to_be_focused()
        # Also where another picture than the customer's screen is the large one.
        for key in ("F2", "F3"):
            await page.keyboard.press(key)
            await expect(quality.get_by_role("status")).to_be_visible()
            await expect(quality.locator("dl")).to_be_hidden()
            assert await faults(page) == []
        desk.update(network=[])
        await expect(quality).to_be_hidden()
        await page.keyboard.press("F1")
        await expect(quality).to_contain_text("Good connection")
        assert person.complaints == []


async def test_a_lost_line_and_a_reload_return_into_the_call(tmp_path: Path) -> None:
    async with console(tmp_path) as (desk, person, _):
        page = person.page
        await into_call(desk, page)
        desk.customer_says("Are you there?")
        await person.context.set_offline(True)
        assert desk.channel is not None
        desk.channel._abort()  # a cut line, as the server sees it
        await expect(page.locator(".edges .banner")).to_contain_text("you return into this call by yourself")
        await expect(page.locator(".queue")).to_contain_text("Not known while there is no connection")
        await page.keyboard.press("n")
        await page.keyboard.type("kept")
        await person.context.set_offline(False)
        await expect(page.locator(".edges .banner")).to_have_count(0)
        assert (await desk.until(c.NoteSave)) == c.NoteSave("session-1", "kept")
        assert desk.streams == 1
        assert desk.legs == 1, "the media went on"

        refreshed = sum(isinstance(message, c.CobrowseRefresh) for message in desk.said)
        await page.reload(wait_until="domcontentloaded")  # a replay that begins meanwhile may hold `load` back
        await page.locator("console-stage").wait_for()
        await desk.until(c.CobrowseRefresh, refreshed + 1)
        await desk.until(c.LegOffer, 2)
        await expect(page.locator("console-chat .line .text")).to_have_text("Are you there?")
        await expect(page.locator("console-notes textarea")).to_have_value("kept")
        await expect(page.locator(".tile.screen > .no-picture")).to_have_count(0)
        await expect(page.locator(".tile.customer video-tile .no-picture")).to_have_count(0)
        desk.update(kiosk_connected=False)
        await expect(page.locator("console-stage .banner.danger")).to_contain_text("kiosk is lost")


@big
async def test_without_any_connection_nobody_says_that_it_records(tmp_path: Path) -> None:
    async with console(tmp_path) as (desk, person, _):
        page = person.page
        await into_call(desk, page)
        await expect(page.locator(".call-state.recording")).to_be_visible()
        await page.locator(".stage .tile.customer .no-picture").wait_for(state="detached")
        await person.context.set_offline(True)
        assert desk.channel is not None
        assert desk.leg is not None
        desk.channel._abort()
        await expect(page.locator(".banner.danger")).to_be_visible()
        await expect(page.locator(".call-state.recording")).to_be_visible()  # pictures still flow, and are recorded
        await desk.leg.close()
        words = "You are not recorded; the customer may be"  # his own way to the server may be whole
        await expect(page.locator(".call-state.waiting")).to_have_text(words, timeout=30_000)
        await expect(page.locator(".tile.customer")).to_contain_text("No picture just now")
        await beside_the_buttons(page)
        await person.context.set_offline(False)
        await expect(page.locator(".call-state.recording")).to_be_visible(timeout=30_000)


async def beside_the_buttons(page: Page) -> None:
    """What is said of the recording covers no button of the call."""
    for width, height in ((1280, 720), (640, 360)):
        await page.set_viewport_size({"width": width, "height": height})
        chip = await page.locator(".topbar-call .call-state").bounding_box()
        tool = await page.locator(".topbar .tool").first.bounding_box()
        assert chip is not None
        assert tool is not None
        beside = chip["x"] + chip["width"] <= tool["x"]
        assert beside or chip["y"] + chip["height"] <= tool["y"], "it covers the buttons"


@big
async def test_only_what_can_be_recorded_is_counted(tmp_path: Path) -> None:
    async with console(tmp_path) as (desk, person, _):
        page = person.page
        await into_call(desk, page)
        status = page.locator(".topbar-call [role=status]")
        await expect(status).to_contain_text("5 tracks")
        desk.update(network=[Network("kiosk", NetworkQuality.BAD, "silent")])
        await expect(status).to_contain_text("3 tracks")  # the customer's page goes another way
        desk.update(kiosk_connected=False)
        await expect(status).to_contain_text("2 tracks")
        desk.update(recording=TRACKS[:2])
        await expect(status).to_have_text("Nothing is recorded")
        await beside_the_buttons(page)
        desk.update(kiosk_connected=True, network=[], recording=TRACKS)
        await expect(status).to_contain_text("5 tracks")


@big
async def test_a_lost_leg_is_replaced(tmp_path: Path) -> None:
    async with console(tmp_path) as (desk, person, _):
        await into_call(desk, person.page)
        await expect(person.page.locator(".tile.customer video-tile .no-picture")).to_have_count(0)
        desk.post(s.LegLost(desk.leg_id))
        await desk.until(c.LegOffer, 2)
        await expect(person.page.locator("console-stage .banner")).to_have_count(0)
        assert (await received(person.page, seconds=1)).video_frames > 0


@big
async def test_every_reason_has_its_sentence_and_is_said_once(tmp_path: Path) -> None:
    async with console(tmp_path) as (desk, person, _):
        page = person.page
        await into_call(desk, page)
        status = page.locator(".quality [role=status]")
        await expect(status).to_contain_text("Good connection")
        languages = page.locator(".topbar-person > button").first
        for english in (True, False):
            said: set[str] = set()
            for participant, quality, reason in product(("kiosk", "specialist"), ("weak", "bad"), Reason):
                before = await status.inner_text()
                desk.update(network=[Network(participant, NetworkQuality(quality), str(reason))])
                await expect(status).not_to_have_text(before, use_inner_text=True)
                said.add(text := await status.inner_text())
                assert str(reason) not in text or (english and reason in ("delay", "bandwidth")), "no code is read"
                assert await status.locator("p").count() == 2
            assert len(said) == 16, "each says whose, how bad, and why"
            await languages.click()
        desk.update(network=[Network("kiosk", NetworkQuality.WEAK, "loss")])
        await expect(status).to_contain_text("packets are lost")
        await page.evaluate(COUNT, ".quality [role=status]")
        for number in range(4):
            desk.update(network=[Network("kiosk", NetworkQuality.WEAK, "loss")], note=f"{number}")
            desk.customer_says(f"line {number}")
            await expect(page.locator("console-chat .line")).to_have_count(number + 1)
        await page.wait_for_timeout(2200)  # the figures are read anew meanwhile
        assert await page.evaluate("window.__changes") == 0
        desk.update(network=[])
        await expect(status).to_have_text("Good connection")


# When the first picture was there, and when the page said so, in milliseconds.
_FIRST = """() => {
  const seen = (window.__first = {});
  document.addEventListener("loadeddata", ({ target }) => {
    if (target.closest(".tile.customer")) seen.picture ??= performance.now();
  }, { capture: true });
  new MutationObserver(() => {
    const text = document.querySelector(".quality [role=status]")?.textContent ?? "";
    if (text.includes("Connecting")) seen.connecting = true;
    if (seen.connecting && text.includes("Good")) seen.said ??= performance.now();
  }).observe(document.body, { subtree: true, childList: true, characterData: true });
}"""


@big
async def test_the_first_picture_or_sound_ends_the_connecting(tmp_path: Path) -> None:
    async with console(tmp_path) as (desk, person, _):
        await person.page.evaluate(_FIRST)
        await into_call(desk, person.page)
        await expect(person.page.locator(".quality")).to_contain_text("Good connection")
        await person.page.locator(".tile.customer .no-picture").wait_for(state="detached")
        first = await person.page.evaluate("window.__first")
        assert first["connecting"]
        assert first["said"] - first["picture"] < 150
        await expect(person.page.locator(".quality dl")).to_contain_text("ms")
