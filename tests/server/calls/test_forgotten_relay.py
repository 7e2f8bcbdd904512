"""A NAT between us and our TURN server forgets: the allocation is another's now, and that shows at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
import pytest_asyncio
from msgspec import structs

from link.rtc.leg import Leg, LegState
from link.rtc.relay import Relay
from link.tasks import cancel, spawn
from tests.link.rtc.coturn import Coturn, coturn, needs_coturn
from tests.link.rtc.test_leg import Camera, until
from tests.machine import allow
from tests.server.calls.conftest import OpenBank
from tests.server.calls.test_relayed_calls import begin

pytestmark = [pytest.mark.alone, needs_coturn]
BACK_S = 2.0
KNOWN_S = 1.2
"""Seconds within which it is known; silence alone takes 1.3 s and more to be told from a pause, 2.4 s at a server."""


class Nat(asyncio.DatagramProtocol):
    """Passes everybody's datagrams on to `target`, from a port for each, and forgets those when told."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.port = 0
        self.blocked = False
        self._inside: asyncio.DatagramTransport | None = None
        self._outside: dict[tuple[Any, ...], asyncio.DatagramTransport] = {}

    async def open(self) -> None:
        loop = asyncio.get_running_loop()
        self._inside, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", 0))
        self.port = self._inside.get_extra_info("sockname")[1]

    def forget(self) -> None:
        """What comes for the old ports arrives nowhere, and what is sent comes from others."""
        old, self._outside = self._outside, {}
        for transport in old.values():
            transport.close()

    def datagram_received(self, data: bytes, address: tuple[Any, ...]) -> None:
        if self.blocked:
            return
        if address in self._outside:
            self._outside[address].sendto(data)
        else:
            spawn(self._first(data, address), name="nat")

    async def _first(self, data: bytes, address: tuple[Any, ...]) -> None:
        loop, remote = asyncio.get_running_loop(), ("127.0.0.1", self.target)
        made, _ = await loop.create_datagram_endpoint(lambda: _Outside(self, address), remote_addr=remote)
        known = self._outside.setdefault(address, made)
        if known is not made:
            made.close()
        known.sendto(data)

    def back(self, data: bytes, address: tuple[Any, ...]) -> None:
        if self._inside is not None and not self.blocked:
            self._inside.sendto(data, address)

    def close(self) -> None:
        self.blocked = True
        self.forget()
        if self._inside is not None:
            self._inside.close()


class _Outside(asyncio.DatagramProtocol):
    def __init__(self, nat: Nat, address: tuple[Any, ...]) -> None:
        self._nat, self._address = nat, address

    def datagram_received(self, data: bytes, _: tuple[Any, ...]) -> None:
        self._nat.back(data, self._address)

    def error_received(self, _: Exception) -> None:
        """The server is away for a moment."""


@pytest_asyncio.fixture
async def turn(tmp_path: Path) -> AsyncIterator[Coturn]:
    async with coturn(tmp_path) as running:
        yield running


@asynccontextmanager
async def behind(turn: Coturn) -> AsyncIterator[tuple[Nat, list[Leg]]]:
    """A leg that needs the relay, behind a NAT, and one that is reached by it; pictures flow both ways."""
    nat, relay = Nat(turn.port), Relay()
    await nat.open()
    server = structs.replace(turn.server(), urls=[f"turn:127.0.0.1:{nat.port}?transport=udp"])
    legs = [Leg("behind", ice_servers=[server], relay_only=True), Leg("server", loopback=True)]
    cameras = [Camera(), Camera()]
    try:
        relay.connect(cameras[0].injection.track, legs[0], "camera")
        relay.connect(cameras[1].injection.track, legs[1], "video0")
        await legs[0].accept(await legs[1].answer(await legs[0].offer()))
        await until(lambda: all(leg.state is LegState.CONNECTED for leg in legs))
        running = [spawn(camera.run(100_000), name="camera") for camera in cameras]
        try:
            await until(lambda: legs[1].tracks["camera"].packets > 30 and legs[0].tracks["video0"].packets > 30)
            yield nat, legs
        finally:
            for task in running:
                await cancel(task)
    finally:
        for leg in legs:
            await leg.close()
        nat.close()


async def over(leg: Leg) -> float:
    """Seconds until the leg is closed."""
    begun = time.monotonic()
    await until(lambda: leg.closed)
    return time.monotonic() - begun


async def test_a_leg_whose_allocation_is_gone_ends_at_once(turn: Coturn, no_task_left: None) -> None:
    """Before, it was silent after 1.4 s, and nothing said that it would stay so."""
    async with behind(turn) as (nat, legs):
        nat.forget()
        took = await over(legs[0])
    print(f"known after {took * 1000:.0f} ms")
    assert took < allow(KNOWN_S)


async def test_so_does_one_whose_server_was_started_again(turn: Coturn, no_task_left: None) -> None:
    async with behind(turn) as (_, legs):
        await turn.kill()
        await turn.start()
        took = await over(legs[0])
    print(f"known {took * 1000:.0f} ms after the server was back")
    assert took < allow(KNOWN_S)


async def test_a_path_that_is_only_away_ends_nothing(turn: Coturn, no_task_left: None) -> None:
    """The allocation is as it was: the same leg goes on when the path does."""
    async with behind(turn) as (nat, legs):
        nat.blocked = True
        await until(lambda: legs[0].state is LegState.SILENT)
        nat.blocked = False
        await until(lambda: legs[0].state is LegState.CONNECTED)
        packets = legs[1].tracks["camera"].packets
        await until(lambda: legs[1].tracks["camera"].packets > packets + 30)
        assert not legs[0].closed


async def test_one_question_at_a_time_and_a_second(turn: Coturn, no_task_left: None) -> None:
    async with behind(turn) as (nat, legs):
        allocation = cast("Any", legs[0]._transport._port)
        nat.blocked = True
        now = time.monotonic()
        for step in range(100):
            allocation.confirm(now + step)
        assert len(allocation._transactions) <= 1
        assert sum("asks" in task.get_name() for task in allocation._tasks) == 1
        nat.blocked = False
        await until(lambda: not any("asks" in task.get_name() for task in allocation._tasks))
        for step in range(10):
            allocation.confirm(now + 200 + step / 100)
            await until(lambda: not any("asks" in task.get_name() for task in allocation._tasks))
            assert allocation._confirm_at == now + 201, "and not again within a second"
        assert not legs[0].closed


async def test_a_call_whose_relays_are_all_forgotten(
    open_bank: OpenBank, turn: Coturn, tmp_path: Path, no_task_left: None
) -> None:
    """Kiosk, specialist and the server itself are behind that NAT; all four allocations are gone at once."""
    nat = Nat(turn.port)
    await nat.open()
    call = await begin(open_bank, replace(turn, port=nat.port), "udp", tmp_path)
    took = []
    for _ in range(2):
        await asyncio.sleep(1)
        nat.forget()
        begun = time.monotonic()
        # What arrived before may still be counted: only the second look tells.
        await call.goes_on(within=30)
        await call.goes_on(within=30)
        took.append(time.monotonic() - begun)
    await call.stop()
    for task in [task for task in asyncio.all_tasks() if task.get_name() == "nat"]:
        await cancel(task)
    nat.close()
    print(f"both see and hear again after {' '.join(f'{seconds:.1f}' for seconds in took)} s")
    assert max(took) < allow(BACK_S)
