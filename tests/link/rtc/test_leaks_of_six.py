"""What sessions of six leave behind, whose slots were switched, whose legs were replaced, and which ended anyhow."""

from __future__ import annotations

import asyncio
import os
import random

import pytest

from link.rtc.conference import Conference
from link.rtc.forwarding_policy import HOLD, MONITOR, TALK, whisper
from link.rtc.leg import AUXILIARY, CAMERA, MICROPHONE
from link.rtc.relay import Relay
from tests.big import big
from tests.link.rtc.parties import Party
from tests.link.rtc.test_leaks import held

BIG = bool(os.environ.get("VISAVIS_BIG_TESTS"))
EVERYBODY = ("kiosk", "specialist", "interpreter", "second_specialist", "guide", "supervisor")
TRACKS = {"kiosk": (MICROPHONE, CAMERA, AUXILIARY)} | dict.fromkeys(EVERYBODY[1:], (MICROPHONE, CAMERA))
SWITCHES = 20


async def session(seed: int) -> None:
    """Six come, talk, change their settings and one leg, and end in an order of this seed's."""
    chance, relay = random.Random(seed), Relay()
    conference = Conference(TRACKS, relay)
    parties = {name: Party(name, number) for number, name in enumerate(EVERYBODY)}
    gone: list[Party] = []

    async def come(name: str) -> None:
        await parties[name].connect()
        far = parties[name].far
        assert far is not None
        conference.join(name, far)

    await asyncio.gather(*(come(name) for name in EVERYBODY))
    conference.forward(True)
    for name in EVERYBODY:
        conference.set(name, TALK)
    for tick in range(SWITCHES):
        for party in parties.values():
            party.push(tick)
        name = chance.choice(EVERYBODY)
        conference.set(name, chance.choice([TALK, TALK, HOLD, MONITOR, whisper(EVERYBODY[chance.randrange(6)])]))
        if tick == SWITCHES // 2:
            gone.append(parties[name])
            parties[name] = Party(name, EVERYBODY.index(name))
            await come(name)
        await asyncio.sleep(0.002)
    assert any(wire.packets for party in parties.values() for wire in party.wires.values())
    ends = [*parties.values(), *gone]
    chance.shuffle(ends)
    if seed % 3 == 0:
        conference.close()
    if seed % 2:
        await asyncio.gather(*(party.close() for party in ends))
    else:
        for party in ends:
            await party.close()
    if seed % 3 == 1:
        conference.close()
    elif seed % 3 == 2:
        for name in EVERYBODY:
            conference.leave(name)


async def sessions(first: int, count: int) -> None:
    for seed in range(first, first + count):
        await session(seed)


@big
@pytest.mark.alone
async def test_sessions_of_six_leave_nothing() -> None:
    """With `VISAVIS_BIG_TESTS=1` it is 175 of them, with 14 legs each: more than a thousand calls' worth."""
    warm, more, rounds = (35, 35, 4) if BIG else (8, 8, 1)
    await sessions(0, warm)
    before = held()
    for number in range(rounds):
        await sessions(warm + number * more, more)
        now = held()
        print(f"{warm + (number + 1) * more} sessions: {now.resident / 1e6:.1f} MB, {now.descriptors} descriptors")
        now.same_as(before)
    assert now.resident - before.resident < 8 << 20
