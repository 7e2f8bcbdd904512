"""The leg to the server: noticed lost within its time, made anew as soon as the server is reached again."""

from __future__ import annotations

import asyncio
import time

import pytest

from kiosk_client.agent import gateway as module
from kiosk_client.agent.gateway import Gateway
from link.media.leg import Leg, LegState
from link.messages.client import ClientMessage, LegCandidate, LegOffer, LegPrepare
from link.messages.errors import Unavailable
from link.messages.server import LegAnswer, LegServers, ServerMessage
from link.messages.values import IceServer
from tests.link.media.test_leg import until


class Server:
    """Answers with real legs, when it is `there`."""

    def __init__(self) -> None:
        self.there = True
        self.said: list[ClientMessage] = []
        self.checks: list[float] = []
        self.servers = LegServers()
        self.leg: Leg | None = None

    async def request(self, body: ClientMessage) -> ServerMessage:
        self.said.append(body)
        if not self.there:
            await asyncio.Event().wait()
        if isinstance(body, LegPrepare):
            return self.servers
        if not isinstance(body, LegOffer):
            raise Unavailable("not scripted")
        await self.close()
        self.leg = Leg("server", loopback=True)
        return LegAnswer(body.leg, await self.leg.answer(body.sdp))

    def post(self, body: ClientMessage) -> None:
        self.said.append(body)

    def gateway(self) -> Gateway:
        made = Gateway("s1", request=self.request, post=self.post, sources={}, check=self.checks.append, loopback=True)
        made.set_online(True)
        return made

    async def close(self) -> None:
        if self.leg is not None:
            await self.leg.close()


def connected(gateway: Gateway) -> bool:
    return gateway.server_leg is not None and gateway.server_leg.state is LegState.CONNECTED


def vanish(server: Server) -> None:
    """The server's end says nothing any more, not even that."""
    assert server.leg is not None
    for protocol in server.leg._transport._connection._protocols:
        protocol.transport.abort()


@pytest.mark.alone
async def test_a_leg_in_doubt_asks_for_a_sign_of_life_early(no_task_left: None) -> None:
    server = Server()
    gateway = server.gateway()
    gateway.open()
    await until(lambda: connected(gateway))
    begun, checks = time.monotonic(), len(server.checks)
    vanish(server)
    await until(lambda: len(server.checks) > checks)
    assert 1.0 < time.monotonic() - begun < 1.7
    await gateway.close()
    await server.close()


@pytest.mark.alone
async def test_neither_media_nor_messages_is_enough(no_task_left: None) -> None:
    """Silence alone could be a hiccup, and is given 0.8 s more; without the server's word as well it is no hiccup."""
    server = Server()
    gateway = server.gateway()
    gateway.open()
    await until(lambda: connected(gateway))
    first = gateway.server_leg
    begun = time.monotonic()
    vanish(server)
    gateway.set_online(False)
    await until(lambda: gateway.server_leg is None)
    assert 1.9 < time.monotonic() - begun < 2.5
    gateway.set_online(True)
    await until(lambda: gateway.server_leg is not first and connected(gateway))
    vanish(server)
    begun = time.monotonic()
    await until(lambda: gateway.server_leg is not None and gateway.server_leg.state is LegState.SILENT)
    gateway.set_online(False)
    await until(lambda: gateway.server_leg is None)
    assert time.monotonic() - begun < 2.5
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
    assert time.monotonic() - begun < 1.5
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
