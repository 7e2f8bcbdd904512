"""Whether all that can be pressed is on the kiosk's screen: upright and lying, in any language and size of type."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import expect

from link.protocol import client as c
from link.protocol.values import DocumentState, Network, NetworkQuality, SessionState
from tests.big import big
from tests.kiosk_client.head_office import HeadOffice
from tests.web.kiosk.looks import SCREENS, TYPE, all_on_screen
from tests.web.kiosk.rig import kiosk

pytestmark = pytest.mark.chromium

BAD = Network("kiosk", NetworkQuality.BAD, "loss")


async def test_before_a_call(tmp_path: Path) -> None:
    async with kiosk(tmp_path, office=HeadOffice(position=2, wait_s=130)) as at:
        await all_on_screen(at)
        await at.page.locator("button.expert").click()
        await all_on_screen(at)
        await at.page.locator("kiosk-services .choice").first.click()
        await at.page.locator("kiosk-notice .notice-text").wait_for()
        await all_on_screen(at)
        await at.hands.agree()
        await at.office.heard(c.CallRequest)
        await at.page.locator("kiosk-waiting video").wait_for()
        await all_on_screen(at)
        at.office.update(requeued=True, staffed=False, wait_s=None)
        await expect(at.page.locator("kiosk-waiting")).to_contain_text("没有其他专家在线")
        await all_on_screen(at)


@big
async def test_in_a_call_with_a_weak_network_a_chat_and_a_form(tmp_path: Path) -> None:
    async with kiosk(tmp_path) as at:
        await at.talk()
        for text in (
            "您好，我来帮您一起填写这张申请表，请您慢慢看，不用着急。",
            "Please choose one of the products first.",
        ):
            at.office.say(text)
            await at.hands.hears(text)
        await all_on_screen(at)
        at.office.update(network=[BAD])
        await at.page.locator("kiosk-call .note.network").wait_for()
        await all_on_screen(at)
        await at.hands.open_form()
        await all_on_screen(at)
        await at.page.evaluate(TYPE, True)
        for screen in SCREENS[:2]:
            await at.page.set_viewport_size(screen)
            await expect(at.page.locator("kiosk-call .chat li").last).to_be_in_viewport(ratio=0.9)
            await expect(at.page.locator(".product").first).to_be_in_viewport(ratio=1)
            box = await at.page.locator("video.remote").bounding_box()
            assert box is not None
            assert box["height"] > 170, "the expert can still be seen"


@big
async def test_a_document_again_the_end_and_the_stars(tmp_path: Path) -> None:
    async with kiosk(tmp_path) as at:
        await at.talk()
        at.office.ask_document("d1", note="请把身份证正面放在高拍仪下，照片一面朝上，不要反光")
        at.office.set_document("d1", DocumentState.REJECTED, "有反光，请调整角度")
        await at.page.locator("kiosk-document .button.primary").wait_for()
        await all_on_screen(at)
        await at.hands.decline_document()
        await at.page.locator(".call-bar .button.danger").click()
        await all_on_screen(at)
        await at.page.locator("kiosk-dialogs .button.danger").click()
        await at.page.locator("kiosk-rating .star").first.wait_for()
        await all_on_screen(at)


@big
async def test_nobody_is_told_to_talk_whom_nobody_hears(tmp_path: Path) -> None:
    async with kiosk(tmp_path) as at:
        await at.talk()
        desk, note = at.page.locator("kiosk-desk"), at.page.locator("kiosk-call .note.network")
        await expect(desk).to_contain_text("请直接说话")
        at.office.update(state=SessionState.HELD)
        await expect(desk).not_to_contain_text("请直接说话")
        await expect(desk.locator("h1")).to_have_text("请稍候。")
        at.office.update(state=SessionState.ACTIVE, network=[BAD])
        await expect(desk).to_contain_text("请直接说话")
        at.expert(there=False)
        await expect(desk).not_to_contain_text("请直接说话")
        await expect(at.page.locator("video.self")).to_be_hidden()
        at.expert(there=True)
        await expect(desk).to_contain_text("请直接说话")
        await expect(note).to_have_count(1)
        at.agent._tell(at.agent.mirror.set_online(False))
        await expect(desk).not_to_contain_text("请直接说话")
        await expect(note, "what the server said last is old").to_have_count(0)
