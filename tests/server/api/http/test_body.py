"""Bodies that are none, and clients that leave in the middle of one: an answer or none, and no trace in the log."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from link.protocol.errors import Unavailable
from server.api import fleet
from server.api.http.body import read_body
from server.app import listening, make_app
from server.config import Config
from server.logs import _is_ours
from tests.server.api.conftest import World

ENROL = {"Content-Type": "application/json", "Origin": None}


async def test_a_body_that_is_not_what_its_headers_say(world: World, caplog: pytest.LogCaptureFixture) -> None:
    with capture_logs() as logged:
        headers = ENROL | {"Content-Encoding": "gzip"}
        async with world.ask("POST", "/api/kiosk/enrol", data=b"\xff" * 50, headers=headers) as response:
            assert response.status == 400
            assert (await response.json())["error"]["code"] == "bad_message"
    assert [line for line in logged if line["log_level"] == "error"] == []
    assert not any(record.name == "aiohttp.server" and _is_ours(record) for record in caplog.records)


async def test_a_client_that_leaves_in_the_middle_of_a_body(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the server as it is served: the one of aiohttp's tests cancels what nobody waits for."""
    reading, ended = asyncio.Event(), asyncio.get_running_loop().create_future()

    async def followed(request: web.Request, limit: int) -> bytes:
        reading.set()
        try:
            return await read_body(request, limit)
        except Exception as error:
            ended.set_result(error)
            raise

    monkeypatch.setattr(fleet, "read_body", followed)
    app = make_app(Config(data=tmp_path / "data", minimum_free_mb=0))
    with capture_logs() as logged:
        async with listening(app, "127.0.0.1", 0) as server:
            _, writer = await asyncio.open_connection(*server.sockets[0].getsockname()[:2])
            writer.write(b"POST /api/kiosk/enrol HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nab")
            await asyncio.wait_for(reading.wait(), 30)
            writer.transport.abort()
            assert isinstance(await asyncio.wait_for(ended, 30), Unavailable)
    assert [line for line in logged if line["log_level"] == "error"] == []
    assert not any(record.name == "aiohttp.server" and _is_ours(record) for record in caplog.records)
