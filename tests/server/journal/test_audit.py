from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest

from server.journal import Audit
from server.store import Store


async def test_what_was_done_is_read_back(store: Store) -> None:
    audit = Audit(store)
    await audit.record("person:p1", "session.view", "session:s1", {"b": 1, "a": "x"})
    await audit.record("cli:root", "person.add")
    first, second = await audit.read()
    assert (first.seq, first.actor, first.action, first.object) == (1, "person:p1", "session.view", "session:s1")
    assert first.detail == '{"a":"x","b":1}'
    assert second.prev == first.hash
    assert await audit.read(1) == [second]
    assert await audit.verify() is None


async def test_many_at_once_are_one_chain(store: Store) -> None:
    audit = Audit(store)
    await asyncio.gather(*(audit.record("person:p1", "a", str(number)) for number in range(30)))
    assert [entry.seq for entry in await audit.read()] == list(range(1, 31))
    assert await audit.verify() is None


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ("UPDATE audit SET actor = 'person:p2' WHERE seq = 4", 4),
        ("UPDATE audit SET detail = '{ }' WHERE seq = 5", 5),
        ("DELETE FROM audit WHERE seq = 6", 6),
        ("DELETE FROM audit WHERE seq = 1", 1),
        ("UPDATE audit SET seq = 99 WHERE seq = 2", 2),
        ("UPDATE audit SET detail = x'7b7d' WHERE seq = 3", 3),
        ("UPDATE audit SET hash = 'none' WHERE seq = 7", 7),
        ("UPDATE audit SET at_us = -1 WHERE seq = 8", 8),
        ("UPDATE audit SET action = CAST(x'ff' AS TEXT) WHERE seq = 4", 4),
    ],
)
async def test_tampering_is_found(store: Store, tmp_path: Path, change: str, place: int) -> None:
    audit = Audit(store)
    for number in range(8):
        await audit.record("person:p1", "session.view", f"session:s{number}")
    with sqlite3.connect(tmp_path / "visavis.sqlite3") as connection:
        connection.execute(change)
    connection.close()
    assert await audit.verify() == place
