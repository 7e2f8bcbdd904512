"""A network that swallows everything is noticed when asked, and used again soon after it is back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import pytest
import pytest_asyncio
import uvloop
from aiohttp import web
from aiohttp.test_utils import TestServer

from link.protocol.server import ServerMessage
from link.protocol.values import Face
from link.signaling.channel import Channel
from link.signaling.client import EAGER_EVERY, EAGER_PAUSE, Client
from link.signaling.host import Host
from link.tasks import cancel, spawn
from tests.machine import allow

HEARTBEAT_S = 60.0  # far longer than a test: only a check can notice anything


class Hole:
    """Stands before a server; connections that come while it is `open`, and those carried then, get nothing more."""

    def __init__(self, port: int) -> None:
        self.port = 0
        self.open = False
        self.swallowed = 0
        self._target = port
        self._tasks: list[asyncio.Task[None]] = []
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Hole:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            await cancel(task)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._tasks.append(spawn(self._carry(reader, writer), name="hole"))

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.open:
            self.swallowed += 1
        else:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
            back = spawn(self._pump(far_reader, writer), name="hole back")
            self._tasks.append(back)
            await self._pump(reader, far_writer)
            far_writer.transport.abort()
        while await reader.read(4096):
            pass
        writer.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(4096):
            if self.open:
                return
            writer.write(data)


@asynccontextmanager
async def opened() -> AsyncIterator[Hole]:
    host = Host(heartbeat_s=HEARTBEAT_S, linger_s=20.0)

    async def converse(channel: Channel) -> None:
        async for _ in channel:
            pass

    async def serve(request: web.Request) -> web.StreamResponse:
        return await host.serve(request, Face.KIOSK, "k1", converse)

    app = web.Application()
    app.router.add_get("/ws", serve)
    async with TestServer(app, port=0) as server, Hole(server.port or 0) as made:
        yield made
        await host.stop()


@pytest_asyncio.fixture
async def hole() -> AsyncIterator[Hole]:
    async with opened() as made:
        yield made


class Caller:
    """A client that counts how often it was connected and began anew."""

    def __init__(self, port: int) -> None:
        self.states: asyncio.Queue[bool] = asyncio.Queue()
        self.fresh = 0
        self.client = Client(
            f"ws://127.0.0.1:{port}/ws",
            headers=self._headers,
            on_message=self._ignore,
            on_state=self.states.put_nowait,
            on_fresh=self._count,
            heartbeat_s=HEARTBEAT_S,
        )

    async def _headers(self) -> Mapping[str, str]:
        return {}

    async def _ignore(self, message: ServerMessage) -> None:
        pass

    def _count(self) -> None:
        self.fresh += 1

    async def becomes(self, connected: bool, within: float) -> float:
        """Wait for this state; how long it took."""
        begun = time.monotonic()
        async with asyncio.timeout(within):
            while await self.states.get() is not connected:
                pass
        return time.monotonic() - begun


@pytest_asyncio.fixture
async def caller(hole: Hole) -> AsyncIterator[Caller]:
    made = Caller(hole.port)
    running = spawn(made.client.run(), name="caller")
    await made.becomes(True, 5)
    yield made
    made.client.stop()
    await cancel(running)


async def test_a_check_with_an_answer_changes_nothing(caller: Caller) -> None:
    caller.client.check(0.3)
    caller.client.check(0.3)  # one is enough
    with pytest.raises(TimeoutError):
        await caller.becomes(False, 0.8)
    assert caller.client.connected


@pytest.mark.alone
async def test_a_silent_connection_is_cut_when_asked_and_the_stream_goes_on(hole: Hole, caller: Caller) -> None:
    caller.client.eager = True
    hole.open = True
    caller.client.check(0.3)
    assert await caller.becomes(False, 5) < allow(1.0)
    hole.open = False
    assert await caller.becomes(True, 5) < allow(EAGER_EVERY + EAGER_PAUSE + 0.5)
    assert caller.fresh == 1, "the same stream"


@pytest.mark.alone
async def test_attempts_that_get_no_answer_do_not_hold_up_the_next(hole: Hole, caller: Caller) -> None:
    caller.client.eager = True
    hole.open = True
    caller.client.drop()
    await caller.becomes(False, 5)
    async with asyncio.timeout(30):
        while hole.swallowed < 3:
            await asyncio.sleep(0.02)
    hole.open = False
    assert await caller.becomes(True, 5) < allow(EAGER_EVERY + 0.5)


async def test_a_patient_client_has_one_attempt_at_a_time(hole: Hole, caller: Caller) -> None:
    hole.open = True
    caller.client.drop()
    with pytest.raises(TimeoutError):
        await caller.becomes(True, 3 * EAGER_EVERY)
    assert hole.swallowed <= 1


async def test_leaving_ends_every_attempt(hole: Hole, caller: Caller) -> None:
    caller.client.eager = True
    hole.open = True
    caller.client.drop()
    async with asyncio.timeout(30):
        while hole.swallowed < 2:
            await asyncio.sleep(0.02)
    running = next(task for task in asyncio.all_tasks() if task.get_name() == "caller")
    await cancel(running)
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "connection attempt"]


def test_also_on_the_loop_that_kiosks_run_on() -> None:
    async def silent() -> float:
        async with opened() as hole:
            caller = Caller(hole.port)
            running = spawn(caller.client.run(), name="caller")
            await caller.becomes(True, 5)
            hole.open = True
            caller.client.check(0.3)
            taken = await caller.becomes(False, 5)
            caller.client.stop()
            await cancel(running)
            return taken

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(silent()) < allow(1.0)
