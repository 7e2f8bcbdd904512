"""Kiosks are read together and remembered, and a change is known at once."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

import pytest

from link.protocol.errors import Unavailable
from link.tasks import spawn
from server.identity import known_kiosks
from server.identity.known_kiosks import KEEP_S, KnownKiosks
from server.store import Store
from server.store.kiosks import Kiosk
from tests.server.calls.bank import eventually, furnish


class Table:
    """A table that answers when the test lets it."""

    def __init__(self) -> None:
        self.now = 0.0
        self.followed = True
        self.rows = {name: Kiosk(name, name, "east", b"k" * 32, revoked=False) for name in ("a", "b", "c")}
        self.reads: list[list[str]] = []
        self.open = asyncio.Event()
        self.open.set()
        self.broken = False
        self.known = KnownKiosks(self.load, lambda: self.followed, clock=lambda: self.now)

    async def load(self, names: Collection[str]) -> list[Kiosk]:
        self.reads.append(sorted(names))
        found = [self.rows[name] for name in names if name in self.rows]
        await self.open.wait()
        if self.broken:
            raise Unavailable("away")
        return found

    def revoke(self, name: str) -> None:
        self.rows[name] = Kiosk(name, name, "east", None, revoked=True)
        self.known.changed(name)


async def test_a_crowd_costs_a_few_reads() -> None:
    table = Table()
    table.rows = {f"k{n}": Kiosk(f"k{n}", "", "east", None, revoked=False) for n in range(3000)}
    found = await asyncio.gather(*(table.known.get(f"k{n}") for n in range(3000)))
    assert [kiosk.id for kiosk in found if kiosk is not None] == list(table.rows)
    assert len(table.reads) <= 7
    assert max(map(len, table.reads)) <= known_kiosks.TOGETHER
    await asyncio.gather(*(table.known.get(f"k{n}") for n in range(3000)))
    assert len(table.reads) <= 7


async def test_a_revoked_kiosk_is_not_remembered() -> None:
    table = Table()
    first = await table.known.get("a")
    assert first is not None
    assert first.enrolled
    table.revoke("a")
    second = await table.known.get("a")
    assert second is not None
    assert not second.enrolled


async def test_what_was_read_before_a_revocation_is_not_believed() -> None:
    table = Table()
    table.open.clear()
    asked = spawn(table.known.get("a"), name="asking")
    await eventually(lambda: len(table.reads) == 1)
    table.revoke("a")
    second = spawn(table.known.get("a"), name="asking")
    table.open.set()
    for answer in (await asked, await second):
        assert answer is not None
        assert not answer.enrolled
    assert len(table.reads) == 2


async def test_nothing_is_remembered_for_long_or_while_revocations_are_not_heard_of() -> None:
    table = Table()
    await table.known.get("a")
    table.now += KEEP_S + 1
    await table.known.get("a")
    assert len(table.reads) == 2
    table.followed = False
    await table.known.get("a")
    await table.known.get("a")
    assert len(table.reads) == 4


async def test_a_failure_is_told_to_all_and_the_next_try_succeeds() -> None:
    table = Table()
    table.broken = True
    outcomes = await asyncio.gather(*(table.known.get(name) for name in "abc"), return_exceptions=True)
    assert all(isinstance(outcome, Unavailable) for outcome in outcomes)
    table.broken = False
    assert (await table.known.get("a")) is not None
    assert await table.known.get("nobody") is None


async def test_a_crowd_of_strangers_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known_kiosks, "WAITING", 5)
    table = Table()
    table.open.clear()
    asked = [spawn(table.known.get(f"stranger{n}"), name="asking") for n in range(20)]
    await eventually(lambda: sum(future.done() for future in asked) >= 10)
    assert all(isinstance(future.exception(), Unavailable) for future in asked if future.done())
    table.open.set()
    await asyncio.wait(asked, timeout=20)
    await table.known.close()


async def test_the_store_reads_several(store: Store) -> None:
    await furnish(store)
    for name in ("k1", "k2", "k3"):
        await store.kiosks.add(name, name=name, branch="east")
    assert {kiosk.id for kiosk in await store.kiosks.several({"k1", "k3", "k9"})} == {"k1", "k3"}
