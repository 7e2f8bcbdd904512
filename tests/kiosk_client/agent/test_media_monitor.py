"""What the kiosk's page is told of a server that is not heard."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import cast

import pytest

from kiosk_client.agent.media_monitor import AGAIN_S, EVERY_S, MediaMonitor
from link.rtc.leg import Leg, LegState
from link.rtc.statistics import LegStatistics
from link.rtc.transport.liveness import SILENT_AFTER_S


class Quiet:
    """A leg of which nothing counts but its state and its silence."""

    def __init__(self) -> None:
        self.state, self.quiet = LegState.CONNECTED, 0.0

    def statistics(self) -> LegStatistics:
        return LegStatistics(quiet=self.quiet)


class Timer:
    def __init__(self, at: float, run: Callable[[], None]) -> None:
        self.at, self.run = at, run

    def cancel(self) -> None:
        self.run = lambda: None


class Loop:
    """An event loop's clock and timers, made up."""

    def __init__(self) -> None:
        self.now = 100.0
        self.timers: list[Timer] = []

    def time(self) -> float:
        return self.now

    def call_later(self, delay: float, run: Callable[[], None]) -> Timer:
        self.timers.append(Timer(self.now + delay, run))
        return self.timers[-1]

    def run_for(self, seconds: float) -> None:
        until = self.now + seconds
        while due := [timer for timer in self.timers if timer.at <= until]:
            first = min(due, key=lambda timer: timer.at)
            self.timers.remove(first)
            self.now = first.at
            first.run()
        self.now = until


class Heard:
    def __init__(self, loop: Loop) -> None:
        self.leg: Quiet | None = Quiet()
        self.told: list[bool] = []
        self.loop = loop
        self.monitor = MediaMonitor(lambda: cast("Leg | None", self.leg), self.told.append)

    def after(self, seconds: float) -> list[bool]:
        self.loop.run_for(seconds)
        return self.told


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> Iterator[Heard]:
    loop = Loop()
    monkeypatch.setattr(asyncio, "get_running_loop", lambda: loop)
    at = Heard(loop)
    at.monitor.begin()
    at.monitor.begin()
    yield at
    at.monitor.end()
    at.loop.run_for(10 * EVERY_S)
    assert not loop.timers


def test_a_silence_is_told_once_and_its_end_after_a_while(heard: Heard) -> None:
    assert heard.leg is not None
    heard.leg.quiet = SILENT_AFTER_S - 0.1  # where nobody speaks a report comes every second
    assert heard.after(3 * EVERY_S) == []
    heard.leg.quiet = SILENT_AFTER_S + 0.2
    assert heard.after(5 * EVERY_S) == [True]
    heard.leg.quiet = 0.1
    assert heard.after(AGAIN_S - 0.1) == [True], "it may go again"
    assert heard.after(0.1 + EVERY_S) == [True, False]


def test_it_looks_as_often_as_it_says(heard: Heard) -> None:
    assert heard.leg is not None
    heard.leg.quiet = SILENT_AFTER_S + 0.2
    assert heard.after(EVERY_S - 0.01) == []
    assert heard.after(0.02) == [True]
    assert len(heard.loop.timers) == 1, "begun twice, it looks once"


def test_while_a_leg_is_made_anew_nothing_new_is_known(heard: Heard) -> None:
    assert heard.leg is not None
    heard.leg.quiet = 2.5
    assert heard.after(EVERY_S) == [True]
    heard.leg = None
    assert heard.after(3.0) == [True]
    heard.leg = Quiet()
    heard.leg.state = LegState.CONNECTING
    assert heard.after(3.0) == [True]
    heard.leg.state = LegState.CONNECTED
    assert heard.after(AGAIN_S + 2 * EVERY_S) == [True, False]


def test_a_leg_that_is_gone_and_not_replaced_is_not_heard(heard: Heard) -> None:
    assert heard.leg is not None
    heard.leg.state = LegState.CONNECTING
    assert heard.after(4.0) == [], "the first is being made"
    heard.leg.state = LegState.CONNECTED
    assert heard.after(EVERY_S) == []
    heard.leg = None
    assert heard.after(SILENT_AFTER_S - EVERY_S) == [], "one that is replaced at once is no news"
    heard.leg = Quiet()
    assert heard.after(EVERY_S) == []
    heard.leg.state = LegState.CLOSED
    assert heard.after(SILENT_AFTER_S + 2 * EVERY_S) == [True]
    heard.leg = Quiet()
    assert heard.after(AGAIN_S + 2 * EVERY_S) == [True, False]


def test_who_is_in_no_call_misses_nothing(heard: Heard) -> None:
    assert heard.leg is not None
    heard.leg.quiet = 3.0
    assert heard.after(EVERY_S) == [True]
    heard.monitor.end()
    assert heard.after(3.0) == [True, False]
