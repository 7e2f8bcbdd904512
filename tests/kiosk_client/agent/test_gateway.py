"""The leg to the server: noticed lost within its time, made anew as soon as the server is reached again."""

from __future__ import annotations

import asyncio
import time

import pytest

from kiosk_client.agent import gateway as module
from kiosk_client.agent.gateway import Gateway
from link.protocol.client import ClientMessage, LegCandidate, LegClose, LegOffer, LegPrepare
from link.protocol.errors import Unavailable
from link.protocol.server import LegAnswer, LegServers, ServerMessage
from link.protocol.values import IceServer
from link.rtc.leg import Leg, LegState
from tests.link.rtc.lossy import LossyPath
from tests.link.rtc.test_leg import until
from tests.machine import allow


class Server:
    """Answers with real legs, when it is `there`."""

    def __init__(self) -> None:
        self.there = True
        self.reached = asyncio.Event()  # what was asked while it was not there is answered from then on
        self.said: list[ClientMessage] = []
        self.checks: list[float] = []
        self.servers = LegServers()
        self.leg: Leg | None = None
        self.path: LossyPath | None = None
        self.last_offer = ""

    async def request(self, body: ClientMessage) -> ServerMessage:
        self.said.append(body)
        if not self.there:
            await self.reached.wait()
        if isinstance(body, LegPrepare):
            return self.servers
        if not isinstance(body, LegOffer):
            raise Unavailable("not scripted")
        await self.close()
        self.last_offer = body.leg
        self.leg = Leg("server", loopback=True)
        self.path = LossyPath()
        answer = await self.leg.answer(LossyPath.hide(body.sdp))
        return LegAnswer(body.leg, await self.path.stand_before(answer))

    def post(self, body: ClientMessage) -> None:
        self.said.append(body)

    def gateway(self) -> Gateway:
        made = Gateway("s1", request=self.request, post=self.post, sources={}, check=self.checks.append, loopback=True)
        made.set_online(True)
        return made

    async def close(self) -> None:
        if self.leg is not None:
            await self.leg.close()
        if self.path is not None:
            self.path.close()


def connected(gateway: Gateway) -> bool:
    return gateway.server_leg is not None and gateway.server_leg.state is LegState.CONNECTED


def hush(server: Server, *, on: bool = True) -> None:
    """The network carries no media any more; or it does again."""
    assert server.path is not None
    server.path.blocked = on


async def called(server: Server) -> Gateway:
    gateway = server.gateway()
    gateway.open()
    await until(lambda: connected(gateway) and server.leg is not None and server.leg.state is LegState.CONNECTED)
    await until(lambda: gateway.server_leg is not None and gateway.server_leg.rtt > 0)
    return gateway


@pytest.mark.alone
async def test_a_leg_in_doubt_asks_for_a_sign_of_life_early(no_task_left: None) -> None:
    server = Server()
    gateway = await called(server)
    begun, checks = time.monotonic(), len(server.checks)
    hush(server)
    await until(lambda: len(server.checks) > checks)
    assert 0.2 < time.monotonic() - begun < allow(1.9)  # nothing may have come for a moment before
    assert server.checks[-1] == pytest.approx(module.SIGN_S, abs=0.1)
    await gateway.close()
    await server.close()


@pytest.mark.alone
async def test_a_silent_leg_is_replaced_as_soon_as_the_server_is_reached(no_task_left: None) -> None:
    """Not before: without the server there can be no new leg, and the old one may be heard again."""
    server = Server()
    gateway = await called(server)
    first = gateway.server_leg
    assert first is not None
    hush(server)
    gateway.set_online(False)
    await until(lambda: first.state is LegState.SILENT)
    await asyncio.sleep(0.3)
    assert gateway.server_leg is first
    begun = time.monotonic()
    gateway.set_online(True)
    await until(lambda: gateway.server_leg is not first and connected(gateway))
    assert time.monotonic() - begun < allow(1.2)
    assert first.closed
    await gateway.close()
    await server.close()


