"""Very many connections that ask for nothing: from one address, from many, and what others notice of it."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import resource
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from link.tasks import spawn
from server import serve
from server.api.http import connection_guard, cookies
from server.api.http.app_keys import IDENTITY, STORE
from server.api.http.client_address import connection_source
from server.api.http.connection_guard import CONNECTION_GUARD, ConnectionGuard, Listener
from server.api.http.routes import Allow, Route, add_routes
from server.app import make_app
from server.config import Config
from server.store.people import Grant, Role
from tests.server.calls.bank import eventually

PER_ADDRESS, IN_ALL = 20, 50
PAGE = b"GET /login HTTP/1.1\r\nHost: x\r\n\r\n"


class Door:
    """The whole application behind a door for twenty of an address and fifty in all."""

    def __init__(self, app: web.Application, listener: Listener) -> None:
        self.app, self.listener = app, listener
        self.guard = app[CONNECTION_GUARD]
        self.port: int = listener.sockets[0].getsockname()[1]

    async def connect(self, stack: AsyncExitStack, address: str, said: bytes = b"") -> asyncio.StreamReader:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, local_addr=(address, 0))
        stack.callback(writer.close)
        writer.write(said)
        return reader

    async def status(self, address: str) -> int:
        """What somebody from this address, who really wants something, is answered."""
        async with AsyncExitStack() as stack:
            reader = await self.connect(stack, address, PAGE)
            line = await asyncio.wait_for(reader.readline(), 20)
            return int(line.split()[1])


@asynccontextmanager
async def door(folder: Path, routes: Sequence[Route] = (), **options: object) -> AsyncIterator[Door]:
    app = make_app(Config(data=folder / "data", minimum_free_mb=0))
    add_routes(app, list(routes))
    app[CONNECTION_GUARD] = ConnectionGuard(60, **{"per_address": PER_ADDRESS, "in_all": lambda: IN_ALL} | options)  # type: ignore[arg-type]
    runner = web.AppRunner(app, keepalive_timeout=60, lingering_time=1)
    await runner.setup()
    assert runner.server is not None
    listener = await app[CONNECTION_GUARD].listen(runner.server, "127.0.0.1", 0)
    try:
        yield Door(app, listener)
    finally:
        listener.close()
        await listener.closed()
        await runner.cleanup()


@pytest.mark.parametrize("said", [b"", PAGE, b"GET /login HTTP/1.1\r\n"])
async def test_idle_connections_of_one_address(tmp_path: Path, said: bytes) -> None:
    async with door(tmp_path) as place, AsyncExitStack() as stack:
        readers = [await place.connect(stack, "127.0.0.1", said) for _ in range(110)]
        for _ in range(3):
            assert await place.status("127.0.0.2") == 200, "another address"
            assert await place.status("127.0.0.1") == 200, "and the very same one"
        assert len(place.guard._at["127.0.0.1"]) <= PER_ADDRESS
        ended = [spawn(end(reader), name="idle") for reader in readers[: 110 - PER_ADDRESS]]
        await asyncio.wait_for(asyncio.gather(*ended), 30)


async def end(reader: asyncio.StreamReader) -> None:
    """Read to the end of what the server says, or until it has had enough of this connection."""
    with contextlib.suppress(ConnectionError):
        await reader.read()


async def test_idle_connections_of_many_addresses_leave_descriptors_for_the_rest(tmp_path: Path) -> None:
    async with door(tmp_path) as place, AsyncExitStack() as stack:
        for number in range(150):
            await place.connect(stack, f"127.0.1.{number % 100 + 1}", PAGE if number % 2 else b"")
        assert await place.status("127.0.0.2") == 200
        assert len(place.guard._guests) <= IN_ALL


async def test_what_is_at_work_is_not_cut_and_who_is_logged_in_is_not_counted(tmp_path: Path) -> None:
    async with door(tmp_path) as place, AsyncExitStack() as stack:
        store = place.app[STORE]
        person = await store.people.add(
            login="g", name="G", password_hash="-", languages=[], skills=[], grants=[Grant(Role.GUIDE, "*")]
        )
        login = await store.logins.add(person.id, address="-", hours=1)
        token = place.app[IDENTITY].tokens.issue(person.id, login.id)
        headers = {"Cookie": f"{cookies.NAME}={token}", "Origin": f"http://127.0.0.1:{place.port}"}
        http = await stack.enter_async_context(aiohttp.ClientSession())
        socket = await stack.enter_async_context(
            http.ws_connect(f"http://127.0.0.1:{place.port}/ws/guide", headers=headers)
        )
        for _ in range(110):
            await place.connect(stack, "127.0.0.1")
        for number in range(150):
            await place.connect(stack, f"127.0.1.{number % 100 + 1}")
        assert await place.status("127.0.0.2") == 200
        assert not socket.closed
        assert (await asyncio.wait_for(socket.receive(), 20)).type is aiohttp.WSMsgType.TEXT, "no hello in time"


async def test_one_identity_has_a_bound_of_its_own(tmp_path: Path) -> None:
    """Whoever has proved who they are is not counted for an address, and must not be able to open any number."""
    go_on, under_way = asyncio.Event(), 0

    async def slow(_request: web.Request) -> web.StreamResponse:
        nonlocal under_way
        under_way += 1
        await go_on.wait()
        return web.Response()

    async with (
        door(tmp_path, [Route("GET", "/slow", slow, Allow.people(Role.GUIDE))], per_identity=5) as place,
        AsyncExitStack() as stack,
    ):
        asked = []
        for login in ("g", "h"):
            cookie = await as_guide(place, login)
            asked.append(f"GET /slow HTTP/1.1\r\nHost: x\r\nCookie: {cookie}\r\n\r\n".encode())
        first = [await place.connect(stack, "127.0.0.1", asked[0]) for _ in range(5)]
        await eventually(lambda: under_way == 5)
        more = await place.connect(stack, "127.0.0.2", asked[0])
        assert b" 429 " in await asyncio.wait_for(more.readline(), 30), "from wherever they come"
        other = await place.connect(stack, "127.0.0.1", asked[1])
        await eventually(lambda: under_way == 6)
        go_on.set()
        for reader in (*first, other):
            assert b" 200 " in await asyncio.wait_for(reader.readline(), 30)
        again = await place.connect(stack, "127.0.0.1", asked[0])
        assert b" 200 " in await asyncio.wait_for(again.readline(), 30)
        await eventually(lambda: not place.guard._by)


async def as_guide(place: Door, login: str) -> str:
    """A new guide's cookie."""
    store = place.app[STORE]
    person = await store.people.add(
        login=login, name=login, password_hash="-", languages=[], skills=[], grants=[Grant(Role.GUIDE, "*")]
    )
    begun = await store.logins.add(person.id, address="-", hours=1)
    return f"{cookies.NAME}={place.app[IDENTITY].tokens.issue(person.id, begun.id)}"


