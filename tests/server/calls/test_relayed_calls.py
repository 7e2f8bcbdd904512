"""Whole calls through a real coturn and nothing else: what becomes of them when it dies, comes back, or changes."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from link.protocol.client import LegOffer, LegPrepare
from link.protocol.errors import VisavisError
from link.protocol.server import LegServers
from link.rtc.leg import Leg
from tests.link.rtc.coturn import SECRET, Coturn, coturn, needs_coturn
from tests.machine import allow
from tests.server.calls.bank import Bank, eventually
from tests.server.calls.conftest import OpenBank
from tests.server.calls.media import Media

pytestmark = [pytest.mark.alone, needs_coturn]


big = pytest.mark.skipif(not os.environ.get("VISAVIS_BIG_TESTS"), reason="takes longer: VISAVIS_BIG_TESTS=1")


class RelayedMedia(Media):
    """Uses what the server says, as pages and kiosk clients do."""

    async def make_leg(self) -> Leg:
        told = await self.party.ask(LegPrepare(self.session))
        assert isinstance(told, LegServers)
        return Leg("test", ice_servers=told.ice_servers, relay_only=told.relay_only)


@pytest_asyncio.fixture
async def turn(tmp_path: Path) -> AsyncIterator[Coturn]:
    async with coturn(tmp_path) as running:
        yield running


class Call:
    def __init__(self, bank: Bank, session: str, ends: list[RelayedMedia]) -> None:
        self.bank, self.session, self.ends = bank, session, ends

    async def goes_on(self, within: float) -> float:
        """Wait until both see and hear again; how long that took."""
        begin = time.monotonic()
        await asyncio.gather(*(end.arrives(within=within) for end in self.ends))
        return time.monotonic() - begin

    async def stop(self) -> None:
        for end in self.ends:
            await end.stop()


async def begin(open_bank: OpenBank, turn: Coturn, transport: str, folder: Path) -> Call:
    secret = folder / "secret"
    secret.write_text(SECRET)
    bank = await open_bank(turn_urls=(turn.url(transport),), turn_secret=secret, ice_policy="relay", turn_lifetime_s=30)
    kiosk, specialist = await bank.kiosk("k1"), await bank.specialist("ann")
    session = (await kiosk.call()).id
    await specialist.answer()
    ends = [RelayedMedia(party, session) for party in (kiosk, specialist)]
    for end in ends:
        end.start()
    call = Call(bank, session, ends)
    await call.goes_on(within=30)
    return call


@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.parametrize("away", [0.0, pytest.param(6.0, marks=big)])
async def test_coturn_is_killed_in_a_call_and_started_again(
    open_bank: OpenBank, turn: Coturn, transport: str, away: float, tmp_path: Path
) -> None:
    """Its allocations are gone: the customer's picture stands, and a little later everybody has a new leg."""
    call = await begin(open_bank, turn, transport, tmp_path)
    with capture_logs() as logs:
        await turn.kill()
        await asyncio.sleep(away)
        await turn.start()
        back = time.monotonic()
        # What arrived before the end may still be counted: only the second look tells.
        await call.goes_on(within=30)
        await call.goes_on(within=30)
        seconds = time.monotonic() - back
    print(f"{transport}, away for {away:.0f} s: media back {seconds:.1f} s after coturn")
    assert seconds < allow(8)
    room = call.bank.rooms.get(call.session)
    assert room is not None
    assert room.state.phase is not None
    errors = [line for line in logs if line["log_level"] == "error"]
    assert errors == [], "nothing unforeseen"
    assert SECRET not in str(logs)
    await call.stop()


async def test_a_server_without_a_relay_says_so_and_its_journal_too(
    open_bank: OpenBank, turn: Coturn, tmp_path: Path
) -> None:
    """What a client without need of TURN meets while the server's own way is gone: `unavailable`, and nothing open."""
    call = await begin(open_bank, turn, "tcp", tmp_path)
    kiosk = call.ends[0].party
    await call.stop()
    await turn.kill()
    alone = Leg("alone", loopback=True)
    with capture_logs() as logs, pytest.raises(VisavisError) as refused:
        await kiosk.client.request(LegOffer(call.session, "another", await alone.offer()))
    assert refused.value.code == "unavailable"
    await alone.close()
    room = call.bank.rooms.get(call.session)
    assert room is not None
    await eventually(lambda: "customer-1" not in room.state.legs)
    assert [line for line in logs if line["log_level"] == "error"] == []
    assert SECRET not in str(logs)