@pytest.mark.alone
async def test_a_leg_that_is_heard_again_stays(no_task_left: None) -> None:
    """A network that was away for a moment: the old leg is there before the server's word is."""
    server = Server()
    gateway = await called(server)
    first, said = gateway.server_leg, len(server.said)
    assert first is not None
    hush(server)
    server.there = False
    await until(lambda: first.state is LegState.SILENT and len(server.said) > said)
    hush(server, on=False)
    await until(lambda: first.state is LegState.CONNECTED)
    server.there = True
    await until(lambda: len(server.said) >= said + 2)  # that request got no answer; the next one does
    await asyncio.sleep(0.2)
    assert gateway.server_leg is first
    assert connected(gateway)
    assert not [body for body in server.said[said:] if isinstance(body, LegOffer | LegClose)]
    hush(server)
    await until(lambda: gateway.server_leg is not first and connected(gateway))
    await gateway.close()
    await server.close()


@pytest.mark.alone
async def test_a_leg_that_the_server_gave_up_is_replaced_whatever_is_heard(no_task_left: None) -> None:
    server = Server()
    gateway = await called(server)
    first = gateway.server_leg
    gateway.server_lost(server.last_offer)
    await until(lambda: gateway.server_leg is not first and connected(gateway))
    await gateway.close()
    await server.close()


async def test_a_leg_that_is_lost_twice_is_replaced_once(no_task_left: None) -> None:
    """An address goes, and a while later there is another: each is told while the server cannot be asked yet."""
    server = Server()
    gateway = await called(server)
    first, said = gateway.server_leg, len(server.said)
    server.there = False
    gateway.server_lost()
    await until(lambda: len(server.said) > said)
    gateway.server_lost()
    server.there = True
    server.reached.set()
    await until(lambda: gateway.server_leg is not first and connected(gateway))
    second = gateway.server_leg
    await asyncio.sleep(0.5)
    assert gateway.server_leg is second
    assert len([body for body in server.said[said:] if isinstance(body, LegOffer)]) == 1
    await gateway.close()
    await server.close()


async def test_every_leg_is_prepared_anew(no_task_left: None) -> None:
    server = Server()
    gateway = server.gateway()
    gateway.open()
    await until(lambda: connected(gateway))
    first = gateway.server_leg
    gateway.server_lost()
    await until(lambda: gateway.server_leg is not first and connected(gateway))
    asked = [type(body) for body in server.said if isinstance(body, LegPrepare | LegOffer)]
    assert asked == [LegPrepare, LegOffer, LegPrepare, LegOffer]
    assert len(server.checks) == 2
    await gateway.close()
    await server.close()


@pytest.mark.alone
async def test_nothing_waits_once_the_server_is_reached_again(
    monkeypatch: pytest.MonkeyPatch, no_task_left: None
) -> None:
    monkeypatch.setattr(module, "REACH_S", 0.1)
    monkeypatch.setattr(module, "RETRY_S", (30.0,))
    server = Server()
    server.there = False
    gateway = server.gateway()
    gateway.open()
    await until(lambda: gateway._returned is not None and len(server.said) == 1)
    await asyncio.sleep(0.2)  # the request has failed, and half a minute's pause has begun
    gateway.set_online(False)
    server.there = True
    begun = time.monotonic()
    gateway.set_online(True)
    await until(lambda: connected(gateway))
    assert time.monotonic() - begun < allow(1.5)
    assert not [body for body in server.said if isinstance(body, LegCandidate) and body.candidate]
    await gateway.close()
    await server.close()


async def test_relay_only_without_a_relay_is_tried_again_and_offers_nothing(
    monkeypatch: pytest.MonkeyPatch, no_task_left: None
) -> None:
    monkeypatch.setattr(module, "RETRY_S", (0.05,))
    server = Server()
    server.servers = LegServers([IceServer(["turn:127.0.0.1:9?transport=tcp"], "1:a", "b")], relay_only=True)
    gateway = server.gateway()
    gateway.open()
    await until(lambda: len(server.said) >= 3)
    assert {type(body) for body in server.said} == {LegPrepare}
    server.servers = LegServers()
    await until(lambda: connected(gateway))
    await gateway.close()
    await server.close()
