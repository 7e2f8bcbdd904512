"""A kiosk that asks for an expert again and again, over as many streams as it likes."""

from __future__ import annotations

import base64
from collections import Counter

import aiohttp

from link.protocol import client as m
from link.protocol.server import PresenceState, SessionUpdate
from link.signaling.client import Refused
from server.api.calls.kiosk import CALLS_BURST, CALLS_PER_S, HELP_BURST
from server.api.http.app_keys import RATES
from server.api.sockets import CONNECTIONS_BURST
from tests.server.calls.bank import Bank, Party, call_request, eventually


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


async def asked(party: Party, body: m.ClientBase) -> str:
    try:
        reply = await party.ask(body)
    except Refused as error:
        return error.code
    if isinstance(reply, SessionUpdate):
        await party.ask(m.CallEnd(reply.session.id))
    return "taken"


async def test_252_calls_of_one_kiosk(bank: Bank) -> None:
    clock = Clock()
    bank.app[RATES]._now = clock
    kiosk, other = await bank.kiosk("k1"), await bank.kiosk("k2")
    outcomes: Counter[str] = Counter()
    for number in range(252):
        clock.now += 10 / 252
        outcomes[await asked(kiosk, call_request())] += 1
        if number % 50 == 49:  # a new stream brings no new allowance
            fresh = kiosk.fresh
            kiosk.client._resume = "another"
            kiosk.client.drop()
            await eventually(lambda fresh=fresh: kiosk.fresh > fresh, within=20)  # type: ignore[misc]
    assert outcomes["taken"] <= CALLS_BURST + 10 * CALLS_PER_S + 1
    assert outcomes["rate_limited"] == 252 - outcomes["taken"]
    assert await asked(other, call_request()) == "taken", "another kiosk does not notice"
    clock.now += 2.1
    assert await asked(kiosk, call_request()) == "taken", "and one that waits is served"


async def test_a_client_that_opens_one_connection_after_another(bank: Bank) -> None:
    clock = Clock()
    bank.app[RATES]._now = clock
    ann, bob = await bank.person("ann"), await bank.person("bob")
    for party in (ann, bob):
        await party.hear(PresenceState)
    url, headers = f"http://127.0.0.1:{bank.port}/ws/console", ann._make_headers()
    await ann.stop()

    async def comes() -> int:
        async with aiohttp.ClientSession() as http:
            upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
            key = {"Sec-WebSocket-Key": base64.b64encode(bytes(16)).decode()}
            async with http.get(url, headers=headers | upgrade | key) as response:
                return response.status

    outcomes = Counter([await comes() for _ in range(int(CONNECTIONS_BURST) + 20)])
    assert outcomes == {101: CONNECTIONS_BURST - 1, 429: 21}, "the page that went was the first"
    await bob.available()
    clock.now += 0.21
    assert [await comes(), await comes()] == [101, 429]


async def test_a_request_for_a_person_can_always_be_taken_back(bank: Bank) -> None:
    bank.app[RATES]._now = Clock()
    kiosk = await bank.kiosk("k1")
    outcomes = Counter([await asked(kiosk, m.AssistanceRequest("help")) for _ in range(30)])
    assert outcomes == {"taken": HELP_BURST, "rate_limited": 30 - HELP_BURST}
    for _ in range(30):
        assert await asked(kiosk, m.AssistanceRequest("help", withdrawn=True)) == "taken"
