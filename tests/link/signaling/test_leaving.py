"""A client told to leave while it connects leaves."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from aiohttp import web
from aiohttp.test_utils import TestServer

from link.protocol.server import ServerMessage
from link.protocol.values import Face
from link.signaling.channel import Channel
from link.signaling.client import Client
from link.signaling.host import Host


async def test_a_stop_while_connecting_is_not_forgotten() -> None:
    host = Host(heartbeat_s=5.0, linger_s=1.0)

    async def converse(channel: Channel) -> None:
        async for _ in channel:
            pass

    async def serve(request: web.Request) -> web.StreamResponse:
        return await host.serve(request, Face.KIOSK, "k1", converse)

    async def headers() -> Mapping[str, str]:
        client.stop()
        return {}

    async def ignore(message: ServerMessage) -> None:
        pass

    app = web.Application()
    app.router.add_get("/ws", serve)
    async with TestServer(app) as server:
        client = Client(str(server.make_url("/ws")).replace("http", "ws"), headers=headers, on_message=ignore)
        await asyncio.wait_for(client.run(), 30)
        await host.stop()
