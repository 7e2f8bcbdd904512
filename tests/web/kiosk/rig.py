"""A kiosk for tests: the real page in Chromium, the real kiosk client in this process, a scripted head office."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.async_api import BrowserContext, Page, ViewportSize

from demo.browser import KIOSK_SCREEN
from demo.page_objects import KioskPage
from kiosk_client.agent.agent import Agent
from kiosk_client.agent.call import Equipment
from kiosk_client.config import Config
from kiosk_client.devices.document_camera import open_camera
from kiosk_client.page.app import PageSettings, make_page, served
from link.protocol import client as c
from link.tasks import cancel, spawn
from tests.kiosk_client.head_office import HeadOffice, enrolled, opened
from tests.web.people import at_desk


@dataclass
class Kiosk:
    """`hands` is the page as a customer uses it."""

    office: HeadOffice
    agent: Agent
    page: Page
    context: BrowserContext
    address: str
    document: bytes
    client: contextlib.AsyncExitStack
    complaints: list[str] = field(default_factory=list)

    @property
    def hands(self) -> KioskPage:
        return KioskPage(self.page)

    async def wait_for_expert(self, service: int = 0) -> None:
        """From home to the waiting page."""
        await self.hands.want_expert(service)
        await self.hands.agree()
        await self.office.heard(c.CallRequest)

    async def talk(self, service: int = 0) -> None:
        """From home into a call whose media flow."""
        await self.wait_for_expert(service)
        self.office.answer()
        await self.hands.in_call()
        await self.page.locator("kiosk-call .veil").wait_for(state="detached")

    def expert(self, *, there: bool) -> None:
        """The expert's line is gone, messages and media, or back."""
        leg = list(self.office.legs.values())[-1]
        for slot, track in (("audio0", "microphone"), ("video0", "camera")):
            if there:
                self.office._relay.connect(leg.tracks[track], leg, slot)
            else:
                self.office._relay.disconnect(leg, slot)
        self.office.update(specialist_connected=there)

    async def client_dies(self) -> None:
        """The page's WebSocket is gone, and nobody answers at its address."""
        await self.client.aclose()

    async def client_returns(self) -> None:
        """Another process, which knows nothing of the page's stream, answers there."""
        app = make_page(self.agent, PageSettings(90))
        await self.client.enter_async_context(served(app, int(self.address.rsplit(":", 1)[1])))

    async def statistics(self) -> dict[str, Any]:
        """What the page's own peer connection counts; empty while there is none."""
        digest: dict[str, Any] | None = await self.page.evaluate(
            "document.querySelector('kiosk-app').kiosk.capture.peer?.statistics()"
        )
        return digest or {}

    async def sees_expert(self, frames: int = 15) -> dict[str, Any]:
        """Wait until so many pictures of the expert were decoded."""
        async with asyncio.timeout(30):
            while True:
                digest = await self.statistics()
                if digest and digest["received"]["video0"]["frames"] >= frames:
                    return digest
                await asyncio.sleep(0.1)

    async def hears_expert(self) -> None:
        """Wait until something of the expert's sound was played."""
        async with asyncio.timeout(30):
            while not (digest := await self.statistics()) or digest["received"]["audio0"]["energy"] == 0:
                await asyncio.sleep(0.1)


@contextlib.asynccontextmanager
async def kiosk(
    folder: Path,
    *,
    office: HeadOffice | None = None,
    screen: ViewportSize = KIOSK_SCREEN,
    devices: bool = True,
    document_camera: bool = True,
    idle_s: int = 90,
) -> AsyncIterator[Kiosk]:
    """Open a kiosk at its home page."""
    documents = folder / "documents"
    documents.mkdir()
    Image.new("RGB", (2000, 1300), (230, 235, 240)).save(documents / "card.jpg", quality=92)
    office = office or HeadOffice()
    async with contextlib.AsyncExitStack() as stack:
        address = await stack.enter_async_context(opened(office))
        equipment = Equipment(
            open_camera=partial(open_camera, str(documents)) if document_camera else None, loopback=True
        )
        agent = Agent(Config(), enrolled(office, address), equipment)
        stack.push_async_callback(_stop, agent, spawn(agent.run(), name="agent"))
        client = await stack.enter_async_context(contextlib.AsyncExitStack())
        page_address = await client.enter_async_context(served(make_page(agent, PageSettings(idle_s)), 0))
        person = await stack.enter_async_context(at_desk(folder, language="zh-CN", screen=screen, devices=devices))
        await person.page.goto(page_address)
        opened_kiosk = Kiosk(
            office,
            agent,
            person.page,
            person.context,
            page_address,
            (documents / "card.jpg").read_bytes(),
            client,
            person.complaints,
        )
        await opened_kiosk.hands.home()
        yield opened_kiosk


async def _stop(agent: Agent, task: asyncio.Task[None]) -> None:
    agent.stop()
    await asyncio.wait([task], timeout=8)
    await cancel(task)
