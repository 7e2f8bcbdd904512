"""How a WebSocket ends tells why: a process that died, a page that was left, a network that is gone."""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web

from link.protocol.frames import SUBPROTOCOL, VERSION
from link.protocol.values import Face
from link.signaling.channel import Channel
from link.signaling.host import Host
from tests.link.signaling.test_channel import until

HEARTBEAT_S = 0.2


class Server:
    """One channel, whether it is connected, and how often that changed."""

    def __init__(self, http: aiohttp.ClientSession) -> None:
        self.host = Host(heartbeat_s=HEARTBEAT_S, linger_s=20.0)
        self.http = http
        self.channels: list[Channel] = []
        self.seen: list[bool] = []
        self.url = ""

    async def converse(self, channel: Channel) -> None:
        self.channels.append(channel)
        channel.watch(self.seen.append)
        async for _ in channel:
            pass

    async def connect(self, resume: str | None = None) -> aiohttp.ClientWebSocketResponse:
        made = await self.http.ws_connect(self.url, protocols=(SUBPROTOCOL,))
        await made.send_str(json.dumps({"frame": "hello", "version": VERSION, "resume": resume, "received": 0}))
        await made.receive()
        return made

    async def cut(self) -> bool:
        """Wait for the end of the WebSocket; whether it was cut."""
        await until(lambda: self.seen[-1:] == [False])
        return self.channels[0].cut


@asynccontextmanager
async def serving() -> AsyncIterator[Server]:
    async with aiohttp.ClientSession() as http:
        made = Server(http)

        async def handle(request: web.Request) -> web.StreamResponse:
            return await made.host.serve(request, Face.CONSOLE, "ann", made.converse)

        app = web.Application()
        app.router.add_get("/ws", handle)
        runner = web.AppRunner(app)  # as the product: aiohttp's TestServer cancels handlers whose peer is gone
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        made.url = f"ws://127.0.0.1:{runner.addresses[0][1]}/ws"
        try:
            yield made
        finally:
            await made.host.stop()
            await runner.cleanup()


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with serving() as made:
        yield made


def raw(connection: aiohttp.ClientWebSocketResponse) -> socket.socket:
    """The socket beneath."""
    found: socket.socket = connection.get_extra_info("socket")._sock
    return found


async def test_a_process_that_dies_leaves_an_end_of_file(server: Server) -> None:
    connection = await server.connect()
    raw(connection).shutdown(socket.SHUT_WR)  # what the kernel sends for a process that is gone
    assert await server.cut()


async def test_or_a_reset_when_there_was_something_it_had_not_read(server: Server) -> None:
    connection = await server.connect()
    raw(connection).setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert connection._response is not None
    assert connection._response.connection is not None
    transport = connection._response.connection.transport
    assert transport is not None
    transport.abort()
    assert await server.cut()


async def test_a_browser_that_dies_says_1001_for_its_pages(server: Server) -> None:
    connection = await server.connect()
    await connection.close(code=1001)
    assert await server.cut()


async def test_a_page_that_is_left_or_reloaded_says_goodbye(server: Server) -> None:
    connection = await server.connect()
    await connection.close(code=1000)
    assert not await server.cut()


async def test_so_does_a_client_that_stops(server: Server) -> None:
    connection = await server.connect()
    await connection.send_str(json.dumps({"frame": "bye", "code": "closed", "message": ""}))
    await connection.close()
    assert not await server.cut()


async def test_a_network_that_is_gone_closes_nothing(server: Server) -> None:
    connection = await server.connect()  # and reads nothing any more, so that pings stay unanswered
    assert not await server.cut()
    await connection.close()


async def test_what_we_gave_up_ourselves_was_silent(server: Server) -> None:
    connection = await server.connect()
    server.channels[0].check(0.05)
    assert not await server.cut()
    await connection.close()


async def test_a_connection_that_comes_back_is_judged_anew(server: Server) -> None:
    connection = await server.connect()
    raw(connection).shutdown(socket.SHUT_WR)
    assert await server.cut()
    again = await server.connect(server.channels[0].resume)
    await until(lambda: server.seen[-1:] == [True])
    assert not server.channels[0].cut
    await again.close()
    assert not await server.cut()
