"""Connections and bodies that never come to an end are cut; those of people and kiosks stay."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from certs.make import make_server_certificate
from server.api.http.connection_guard import CONNECTION_GUARD, ConnectionGuard
from server.app import make_app
from server.config import Config
from tests.machine import allow

WITHIN_S = 0.4
LOGIN = b"POST /login HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nOrigin: http://127.0.0.1:%d\r\n"
LOGIN += b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 8000\r\n\r\nlogin="
ENROL = b"POST /api/kiosk/enrol HTTP/1.1\r\nHost: x\r\nContent-Length: 4000\r\n\r\n{"
PAGE = b"GET /login HTTP/1.1\r\nHost: x\r\n\r\n"


@asynccontextmanager
async def listening(folder: Path, context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """The whole application behind a guard; gives its port."""
    app = make_app(Config(data=folder / "data", minimum_free_mb=0))
    app[CONNECTION_GUARD] = ConnectionGuard(WITHIN_S)
    # Whoever answers before the body is there reads on for a while, 10 s by default, and a runner waits for that.
    runner = web.AppRunner(app, keepalive_timeout=1, lingering_time=1)
    await runner.setup()
    assert runner.server is not None
    server = await app[CONNECTION_GUARD].listen(runner.server, "127.0.0.1", 0, context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await runner.cleanup()


async def until_cut(port: int, said: bytes) -> tuple[float, bytes]:
    """Seconds until the server closes a connection on which only this was said, and what it answered."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    begun = time.monotonic()
    writer.write(said.replace(b"%d", b"%d" % port))
    try:
        answer = await asyncio.wait_for(reader.read(), 30)
    except ConnectionResetError:
        answer = b""
    finally:
        writer.close()
    return time.monotonic() - begun, answer


async def test_who_asks_for_nothing_is_cut(tmp_path: Path) -> None:
    async with listening(tmp_path) as port:
        for said in (b"", b"GET /login HT", b"GET /login HTTP/1.1\r\nHost: x\r\n"):
            took_s, answer = await until_cut(port, said)
            assert WITHIN_S - 0.1 < took_s < allow(WITHIN_S + 5)
            assert answer == b""


async def test_who_asked_is_kept_for_the_next_request_but_not_for_ever(tmp_path: Path) -> None:
    async with listening(tmp_path) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(3):
            writer.write(PAGE)
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30)
            assert head.startswith(b"HTTP/1.1 200")
            length = int(head.lower().partition(b"content-length:")[2].split()[0])
            await reader.readexactly(length)
            await asyncio.sleep(WITHIN_S * 1.2)  # what is tested is that this much silence is allowed
        writer.write(b"GET /login HT")
        assert await asyncio.wait_for(reader.read(), 30) == b""
        writer.close()


async def test_a_body_that_does_not_come_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.api.http.body.SMALL_S", 0.3)
    async with listening(tmp_path) as port:
        for said in (LOGIN, ENROL):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(said.replace(b"%d", b"%d" % port))
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30)
            assert b" 503 " in head.splitlines()[0]
            writer.close()


async def test_a_handshake_that_stops_is_cut(tmp_path: Path) -> None:
    make_server_certificate(tmp_path, ["localhost"])
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tmp_path / "server.pem", tmp_path / "server.key")
    async with listening(tmp_path, context) as port:
        for said in (b"", b"\x16\x03\x01\x02\x00\x01"):
            took_s, _ = await until_cut(port, said)
            assert took_s < allow(2 * WITHIN_S + 5)
        trust = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trust, server_hostname="localhost")
        writer.write(PAGE)
        assert (await asyncio.wait_for(reader.readline(), 30)).startswith(b"HTTP/1.1 200")
        writer.close()
