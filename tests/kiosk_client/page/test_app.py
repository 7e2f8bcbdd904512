"""The page's channel: what is said on it is handled in order, and the end of a call waits for nobody."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import cast

import pytest

from kiosk_client.agent.agent import Agent
from kiosk_client.page.app import PageSettings, make_page, served
from link.protocol import client as c
from link.protocol import server as s
from link.signaling.client import Client, Refused
from link.tasks import cancel, spawn

pytestmark = pytest.mark.usefixtures("no_task_left")


class Slow:
    """An agent whose server does not answer chats until told, and that fails on a rating."""

    def __init__(self) -> None:
        self.answering = asyncio.Event()
        self.asked: list[str] = []

    def attach(self, listener: object) -> None:
        pass

    def detach(self, listener: object) -> None:
        pass

    async def ask(self, body: c.ClientMessage) -> s.ServerMessage | None:
        if isinstance(body, c.ChatSend):
            await self.answering.wait()
        if isinstance(body, c.Rate):
            raise RuntimeError("a mistake of ours")
        self.asked.append(type(body).__name__)
        return None if isinstance(body, c.CobrowsePiece) else s.Done()


async def test_the_end_of_a_call_overtakes_requests_that_wait() -> None:
    agent = Slow()
    async with served(make_page(cast("Agent", agent), PageSettings(90)), 0) as address:
        up = asyncio.Event()
        page = Client(
            address.replace("http", "ws") + "/ws/page",
            headers=lambda: _origin(address),
            on_message=_ignore,
            on_state=lambda online: up.set() if online else None,
        )
        running = spawn(page.run(), name="page")
        try:
            await asyncio.wait_for(up.wait(), 30)
            chat = spawn(page.request(c.ChatSend("s1", "c1", "hello")), name="chat")
            later = spawn(page.request(c.DocumentAnswer("s1", "d1", agreed=True)), name="later")
            page.post(c.CobrowsePiece("s1", "e1", 0, 0, 1, "[]"))
            assert await page.request(c.CallEnd("s1"), 5) == s.Done()
            assert agent.asked == ["CobrowsePiece", "CallEnd"]
            agent.answering.set()
            assert await chat == s.Done()
            assert await later == s.Done()
            assert agent.asked == ["CobrowsePiece", "CallEnd", "ChatSend", "DocumentAnswer"]
            with pytest.raises(Refused) as refused:
                await page.request(c.Rate("s1", 3))
            assert refused.value.code == "internal"
            assert await page.request(c.ChatSend("s1", "c2", "still there")) == s.Done()
        finally:
            page.stop()
            await asyncio.wait([running], timeout=5)
            await cancel(running)


async def _origin(address: str) -> Mapping[str, str]:
    return {"Origin": address}


async def _ignore(message: s.ServerMessage) -> None:
    pass
