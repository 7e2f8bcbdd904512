"""The customer leaves, walks away, or is recorded: the page says what is, whatever the ends behind it do."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from playwright.async_api import expect

from link.protocol import client as c
from link.protocol import server as s
from link.protocol.errors import Unavailable
from link.protocol.values import SessionState
from tests.big import big
from tests.web.audit import faults
from tests.web.kiosk.rig import Kiosk, kiosk

pytestmark = pytest.mark.chromium

CAPTURED = """() => {
  const { kiosk } = document.querySelector("kiosk-app");
  return Object.values(kiosk.capture.tracks).filter(Boolean).length;
}"""


async def ask_to_end(at: Kiosk) -> None:
    await at.page.locator("kiosk-call .button.danger").click()
    await at.page.locator("kiosk-dialogs .dialog").wait_for()


async def test_the_end_of_a_call_does_not_wait_for_the_server(tmp_path: Path) -> None:
    async with kiosk(tmp_path) as at:
        await at.talk(1)
        at.office.errors[c.ChatSend] = None
        at.office.errors[c.CallEnd] = Unavailable()
        at.office.say("hello")
        await at.hands.reply(0)
        await at.office.heard(c.ChatSend)
        await ask_to_end(at)
        await at.page.locator("kiosk-dialogs .button.danger").click()
        await expect(at.page.locator("kiosk-rating, kiosk-thanks")).to_be_visible()
        assert isinstance(at.office.errors.get(c.CallEnd), Unavailable), "the server still refuses"
        assert await at.page.evaluate(CAPTURED) == 0
        await expect(at.page.locator("kiosk-thanks")).to_be_visible()
        del at.office.errors[c.CallEnd]
        await at.office.until(lambda: at.office.session is not None and at.office.session.ended_by == "kiosk")
        await at.hands.home()


@big
async def test_the_end_of_a_call_while_the_kiosk_client_is_gone(tmp_path: Path) -> None:
    async with kiosk(tmp_path) as at:
        await at.talk(1)
        await at.client_dies()
        await expect(at.page.locator("kiosk-call .veil")).to_contain_text("连接中断")
        await ask_to_end(at)
        await at.page.locator("kiosk-dialogs .button.danger").click()
        await at.page.locator("kiosk-rating").wait_for()
        assert await at.page.evaluate(CAPTURED) == 0
        await at.client_returns()
        assert (await at.office.heard(c.CallEnd)).session == (at.office.session.id if at.office.session else "")
        await at.page.locator("kiosk-rating .button").click()
        assert (await at.office.heard(c.Rate)).stars is None
        await at.hands.home()
        await at.client_dies()
        await expect(at.page.locator("button.expert")).to_be_disabled()
        await at.client_returns()
        await expect(at.page.locator("button.expert")).to_be_enabled(timeout=30_000)


@big
async def test_skipping_the_stars_is_told(tmp_path: Path) -> None:
    async with kiosk(tmp_path) as at:
        await at.talk(1)
        at.office.end()
        await at.page.locator("kiosk-rating .button").click()
        assert (await at.office.heard(c.Rate)).stars is None
        await at.page.locator("kiosk-thanks").wait_for()


@big
async def test_who_waits_again_is_told_of_the_recording(tmp_path: Path) -> None:
    async with kiosk(tmp_path) as at:
        await at.wait_for_expert(1)
        waiting = at.page.locator("kiosk-waiting")
        await expect(waiting).to_contain_text("现在还没有人看到您")
        await expect(waiting.locator(".recording")).to_have_count(0)
        at.office.answer()
        await at.hands.in_call()
        at.office.update(
            state=SessionState.WAITING, requeued=True, specialist=None, specialist_connected=False, position=1
        )
        await expect(waiting.locator(".recording")).to_contain_text("画面、声音")
        await expect(waiting).not_to_contain_text("现在还没有人看到您")
        assert await faults(at.page) == []


async def test_who_walks_away_while_waiting_gives_up_the_place(tmp_path: Path) -> None:
    async with kiosk(tmp_path) as at:
        await at.page.clock.install()
        await at.page.reload()
        await at.hands.home()
        await at.wait_for_expert(1)
        at.office.post(s.AssistanceState(asked=True))
        dialog = at.page.locator("kiosk-dialogs .dialog")
        await at.page.clock.run_for(110_000)
        await expect(dialog).to_have_count(0)
        await at.page.clock.run_for(15_000)
        await expect(dialog).to_contain_text("取消等候")
        assert await faults(at.page) == []
        below = at.page.locator("kiosk-header, main, kiosk-document")
        assert await below.evaluate_all("parts => parts.map(({ inert }) => inert)") == [True, True, True]
        assert await dialog.evaluate("dialog => dialog.contains(document.activeElement)")
        await dialog.locator(".button.primary").click()
        await expect(dialog).to_have_count(0)
        assert await below.evaluate_all("parts => parts.map(({ inert }) => inert)") == [False, False, False]
        await at.page.clock.run_for(110_000)
        await expect(dialog).to_have_count(0)
        await at.page.clock.run_for(75_000)
        await at.office.heard(c.CallEnd)
        assert (await at.office.heard(c.AssistanceRequest)).withdrawn
        await at.hands.home()
        async with asyncio.timeout(30):
            while at.agent.mirror.session is not None:
                await asyncio.sleep(0.05)


@big
async def test_a_question_about_a_document_gets_the_keyboard(tmp_path: Path) -> None:
    async with kiosk(tmp_path) as at:
        await at.talk(1)
        at.office.ask_document("d1")
        document = at.page.locator("kiosk-document .document")
        await document.wait_for()
        await expect(document).to_be_focused()
        await ask_to_end(at)
        assert await at.page.locator("kiosk-document").evaluate("document => document.inert")
        await at.page.locator("kiosk-dialogs [data-first]").click()
        await expect(at.page.locator("kiosk-call .button.danger")).to_be_focused()
