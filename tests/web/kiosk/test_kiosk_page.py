"""The kiosk page in Chromium: a whole visit, and everything that can go wrong in one."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from playwright.async_api import ViewportSize, expect

from link.protocol import client as c
from link.protocol import server as s
from link.protocol.values import DocumentState, Language, SessionState
from tests.big import big, first_of
from tests.kiosk_client.head_office import HeadOffice
from tests.web.kiosk.looks import SCREENS, TYPE, fine, fine_for_everybody
from tests.web.kiosk.rig import Kiosk, kiosk

pytestmark = pytest.mark.chromium


async def nothing_left(at: Kiosk) -> None:
    """The next customer finds a kiosk as if nobody had been there."""
    await at.hands.home()
    left = await at.page.evaluate(
        """() => {
          const { kiosk } = document.querySelector("kiosk-app");
          return {
            storage: localStorage.length + sessionStorage.length,
            form: document.querySelectorAll("kiosk-form, input").length,
            session: kiosk.state.session, chat: kiosk.state.chat.length, elderly: kiosk.state.elderly,
            tracks: Object.values(kiosk.capture.tracks).filter(Boolean).length, peer: kiosk.capture.peer,
            recording: kiosk.recorder.running, language: document.documentElement.lang,
          };
        }"""
    )
    assert left == {
        "storage": 0,
        "form": 0,
        "session": None,
        "chat": 0,
        "elderly": False,
        "tracks": 0,
        "peer": None,
        "recording": False,
        "language": "zh-CN",
    }
    cookies = [(cookie.get("name"), cookie.get("value")) for cookie in await at.context.cookies()]
    assert cookies in ([], [("lang", "zh-CN")])
    async with asyncio.timeout(30):
        while at.agent.call is not None or at.agent.mirror.session is not None:
            await asyncio.sleep(0.05)


async def test_a_whole_visit(tmp_path: Path) -> None:
    async with kiosk(tmp_path, office=HeadOffice(position=2, wait_s=130)) as at:
        await fine(at)
        await expect(at.page.locator("kiosk-header strong")).to_have_text("示范银行远程视频服务")
        await at.page.locator("button.expert").click()
        await fine(at)
        await at.page.locator("kiosk-services .choice").first.click()
        await expect(at.page.locator("kiosk-notice")).to_contain_text("2026-1")
        assert await at.page.evaluate("document.querySelector('kiosk-app').kiosk.capture.devices.camera") == "off"
        await fine(at)
        await at.hands.agree()
        request = await at.office.heard(c.CallRequest)
        assert (request.service, request.language, request.consent.version) == ("wealth", Language.ZH, "2026-1")
        waiting = at.page.locator("kiosk-waiting")
        await expect(waiting).to_contain_text("您排在第 2 位")
        await expect(waiting).to_contain_text("预计约 3 分钟")
        await fine(at)
        at.office.ring()
        await expect(waiting).to_contain_text("正在为您呼叫专家")
        at.office.answer()
        await at.hands.in_call()
        digest = await at.sees_expert()
        await at.hears_expert()
        assert digest["received"]["video0"]["width"] >= 320
        assert not await at.page.locator("video.remote").evaluate("video => video.paused")
        await expect(at.page.locator(".recording"), "no document is seen yet").to_have_text(
            "正在录制：画面、声音、屏幕操作"
        )
        await fine(at)

        at.office.say("您好，请出示身份证。")
        await at.hands.hears("请出示身份证")
        await at.hands.reply(0)
        assert (await at.office.heard(c.ChatSend)).text == "是的"

        at.office.ask_document("d1", note="正面")
        await expect(at.page.locator("kiosk-document")).to_contain_text("正面")
        await fine(at)
        await at.hands.show_document()
        assert at.office.documents["d1"] == at.document
        at.office.set_document("d1", DocumentState.REJECTED, "有反光，请调整角度")
        await expect(at.page.locator("kiosk-document")).to_contain_text("有反光")
        await at.hands.show_document()
        at.office.set_document("d1", DocumentState.ACCEPTED)
        at.office.ask_document("d2", "bank_card")
        await at.hands.decline_document()
        assert not (await at.office.heard(c.DocumentAnswer, document="d2")).agreed

        at.office.ask_document("d3", "contract")
        await expect(at.page.locator("kiosk-document")).to_contain_text("合同")
        at.office.update(state=SessionState.HELD, recording=())
        await expect(at.page.locator("kiosk-call .veil")).to_contain_text("通话保持中")
        await expect(at.page.locator("kiosk-document section"), "nobody who holds is asked").to_have_count(0)
        await expect(at.page.locator("kiosk-call .recording")).to_have_text("通话保持期间不录制")
        at.office.update(state=SessionState.ACTIVE)
        await expect(at.page.locator("kiosk-call .recording")).to_have_text("正在启动录制")
        await expect(at.page.locator("kiosk-call .veil")).to_have_count(0)
        await at.hands.decline_document()

        await at.hands.hang_up()
        await fine(at)
        await expect(at.page.locator("kiosk-rating .star.lit"), "a resting pointer chooses nothing").to_have_count(0)
        await at.page.locator("kiosk-rating .star").nth(3).hover()
        await expect(at.page.locator("kiosk-rating .star.lit")).to_have_count(4)
        await at.page.locator("kiosk-rating .star").nth(3).click()
        assert (await at.office.heard(c.Rate)).stars == 4
        await at.page.locator("kiosk-thanks .button.primary").click()
        await nothing_left(at)
        assert at.complaints == []


async def test_the_form_goes_with_the_customer_into_the_call_and_is_gone_afterwards(tmp_path: Path) -> None:
    async with kiosk(tmp_path) as at:
        await at.page.locator(".tile").first.click()
        await at.hands.form.wait_for()
        await fine(at)
        await at.hands.form.locator(".product").nth(2).click()
        await at.hands.form.locator(".button.accent").click()
        await at.hands.agree()
        assert (await at.office.heard(c.CallRequest)).step == "product"
        assert await at.hands.form.locator(".product input").nth(2).is_checked()
        at.office.answer()
        await at.hands.in_call()
        assert await at.hands.form.locator(".product input").nth(2).is_checked()
        await at.hands.next_step()
        assert (await at.office.heard(c.FormStep)).step == "risk"
        for number in range(4):
            await at.hands.form.locator("fieldset.question").nth(number).locator(".answer").first.click()
        await at.hands.next_step()
        await expect(at.hands.form.locator(".note.danger")).to_contain_text("超出您的承受能力")
        at.office.end()
        await at.page.locator("kiosk-rating .button").click()
        await at.page.locator("kiosk-thanks .button.primary").click()
        await nothing_left(at)


async def test_the_form_refuses_what_cannot_be_right(tmp_path: Path) -> None:
    async with kiosk(tmp_path) as at:
        await at.page.locator(".tile").first.click()
        await at.hands.next_step()
        await expect(at.hands.form.locator(".note.danger")).to_contain_text("请选择一款产品")
        await at.hands.fill_form()
        await expect(at.hands.form.locator(".summary")).to_contain_text("20,000 元")
        await expect(at.hands.form.locator(".summary")).not_to_contain_text("6222021")
        await at.hands.form.locator("#field-password").fill("12345")
        await at.hands.next_step()
        await expect(at.hands.form.locator(".field.wrong")).to_contain_text("6 位数字")
        await at.hands.form.locator("#field-password").fill("123456")
        await at.hands.form.locator(".terms").click()
        await at.hands.next_step()
        await at.hands.form.locator(".finished").wait_for()
        assert await at.page.locator("input").count() == 0
        await at.hands.form.locator(".button.primary").click()
        await nothing_left(at)


@big
async def test_long_names_and_texts_hide_nothing(tmp_path: Path) -> None:
    async with kiosk(tmp_path) as at:
        await at.talk()
        at.office.update(specialist_name="Konstantinopoulou-" * 6)
        at.office.say("请" * 300)
        await at.hands.hears("请请")
        at.office.say("\u200f\u0645\u0631\u062d\u0628\u0627 " + "W" * 150)
        await at.hands.hears("WW")
        at.office.say("最后一句")
        await at.hands.hears("最后一句")
        for screen in (ViewportSize(width=1080, height=1920), ViewportSize(width=1920, height=1080)):
            await at.page.set_viewport_size(screen)
            await expect(at.page.locator("kiosk-call .chat li").last).to_be_in_viewport(ratio=0.9)
            plate = await at.page.locator(".name-plate").bounding_box()
            own = await at.page.locator("video.self").bounding_box()
            assert plate is not None
            assert own is not None
            assert plate["x"] + plate["width"] <= own["x"], "the own picture covers the name"
            await expect(at.page.locator(".name-plate .number")).to_be_in_viewport(ratio=1)
        await fine_for_everybody(at)
        await at.page.set_viewport_size({"width": 1080, "height": 1920})
        await at.page.evaluate(TYPE, True)
        await expect(at.page.locator("kiosk-desk .button.primary")).to_be_in_viewport(ratio=1)


@big
async def test_who_taps_twice_means_it_once(tmp_path: Path) -> None:
    async with kiosk(tmp_path, screen=ViewportSize(width=1920, height=1080)) as at:
        await at.page.locator(".bar-button").nth(1).dblclick()
        await at.page.locator("html[lang=en]").wait_for()
        await at.page.locator("button.expert").dblclick()
        await at.page.locator("kiosk-services .choice").first.wait_for()
        for choice in range(3):
            await at.page.locator("kiosk-services .choice").nth(choice).dblclick()
            await at.page.locator("kiosk-notice .notice-text").wait_for()
            assert at.office.session is None, "nobody agreed"
            await at.page.locator("kiosk-notice .button.quiet").dblclick()
            await at.hands.home()
            await at.page.locator("button.expert").click()
        await at.page.locator("kiosk-services .button.quiet").click()
        await at.talk()
        at.office.say("Hello")
        await at.hands.hears("Hello")
        await at.page.locator(".replies .reply").first.dblclick()
        await at.page.locator(".call-bar .button.danger").dblclick()
        await at.page.locator("kiosk-dialogs .button.danger").wait_for()
        assert at.office.session is not None
        assert at.office.session.state is SessionState.ACTIVE
        assert sum(isinstance(message, c.ChatSend) for message in at.office.said) == 1


async def test_nobody_on_duty_is_no_dead_end(tmp_path: Path) -> None:
    async with kiosk(tmp_path, office=HeadOffice(staffed=False, wait_s=None)) as at:
        await at.wait_for_expert()
        waiting = at.page.locator("kiosk-waiting")
        await expect(waiting).to_contain_text("当前不在线")
        await waiting.get_by_role("button", name="请大堂经理协助").click()
        assert (await at.office.heard(c.AssistanceRequest)).reason == "nobody_available"
        await expect(waiting).to_contain_text("请求已发出，暂未有人响应")
        at.office.post(s.AssistanceState(asked=True, taken_by="陈静"))
        await expect(waiting).to_contain_text("陈静 正在赶来")
        await waiting.get_by_role("button", name="先填写表单").click()
        await at.hands.form.wait_for()
        await fine(at)
        await at.hands.form.get_by_text("退出办理").click()
        await at.hands.stop_waiting()
        await nothing_left(at)


@pytest.mark.parametrize("screen", first_of(*SCREENS[:2]))
async def test_english_and_larger_type_at_any_moment(tmp_path: Path, screen: ViewportSize) -> None:
    async with kiosk(tmp_path, screen=screen) as at:
        larger, english = at.page.locator(".bar-button").nth(0), at.page.locator(".bar-button").nth(1)
        await larger.click()
        await fine(at, elderly=True)
        await at.talk()
        assert (await at.office.heard(c.CallRequest)).elderly
        await at.sees_expert(5)
        peer = "document.querySelector('kiosk-app').kiosk.capture.peer"
        await at.page.evaluate(f"window.peerBefore = {peer}")
        await english.click()
        await expect(at.page.locator(".call-bar")).to_contain_text("End the call")
        await at.hands.open_form()
        await fine(at, elderly=True)
        assert await at.page.evaluate(f"window.peerBefore === {peer}")
        await larger.click()
        await fine(at)
        await at.hands.hang_up()
        await expect(at.page.locator("kiosk-rating")).to_contain_text("The call has ended")
        await at.page.locator("kiosk-rating .button").click()
        await at.page.locator("kiosk-thanks .button.primary").click()
        await nothing_left(at)


async def test_every_screen_is_fine_in_both_languages_and_sizes(tmp_path: Path) -> None:
    async with kiosk(tmp_path, office=HeadOffice(position=2, wait_s=130)) as at:
        await fine_for_everybody(at)
        await at.page.locator("button.expert").click()
        await fine_for_everybody(at)
        await at.page.locator("kiosk-services .choice").first.click()
        await at.page.locator("kiosk-notice .notice-text").wait_for()
        await fine_for_everybody(at)
        await at.hands.agree()
        await at.office.heard(c.CallRequest)
        await fine_for_everybody(at)
        at.office.answer()
        await at.hands.in_call()
        await at.page.locator("kiosk-call .veil").wait_for(state="detached")
        at.office.say("您好，我来帮您一起填写这张申请表，请您慢慢看。")
        await at.hands.hears("慢慢看")
        await fine_for_everybody(at)
        await at.hands.open_form()
        await fine_for_everybody(at)
        await at.hands.fill_form()
        await fine_for_everybody(at)
        at.office.ask_document("d1", note="请把身份证正面放在高拍仪下")
        await at.page.locator("kiosk-document .button.primary").wait_for()
        await fine_for_everybody(at)
        await at.hands.decline_document()
        at.office.update(state=SessionState.HELD)
        await at.page.locator("kiosk-call .veil").wait_for()
        await fine_for_everybody(at)
        at.office.update(state=SessionState.ACTIVE)
        await at.page.locator("kiosk-call .veil").wait_for(state="detached")
        await at.page.locator(".call-bar .button.danger").click()
        await at.page.locator("kiosk-dialogs .button.danger").wait_for()
        await fine_for_everybody(at)
        await at.page.locator("kiosk-dialogs .button.danger").click()
        await at.page.locator("kiosk-rating .star").first.wait_for()
        await fine_for_everybody(at)
        assert at.complaints == []


async def test_without_camera_and_microphone_the_call_goes_on(tmp_path: Path) -> None:
    async with kiosk(tmp_path, devices=False, document_camera=False) as at:
        await at.wait_for_expert(1)
        await expect(at.page.locator("kiosk-waiting .note")).to_contain_text("摄像头和麦克风暂时无法使用")
        at.office.answer()
        await at.hands.in_call()
        await at.page.locator("kiosk-call .veil").wait_for(state="detached")
        await expect(at.page.locator("kiosk-call .note")).to_contain_text("用下方按钮回答")
        await expect(at.page.locator("kiosk-desk")).not_to_contain_text("拍摄台")
        at.office.ask_document("d1")
        await expect(at.page.locator("kiosk-document")).to_contain_text("本机没有拍摄台")
        await at.hands.decline_document()
        assert not (await at.office.heard(c.DocumentAnswer, document="d1")).agreed


async def test_a_page_loaded_again_is_in_the_call_again(tmp_path: Path) -> None:
    async with kiosk(tmp_path) as at:
        await at.talk(1)
        await at.sees_expert(5)
        at.office.say("还在吗？")
        await at.hands.hears("还在吗")
        server_leg = at.agent.call.gateway.server_leg if at.agent.call else None
        await at.page.reload()
        await at.hands.in_call()
        await at.hands.hears("还在吗")
        await at.sees_expert()
        assert at.agent.call is not None
        assert at.agent.call.gateway.server_leg is server_leg, "the server never noticed"


@big
async def test_a_requeued_call_waits_again(tmp_path: Path) -> None:
    async with kiosk(tmp_path) as at:
        await at.talk(1)
        at.office.update(
            state=SessionState.WAITING, requeued=True, specialist=None, specialist_connected=False, position=1
        )
        waiting = at.page.locator("kiosk-waiting")
        await expect(waiting).to_contain_text("已为您优先安排接通")
        at.office.update(position=2)
        await expect(waiting.get_by_role("heading")).to_have_text("与专家的连接中断")
        at.office.update(staffed=False, wait_s=None)
        await expect(waiting).to_contain_text("没有其他专家在线")
        await expect(waiting).not_to_contain_text("优先安排")
        await expect(waiting.get_by_role("button", name="请大堂经理协助")).to_be_enabled()
        at.office.answer("周明")
        await at.hands.in_call()
        await expect(at.page.locator(".name-plate")).to_contain_text("周明")
        await at.sees_expert()


@big
async def test_nobody_there_any_more(tmp_path: Path) -> None:
    async with kiosk(tmp_path, idle_s=60) as at:
        await at.page.clock.install()
        await at.page.reload()
        await at.hands.home()
        await at.page.locator(".bar-button").nth(1).click()
        await at.page.locator(".tile").first.click()
        await at.hands.form.locator(".product").first.click()
        await at.page.clock.run_for(41_000)
        dialog = at.page.locator("kiosk-dialogs .dialog")
        await expect(dialog).to_contain_text("Are you still there?")
        await fine(at)
        await dialog.locator(".button.primary").click()
        await expect(dialog).to_have_count(0)
        assert await at.hands.form.locator(".product input").first.is_checked()
        await at.page.clock.run_for(61_000)
        await nothing_left(at)
