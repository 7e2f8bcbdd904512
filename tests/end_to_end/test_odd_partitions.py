"""Partitions that are not simple: one way only, on hold, while a leg is made, several in a row, with a new address."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest

from tests.end_to_end.conftest import Faces
from tests.end_to_end.pictures import Pictures
from tests.end_to_end.test_partition import BACK_S, BIG, NOTICED_S, goes_on, lost_legs, report
from tests.end_to_end.wire import Wire
from tests.machine import allow

Shape = Callable[[Wire], Awaitable[None]]


def only(way: str, seconds: float) -> Shape:
    """One way alone. Up: nobody is heard by the server, and hears all the same what it says."""

    async def shape(wire: Wire) -> None:
        wire.part(way)
        await asyncio.sleep(seconds)

    shape.__name__ = f"{way} only for {seconds:g} s"
    return shape


async def one_way_after_the_other(wire: Wire) -> None:
    wire.part("up")
    await asyncio.sleep(3)
    wire.part("down")
    await asyncio.sleep(3)


async def three_in_ten_seconds(wire: Wire) -> None:
    for _ in range(3):
        wire.part()
        await asyncio.sleep(2)
        wire.heal()
        await asyncio.sleep(1.5)
    wire.part()
    await asyncio.sleep(0.3)


async def while_legs_are_made(wire: Wire) -> None:
    """Back for so short a time that new legs are just being negotiated, or connected."""
    for back in (0.25, 0.5, 0.75):
        wire.part()
        await asyncio.sleep(3)
        wire.heal()
        await asyncio.sleep(back)
    wire.part()
    await asyncio.sleep(3)


async def with_a_new_address(wire: Wire) -> None:
    wire.part()
    await asyncio.sleep(2.5)
    wire.move("/ws/kiosk")
    await asyncio.sleep(2.5)


SHAPES = (
    only("up", 5),
    only("down", 5),
    one_way_after_the_other,
    three_in_ten_seconds,
    while_legs_are_made,
    with_a_new_address,
)
LONG = (only("up", 20), only("down", 20))


@BIG
@pytest.mark.parametrize("shape", [*SHAPES, *LONG], ids=lambda shape: shape.__name__)
async def test_media_is_back_in_time(shape: Shape, wire: Wire, faces: Faces) -> None:
    await faces.begin_call()
    async with Pictures(faces.kiosk.page, faces.console.page) as pictures:
        await pictures.steady(2)
        begun = time.time()
        await shape(wire)
        wire.heal()
        healed = time.monotonic()
        back = await pictures.after(healed + 0.1, 20)
        await pictures.steady(2)
    lost = {participant: at_s - begun for participant, at_s in reversed(await lost_legs(faces))}
    report(
        **{f"noticed_{participant}": seconds for participant, seconds in lost.items()}, kiosk=back[0], console=back[1]
    )
    await faces.console.say("一")
    await faces.kiosk.hears("一")
    if shape not in (three_in_ten_seconds,):
        assert max(lost.values(), default=0.0) <= allow(NOTICED_S)
    assert max(back) <= (allow(5.0 if shape in LONG else BACK_S))
    await goes_on(faces)


@BIG
@pytest.mark.parametrize("way", ["both", "up", "down", "moved"])
async def test_on_hold(way: str, wire: Wire, faces: Faces) -> None:
    """Nobody hears or sees anything on hold, so that only asking tells a path that is gone from one at rest."""
    await faces.begin_call()
    async with Pictures(faces.kiosk.page, faces.console.page) as pictures:
        await pictures.steady(2)
        await faces.console.hold()
        await asyncio.sleep(1)
        begun = time.time()
        if way == "moved":
            wire.move("/ws/kiosk")
        else:
            wire.part(*([] if way == "both" else [way]))
        await asyncio.sleep(5)
        wire.heal()
        healed = time.monotonic()
        await asyncio.sleep(2)  # the call is still held: nothing may be seen
        assert all(pause > 1.8 for pause in pictures.pauses(healed, healed + 2))
        resumed = time.monotonic()
        await faces.console.hold()
        back = await pictures.after(resumed, 20)
        await pictures.steady(2)
    lost = {participant: at_s - begun for participant, at_s in reversed(await lost_legs(faces))}
    report(
        **{f"noticed_{participant}": seconds for participant, seconds in lost.items()}, kiosk=back[0], console=back[1]
    )
    assert max(lost.values(), default=0.0) <= allow(NOTICED_S)
    assert max(back) <= allow(BACK_S)
    await goes_on(faces)
