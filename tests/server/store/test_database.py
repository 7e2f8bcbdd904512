from __future__ import annotations

import asyncio
import sqlite3
import time
from pathlib import Path

import pytest
from sqlalchemy import insert, select, text

from link.protocol.errors import Unavailable
from server.store import Store, database, tables
from server.store.branches import Branch
from server.store.data_keys import DataKeys
from server.store.errors import Conflict
from tests.machine import allow, slower
from tests.stalls import TRIES, longest_turn


async def pragma(store: Store, name: str) -> object:
    async with store.database.read() as connection:
        return (await connection.execute(text(f"PRAGMA {name}"))).scalar()


async def test_sqlite_is_durable_and_checks_references(store: Store) -> None:
    assert await pragma(store, "journal_mode") == "wal"
    assert await pragma(store, "synchronous") == 2
    assert await pragma(store, "foreign_keys") == 1
    assert await pragma(store, "secure_delete") == 1


async def test_a_write_that_raises_leaves_nothing(store: Store) -> None:
    with pytest.raises(RuntimeError):
        async with store.database.write() as connection:
            await connection.execute(insert(tables.branch).values(id="a", name_zh="甲", name_en="A", created_us=1))
            raise RuntimeError
    assert await store.branches.all() == []


async def test_a_cancelled_write_leaves_nothing_and_frees_the_writer(store: Store) -> None:
    entered = asyncio.Event()

    async def write_and_hang() -> None:
        async with store.database.write() as connection:
            await connection.execute(insert(tables.branch).values(id="a", name_zh="甲", name_en="A", created_us=1))
            entered.set()
            await asyncio.sleep(60)

    task = asyncio.get_running_loop().create_task(write_and_hang())
    await asyncio.wait_for(entered.wait(), 30)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await store.branches.add(Branch("b", "乙", "B"))
    assert [branch.id for branch in await store.branches.all()] == ["b"]


async def test_readers_see_the_state_before_a_write_under_way(store: Store) -> None:
    async with store.database.write() as connection:
        await connection.execute(insert(tables.branch).values(id="a", name_zh="甲", name_en="A", created_us=1))
        assert await asyncio.get_running_loop().create_task(store.branches.all()) == []
    assert len(await store.branches.all()) == 1


async def test_a_write_inside_a_write_joins_it(store: Store) -> None:
    async with store.database.write():
        await store.branches.add(Branch("a", "甲", "A"))
        assert [branch.id for branch in await store.branches.all()] == ["a"], "it sees what it has written"
        await store.branches.add(Branch("b", "乙", "B"))
    assert [branch.id for branch in await store.branches.all()] == ["a", "b"]
    with pytest.raises(Conflict):
        async with store.database.write():
            await store.branches.add(Branch("c", "丙", "C"))
            await store.branches.add(Branch("a", "甲", "A"))
    assert [branch.id for branch in await store.branches.all()] == ["a", "b"], "both or neither"


async def test_a_task_started_inside_a_write_has_a_turn_of_its_own(store: Store) -> None:
    loop = asyncio.get_running_loop()
    with pytest.raises(RuntimeError):
        async with store.database.write():
            other = loop.create_task(store.branches.add(Branch("a", "甲", "A")))
            await asyncio.sleep(0)
            raise RuntimeError
    await other
    assert [branch.id for branch in await store.branches.all()] == ["a"]


async def test_a_locked_database_is_unavailable_and_the_loop_goes_on(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process holds the lock: the write is refused in bounded time, and meanwhile the loop never waits."""
    other = sqlite3.connect(tmp_path / "visavis.sqlite3", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")

    async def write() -> list[BaseException | None]:
        branches = (Branch(f"b{number}", "乙", "B") for number in range(4))
        return await asyncio.gather(*map(store.branches.add, branches), return_exceptions=True)

    seen: list[float] = []
    while not seen or (seen[-1] >= 0.1 * slower() and len(seen) < TRIES):
        begun = time.monotonic()
        results, held = await longest_turn(write())
        assert all(isinstance(result, Unavailable) for result in results)
        assert time.monotonic() - begun < allow(database.BUSY_S + database.WRITER_S + 1)
        seen.append(held)
    assert min(seen) < 0.1 * slower(), seen
    other.execute("ROLLBACK")
    other.close()
    await store.branches.add(Branch("a", "甲", "A"))


async def test_a_full_database_is_unavailable_and_recovers(store: Store) -> None:
    async with store.database.read() as connection:
        pages = (await connection.execute(text("PRAGMA page_count"))).scalar_one()
    async with store.database.write() as connection:
        await connection.execute(text(f"PRAGMA max_page_count={pages}"))
    big = "x" * 100
    with pytest.raises(Unavailable):
        for number in range(2000):
            await store.branches.add(Branch(f"b{number}", big, big))
    async with store.database.write() as connection:
        await connection.execute(text("PRAGMA max_page_count=1000000"))
    await store.branches.add(Branch("after", "甲", "A"))


async def test_errors_and_logs_do_not_repeat_what_was_written(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Unavailable) as caught:
        async with store.database.write() as connection:
            await connection.execute(text("INSERT INTO nothing VALUES (:secret)"), {"secret": "6222-0000"})
    assert "6222" not in str(caught.value) + str(caught.value.__cause__)
    assert "6222" not in "".join(capsys.readouterr())


async def test_a_destroyed_key_is_gone_from_the_file(store: Store, tmp_path: Path) -> None:
    wrapped = bytes(range(60))
    keys = DataKeys(store.database)
    await keys.add("s1", "aes-256-gcm", wrapped)
    await keys.destroy("s1", bytes(64))
    key = await keys.get("s1")
    assert key is not None
    assert key.wrapped == b""
    assert key.destroyed_us is not None
    for file in tmp_path.glob("visavis.sqlite3*"):
        assert wrapped not in file.read_bytes(), file.name


async def test_nothing_is_left_open(database_url: str) -> None:
    opened = await Store.open(database_url)
    async with opened.database.read() as connection:
        await connection.execute(select(tables.branch))
    await opened.close()
