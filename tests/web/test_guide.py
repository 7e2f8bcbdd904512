"""The lobby guide's page in Chromium, at a phone's size."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import expect

from demo.browser import PHONE_SCREEN
from link.protocol import client as c
from link.protocol import server as s
from link.protocol.errors import Unavailable
from link.protocol.values import KioskStatus, SessionState
from link.signaling.host import Host
from tests.web.audit import faults_everywhere
from tests.web.desk_server import Desk, running
from tests.web.people import at_desk

pytestmark = pytest.mark.chromium


async def test_a_guide_sees_who_needs_help_goes_and_finishes(tmp_path: Path) -> None:
    desk = Desk(Host(heartbeat_s=1, linger_s=5))
    desk.kiosks = [
        KioskStatus("kiosk-1", "East 1", True, SessionState.ACTIVE),
        KioskStatus("kiosk-2", "East 2", True),
        KioskStatus("kiosk-3", "East 3", False),
    ]
    async with running(desk) as server, at_desk(tmp_path, screen=PHONE_SCREEN) as person:
        page = person.page
        await page.goto(str(server.make_url("/guide")))
        await expect(page.locator(".kiosks li")).to_have_text(
            ["East 3 Out of reach", "East 1 With an expert", "East 2 Free"]
        )
        await expect(page.get_by_text("Nobody needs you just now.")).to_be_visible()
        assert await faults_everywhere(page) == []

        desk.kiosks[1] = KioskStatus("kiosk-2", "East 2", True, None, "help", 5)
        desk.post(s.BranchState(desk.kiosks))
        await expect(page.locator(".call.asking h2")).to_have_text("East 2")
        await expect(page).to_have_title("A customer needs you")
        assert await faults_everywhere(page) == []
        desk.failing = Unavailable()
        await page.get_by_role("button", name="I am going").click()
        await expect(page.get_by_role("alert")).to_contain_text("did not work")
        desk.failing = None
        await page.get_by_role("button", name="I am going").click()
        assert (await desk.until(c.AssistanceTake, 2)) == c.AssistanceTake("kiosk-2")
        await expect(page.get_by_role("alert")).to_have_count(0)
        await expect(page).to_have_title("Lobby guide · Visavis")
        await page.get_by_role("button", name="Done").click()
        assert (await desk.until(c.AssistanceTake, 3)) == c.AssistanceTake("kiosk-2", done=True)
        await expect(page.locator(".call")).to_have_count(0)

        desk.kiosks[1] = KioskStatus("kiosk-2", "East 2", True, None, "help", 5, "Somebody else")
        desk.post(s.BranchState(desk.kiosks))
        await expect(page.locator(".call")).to_contain_text("Somebody else is going")
        await expect(page.locator(".call .big-button")).to_have_count(0)
        assert await faults_everywhere(page) == []
        assert person.complaints == []


async def test_a_guide_knows_when_the_page_is_not_live(tmp_path: Path) -> None:
    desk = Desk(Host(heartbeat_s=1, linger_s=5))
    async with running(desk) as server, at_desk(tmp_path, screen=PHONE_SCREEN, language="zh-CN") as person:
        page = person.page
        await page.goto(str(server.make_url("/guide")))
        link = page.locator(".guide-link")
        await expect(link).to_contain_text("实时")
        await person.context.set_offline(True)
        assert desk.channel is not None
        desk.channel._abort()  # a cut line, as the server sees it
        await expect(link).to_contain_text("连接已断开")
        await expect(page.locator(".calls")).to_contain_text("暂时无法获取")
        await person.context.set_offline(False)
        await expect(link).to_contain_text("实时")
        await expect(page.locator(".calls")).to_contain_text("当前没有客户需要协助")
