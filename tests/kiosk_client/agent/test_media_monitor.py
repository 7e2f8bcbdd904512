"""What the kiosk's page is told of a server that is not heard."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import cast

import pytest
import pytest_asyncio

from kiosk_client.agent import media_monitor
from kiosk_client.agent.media_monitor import Hearing
from link.rtc.leg import Leg, LegState
from link.rtc.statistics import LegStatistics


class Quiet:
    """A leg of which nothing counts but its state and its silence."""

    def __init__(self) -> None:
        self.state, self.quiet = LegState.CONNECTED, 0.0

    def statistics(self) -> LegStatistics:
        return LegStatistics(quiet=self.quiet)


class Heard:
    def __init__(self) -> None:
        self.leg: Quiet | None = Quiet()
        self.told: list[bool] = []
        self.hearing = Hearing(lambda: cast("Leg | None", self.leg), self.told.append)

    async def looks(self, count: int = 3) -> list[bool]:
        await asyncio.sleep(count * media_monitor.EVERY_S)
        return self.told


@pytest_asyncio.fixture
async def heard(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Heard]:
    monkeypatch.setattr(media_monitor, "EVERY_S", 0.02)
    monkeypatch.setattr(media_monitor, "AGAIN_S", 0.1)
    at = Heard()
    at.hearing.begin()
    at.hearing.begin()
    yield at
    at.hearing.end()


async def test_a_silence_is_told_once_and_its_end_after_a_while(heard: Heard) -> None:
    assert heard.leg is not None
    heard.leg.quiet = 1.1  # where nobody speaks a report comes every second
    assert await heard.looks() == []
    heard.leg.quiet = 1.4
    assert await heard.looks(5) == [True]
    heard.leg.quiet = 0.1
    assert await heard.looks(2) == [True], "it may go again"
    assert await heard.looks(8) == [True, False]


async def test_while_a_leg_is_made_anew_nothing_new_is_known(heard: Heard) -> None:
    assert heard.leg is not None
    heard.leg.quiet = 2.5
    assert await heard.looks() == [True]
    heard.leg = None
    assert await heard.looks(8) == [True]
    heard.leg = Quiet()
    heard.leg.state = LegState.CONNECTING
    assert await heard.looks(8) == [True]
    heard.leg.state = LegState.CONNECTED
    assert await heard.looks(12) == [True, False]


async def test_a_leg_that_is_gone_and_not_replaced_is_not_heard(heard: Heard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media_monitor, "QUIET_S", 0.2)
    assert heard.leg is not None
    heard.leg.state = LegState.CONNECTING
    assert await heard.looks(15) == [], "the first is being made"
    heard.leg.state = LegState.CONNECTED
    assert await heard.looks() == []
    heard.leg = None
    assert await heard.looks() == [], "one that is replaced at once is no news"
    heard.leg = Quiet()
    assert await heard.looks() == []
    heard.leg.state = LegState.CLOSED
    assert await heard.looks(15) == [True]
    heard.leg = Quiet()
    assert await heard.looks(12) == [True, False]


async def test_who_is_in_no_call_misses_nothing(heard: Heard) -> None:
    assert heard.leg is not None
    heard.leg.quiet = 3.0
    assert await heard.looks() == [True]
    heard.hearing.end()
    assert await heard.looks() == [True, False]
