"""The one timer."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

import pytest

from link.rtc.transport.ticker import HURRY_EVERY_S, TICK_EVERY_S, TOGETHER_MEMBERS, Ticker, running_ticker


class Member:
    def __init__(self, repairs: int = 0, *, broken: bool = False) -> None:
        self.ticked = asyncio.Event()
        self.repaired = asyncio.Event()
        self.ticks = self.calls = 0
        self.repairs = repairs
        self.broken = broken

    def tick(self, now: float) -> None:
        self.ticks += 1
        self.ticked.set()
        if self.broken:
            raise RuntimeError("broken")

    def repair(self, now: float) -> bool:
        self.calls += 1
        if self.broken:
            raise RuntimeError("broken")
        if self.calls >= self.repairs:
            self.repaired.set()
        return self.calls < self.repairs


async def test_ticks_while_there_are_members() -> None:
    ticker, member = running_ticker(), Member()
    ticker.add(member)
    await asyncio.wait_for(member.ticked.wait(), 10 * TICK_EVERY_S)
    ticker.remove(member)
    ticker.remove(member)
    assert ticker._slow is None


class Clockwork:
    """An event loop's timers, run by hand."""

    def __init__(self) -> None:
        self.now = 0.0
        self.due: list[tuple[float, Callable[[], None]]] = []

    def call_later(self, delay: float, callback: Callable[[], None]) -> object:
        self.due.append((self.now + delay, callback))
        return object()

    def step(self) -> None:
        self.now, callback = self.due.pop(0)
        callback()


@pytest.mark.parametrize("count", [1, 8, 9, 30, 100])
def test_many_members_take_turns(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    clockwork, members = Clockwork(), [Member() for _ in range(count)]
    monkeypatch.setattr(asyncio, "get_running_loop", lambda: clockwork)
    ticker = Ticker()
    for member in members:
        ticker.add(member)
    while clockwork.now < 100 * TICK_EVERY_S:
        before = sum(member.ticks for member in members)
        clockwork.step()
        assert sum(member.ticks for member in members) - before <= TOGETHER_MEMBERS
    assert len(clockwork.due) == 1
    assert {member.ticks for member in members} <= {99, 100, 101}


def test_nobody_is_left_out_while_others_come_and_go(monkeypatch: pytest.MonkeyPatch) -> None:
    clockwork, steady = Clockwork(), Member()
    monkeypatch.setattr(asyncio, "get_running_loop", lambda: clockwork)
    ticker = Ticker()
    chance = random.Random(5)
    others: list[Member] = []
    ticker.add(steady)
    last = 0.0
    for _ in range(3000):
        ticks = steady.ticks
        clockwork.step()
        if steady.ticks > ticks:
            last = clockwork.now
        assert clockwork.now - last < 3 * TICK_EVERY_S
        if others and chance.random() < 0.5:
            ticker.remove(others.pop(chance.randrange(len(others))))
        elif len(others) < 60:
            others.append(Member())
            ticker.add(others[-1])


async def test_hurries_only_while_it_is_asked_to() -> None:
    ticker, member = running_ticker(), Member(repairs=3)
    ticker.add(member)
    ticker.hurry(member)
    ticker.hurry(member)
    await asyncio.wait_for(member.repaired.wait(), 30 * HURRY_EVERY_S)
    assert member.calls == 3
    assert ticker._fast is None
    ticker.remove(member)


async def test_one_broken_member_does_not_stop_the_others() -> None:
    ticker, broken, whole = running_ticker(), Member(broken=True), Member(repairs=1)
    for member in (broken, whole):
        ticker.add(member)
        ticker.hurry(member)
    await asyncio.wait_for(whole.ticked.wait(), 10 * TICK_EVERY_S)
    await asyncio.wait_for(whole.repaired.wait(), 10 * TICK_EVERY_S)
    assert broken.calls == 1
    ticker.remove(broken)
    ticker.remove(whole)
