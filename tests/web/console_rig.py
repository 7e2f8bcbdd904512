"""The specialist's console in a browser, for tests: real protocol and relay, with a customer that the test plays."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from PIL import Image
from playwright.async_api import Page, expect

from link.protocol import client as c
from link.signaling.host import Host
from tests.web.desk_server import Desk, a_session, running
from tests.web.people import Person, at_desk

# What rrweb records of a small page: a heading and a button, 400 by 300.
PICTURE: list[object] = [
    {"type": 4, "data": {"href": "https://kiosk.example/", "width": 400, "height": 300}, "timestamp": 1000},
    {
        "type": 2,
        "timestamp": 1001,
        "data": {
            "initialOffset": {"left": 0, "top": 0},
            "node": {
                "type": 0,
                "id": 1,
                "childNodes": [
                    {"type": 1, "name": "html", "publicId": "", "systemId": "", "id": 2},
                    {
                        "type": 2,
                        "tagName": "html",
                        "attributes": {},
                        "id": 3,
                        "childNodes": [
                            {"type": 2, "tagName": "head", "attributes": {}, "id": 4, "childNodes": []},
                            {
                                "type": 2,
                                "tagName": "body",
                                "attributes": {"style": "margin:0"},
                                "id": 5,
                                "childNodes": [
                                    {
                                        "type": 2,
                                        "tagName": "h1",
                                        "attributes": {"style": "margin:0;height:300px"},
                                        "id": 6,
                                        "childNodes": [{"type": 3, "textContent": "Purchase", "id": 7}],
                                    }
                                ],
                            },
                        ],
                    },
                ],
            },
        },
    },
]


@asynccontextmanager
async def console(
    folder: Path, *, language: str = "en-GB", devices: bool = True, login_ends_s: int = 40_000
) -> AsyncIterator[tuple[Desk, Person, str]]:
    """A console page that is open and connected."""
    picture = io.BytesIO()
    Image.new("RGB", (1600, 1000), "white").save(picture, "JPEG")
    desk = Desk(Host(heartbeat_s=1, linger_s=5), events=PICTURE, picture=picture.getvalue(), login_ends_s=login_ends_s)
    async with running(desk) as server, at_desk(folder, language=language, devices=devices) as person:
        origin = str(server.make_url("")).rstrip("/")
        await person.page.goto(f"{origin}/console")
        await person.page.locator("console-idle .skills").wait_for()
        yield desk, person, origin


async def into_call(desk: Desk, page: Page) -> None:
    """Available, rung, answered, connected: by keyboard only."""
    await page.keyboard.press("a")
    await desk.until(c.SetPresence)
    await expect(page.locator(".presence")).to_have_attribute("data-presence", "available")
    desk.ring(a_session())
    await expect(page.locator("wa-button.answer")).to_be_focused()
    await page.keyboard.press("Enter")
    await page.locator("console-stage").wait_for()
    await desk.until(c.LegOffer)