async def test_a_trusted_proxy_stands_for_many(tmp_path: Path) -> None:
    config = Config(trusted_proxies=(ipaddress.ip_network("127.0.0.9"),))
    async with (
        door(tmp_path, counted=lambda peer: connection_source(config, peer)) as place,
        AsyncExitStack() as stack,
    ):
        for _ in range(PER_ADDRESS + 10):
            await place.connect(stack, "127.0.0.9")
        assert await place.status("127.0.0.1") == 200
        assert len(place.guard._guests) > PER_ADDRESS


async def test_what_has_gone_is_not_counted(tmp_path: Path) -> None:
    async with door(tmp_path) as place:
        for _ in range(3 * IN_ALL):
            assert await place.status("127.0.0.1") == 200
        assert len(place.guard._guests) <= PER_ADDRESS


def test_a_quarter_of_the_descriptors_is_kept_back(monkeypatch: pytest.MonkeyPatch) -> None:
    for soft, most in ((1024, 768), (256, 128), (20_000, 15_000), (64, 16), (resource.RLIM_INFINITY, 45_000)):
        monkeypatch.setattr(resource, "getrlimit", lambda _, soft=soft: (soft, soft))
        assert connection_guard.in_all() == most


def test_a_server_uses_the_descriptors_it_may_have(monkeypatch: pytest.MonkeyPatch) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    lower = min(soft, hard) - 1
    resource.setrlimit(resource.RLIMIT_NOFILE, (lower, hard))
    serve.raise_descriptors()
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (hard, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    def refuse(*_: object) -> None:
        raise ValueError("not allowed to raise maximum limit")

    monkeypatch.setattr(resource, "getrlimit", lambda _: (10, 20))
    monkeypatch.setattr(resource, "setrlimit", refuse)
    serve.raise_descriptors()
