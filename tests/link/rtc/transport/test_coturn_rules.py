"""Rules that a real coturn may have: nonces that go stale, allocations that end soon, another realm after a restart."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from link.rtc.transport import turn_allocation
from link.rtc.transport.turn_allocation import TurnAllocation
from link.rtc.transport.turn_framing import IceServerUrl, RelayUnavailable
from tests.link.rtc.coturn import CONFIGURATION, Coturn, coturn, needs_coturn
from tests.link.rtc.fuzz.mutation import mutate_bytes
from tests.link.rtc.test_leg import until

pytestmark = needs_coturn


@dataclass
class Ends:
    """Two allocations that say something to each other ten times a second."""

    made: list[TurnAllocation]
    heard: list[bytes] = field(default_factory=list)
    lost: list[int] = field(default_factory=list)

    async def talk(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for one, other in (self.made, self.made[::-1]):
                one.sendto(b"\x01hello", other.relayed)
            await asyncio.sleep(0.1)

    async def still_hear(self) -> None:
        """Each hears the other; the first words are lost where the other's channel is not there yet."""
        self.heard.clear()
        words = {b"\x01after 0", b"\x01after 1"}

        def said_and_heard() -> bool:
            for index, (one, other) in enumerate((self.made, self.made[::-1])):
                one.sendto(b"\x01after %d" % index, other.relayed)
            return words <= set(self.heard)

        await until(said_and_heard)


@asynccontextmanager
async def ends(turn: Coturn, transport: str, first_by: int = 0) -> AsyncIterator[Ends]:
    """`first_by` is the port by which the first of them reaches coturn."""
    server = turn.server(transport)
    both = Ends([])
    for index in range(2):
        both.made.append(
            TurnAllocation(
                IceServerUrl(
                    f"turn:127.0.0.1:{first_by}" if first_by and not index else server.urls[0],
                    server.username,
                    server.credential,
                ),
                on_burst=lambda _, count, __: list(range(count)),
                on_datagram=lambda data, _: both.heard.append(data),
                on_lost=lambda index=index: both.lost.append(index),  # type: ignore[misc]
            )
        )
    try:
        for one in both.made:
            await one.allocate()
        yield both
    finally:
        for one in both.made:
            one.close()


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Callable[[], dict[int, int]]:
    """Counts the error codes that allocations learn from."""
    codes: dict[int, int] = {}
    learn = TurnAllocation._learn

    def count(self: TurnAllocation, response: object) -> bool:
        code = response.attributes["ERROR-CODE"][0]  # type: ignore[attr-defined]
        codes[code] = codes.get(code, 0) + 1
        return learn(self, response)  # type: ignore[arg-type]

    monkeypatch.setattr(TurnAllocation, "_learn", count)
    return lambda: codes


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_nonces_go_stale(
    transport: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    watched: Callable[[], dict[int, int]],
    no_task_left: None,
) -> None:
    """RFC 8489 section 9.2.5: a refusal with 438 brings the next nonce, and the same request goes again."""
    monkeypatch.setattr(turn_allocation, "RENEW_EVERY_S", 0.7)
    async with coturn(tmp_path, CONFIGURATION + "stale-nonce=1\n") as turn, ends(turn, transport) as both:
        for one in both.made:
            monkeypatch.setattr(one, "_lifetime", 1)  # and the allocation is renewed every time
        await both.talk(4)
        await both.still_hear()
        assert watched().get(438, 0) >= 2, "coturn did find them stale"
        assert both.lost == []


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_allocations_that_end_soon_are_renewed_in_time(
    transport: str, tmp_path: Path, no_task_left: None
) -> None:
    """The server may grant less than was asked for; before, anything under a minute ended the call."""
    async with coturn(tmp_path, CONFIGURATION + "max-allocate-lifetime=3\n") as turn, ends(turn, transport) as both:
        await both.talk(5)
        await both.still_hear()
        assert both.lost == []


async def test_another_realm_after_a_restart(tmp_path: Path, no_task_left: None) -> None:
    """Who had an allocation is told that it is lost when it renews; who comes anew learns the new realm."""
    async with coturn(tmp_path) as turn:
        async with ends(turn, "tcp") as both:
            await both.still_hear()
            await turn.kill()
            turn.configuration = CONFIGURATION.replace("visavis.test", "another.test")
            await turn.start()
            await until(lambda: sorted(both.lost) == [0, 1])
        async with ends(turn, "tcp") as both:
            await both.still_hear()


async def test_over_udp_the_loss_shows_at_the_next_renewal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_task_left: None
) -> None:
    """At the latest: the leg calls itself silent after two seconds, and is replaced long before."""
    monkeypatch.setattr(turn_allocation, "RENEW_EVERY_S", 0.5)
    async with coturn(tmp_path) as turn, ends(turn, "udp") as both:
        await both.still_hear()
        await turn.kill()
        await turn.start()
        await until(lambda: sorted(both.lost) == [0, 1], 30)


class Mumbling(asyncio.DatagramProtocol):
    """Stands before coturn for one client; after each of its words come mutants of it, from the same address."""

    def __init__(self, server: int, seed: int) -> None:
        self.server, self.chance = ("127.0.0.1", server), random.Random(seed)
        self.client: tuple[str, int] | None = None
        self.made = 0

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, address: tuple[Any, ...]) -> None:
        if address[:2] != self.server:
            self.client = address[0], address[1]
            self.transport.sendto(data, self.server)
            return
        assert self.client is not None
        mutants = [mutate_bytes(data, [data], self.chance) for _ in range(20)]
        for each in (*mutants[:10], data, *mutants[10:]):
            self.made += 1
            self.transport.sendto(each, self.client)


async def test_garbage_in_coturns_name_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_task_left: None
) -> None:
    """An answer that is not signed is none, whatever it says; a channel carries on."""
    monkeypatch.setattr(turn_allocation, "RENEW_EVERY_S", 0.3)
    loop = asyncio.get_running_loop()
    async with coturn(tmp_path) as turn:
        transport, mumbling = await loop.create_datagram_endpoint(
            lambda: Mumbling(turn.port, 1), local_addr=("127.0.0.1", 0)
        )
        with capture_logs() as logs:
            async with ends(turn, "udp", transport.get_extra_info("sockname")[1]) as both:
                await both.talk(3)
                await both.still_hear()
                assert both.lost == []
        assert mumbling.made > 500
        assert both.made[0].refused > 10
        assert [line for line in logs if line["log_level"] == "error"] == []
        transport.close()


async def test_a_secret_that_was_changed(tmp_path: Path, no_task_left: None) -> None:
    async with coturn(tmp_path) as turn:
        await turn.kill()
        turn.configuration = CONFIGURATION.replace("{secret}", "changed-by-somebody-0123456789")
        await turn.start()
        with pytest.raises(RelayUnavailable, match=r"refuses the credentials \(401\)"):
            async with ends(turn, "udp"):
                pass
