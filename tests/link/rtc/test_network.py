"""The emulator does to datagrams what it says, or the figures measured through it mean nothing."""

from __future__ import annotations

import asyncio
import itertools
import statistics
from typing import cast

import pytest

from tests.link.rtc.lossy import LossyPath
from tests.link.rtc.network import HEADERS, Conditions, Direction


def times(direction: Direction, count: int, *, size: int = 1000, every: float = 0.01) -> list[float | None]:
    """When each of `count` datagrams comes out, less when it went in; None where one is lost."""
    found: list[float | None] = []
    for index in range(count):
        now = index * every
        out = direction.carry(size, now)
        found.append(out[0] - now if out else None)
    return found


def test_nothing_is_done_unless_asked_for() -> None:
    assert times(Direction(), 100) == [0.0] * 100


@pytest.mark.parametrize("burst", [1.0, 4.0, 8.0])
def test_loss_has_its_share_and_its_runs(burst: float) -> None:
    found = times(Direction(Conditions(loss=0.1, burst=burst), seed=7), 100_000)
    assert found.count(None) / len(found) == pytest.approx(0.1, rel=0.1)
    runs = [len(list(run)) for gone, run in itertools.groupby(found, lambda out: out is None) if gone]
    # Independent loss has runs too, of 1 / (1 - loss).
    assert statistics.mean(runs) == pytest.approx(burst if burst > 1 else 1 / 0.9, rel=0.1)


def test_the_same_seed_loses_the_same() -> None:
    one, same, other = (times(Direction(Conditions(loss=0.2, jitter=0.1), seed=seed), 500) for seed in (1, 1, 2))
    assert one == same != other


def test_jitter_overtakes_or_does_not() -> None:
    conditions = Conditions(delay=0.1, jitter=0.05)
    apart = times(Direction(conditions, seed=3), 5000)
    assert all(0.1 <= wait <= 0.15 for wait in apart if wait is not None)
    assert max(filter(None, apart)) > 0.149
    assert min(filter(None, apart)) < 0.101
    out = [index * 0.01 + (wait or 0) for index, wait in enumerate(apart)]
    assert out != sorted(out)
    conditions.reorder = False
    kept = [index * 0.01 + (wait or 0) for index, wait in enumerate(times(Direction(conditions, seed=3), 5000))]
    assert kept == sorted(kept)


class TestNarrowLink:
    def test_it_carries_its_rate(self) -> None:
        direction = Direction(Conditions(rate=500_000, queue=20_000))
        found = times(direction, 2000, size=1200, every=0.01)
        passed = 2000 - found.count(None)
        assert passed * (1200 + HEADERS) * 8 / 20 == pytest.approx(500_000, rel=0.05)
        assert direction.overflowed == found.count(None) > 0

    def test_its_queue_is_bounded_in_bytes(self) -> None:
        found = times(Direction(Conditions(rate=500_000, queue=20_000)), 2000, size=1200, every=0.01)
        assert max(filter(None, found)) <= 20_000 * 8 / 500_000 + 1e-9

    def test_below_its_rate_nobody_waits_long(self) -> None:
        found = times(Direction(Conditions(rate=500_000)), 500, size=300, every=0.01)
        assert max(filter(None, found)) < 0.006

    def test_it_may_change(self) -> None:
        direction = Direction(Conditions(rate=100_000, queue=50_000))
        times(direction, 100, size=1000, every=0.001)
        direction.conditions.rate = 10e6
        assert direction.carry(1000, 0.2)[0] < 0.24, "what waits drains at the new rate"


def test_duplicates() -> None:
    direction = Direction(Conditions(duplicate=0.25), seed=9)
    out = [direction.carry(100, index * 0.01) for index in range(4000)]
    assert {len(copies) for copies in out} == {1, 2}
    assert direction.duplicated / 4000 == pytest.approx(0.25, rel=0.1)


def test_nothing_passes_while_blocked() -> None:
    direction = Direction(Conditions(blocked=True))
    assert times(direction, 10) == [None] * 10
    direction.conditions.blocked = False
    assert times(direction, 10) == [0.0] * 10


class _End(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.came: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(1000)
        self.transport: asyncio.DatagramTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, address: object) -> None:
        self.came.put_nowait((asyncio.get_running_loop().time(), data))


async def test_a_path_between_real_sockets() -> None:
    """Each way by its own conditions, in order where order is kept, and later where it has to be."""
    loop = asyncio.get_running_loop()
    offerer, answerer, path = _End(), _End(), LossyPath(seed=4)
    for end in (offerer, answerer):
        await loop.create_datagram_endpoint(lambda end=end: end, local_addr=("127.0.0.1", 0))  # type: ignore[misc]
    number = answerer.transport.get_extra_info("sockname")[1]
    answer = await path.stand_before(f"m=audio\r\na=candidate:1 1 udp 1 127.0.0.1 {number} typ host\r\n")
    front = int(answer.split()[6])
    assert front != number
    path.to_answerer.delay, path.to_answerer.jitter, path.to_answerer.reorder = 0.03, 0.02, False
    begin = loop.time()
    for index in range(50):
        offerer.transport.sendto(bytes([index]), ("127.0.0.1", front))
    async with asyncio.timeout(30):
        came = [await answerer.came.get() for _ in range(50)]
    assert [data[0] for _, data in came] == list(range(50))
    assert min(at for at, _ in came) - begin >= 0.03
    path.to_offerer.loss = 1.0
    answerer.transport.sendto(b"gone", path._sides["offerer"].transport.get_extra_info("sockname"))  # type: ignore[union-attr]
    async with asyncio.timeout(30):
        while path.dropped < 1:
            await asyncio.sleep(0.01)
    assert offerer.came.empty()
    for transport in (offerer.transport, answerer.transport):
        transport.close()
    path.close()
