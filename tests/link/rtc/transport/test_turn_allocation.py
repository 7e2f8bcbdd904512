"""Legs through a real coturn, relay-only at both ends: over UDP, over TCP, and refused."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from link.protocol.values import IceServer
from link.rtc.leg import Leg, LegState
from link.rtc.relay import LocalTrack, Relay
from link.rtc.transport import turn_allocation
from link.rtc.transport.turn_allocation import TurnAllocation
from link.rtc.transport.turn_framing import IceServerUrl, RelayUnavailable
from tests.link.rtc.coturn import Coturn, coturn, needs_coturn
from tests.link.rtc.test_leg import Camera, Recorded, index_of, until
from tests.machine import allow

pytestmark = needs_coturn


@pytest_asyncio.fixture
async def turn(tmp_path: Path) -> AsyncIterator[Coturn]:
    async with coturn(tmp_path) as running:
        yield running


def leg(name: str, server: IceServer) -> Leg:
    return Leg(name, ice_servers=[server], relay_only=True)


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_media_flows_both_ways_through_the_relay(turn: Coturn, transport: str, no_task_left: None) -> None:
    offerer, answerer = leg("offerer", turn.server(transport)), leg("answerer", turn.server(transport))
    relay, up, down, sound = Relay(), Recorded(), Recorded(), Recorded()
    camera, other, voice = Camera(), Camera(), LocalTrack("audio", "voice")
    relay.connect(camera.injection.track, offerer, "camera")
    relay.connect(voice.track, offerer, "microphone")
    relay.connect(other.injection.track, answerer, "video0")
    taps = [
        up.on(relay, answerer, "camera"),
        sound.on(relay, answerer, "microphone"),
        down.on(relay, offerer, "video0"),
    ]
    offer = await offerer.offer()
    answer = await answerer.answer(offer)
    for text in (offer, answer):
        lines = [line for line in text.splitlines() if line.startswith("a=candidate")]
        assert lines
        assert all(" typ relay" in line for line in lines), "nothing but the relay"
    await offerer.accept(answer)
    await until(lambda: offerer.state == answerer.state == LegState.CONNECTED)
    tasks = len(asyncio.all_tasks())
    await asyncio.gather(camera.run(30), other.run(30))
    assert len(asyncio.all_tasks()) <= tasks, "no task for a packet"
    for index in range(20):
        voice.push(b"\x78sound", index * 960, False)
    await until(lambda: len(up.frames) >= 29 and len(down.frames) >= 29 and len(sound.frames) >= 19)
    assert [index_of(frame) for frame in up.frames] == sorted(index_of(frame) for frame in up.frames)
    assert offerer.statistics().refused == answerer.statistics().refused == 0
    assert up.gaps == down.gaps == []
    for tap in taps:
        tap.close()
    await offerer.close()
    await answerer.close()


@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.parametrize("wrong", ["secret", "expired"])
async def test_wrong_and_expired_credentials_are_named_at_once(
    turn: Coturn, transport: str, wrong: str, no_task_left: None
) -> None:
    server = turn.server(transport, seconds=-60) if wrong == "expired" else turn.server(transport, secret="another")
    refused = leg("refused", server)
    begun = time.monotonic()
    with pytest.raises(RelayUnavailable, match=r"refuses the credentials \(401\)") as error:
        await refused.offer()
    assert time.monotonic() - begun < allow(2.0)
    assert server.credential not in str(error.value)
    await refused.close()


async def test_a_server_that_is_not_there_is_named_within_its_time(no_task_left: None) -> None:
    gone = leg("gone", IceServer(["turn:127.0.0.1:9?transport=tcp"], "1:a", "b"))
    with pytest.raises(RelayUnavailable, match="cannot be used"):
        await gone.offer()
    await gone.close()


async def test_a_silent_server_is_given_up(monkeypatch: pytest.MonkeyPatch, no_task_left: None) -> None:
    monkeypatch.setattr(turn_allocation, "OPEN_TIMEOUT_S", 0.3)
    silent = leg("silent", IceServer(["turn:127.0.0.1:9"], "1:a", "b"))
    with pytest.raises(RelayUnavailable, match="does not answer"):
        await silent.offer()
    await silent.close()


async def test_without_a_server_relay_only_says_so(no_task_left: None) -> None:
    alone = Leg("alone", relay_only=True)
    with pytest.raises(RelayUnavailable, match="no TURN server is configured"):
        await alone.offer()
    await alone.close()


async def test_host_addresses_do_without_the_relay(turn: Coturn, no_task_left: None) -> None:
    """Policy `all`: a TURN server that refuses does not end a call that needs none."""
    servers = [turn.server(secret="another")]
    offerer = Leg("offerer", ice_servers=servers, loopback=True)
    answerer = Leg("answerer", ice_servers=servers, loopback=True)
    await offerer.accept(await answerer.answer(await offerer.offer()))
    await until(lambda: offerer.state == answerer.state == LegState.CONNECTED)
    await offerer.close()
    await answerer.close()


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_an_allocation_outlives_its_credentials(
    turn: Coturn, transport: str, monkeypatch: pytest.MonkeyPatch, no_task_left: None
) -> None:
    """A call lasts longer than what opened it: renewals succeed after the user name's time is over."""
    monkeypatch.setattr(turn_allocation, "RENEW_EVERY_S", 0.5)
    server = turn.server(transport, seconds=1)
    heard: list[bytes] = []
    lost: list[None] = []
    made = [
        TurnAllocation(
            IceServerUrl(server.urls[0], server.username, server.credential),
            on_burst=lambda _, count, __: list(range(count)),
            on_datagram=lambda data, _: heard.append(data),
            on_lost=lambda: lost.append(None),
        )
        for _ in range(2)
    ]
    for one in made:
        await one.allocate()
        monkeypatch.setattr(one, "_lifetime", 1)  # renew the allocation itself every time too
    end = time.monotonic() + 3.0
    while time.monotonic() < end:
        for one, other in (made, made[::-1]):
            one.sendto(b"\x01hello", other.relayed)
        await asyncio.sleep(0.1)
    heard.clear()
    made[0].sendto(b"\x01after", made[1].relayed)
    await until(lambda: b"\x01after" in heard)
    assert lost == []
    for one in made:
        one.close()


async def test_the_documented_configuration_relays(tmp_path: Path, no_task_left: None) -> None:
    """docs/operate.md's turnserver.conf, with loopback for its addresses."""
    text = (Path(__file__).parents[4] / "docs" / "operate.md").read_text("utf-8")
    documented = text.split("```ini\n")[1].split("```")[0]
    for there, here in {
        "listening-port=3478": "listening-port={port}",
        "min-port=49152": "min-port={low}",
        "max-port=65535": "max-port={high}",
        "THE-SECRET": "{secret}",
        "203.0.113.7": "127.0.0.1",
    }.items():
        assert there in documented
        documented = documented.replace(there, here)
    local = (
        "listening-ip=127.0.0.1\nrelay-ip=127.0.0.1\nallow-loopback-peers\nno-tls\nno-dtls\npidfile={directory}/pid\n"
    )
    local += "userdb={directory}/users\nlog-file=stdout\nsimple-log\n"
    async with coturn(tmp_path, documented + local) as turn:
        offerer, answerer = leg("offerer", turn.server()), leg("answerer", turn.server("tcp"))
        await offerer.accept(await answerer.answer(await offerer.offer()))
        await until(lambda: offerer.state == answerer.state == LegState.CONNECTED)
        await offerer.close()
        await answerer.close()
