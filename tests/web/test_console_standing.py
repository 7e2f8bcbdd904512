"""Whether calls come to the specialist, and what is said when a ring, a call or a wrap-up goes by without them."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from link.protocol import client as c
from link.protocol import server as s
from link.protocol.values import Document, DocumentState, Presence
from tests.big import big, first_of
from tests.web.audit import faults_everywhere
from tests.web.console_rig import console, into_call
from tests.web.desk_server import Desk, a_session

pytestmark = pytest.mark.chromium
SWITCH = "console-queue wa-switch"


def _said(desk: Desk, kind: type[c.ClientMessage]) -> int:
    return sum(isinstance(message, kind) for message in desk.said)


async def _into_wrap_up(desk: Desk, page: Page, **changes: object) -> None:
    await into_call(desk, page)
    assert desk.session is not None
    desk.end("kiosk")
    desk.update(closes_s=600, extensions=2, **changes)
    await expect(page.locator(".wrapup-time")).to_be_visible()


async def test_no_more_calls_after_this_one(tmp_path: Path) -> None:
    async with console(tmp_path) as (desk, person, _):
        page = person.page
        await into_call(desk, page)
        await expect(page.locator(SWITCH)).to_have_text("Take calls afterwards")
        await expect(page.locator(".presence-next")).to_have_text("Then: calls come again")
        await page.locator("body").press("a")
        assert await desk.until(c.SetPresence, 2) == c.SetPresence(available=False)
        await expect(page.locator(".presence-next")).to_have_text("Then: no more calls")
        assert await faults_everywhere(page) == []
        desk.end("kiosk")
        save = page.get_by_role("button", name="Save and take no calls")
        await expect(save).to_be_visible()
        await page.keyboard.press("1")
        await page.keyboard.press("Enter")
        await desk.until(c.Dispose)
        assert _said(desk, c.SetPresence) == 2
        await expect(page.get_by_role("heading", name="You are not taking calls")).to_be_visible()


@big
async def test_save_and_take_calls_does_so_after_a_reload(tmp_path: Path) -> None:
    async with console(tmp_path) as (desk, person, _):
        page = person.page
        await into_call(desk, page)
        desk.takes_calls = False
        await page.reload()
        await page.locator("console-stage").wait_for()
        desk.end("kiosk")
        await page.get_by_text("Resolved").click()
        await page.get_by_role("button", name="Save and take calls").click()
        await desk.until(c.Dispose)
        assert desk.presence is Presence.AVAILABLE
        await expect(page.get_by_role("heading", name="Ready for the next customer")).to_be_visible()


@big
async def test_a_reload_keeps_taking_calls(tmp_path: Path) -> None:
    async with console(tmp_path) as (desk, person, _):
        page = person.page
        await page.keyboard.press("a")
        await desk.until(c.SetPresence)
        await expect(page.locator(".presence[data-presence=available]")).to_be_visible()
        desk.presence, desk.takes_calls, desk.paused = Presence.AWAY, False, "new"
        await page.reload()
        await desk.until(c.SetPresence, 2)
        await expect(page.get_by_role("heading", name="Ready for the next customer")).to_be_visible()


async def test_a_missed_ring_takes_no_more_calls_and_says_so(tmp_path: Path) -> None:
    async with console(tmp_path) as (desk, person, _):
        page = person.page
        await page.keyboard.press("a")
        await desk.until(c.SetPresence)
        desk.ring(a_session())
        await expect(page.get_by_role("dialog", name="Incoming call")).to_be_visible()
        desk.miss()
        await expect(page.locator(".presence")).to_have_attribute("data-presence", "not_responding")
        await expect(page.locator(".presence-state strong")).to_have_text("Taking no calls")
        await expect(page.locator("console-idle")).to_contain_text("A call rang here and was not answered")
        await page.reload()
        await expect(page.locator("console-idle")).to_contain_text("A call rang here and was not answered")
        assert _said(desk, c.SetPresence) == 1, "nobody is back before saying so"
        await page.keyboard.press("a")
        assert await desk.until(c.SetPresence, 2) == c.SetPresence(available=True)


async def test_esc_closes_help_first_and_declines_at_the_second_press(tmp_path: Path) -> None:
    async with console(tmp_path) as (desk, person, _):
        page = person.page
        await page.keyboard.press("a")
        await desk.until(c.SetPresence)
        await page.keyboard.press("?")
        await expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
        desk.ring(a_session())
        ring = page.get_by_role("dialog", name="Incoming call")
        await expect(ring).to_be_visible()
        await page.keyboard.press("Escape")
        await expect(page.locator("dialog.help")).to_be_hidden()
        await expect(ring.locator(".decline")).not_to_contain_text("again")
        await page.keyboard.press("Escape")
        await expect(ring.locator(".decline")).to_contain_text("Press Esc again to decline")
        await expect(ring).to_be_visible()
        assert _said(desk, c.Decline) == 0
        await page.keyboard.press("Escape")
        await desk.until(c.Decline)
        await expect(ring).to_be_hidden()


async def test_a_wrap_up_counts_down_and_can_be_extended(tmp_path: Path) -> None:
    async with console(tmp_path) as (desk, person, _):
        page = person.page
        await _into_wrap_up(desk, page)
        timer = page.get_by_role("timer", name="Time left to save")
        await expect(timer).to_contain_text("9:5")
        desk.update(closes_s=60)
        await expect(page.locator(".wrapup-time.short")).to_contain_text("closes without an outcome")
        await page.keyboard.press("2")
        assert await desk.until(c.OutcomeChoose) == c.OutcomeChoose("session-1", "follow_up")
        await expect(page.locator(".wrapup-time.short")).to_contain_text("saved by itself")
        assert await faults_everywhere(page) == []
        await page.get_by_role("button", name="More time").click()
        await desk.until(c.WrapUpExtend)
        await expect(page.locator(".wrapup-time.short")).to_have_count(0)
        desk.update(extensions=0)
        await expect(page.get_by_role("button", name="More time")).to_be_disabled()
        await page.reload()
        await expect(page.get_by_role("radio", name="Follow-up agreed")).to_be_checked()


@pytest.mark.parametrize(
    ("reason", "text"),
    first_of(
        ("requeued", "The customer is first in line"),
        ("revoked", "The call goes on with the specialist who leads it."),
        ("not_allowed", "An administrator has changed which branches you work for."),
        ("overdue", "What you had entered until then has been saved."),
        (None, "It ended while this page was not connected."),
    ),
)
async def test_a_call_that_went_away_says_what_became_of_it(tmp_path: Path, reason: str | None, text: str) -> None:
    async with console(tmp_path) as (desk, person, _):
        page = person.page
        await into_call(desk, page)
        desk.session, desk.presence, desk.takes_calls, desk.paused = None, Presence.AWAY, False, "lost"
        desk.post(s.SessionGone(reason, "session-1" if reason else None))
        desk.post(desk.standing())
        said = page.get_by_role("alert")
        await expect(said).to_contain_text(text)
        await expect(said).to_contain_text("城东 1 号机")
        await expect(said).to_contain_text("No call comes to you until you switch on")
        assert await faults_everywhere(page) == []
        await said.get_by_role("button", name="Close").click()
        await expect(said).to_have_count(0)


@pytest.mark.parametrize("documents", first_of(3, 0, 8))
async def test_documents_leave_the_chat_room_in_a_small_window(tmp_path: Path, documents: int) -> None:
    async with console(tmp_path) as (desk, person, _):
        page = person.page
        await page.set_viewport_size({"width": 1280, "height": 720})
        await into_call(desk, page)
        labels = ["identity_card", "bank_card", "contract"]
        asked = [Document(f"document-{n}", labels[n % 3], DocumentState.REQUESTED, "") for n in range(documents)]
        desk.update(documents=asked)
        for line in range(6):
            desk.customer_says(f"line {line}")
        await expect(page.locator(".document-list li")).to_have_count(documents)
        await expect(page.locator("console-chat .line")).to_have_count(6)
        log = page.locator("console-chat .lines")
        assert await log.evaluate("(log) => log.clientHeight") >= 60
        for part in ("#chat-text", "console-notes textarea"):
            box = await page.locator(part).bounding_box()
            assert box is not None
            assert box["height"] >= 20
            assert box["y"] + box["height"] <= 720
        assert await faults_everywhere(page) == []
