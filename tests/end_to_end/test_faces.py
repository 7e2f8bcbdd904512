"""The other ways to use Visavis: English, large type, the lobby's guide, a dropped connection."""

from __future__ import annotations

import asyncio

from playwright.async_api import WebSocketRoute
from sqlalchemy import update

from demo.browser import PHONE_SCREEN, first_frame_at, inbound, profile
from demo.fixtures import GUIDE, SPECIALIST
from demo.page_objects import log_in
from server.store import tables
from server.store.database import Database
from tests.big import big
from tests.end_to_end.conftest import Browsers, Faces


async def test_an_elderly_customer_calls_in_english(faces: Faces) -> None:
    page = faces.kiosk.page
    before = await page.evaluate("parseFloat(getComputedStyle(document.documentElement).fontSize)")
    await page.locator("kiosk-header .bar-button").nth(0).click()
    await page.locator("kiosk-header .bar-button").nth(1).click()
    await page.locator("html[lang=en].elderly").wait_for()
    assert await page.evaluate("parseFloat(getComputedStyle(document.documentElement).fontSize)") > before * 1.15
    overflow = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert overflow <= 0, "nothing hangs over the edge of the screen"
    await faces.kiosk.want_expert()
    assert "recorded" in await page.locator("kiosk-notice h1").inner_text()
    await faces.kiosk.agree()
    await faces.console.ring.wait_for()
    assert await faces.console.ring.locator(".ring-flags .chip").count() == 1, "the specialist is told to speak slowly"
    await faces.console.answer()
    await faces.kiosk.in_call()
    facts = dict(await faces.stack.journal(await faces.stack.newest_session()))
    assert facts["session_requested"]["language"] == facts["consent_given"]["language"] == "en"
    assert facts["session_requested"]["elderly"] is True
    await faces.kiosk.hang_up()
    await faces.kiosk.rate(5)
    await faces.kiosk.home()
    await page.locator("html[lang='zh-CN']:not(.elderly)").wait_for()


async def test_a_guide_is_called_to_a_customer(faces: Faces, browsers: Browsers) -> None:
    async with profile(browsers.customer, screen=PHONE_SCREEN) as phone:
        stack = faces.stack
        page = await log_in(phone, stack.server_url, GUIDE.face, GUIDE.login, stack.password)
        await page.locator("ul.kiosks li").first.wait_for()
        await faces.kiosk.page.locator(".home-foot .button").click()
        call = page.locator("article.call.asking")
        await call.wait_for()
        await call.locator("button.big-button").first.click()
        await page.locator("article.call.taken").wait_for()
        await faces.kiosk.page.locator(".help-asked", has_text=GUIDE.name).wait_for()


@big
async def test_a_dropped_connection_of_the_console_loses_and_repeats_nothing(faces: Faces) -> None:
    routes: list[WebSocketRoute] = []

    def through(route: WebSocketRoute) -> None:
        routes.append(route)
        route.connect_to_server()

    page = faces.console.page
    await page.route_web_socket("**/ws/console", through)
    await page.reload()
    await faces.console.make_available()
    await faces.begin_call()
    assert routes
    await faces.console.say("一")
    await faces.kiosk.hears("一")
    dropped = len(routes)
    await routes[-1].close(code=1001)
    await faces.console.say("二")
    await faces.kiosk.reply(0)
    await faces.kiosk.hears("二")
    async with asyncio.timeout(30):
        while len(routes) == dropped:
            await asyncio.sleep(0.1)
    await faces.console.page.locator("console-chat .line:not(.own)").wait_for()
    entries = await faces.stack.journal(faces.session)
    assert [event["sender"] for kind, event in entries if kind == "chat_sent"] in (
        ["specialist-1", "specialist-1", "customer-1"],
        ["specialist-1", "customer-1", "specialist-1"],
    )
    assert "participant_lost" not in dict(entries) or "requeued" not in dict(entries)
    rows = [row for row in await inbound(page) if row.get("kind") == "video"]
    assert rows, "media goes on meanwhile"


@big
async def test_nobody_reaches_a_page_of_another_role(faces: Faces) -> None:
    await faces.specialists.clear_cookies()
    page = await faces.specialists.new_page()
    answer = await page.goto(f"{faces.stack.server_url}{SPECIALIST.face}")
    assert answer is not None
    assert "/login" in page.url
    page = await log_in(faces.specialists, faces.stack.server_url, GUIDE.face, GUIDE.login, faces.stack.password)
    for path in ("/console", "/library", "/api/sessions"):
        response = await page.request.get(f"{faces.stack.server_url}{path}")
        assert response.status in (403, 404), path


@big
async def test_a_login_that_ended_in_a_call_is_renewed_on_the_same_page(faces: Faces) -> None:
    routes: list[WebSocketRoute] = []

    def through(route: WebSocketRoute) -> None:
        routes.append(route)
        route.connect_to_server()

    page, stack = faces.console.page, faces.stack
    await page.route_web_socket("**/ws/console", through)
    await page.reload()
    await faces.console.make_available()
    await faces.begin_call()
    database = Database.connect(stack.config.database_url)
    async with database.write() as connection:
        await connection.execute(update(tables.login_session).values(expires_us=1))
    await database.close()
    await routes[-1].close(code=1001)
    await page.locator(".closed wa-button").click()
    await page.locator("#again-password").fill(stack.password)
    await page.locator("#again-password").press("Enter")
    await faces.console.in_call()
    await first_frame_at(page)
    await faces.console.say("我回来了")
    await faces.kiosk.hears("我回来了")
    assert await stack.newest_session() == faces.session
    assert "requeued" not in dict(await stack.journal(faces.session))
