"""When a client tries again: as the server says, and otherwise spread and slower each time."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from link.protocol.server import ServerMessage
from link.protocol.values import Face
from link.signaling.channel import Channel
from link.signaling.client import BACKOFF, EAGER_PAUSE, RETRY_MOST, TOLD_SPREAD, Client, Refused, _retry_after
from link.signaling.host import Host
from link.tasks import cancel, spawn


def client(url: str = "ws://127.0.0.1:1/ws") -> Client:
    async def headers() -> Mapping[str, str]:
        return {}

    async def ignore(message: ServerMessage) -> None:
        pass

    return Client(url, headers=headers, on_message=ignore)


async def test_pauses_grow_and_spread() -> None:
    one = client()
    for attempt in range(12):
        base = BACKOFF[min(attempt, len(BACKOFF) - 1)]
        pauses = [one._until_next(attempt, None) for _ in range(300)]
        assert min(pauses) >= base * 0.5
        assert max(pauses) <= base * 1.5
        assert max(pauses) - min(pauses) > base * 0.5
    one.eager = True
    assert max(one._until_next(9, None) for _ in range(100)) <= EAGER_PAUSE


async def test_what_the_server_said_is_kept_to_however_eager() -> None:
    one = client()
    one.eager = True
    for attempt in range(10):
        assert 42 <= one._until_next(attempt, 42) <= 42 + TOLD_SPREAD


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("7", 7.0), ("0", 0.0), ("999999999", RETRY_MOST), ("soon", None), ("-1", None), ("1.5", None), ("", None)],
)
def test_retry_after_is_read_strictly(text: str, seconds: float | None) -> None:
    assert _retry_after({"Retry-After": text}) == seconds
    assert _retry_after(None) is None


async def test_a_client_that_is_told_to_come_later_comes_then() -> None:
    host = Host()
    asked: list[float] = []
    loop = asyncio.get_running_loop()

    async def converse(channel: Channel) -> None:
        async for _ in channel:
            pass

    async def serve(request: web.Request) -> web.StreamResponse:
        asked.append(loop.time())
        if len(asked) < 3:
            return web.Response(status=503, headers={"Retry-After": "1"})
        return await host.serve(request, Face.KIOSK, "k1", converse)

    app = web.Application()
    app.router.add_get("/ws", serve)
    async with TestServer(app) as server:
        one = client(str(server.make_url("/ws")).replace("http", "ws"))
        with pytest.raises(Refused) as caught:
            async with aiohttp.ClientSession() as http:
                await one._connect(http)
        assert (caught.value.code, caught.value.retry_after) == ("unavailable", 1.0)
        task = spawn(one.run(), name="client")
        async with asyncio.timeout(30):
            while not one.connected:
                await asyncio.sleep(0.01)
        assert len(asked) == 3
        assert asked[2] - asked[1] >= 1.0
        one.stop()
        await asyncio.wait([task], timeout=10)
        await cancel(task)
        await host.stop()
