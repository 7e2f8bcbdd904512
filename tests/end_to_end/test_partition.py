"""The network of a call goes away, media and signaling both, and comes back: 5, 20 and 60 s; or with a new address."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time

import pytest

from server.journal import Journal
from server.store import Store
from tests.end_to_end.conftest import Faces
from tests.end_to_end.pictures import Pictures
from tests.end_to_end.wire import Wire
from tests.machine import allow

BIG = pytest.mark.skipif(not os.environ.get("VISAVIS_BIG_TESTS"), reason="takes minutes: VISAVIS_BIG_TESTS=1")
NOTICED_S = 3.0
BACK_S = 2.0
WORD_S = 5.0  # a NAT that forgot a WebSocket shows when the leg that it forgot as well is looked at, every 3 s
ADDRESS_S = 2.0


async def lost_legs(faces: Faces) -> list[tuple[str, float]]:
    """Every leg that went silent or failed, with its participant and unix time in seconds."""
    store = await Store.open(faces.stack.config.database_url)
    try:
        entries = await Journal(store).read(faces.session)
    finally:
        await store.close()
    closed = [(json.loads(entry.payload), entry.at_us / 1e6) for entry in entries if entry.kind == "leg_closed"]
    return [(str(event["participant"]), at_s) for event, at_s in closed if event["reason"] in ("silent", "failed")]


async def part(faces: Faces, wire: Wire, seconds: float) -> tuple[float, float]:
    """Part the network for so long; when it began (unix time) and when it healed (monotonic)."""
    begun = time.time()
    wire.part()
    await asyncio.sleep(seconds)
    wire.heal()
    return begun, time.monotonic()


async def kinds(faces: Faces) -> list[str]:
    return [kind for kind, _ in await faces.stack.journal(faces.session)]


async def legs(faces: Faces) -> int:
    """How often a leg of the call was connected."""
    return (await kinds(faces)).count("leg_connected")


async def goes_on(faces: Faces) -> None:
    """It is still the same call, answered once and ended by nobody; end it."""
    assert await faces.stack.newest_session() == faces.session
    told = await kinds(faces)
    assert told.count("answered") == 1
    assert not {"requeued", "ended"} & set(told)
    await faces.kiosk.hang_up()


def report(**figures: float) -> None:
    print(", ".join(f"{name} {value * 1000:.0f} ms" for name, value in figures.items()))


@BIG
async def test_five_seconds_without_a_network_and_the_call_goes_on(wire: Wire, faces: Faces) -> None:
    await faces.begin_call()
    async with Pictures(faces.kiosk.page, faces.console.page) as pictures:
        await pictures.steady(2)
        begun, healed = await part(faces, wire, 5.0)
        back = await pictures.after(healed + 0.1, 20)
        await pictures.steady(2)
    noticed = {participant: at_s - begun for participant, at_s in reversed(await lost_legs(faces))}
    report(noticed_kiosk=noticed["customer-1"], noticed_console=noticed["specialist-1"], kiosk=back[0], console=back[1])
    assert max(noticed.values()) <= allow(NOTICED_S)
    assert max(back) <= allow(BACK_S)
    await faces.console.say("一")
    await faces.kiosk.hears("一")
    await goes_on(faces)


@BIG
async def test_twenty_seconds_without_a_network_and_the_call_goes_on(wire: Wire, faces: Faces) -> None:
    await faces.begin_call()
    async with Pictures(faces.kiosk.page, faces.console.page) as pictures:
        await pictures.steady(2)
        _, healed = await part(faces, wire, 20.0)
        back = await pictures.after(healed + 0.1, 20)
        await pictures.steady(2)
    report(kiosk=back[0], console=back[1])
    assert max(back) <= allow(5.0)
    await goes_on(faces)


@BIG
async def test_a_minute_without_a_network_ends_the_call_and_offers_another(wire: Wire, faces: Faces) -> None:
    await faces.begin_call()
    await part(faces, wire, 60.0)
    # The specialist was taken for lost first, so there is nobody to rate any more.
    again = faces.kiosk.page.locator("kiosk-notice .note.danger, kiosk-rating button.again").first
    await again.wait_for(timeout=30_000)
    entries = await faces.stack.journal(faces.session)
    ended = [event for kind, event in entries if kind == "ended"]
    assert [(event["by"], event["reason"]) for event in ended] == [("system", "interrupted")]
    if await faces.kiosk.page.locator("kiosk-rating").count():
        await again.click()
    await faces.kiosk.agree()
    await faces.kiosk.page.locator("kiosk-waiting, kiosk-call").first.wait_for()
    newest = await faces.stack.newest_session()
    assert newest != faces.session
    assert "consent_given" in dict(await faces.stack.journal(newest))


@BIG
async def test_a_new_address_of_the_kiosk_is_a_new_leg_in_the_same_call(wire: Wire, faces: Faces) -> None:
    """The old address is gone for good: what is sent to it arrives nowhere, its TCP connections hang."""
    await faces.begin_call()
    async with Pictures(faces.kiosk.page, faces.console.page) as pictures:
        await pictures.steady(2)
        before = await legs(faces)
        moved = time.monotonic()
        wire.move("/ws/kiosk")
        back = await pictures.after(moved + 1.0, 20)
        await pictures.steady(2)
    report(kiosk=back[0] + 1.0, console=back[1] + 1.0)
    assert max(back) + 1.0 <= allow(ADDRESS_S)
    assert await legs(faces) == before + 1, "only the kiosk's leg is new"
    await goes_on(faces)


@BIG
async def test_a_nat_that_forgets_costs_no_leg(wire: Wire, faces: Faces) -> None:
    """Media of kiosk and console come from other ports at once, and what is sent to the old ones is lost."""
    await faces.begin_call()
    async with Pictures(faces.kiosk.page, faces.console.page) as pictures:
        await pictures.steady(2)
        before = await legs(faces)
        await wire.rebind("/ws/console")
        await wire.rebind("/ws/kiosk", lines=True)
        begun = time.monotonic()
        await faces.console.say("一")
        await faces.kiosk.hears("一")
        report(word=time.monotonic() - begun)
        assert time.monotonic() - begun <= allow(WORD_S)
        await asyncio.sleep(3)
        pauses = pictures.pauses(begun, time.monotonic())
        await pictures.steady(2)
    report(kiosk=pauses[0], console=pauses[1])
    assert max(pauses) <= allow(BACK_S)
    assert await legs(faces) == before
    await goes_on(faces)


@BIG
async def test_who_stops_for_a_second_keeps_the_leg(wire: Wire, faces: Faces) -> None:
    """A computer that was busy, or asleep for a moment: SIGSTOP, and SIGCONT a second later."""
    await faces.begin_call()
    async with Pictures(faces.kiosk.page, faces.console.page) as pictures:
        await pictures.steady(2)
        before = await legs(faces)
        for child in (faces.stack.kiosk, faces.stack.server):
            assert child is not None
            for _ in range(2):
                child.process.send_signal(signal.SIGSTOP)
                await asyncio.sleep(1.0)
                child.process.send_signal(signal.SIGCONT)
                await pictures.steady(2)
    await asyncio.sleep(3)
    assert await legs(faces) == before
    await goes_on(faces)
