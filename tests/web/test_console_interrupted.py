"""What the console shows while a call is interrupted: nothing good beside a picture that stands, nothing covered."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from link.protocol import client as c
from link.protocol.values import Document, DocumentState, Network, NetworkQuality, SessionState
from tests.big import big
from tests.machine import allow
from tests.web.audit import COUNT, SPEAK, faults_everywhere
from tests.web.console_rig import console, into_call
from tests.web.desk_server import Desk

pytestmark = pytest.mark.chromium

WEAK = Network("kiosk", NetworkQuality.WEAK, "bandwidth")
POOR = Network("specialist", NetworkQuality.BAD, "loss")
DOCUMENT = Document("document-0", "identity_card", DocumentState.STORED)
DESKTOPS = ((1280, 720), (1440, 900), (1920, 1080))
ZOOMED = (640, 360)  # a laptop of 1280 by 720 at 200 %


async def in_good_call(desk: Desk, page: Page) -> None:
    await into_call(desk, page)
    await expect(page.locator(".quality")).to_contain_text("Good connection", timeout=30_000)
    await page.locator(".quality dl").wait_for()


def cut_the_customer(desk: Desk) -> None:
    """From now on nothing of the customer arrives; the way to the server stays whole."""
    assert desk.leg is not None
    for slot in ("audio0", "video0"):
        desk._relay.disconnect(desk.leg, slot)


@big
async def test_nothing_is_called_good_beside_a_picture_that_stands(tmp_path: Path) -> None:
    async with console(tmp_path) as (desk, person, _):
        page = person.page
        await in_good_call(desk, page)
        quality, recording = page.locator(".quality"), page.locator(".topbar-call [role=status]")
        cut_the_customer(desk)
        begun = time.monotonic()
        await expect(quality).to_contain_text("Checking the customer's connection…")
        assert time.monotonic() - begun < allow(2.4), "before the server says so"
        await expect(recording).to_have_text("Checking the connection…")
        desk.update(network=[Network("kiosk", NetworkQuality.BAD, "silent")])
        await expect(quality).to_contain_text("Customer's network is poor: nothing arrives")
        await expect(recording).to_contain_text("3 tracks")
        desk.update(kiosk_connected=False, network=[])
        await expect(quality.locator("p")).to_have_text("Waiting for the customer's kiosk")
        closed = "Closed. It opens when the customer agrees to show a paper."
        for tile, text in (("customer", "No picture just now"), ("camera", closed)):
            words = page.locator(f".tile.{tile} .no-picture")
            await expect(words).to_have_text(text)
            under = await words.evaluate("(one) => getComputedStyle(one).backgroundColor")
            assert under == "rgba(9, 30, 33, 0.78)", "the last picture stands beneath, and the words stay legible"
        assert await quality.locator("p:not([aria-hidden=true])").count() == 0, "the banner says it; once is enough"
        assert person.complaints == []


async def test_a_closed_tray_shows_no_old_picture(tmp_path: Path) -> None:
    async with console(tmp_path) as (desk, person, _):
        page = person.page
        await in_good_call(desk, page)
        assert desk.leg is not None
        desk._relay.connect(desk.leg.tracks["camera"], desk.leg, "video1")  # whatever a kiosk might send
        words, video = page.locator(".tile.camera .no-picture"), page.locator(".tile.camera video")
        await expect(words).to_contain_text("Closed.")
        assert await video.evaluate("(video) => video.srcObject") is None
        desk.update(documents=[Document("d1", "identity_card", DocumentState.AGREED)])
        await expect(words).to_have_count(0)
        desk.update(documents=[Document("d1", "identity_card", DocumentState.STORED)])
        await expect(words).to_contain_text("Closed.")
        assert await video.evaluate("(video) => video.srcObject") is None


async def test_on_hold_nothing_is_missed_and_the_network_is_still_said(tmp_path: Path) -> None:
    async with console(tmp_path) as (desk, person, _):
        page = person.page
        await in_good_call(desk, page)
        quality = page.locator(".quality [role=status]")
        await page.evaluate(COUNT, ".quality [role=status]")
        desk.update(state=SessionState.HELD)
        cut_the_customer(desk)
        await page.wait_for_timeout(2000)  # longer than what counts as standing
        assert await page.evaluate("window.__changes") == 0
        desk.update(network=[WEAK, POOR])
        said = ["Customer's network is weak: little bandwidth", "Your network is poor: packets are lost"]
        await expect(quality.locator("p")).to_have_text(said)
        desk.update(state=SessionState.ACTIVE)
        await expect(quality).to_contain_text("use a cable")


@big
async def test_what_the_server_said_last_is_old_once_it_is_lost(tmp_path: Path) -> None:
    async with console(tmp_path) as (desk, person, _):
        page = person.page
        await in_good_call(desk, page)
        desk.update(network=[WEAK])
        await expect(page.locator(".quality")).to_contain_text("little bandwidth")
        await person.context.set_offline(True)
        assert desk.channel is not None
        desk.channel._abort()
        await expect(page.locator(".quality")).to_contain_text("Checking the connection…")
        await expect(page.locator(".call-state")).to_have_text("Checking the connection…")
        await expect(page.locator(".quality")).to_contain_text("Sound and picture go on")
        await expect(page.locator(".call-state")).to_contain_text("Recording")
        await person.context.set_offline(False)
        await expect(page.locator(".quality")).to_contain_text("little bandwidth")


# Which of these parts are not wholly to be seen, or lie beneath a message.
_COVERED = """(parts) => {
  const notices = [...document.querySelectorAll(".notice")].map((one) => one.getBoundingClientRect());
  const covered = notices.length ? [] : ["no message is shown"];
  for (const part of parts) {
    for (const element of document.querySelectorAll(part)) {
      const box = element.getBoundingClientRect();
      if (!box.width) continue;
      for (const { left, right, top, bottom } of notices) {
        const beside = right === left || right <= box.left || left >= box.right;
        if (!beside && bottom > box.top && top < box.bottom) covered.push(part);
      }
    }
  }
  return covered;
}"""
_NOTIFY = """() => {
  const { store } = document.querySelector("console-app").app;
  for (const text of ["One", "Two: a longer sentence that has to be folded.", "Three"]) store.notify("danger", text);
}"""


@big
async def test_messages_cover_nothing_that_a_call_needs(tmp_path: Path) -> None:
    async with console(tmp_path) as (desk, person, _):
        page = person.page
        await in_good_call(desk, page)
        desk.update(network=[WEAK, POOR])
        await page.evaluate(_NOTIFY)
        await page.locator(".notice").nth(2).wait_for()
        needed = [".topbar", ".tile", ".quality", ".right", ".edges", ".banner"]
        for width, height in (*DESKTOPS, (1100, 800)):
            await page.set_viewport_size({"width": width, "height": height})
            for key in ("F1", "F2", "F3"):
                await page.keyboard.press(key)
                await expect(page.locator(".quality")).to_be_visible()
                assert await page.evaluate(_COVERED, needed) == [], f"{width} {key}"
        width, height = ZOOMED
        await page.set_viewport_size({"width": width, "height": height})
        for key in ("F1", "F2", "F3"):
            await page.keyboard.press(key)
            assert await page.evaluate(_COVERED, [".topbar", ".quality"]) == [], f"zoomed {key}"
        await page.set_viewport_size({"width": 1280, "height": 720})
        assert await faults_everywhere(page) == []
        desk.end("customer")
        await page.locator("console-wrapup").wait_for()
        assert await page.evaluate(_COVERED, ["console-wrapup", ".right", ".topbar"]) == []


@big
async def test_what_is_said_of_the_network_is_never_cut_off(tmp_path: Path) -> None:
    async with console(tmp_path) as (desk, person, _):
        page = person.page
        await in_good_call(desk, page)
        desk.update(network=[WEAK, POOR])
        await expect(page.locator(".quality .next")).to_be_visible()
        for width, height in (*DESKTOPS, ZOOMED):
            await page.set_viewport_size({"width": width, "height": height})
            for language in ("zh-CN", "en"):
                await page.evaluate(SPEAK, language)
                for key in ("F1", "F2", "F3"):
                    await page.keyboard.press(key)
                    where = f"{width} {language} {key}"
                    await expect(page.locator(".quality .next"), where).to_be_in_viewport(ratio=1)
                    large = await page.locator(".tile.large").bounding_box()
                    assert large is not None
                    assert large["width"] > width / 4, where
                    assert large["height"] > height / 3, where
                await page.keyboard.press("F1")
                if width >= 1280:
                    await expect(page.locator(".quality dl div").last, where).to_be_in_viewport(ratio=1)
        desk.update(network=[])
        await expect(page.locator(".quality .good")).to_have_text("Good connection")


@big
async def test_a_document_in_front_hides_no_word_of_the_network(tmp_path: Path) -> None:
    async with console(tmp_path) as (desk, person, _):
        page = person.page
        await in_good_call(desk, page)
        desk.update(documents=[DOCUMENT])
        await page.locator(".notice").wait_for()
        await page.keyboard.press("F4")
        said = page.locator(".viewer-network")
        await expect(said).to_have_text("")
        await page.evaluate(COUNT, ".viewer-network")
        desk.update(network=[POOR])
        await expect(said).to_contain_text("Your network is poor: packets are lost")
        once = await page.evaluate("window.__changes")
        for number in range(3):
            desk.customer_says(f"line {number}")
            desk.update(note=f"{number}")
        await expect(page.locator("console-chat .line")).to_have_count(3)
        assert await page.evaluate("window.__changes") == once
        assert await faults_everywhere(page) == []
        await page.set_viewport_size({"width": ZOOMED[0], "height": ZOOMED[1]})
        for language in ("zh-CN", "en"):
            await page.evaluate(SPEAK, language)
            stage = await page.locator(".viewer-stage").bounding_box()
            assert stage is not None
            assert stage["height"] > 80, "the document can be seen"
        await page.keyboard.press("a")
        assert (await desk.until(c.DocumentDecide)) == c.DocumentDecide("session-1", "document-0", True)
