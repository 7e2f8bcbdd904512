"""The one timer."""

from __future__ import annotations

import asyncio

from link.media.ticker import FAST, SLOW, running_ticker


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
    await asyncio.wait_for(member.ticked.wait(), 10 * SLOW)
    ticker.remove(member)
    ticker.remove(member)
    assert ticker._slow is None


async def test_hurries_only_while_it_is_asked_to() -> None:
    ticker, member = running_ticker(), Member(repairs=3)
    ticker.add(member)
    ticker.hurry(member)
    ticker.hurry(member)
    await asyncio.wait_for(member.repaired.wait(), 30 * FAST)
    assert member.calls == 3
    assert ticker._fast is None
    ticker.remove(member)


async def test_one_broken_member_does_not_stop_the_others() -> None:
    ticker, broken, whole = running_ticker(), Member(broken=True), Member(repairs=1)
    for member in (broken, whole):
        ticker.add(member)
        ticker.hurry(member)
    await asyncio.wait_for(whole.ticked.wait(), 10 * SLOW)
    await asyncio.wait_for(whole.repaired.wait(), 10 * SLOW)
    assert broken.calls == 1
    ticker.remove(broken)
    ticker.remove(whole)


async def test_one_for_each_loop() -> None:
    assert running_ticker() is running_ticker()
