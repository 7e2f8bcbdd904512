"""The specialist's console in Chromium, over the real protocol and relay, with a customer that the test plays."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest
from playwright.async_api import ViewportSize, expect

from demo.browser import received
from link.protocol import client as c
from link.protocol import server as s
from link.protocol.errors import NotAllowed, Unavailable, WrongState
from link.protocol.values import Document, DocumentState, SessionState
from tests.big import big
from tests.web.audit import faults_everywhere
from tests.web.console_rig import console, into_call
from tests.web.desk_server import a_queue, a_session

pytestmark = pytest.mark.chromium


async def test_a_call_from_ring_to_disposition_by_keyboard_only(tmp_path: Path) -> None:
    async with console(tmp_path) as (desk, person, _):
        page = person.page
        await page.keyboard.press("a")
        await desk.until(c.SetPresence)
        desk.ring(a_session(elderly=True, requeued=True))
        dialog = page.get_by_role("dialog", name="Incoming call")
        await expect(dialog).to_be_visible()
        for fact in ("Wealth advice", "East Gate branch", "城东 1 号机", "中文", "Personal details", "elderly mode"):
            await expect(dialog).to_contain_text(fact)
        await expect(dialog.locator("wa-button.answer")).to_be_focused()
        await page.keyboard.press("Enter")
        await page.locator("console-stage").wait_for()
        await expect(page.get_by_role("timer", name="Call time")).to_be_visible()
        await expect(page.locator(".call-state.recording")).to_contain_text("5 tracks")

        await page.keyboard.press("n")
        await page.keyboard.type("wants 12 months")
        assert (await desk.until(c.NoteSave)) == c.NoteSave("session-1", "wants 12 months")
        await expect(page.locator("console-notes .save-state")).to_have_text("Saved")
        await page.keyboard.press("Alt+c")
        await page.keyboard.type("Good morning")
        await page.keyboard.press("Enter")
        await expect(page.locator("console-chat .line.own .text")).to_have_text("Good morning")
        await expect(page.locator("console-chat .line.own.pending")).to_have_count(0)

        await page.keyboard.press("Alt+e")
        await expect(page.locator(".hang-up")).to_contain_text("Press again")
        assert not any(isinstance(message, c.HangUp) for message in desk.said)
        await page.keyboard.press("Alt+e")
        await desk.until(c.HangUp)
        await expect(page.get_by_role("heading", name="How did the call go?")).to_be_visible()
        await expect(page.locator("#wrapup-note")).to_have_value("wants 12 months")
        await page.keyboard.press("2")
        await expect(page.get_by_role("radio", name="Follow-up agreed")).to_be_checked()
        await page.keyboard.press("Enter")
        assert (await desk.until(c.Dispose)) == c.Dispose("session-1", "follow_up", "wants 12 months")
        await expect(page.get_by_role("heading", name="Ready for the next customer")).to_be_visible()
        assert person.complaints == []


async def test_media_and_screen_arrive_and_the_pointer_goes_out(tmp_path: Path) -> None:
    async with console(tmp_path) as (desk, person, _):
        page = person.page
        await into_call(desk, page)
        await expect(page.locator(".tile.customer video-tile .no-picture")).to_have_count(0)
        seen = await received(page, seconds=1.5)
        assert seen.video_frames > 10
        assert seen.audio_level > 0.005
        await expect(page.locator(".quality")).to_contain_text("Good connection")

        await expect(page.locator(".tile.screen > .no-picture")).to_have_count(0)
        frame = page.locator("iframe.cobrowse-frame")
        await expect(frame).to_be_visible()
        copy = page.frame_locator("iframe.cobrowse-frame").frame_locator("iframe")
        await expect(copy.locator("h1")).to_have_text("Purchase")
        box = await frame.bounding_box()
        assert box is not None
        await page.mouse.move(box["x"] + box["width"] / 4, box["y"] + box["height"] / 2)
        point = await desk.until(c.Point)
        assert isinstance(point, c.Point)
        assert point.x == pytest.approx(0.25, abs=0.02)
        assert point.y == pytest.approx(0.5, abs=0.02)
        await page.mouse.click(box["x"] + box["width"] / 4, box["y"] + box["height"] / 2)
        assert (await desk.until(c.Highlight)) == c.Highlight("session-1", 6)
        await page.keyboard.press("x")
        assert (await desk.until(c.Highlight, 2)) == c.Highlight("session-1", None)
        await page.keyboard.press("p")
        await expect(page.get_by_role("button", name="Pointer off")).to_have_attribute("aria-pressed", "false")

        await page.keyboard.press("F2")
        await expect(page.locator(".tile.customer.large")).to_be_visible()
        await page.keyboard.press("h")
        assert (await desk.until(c.Hold)) == c.Hold("session-1", True)
        await expect(page.locator("console-stage .banner")).to_contain_text("On hold")
        assert person.complaints == []


async def test_documents_are_asked_for_looked_at_and_decided(tmp_path: Path) -> None:
    async with console(tmp_path) as (desk, person, _):
        page = person.page
        await into_call(desk, page)
        await page.keyboard.press("d")
        await expect(page.get_by_role("button", name="Identity card")).to_be_focused()
        await page.keyboard.press("Enter")
        assert (await desk.until(c.DocumentRequest)) == c.DocumentRequest("session-1", "identity_card")
        await expect(page.locator(".document-list .chip")).to_have_text("Waiting for the customer")
        desk.document(0, DocumentState.STORED, width=1600, height=1000, size=2_000_000, incomplete=True)
        await expect(page.get_by_text("A paper has arrived.")).to_be_visible()
        await expect(page.locator(".document-list .incomplete")).to_have_text("Incomplete picture")
        await page.keyboard.press("F4")
        viewer = page.get_by_role("dialog", name="Identity card")
        image = viewer.get_by_role("img")
        await expect(image).to_be_visible()
        await expect(viewer).to_contain_text("1600 × 1000")
        await expect(viewer).to_contain_text("Incomplete picture")
        for key in ("+", "r", "ArrowLeft"):
            await page.keyboard.press(key)
        transform = await image.evaluate("(image) => image.style.transform")
        assert "rotate(90deg)" in transform
        assert "translate(80px, 0px)" in transform
        await page.keyboard.press("0")
        assert "rotate(0deg)" in await image.evaluate("(image) => image.style.transform")
        assert await faults_everywhere(page) == []
        await page.keyboard.press("j")
        await page.keyboard.press("Escape")
        await expect(viewer).to_be_visible()
        await page.keyboard.press("j")
        await page.keyboard.press("2")
        decision = await desk.until(c.DocumentDecide)
        assert decision == c.DocumentDecide("session-1", "document-0", False, "有反光，请调整角度")
        await expect(page.locator(".document-list .chip")).to_have_text("Asked again")
        desk.document(0, DocumentState.STORED, reason="", incomplete=False)
        await expect(page.locator(".document-list .chip")).to_have_text("Please check")
        await expect(page.locator(".document-list .incomplete")).to_have_count(0)
        await page.keyboard.press("F4")
        await page.keyboard.press("a")
        assert (await desk.until(c.DocumentDecide, 2)) == c.DocumentDecide("session-1", "document-0", True)
        await expect(page.locator(".document-list .chip")).to_have_text("Accepted")


@big
async def test_nobody_who_holds_is_asked_for_a_document(tmp_path: Path) -> None:
    async with console(tmp_path) as (desk, person, _):
        page = person.page
        await into_call(desk, page)
        await page.get_by_role("button", name="Other paper").click()
        await page.locator("#other-document").wait_for()
        desk.update(state=SessionState.HELD)
        asks = page.get_by_role("group", name="Ask the customer for").get_by_role("button")
        for ask in await asks.all():
            await expect(ask).to_be_disabled()
            await expect(ask).to_have_accessible_description(re.compile("Resume the call first"))
        await expect(page.locator("#other-document")).to_have_count(0)
        await page.keyboard.press("d")
        await expect(page.locator(".notice.info")).to_contain_text("Resume the call first")
        assert await faults_everywhere(page) == []
        desk.update(state=SessionState.ACTIVE)
        await expect(asks.first).to_be_enabled()
        await page.keyboard.press("d")
        await expect(asks.first).to_be_focused()
        await page.keyboard.press("Enter")
        await desk.until(c.DocumentRequest)


async def test_escape_declines_and_a_missed_ring_is_said(tmp_path: Path) -> None:
    async with console(tmp_path) as (desk, person, _):
        page = person.page
        await page.keyboard.press("a")
        await desk.until(c.SetPresence)
        desk.ring(a_session())
        await expect(page.locator("wa-button.answer")).to_be_focused()
        await expect(page).to_have_title("Incoming call")
        await page.keyboard.press("Escape")
        assert (await desk.until(c.Decline)) == c.Decline("session-1")
        await expect(page.locator("dialog.ring")).to_be_hidden()
        desk.ring(a_session(2))
        await expect(page.locator("dialog.ring")).to_be_visible()
        desk.post(s.RingStop("session-2", "timeout"))
        await expect(page.locator("dialog.ring")).to_be_hidden()
        await expect(page.locator(".notice")).to_contain_text("not answered in time")
        await page.get_by_role("button", name="中文").click()
        await expect(page.locator(".notice")).to_contain_text("来电未及时接听")
        await page.get_by_role("button", name="English").click()
        desk.ring(a_session(3))
        await expect(page.locator("wa-button.answer")).to_be_focused()
        desk.failing = WrongState("gone")
        await page.keyboard.press("Enter")
        await expect(page.locator(".notice.danger")).to_contain_text("no longer possible")
        await expect(page.locator("dialog.ring")).to_be_visible()
        desk.failing = None
        await page.keyboard.press("Enter")
        await page.locator("console-stage").wait_for()
        await expect(page.locator("dialog.ring")).to_be_hidden()


async def test_a_call_works_without_camera_and_microphone_and_says_so(tmp_path: Path) -> None:
    async with console(tmp_path, devices=False) as (desk, person, _):
        page = person.page
        await into_call(desk, page)
        banner = page.locator(".edges .banner.warning")
        await expect(banner).to_contain_text("does not allow the camera")
        await expect(banner).to_contain_text("neither hear nor see you")
        await expect(banner.get_by_role("button", name="Try again")).to_be_visible()
        async with asyncio.timeout(30):
            while await page.locator("console-stage .banner").count():
                await asyncio.sleep(0.05)
        assert desk.leg is not None


@big
async def test_a_second_window_and_an_expired_login_are_explained(tmp_path: Path) -> None:
    async with console(tmp_path) as (desk, person, origin):
        second = await person.context.new_page()
        person.listen(second)
        await second.goto(f"{origin}/console")
        await second.locator("console-idle .skills").wait_for()
        await expect(person.page.get_by_role("alert")).to_contain_text("opened in another window")
        assert desk.streams == 2
        desk.logged_in = False
        assert desk.channel is not None
        desk.channel.close(NotAllowed())
        await expect(second.get_by_role("alert")).to_contain_text("You may not do this")
        await second.reload()
        await expect(second.get_by_role("alert")).to_contain_text("You are signed out")


@big
async def test_a_double_click_is_one_click(tmp_path: Path) -> None:
    async with console(tmp_path) as (desk, person, _):
        page = person.page
        await into_call(desk, page)
        await page.locator(".ask button").first.dblclick()
        await page.locator("console-documents li").first.wait_for()
        await page.get_by_role("button", name="Hold").dblclick()
        await page.locator(".call-state.held").wait_for()
        await page.locator(".hang-up").dblclick()
        await expect(page.locator(".hang-up")).to_contain_text("Press again to end")
        await page.keyboard.press("h")
        await desk.until(c.Hold, 2)
        assert not [message for message in desk.said if isinstance(message, c.HangUp)]
        assert sum(isinstance(message, c.DocumentRequest) for message in desk.said) == 1
        desk.document(0, DocumentState.STORED, width=1600, height=1000, size=300_000)
        await page.locator("console-documents li[data-state=stored]").wait_for()
        await page.keyboard.press("F4")
        zoom = page.get_by_role("button", name="Larger")
        await zoom.dblclick()
        await expect(page.locator(".viewer-stage img")).to_have_attribute("style", re.compile(r"scale\(1\.5625\)"))


@big
async def test_the_language_is_switched_in_the_middle_of_a_call(tmp_path: Path) -> None:
    async with console(tmp_path, language="zh-CN") as (desk, person, _):
        page = person.page
        await into_call(desk, page)
        await expect(page.locator("#customer-title")).to_have_text("理财咨询")
        await page.get_by_role("button", name="English").click()
        await expect(page.locator("#customer-title")).to_have_text("Wealth advice")
        await expect(page.locator("#chat-title")).to_have_text("Chat")
        await expect(page.locator("iframe.cobrowse-frame")).to_have_attribute("title", "The customer's screen")
        await expect(page.locator("html")).to_have_attribute("lang", "en")
        assert desk.legs == 1


async def test_every_state_is_usable_by_everybody(tmp_path: Path) -> None:
    async with console(tmp_path, language="zh-CN") as (desk, person, _):
        page = person.page
        desk.post(a_queue())
        await page.locator(".queue li").first.wait_for()
        assert await faults_everywhere(page) == []
        await page.keyboard.press("?")
        await page.get_by_role("dialog", name="键盘快捷键").wait_for()
        assert await faults_everywhere(page) == []
        await page.keyboard.press("Escape")
        await expect(page.locator("dialog.help")).to_be_hidden()
        await page.keyboard.press("a")
        await desk.until(c.SetPresence)
        desk.ring(a_session(elderly=True))
        await expect(page.locator("wa-button.answer")).to_be_focused()
        assert await faults_everywhere(page) == []
        await page.keyboard.press("Enter")
        await page.locator("console-stage").wait_for()
        desk.customer_says("您好")
        await page.locator("console-chat .line").wait_for()
        assert await faults_everywhere(page) == []
        desk.failing = Unavailable()
        await page.keyboard.press("h")
        await page.locator(".notice.danger").wait_for()
        desk.failing = None
        desk.end("kiosk")
        await page.locator("console-wrapup").wait_for()
        assert await faults_everywhere(page) == []


@big
async def test_long_texts_and_double_zoom_leave_everything_in_reach(tmp_path: Path) -> None:
    async with console(tmp_path) as (desk, person, _):
        page = person.page
        await page.keyboard.press("a")
        await desk.until(c.SetPresence)
        name = "W" * 120
        desk.ring(a_session(kiosk_name=name, branch_zh=name, branch_en=name, elderly=True, requeued=True))
        await expect(page.locator("wa-button.answer")).to_be_focused()
        zoomed = ViewportSize(width=720, height=450)  # 1440 by 900 at 200 %
        assert await faults_everywhere(page, zoomed) == []
        await page.set_viewport_size(zoomed)
        await expect(page.locator("wa-button.answer")).to_be_in_viewport(ratio=1)
        await page.keyboard.press("Enter")
        await page.locator("console-stage").wait_for()
        document = Document("document", "other", DocumentState.STORED, name, name)
        desk.update(documents=[document, document])
        desk.customer_says(name * 4)
        await page.locator("console-chat .line").wait_for()
        for screen in (zoomed, ViewportSize(width=1280, height=720), ViewportSize(width=1440, height=900)):
            await page.set_viewport_size(screen)
            assert await faults_everywhere(page) == []
            await expect(page.locator(".hang-up")).to_be_in_viewport(ratio=1)
        await page.set_viewport_size(zoomed)
        for part in (".tile.screen", ".tile.self", "#chat-text", "console-notes textarea"):
            await page.locator(part).scroll_into_view_if_needed()
            await expect(page.locator(part)).to_be_in_viewport(ratio=0.5)
        desk.end("kiosk")
        await page.locator("form.wrapup").wait_for()
        assert await faults_everywhere(page) == []
        await page.locator("form.wrapup wa-button").scroll_into_view_if_needed()
        await expect(page.locator("form.wrapup wa-button")).to_be_in_viewport(ratio=1)


async def test_the_screen_fits_without_scrolling(tmp_path: Path) -> None:
    async with console(tmp_path) as (desk, person, _):
        page = person.page
        await into_call(desk, page)
        over = await page.evaluate("""() => [document.documentElement, document.querySelector(".centre"),
            document.querySelector(".right")].map((one) => one.scrollHeight - one.clientHeight)""")
        assert over == [0, 0, 0]
        cut = await page.evaluate("""() => [...document.querySelectorAll("button")]
            .filter((one) => one.checkVisibility() && one.scrollWidth > one.clientWidth + 1)
            .map((one) => one.textContent.trim())""")
        assert cut == []
