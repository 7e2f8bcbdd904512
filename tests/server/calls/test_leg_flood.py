"""A page that offers one peer connection after another: a few are made, the rest refused, and others notice nothing."""

from __future__ import annotations

import asyncio
import time
from collections import Counter

from link.protocol.client import LegOffer
from link.rtc.leg import Leg
from link.signaling.client import Refused
from server.api.calls.client_session import LEGS_BURST, LEGS_PER_S
from tests.server.calls.bank import Bank, Party
from tests.server.calls.media import Media

OFFERS = 200


async def offered(party: Party, session: str, offer: str) -> Counter[str]:
    """What comes of very many offers at once."""

    async def one(number: int) -> str:
        try:
            await party.client.request(LegOffer(session, f"flood{number}", offer), timeout=60)
        except Refused as error:
            return error.code
        return "answered"

    return Counter(await asyncio.gather(*(one(number) for number in range(OFFERS))))


async def test_a_flood_of_offers_is_bounded(bank: Bank) -> None:
    """Before, 130 legs a second were made, each with two entries in the journal, for half a core."""
    kiosk, specialist = await bank.kiosk("k1"), await bank.specialist("ann")
    other_kiosk, other = await bank.kiosk("k2"), await bank.specialist("bob")
    session = (await kiosk.call()).id
    await specialist.answer()
    elsewhere = (await other_kiosk.call()).id
    await other.answer()
    ends = [Media(party, elsewhere) for party in (other_kiosk, other)]
    for end in ends:
        end.start()
    await asyncio.gather(*(end.arrives(within=30) for end in ends))
    legs = [end.legs for end in ends]
    leg = Leg("hostile", loopback=True)
    begun = time.monotonic()
    came = await offered(specialist, session, await leg.offer())
    # What the bucket holds, and what runs into it while all of them are asked for.
    most = LEGS_BURST + LEGS_PER_S * (time.monotonic() - begun) + 1
    await asyncio.gather(*(end.arrives(video=10, within=30) for end in ends))
    assert [end.legs for end in ends] == legs, "the other call goes on with the legs that it has"
    assert came["answered"] <= most
    assert came["answered"] + came["rate_limited"] == OFFERS
    assert (await bank.kinds(session)).count("leg_opened") <= most + len(ends)
    await leg.close()
    for end in ends:
        await end.stop()


async def test_who_was_refused_gets_a_leg_a_little_later(bank: Bank) -> None:
    kiosk, specialist = await bank.kiosk("k1"), await bank.specialist("ann")
    session = (await kiosk.call()).id
    await specialist.answer()
    leg = Leg("hostile", loopback=True)
    await offered(specialist, session, await leg.offer())
    ends = [Media(party, session) for party in (kiosk, specialist)]
    for end in ends:
        end.start()
    await asyncio.gather(*(end.arrives(within=30) for end in ends))
    await leg.close()
    for end in ends:
        await end.stop()
