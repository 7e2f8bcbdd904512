"""Many kiosks at once: each is let in, or told when to come and then let in."""

from __future__ import annotations

import math
import time

import aiohttp
import pytest

from link.protocol.errors import Unavailable
from link.protocol.frames import SUBPROTOCOL
from server.api.http.app_keys import ROOMS
from server.api.http.kiosk_admission import ADMISSION, KEPT_S, Admission
from tests.server.api.conftest import World
from tests.server.calls.bank import eventually
from tests.server.calls.conftest import OpenBank, open_bank

__all__ = ["open_bank"]


class Line:
    """An admission in a time that the test makes up."""

    def __init__(self, per_s: float = 10, at_once: int = 5) -> None:
        self.now = 1000.0
        self.admission = Admission(per_s, at_once, clock=lambda: self.now)

    def told(self, kiosk: str, *, urgent: bool = False) -> float:
        """How many seconds the kiosk has to wait; 0 when it is let in."""
        try:
            self.admission.enter(kiosk, urgent=urgent)
        except Unavailable as error:
            return error.retry_after or -1.0
        return 0.0


def test_a_few_never_wait() -> None:
    line = Line()
    for number in range(100):
        assert line.told(f"k{number}") == 0
        line.now += 0.1


def test_everybody_of_a_crowd_gets_a_place_of_their_own_and_is_let_in_at_it() -> None:
    line = Line(per_s=10, at_once=5)
    waits = {f"k{number}": line.told(f"k{number}") for number in range(105)}
    later = [kiosk for kiosk, wait in waits.items() if wait]
    assert 98 <= len(later) <= 100
    begun = line.now
    entered: list[float] = []
    for kiosk in later:
        line.now = begun + math.ceil(waits[kiosk])  # what the header says
        assert line.told(kiosk) == 0
        entered.append(line.now)
    assert max(entered) - begun <= 11
    for second in range(12):
        assert sum(begun + second <= moment < begun + second + 1 for moment in entered) <= 11


def test_who_comes_too_early_keeps_the_place_and_wins_nothing() -> None:
    line = Line(per_s=1, at_once=1)
    line.told("first")
    line.told("second")
    place = max(line.told(f"k{number}") for number in range(5))
    begun = line.now
    for _ in range(20):
        line.now += 0.1
        left = line.told("k4")
        assert left == pytest.approx(place - (line.now - begun))
    line.now = begun + place
    assert line.told("k4") == 0


def test_who_comes_later_stands_behind_those_who_were_told() -> None:
    line = Line(per_s=10, at_once=1)
    first = [line.told(f"k{number}") for number in range(50)]
    line.now += 1
    assert line.told("late") + 1 > max(first)


def test_where_somebody_waits_there_is_no_line() -> None:
    line = Line(per_s=1, at_once=1)
    for number in range(50):
        line.told(f"k{number}")
    assert line.told("k49", urgent=True) == 0
    assert line.told("new", urgent=True) == 0


def test_a_place_that_nobody_takes_is_forgotten() -> None:
    line = Line(per_s=10, at_once=1)
    for number in range(50):
        line.told(f"k{number}")
    line.now += 10 + KEPT_S
    assert line.told("other") == 0
    assert not line.admission._booked


def test_places_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.api.http.kiosk_admission.BOOKED", 10)
    line = Line(per_s=1, at_once=1)
    waits = [line.told(f"k{number}") for number in range(100)]
    assert len(line.admission._booked) == 10
    assert max(waits) <= 13


async def test_the_answer_is_503_with_retry_after_before_the_upgrade(world: World) -> None:
    url = world.server.make_url("/ws/kiosk")
    world.app[ADMISSION]._busy_until = time.monotonic() + 20
    with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
        await world.http.ws_connect(url, headers=world.as_kiosk("north-1"), protocols=(SUBPROTOCOL,))
    assert caught.value.status == 503
    assert caught.value.headers is not None
    assert 1 <= int(caught.value.headers["Retry-After"]) <= 18


async def test_the_product_s_client_comes_when_told_and_a_kiosk_with_a_call_at_once(open_bank: OpenBank) -> None:
    bank = await open_bank()
    east = await bank.kiosk("east-1")
    await eventually(lambda: east.client.connected, 20)
    await east.call()
    bank.app[ADMISSION]._busy_until = time.monotonic() + 1000  # the line is long
    fresh = east.fresh
    await east.die()
    await east.reborn()
    await eventually(lambda: east.fresh > fresh, 20)
    assert bank.app[ROOMS].of_kiosk("east-1") is not None
    west = await bank.kiosk("west-1", "west")
    await eventually(lambda: "west-1" in bank.app[ADMISSION]._booked, 20)
    bank.app[ADMISSION]._booked["west-1"] = time.monotonic()  # its time has come
    west.client.hurry()
    await eventually(lambda: west.client.connected, 20)
