"""A specialist's login that ends: said in time, renewed without leaving the page, and the way back into the call."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from link.protocol import client as c
from link.protocol.errors import NotAuthenticated, Unavailable
from tests.big import big
from tests.web.audit import faults_everywhere
from tests.web.console_rig import console, into_call

pytestmark = pytest.mark.chromium


async def sign_in_again(page: Page) -> None:
    await page.get_by_role("button", name="Sign in").click()
    dialog = page.get_by_role("dialog", name="Sign in again")
    await expect(dialog.get_by_label("User name")).to_have_value("lin")
    await expect(dialog.get_by_label("Password")).to_be_focused()
    await page.keyboard.type("wrong")
    await page.keyboard.press("Enter")
    await expect(dialog.get_by_role("alert")).to_contain_text("not right")
    assert await faults_everywhere(page) == []
    own = page.viewport_size
    assert own is not None
    await page.set_viewport_size({"width": 640, "height": 360})  # 1280 by 720 at 200 %
    for part in (dialog.get_by_role("heading"), dialog.get_by_role("alert"), dialog.get_by_role("button").last):
        await expect(part).to_be_in_viewport(ratio=1)
    await page.set_viewport_size(own)
    await dialog.get_by_label("Password").fill("right")
    await page.keyboard.press("Enter")
    await expect(dialog).to_have_count(0)


async def test_a_login_that_ends_in_a_call_is_renewed_in_time(tmp_path: Path) -> None:
    async with console(tmp_path, login_ends_s=601) as (desk, person, _):
        page = person.page
        await into_call(desk, page)
        await expect(page.locator(".edges")).to_contain_text("Your login ends in a few minutes.")
        await sign_in_again(page)
        await expect(page.locator(".edges .banner")).to_have_count(0)
        assert (desk.streams, desk.legs) == (1, 1), "the call never noticed"
        # The server ends the stream of the old login after the call: the new login takes its place.
        desk.end("kiosk")
        assert desk.channel is not None
        desk.channel.close(NotAuthenticated("access ended"))
        async with asyncio.timeout(30):
            while desk.streams == 1:
                await asyncio.sleep(0.02)
        await page.locator("form.wrapup").wait_for()


@big
async def test_a_login_that_ended_with_a_lost_line_leads_back_into_the_call(tmp_path: Path) -> None:
    async with console(tmp_path) as (desk, person, _):
        page = person.page
        await into_call(desk, page)
        desk.failing = Unavailable()  # the note cannot be saved any more
        await page.locator("console-notes textarea").fill("wants 12 months")
        desk.failing, desk.logged_in = None, False
        assert desk.channel is not None
        desk.channel.close(NotAuthenticated("access ended"))
        await expect(page.locator(".closed")).to_contain_text("You are signed out")
        await sign_in_again(page)
        await page.locator("console-stage").wait_for()
        await expect(page.locator("console-notes textarea")).to_have_value("wants 12 months")
        await desk.until(c.LegOffer, 2)
        await expect(page.locator(".stage .tile.customer .no-picture")).to_have_count(0)
