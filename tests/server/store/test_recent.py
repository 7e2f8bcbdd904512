"""What many ask for at once is read once."""

from __future__ import annotations

import asyncio

import pytest

from link.protocol.errors import Unavailable
from server.store.recent import Recent


class Source:
    """Counts its reads; each waits until the others had a turn."""

    def __init__(self) -> None:
        self.now = 0.0
        self.reads = 0
        self.broken = False
        self.recent = Recent(self.load, 1.0, clock=lambda: self.now)

    async def load(self) -> int:
        self.reads += 1
        await asyncio.sleep(0)
        if self.broken:
            raise Unavailable("away")
        return self.reads


async def test_a_thousand_that_ask_together_cost_one_read() -> None:
    source = Source()
    assert set(await asyncio.gather(*(source.recent.get() for _ in range(1000)))) == {1}
    source.now = 0.9
    assert await source.recent.get() == 1
    source.now = 1.1
    assert await source.recent.get() == 2


async def test_a_failure_is_not_kept() -> None:
    source = Source()
    source.broken = True
    with pytest.raises(Unavailable):
        await source.recent.get()
    source.broken = False
    assert await source.recent.get() == 2
