"""The login and error pages in Chromium: what they say when something is wrong, in both languages and at both sizes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.async_api import expect

from demo.browser import PHONE_SCREEN
from link.signaling.host import Host
from tests.web.audit import faults
from tests.web.desk_server import Desk, running
from tests.web.people import at_desk

pytestmark = pytest.mark.chromium


async def test_the_login_page_says_what_is_wrong(tmp_path: Path) -> None:
    async with running(Desk(Host())) as server, at_desk(tmp_path) as person:
        page = person.page
        await page.goto(str(server.make_url("/login")))
        await expect(page.get_by_label("User name")).to_be_focused()
        assert await faults(page) == []
        await page.get_by_role("button", name="Sign in").click()
        await expect(page.locator("#missing")).to_be_visible()
        await page.keyboard.type("lin")
        await page.keyboard.press("Tab")
        await page.keyboard.type("secret")
        await page.get_by_role("button", name="Show the password").click()
        await expect(page.locator("#password")).to_have_attribute("type", "text")
        await page.get_by_role("button", name="中文").click()
        await expect(page.get_by_role("heading")).to_have_text("登录")
        await expect(page).to_have_title("登录 · Visavis")
        await expect(page.locator("#password")).to_have_value("secret")

        await page.goto(str(server.make_url("/login?failed=1&login=lin")))
        await expect(page.get_by_role("alert")).to_contain_text("登录失败")
        await expect(page.locator("#password")).to_be_focused()
        await expect(page.locator("#password")).to_have_attribute("aria-invalid", "true")
        assert await faults(page) == []

        await page.goto(str(server.make_url("/login?wait=600&login=lin")))
        await expect(page.get_by_role("alert")).to_contain_text(re.compile(r"10:00|9:\d\d"))
        await expect(page.locator("#submit")).to_be_disabled()
        await page.goto(str(server.make_url("/login?wait=1&login=lin")))
        await expect(page.locator("#submit")).to_be_enabled()
        assert person.complaints == []


async def test_login_and_error_pages_fit_a_phone(tmp_path: Path) -> None:
    async with running(Desk(Host())) as server, at_desk(tmp_path, screen=PHONE_SCREEN) as person:
        page = person.page
        for path in ("/login?failed=1&login=lin", "/error"):
            await page.goto(str(server.make_url(path)))
            await page.get_by_role("heading").wait_for()
            assert await faults(page) == []
            assert await page.evaluate("document.documentElement.scrollWidth") <= 390
        await expect(page.get_by_role("link", name="To the start page")).to_have_attribute("href", "/")
