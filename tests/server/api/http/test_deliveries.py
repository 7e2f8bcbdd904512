"""Responses that nobody reads, or a byte a second of them: cut off in time, and nothing else is."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from link.tasks import spawn
from server.api.http import deliveries as module
from server.api.http.connection_guard import CONNECTION_GUARD, ConnectionGuard
from server.api.http.deliveries import LOOK_S, PATIENCE_S, QUIET_S, RATE, Deliveries
from server.api.http.routes import Allow, Route, add_routes
from server.app import make_app
from server.config import Config
from tests.server.calls.bank import eventually

BODY = secrets.token_bytes(8 * 1024 * 1024)
"""More than a kernel keeps for both ends of a connection on loopback."""


class Line:
    """A transport into which a response was written, and from which somebody reads."""

    def __init__(self, waiting: int = 0) -> None:
        self.waiting = waiting
        self.aborted = False

    def get_write_buffer_size(self) -> int:
        return self.waiting

    def is_closing(self) -> bool:
        return self.aborted

    def abort(self) -> None:
        self.aborted = True


class Looks:
    """Deliveries in made-up time."""

    def __init__(self, most: int = module.MOST) -> None:
        self.now = 1000.0
        self.made = Deliveries(most=most, clock=lambda: self.now)

    def give(self, waiting: int) -> Line:
        line = Line()
        self.made.begin(line, "192.0.2.7")
        line.waiting = waiting
        return line

    def pass_by(self, seconds: float, line: Line, rate: float) -> None:
        """So long the end reads at this rate, in bytes a second."""
        ends = self.now + seconds
        while self.now < ends and not line.aborted:
            self.now += LOOK_S
            line.waiting = max(0, line.waiting - int(rate * LOOK_S))
            self.made.look()


@pytest.mark.parametrize("rate", [0, 1, RATE / 2])
def test_who_does_not_read_is_cut_off_in_time(rate: float) -> None:
    looks = Looks()
    line = looks.give(20 << 20)
    with capture_logs() as lines:
        looks.pass_by(PATIENCE_S + 2 * LOOK_S, line, rate)
    assert line.aborted
    [told] = lines
    assert (told["event"], told["log_level"], told["address"]) == ("response not read", "warning", "192.0.2.7")
    assert 0 < told["waiting"] <= 20 << 20
    looks.made.look()
    assert not looks.made._of


def test_who_stops_in_the_middle_is_cut_off_as_soon() -> None:
    looks = Looks()
    line = looks.give(20 << 20)
    looks.pass_by(3 * PATIENCE_S, line, 50_000)
    assert not line.aborted
    looks.pass_by(2 * PATIENCE_S + LOOK_S, line, 0)
    assert line.aborted


@pytest.mark.parametrize("rate", [RATE + 1, 20_000, 10_000_000])
def test_a_slow_line_has_the_time_it_needs(rate: float) -> None:
    looks = Looks()
    line = looks.give(1 << 20)
    looks.pass_by((1 << 20) / rate + QUIET_S + 2 * LOOK_S, line, rate)
    assert line.waiting == 0
    assert not line.aborted
    assert not looks.made._of, "nothing is kept of what was read"


def test_a_line_that_is_away_for_a_while_is_not_cut() -> None:
    looks = Looks()
    line = looks.give(1 << 20)
    for _ in range(5):
        looks.pass_by(PATIENCE_S - 2 * LOOK_S, line, 0)
        looks.pass_by(2 * LOOK_S, line, 60_000)
    assert not line.aborted


def test_what_comes_late_into_the_transport_is_looked_at_too() -> None:
    looks = Looks()
    line = looks.give(0)
    looks.pass_by(QUIET_S - 2 * LOOK_S, line, 0)
    line.waiting = 5_000_000
    looks.pass_by(PATIENCE_S + 2 * LOOK_S, line, 0)
    assert line.aborted


def test_asking_again_on_the_same_connection_gives_no_more_time() -> None:
    looks = Looks()
    line = looks.give(5_000_000)
    for _ in range(int(PATIENCE_S / LOOK_S) + 1):
        looks.made.begin(line, "192.0.2.7")
        looks.pass_by(LOOK_S, line, 0)
    assert line.aborted


def test_all_together_have_a_bound_and_the_oldest_goes_first() -> None:
    looks = Looks(most=50_000_000)
    lines = []
    for _ in range(8):
        lines.append(looks.give(10_000_000))
        looks.now += 0.01
    idle = looks.give(0)
    with capture_logs() as told:
        looks.made.look()
    assert [line.aborted for line in lines] == [True] * 3 + [False] * 5
    assert not idle.aborted
    assert len(told) == 1, "one line for all of them"


class Counted(Deliveries):
    """Also counts whom it cut off."""

    ended = 0

    def _end(self, *which: Any) -> None:
        self.ended += 1
        super()._end(*which)


@pytest.fixture
async def port(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[int, ConnectionGuard]]:
    """The whole application behind its door, with something large to ask for."""

    async def large(_request: web.Request) -> web.StreamResponse:
        return web.Response(body=BODY)

    monkeypatch.setattr(module, "LOOK_S", 0.05)
    app = make_app(Config(data=tmp_path / "data", minimum_free_mb=0))
    app[CONNECTION_GUARD].deliveries = Counted(patience_s=0.5)
    add_routes(app, [Route("GET", "/large", large, Allow.PUBLIC)])
    runner = web.AppRunner(app)
    await runner.setup()
    assert runner.server is not None
    listener = await app[CONNECTION_GUARD].listen(runner.server, "127.0.0.1", 0)
    yield listener.sockets[0].getsockname()[1], app[CONNECTION_GUARD]
    listener.close()
    await listener.closed()
    await runner.cleanup()


async def ask(
    stack: AsyncExitStack, port: int, said: bytes = b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n"
) -> socket.socket:
    """A connection with the smallest window that there is, on which something was asked for."""
    raw = socket.socket()
    stack.callback(raw.close)
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    raw.setblocking(False)
    await asyncio.get_running_loop().sock_connect(raw, ("127.0.0.1", port))
    await asyncio.get_running_loop().sock_sendall(raw, said)
    return raw


async def whole(raw: socket.socket) -> int:
    """How many bytes come until the other end closes or cuts the connection."""
    size = 0
    with contextlib.suppress(ConnectionError):
        while piece := await asyncio.get_running_loop().sock_recv(raw, 65536):
            size += len(piece)
    return size


@pytest.mark.parametrize("trickle", [False, True])
async def test_real_connections_that_do_not_read(port: tuple[int, ConnectionGuard], trickle: bool) -> None:
    async with AsyncExitStack() as stack:
        raws = [await ask(stack, port[0]) for _ in range(20)]
        stop = asyncio.Event()

        async def bytewise() -> None:
            while trickle and not stop.is_set():
                for raw in raws:
                    with contextlib.suppress(OSError):
                        raw.recv(1)
                await asyncio.sleep(0.05)

        reading = spawn(bytewise(), name="a byte at a time")
        good = await ask(stack, port[0], b"GET /large HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert await asyncio.wait_for(whole(good), 30) > len(BODY), "who reads has it all"
        cuts = port[1].deliveries
        assert isinstance(cuts, Counted)
        await eventually(lambda: cuts.ended == len(raws))
        stop.set()
        await reading
        assert max(await asyncio.gather(*(asyncio.wait_for(whole(raw), 30) for raw in raws))) < len(BODY)
