from __future__ import annotations

import asyncio
import sqlite3
import sys
from pathlib import Path

import pytest
from sqlalchemy import update

from link.protocol.errors import Unavailable
from link.tasks import cancel, spawn
from server.journal import Head, Journal, Unreadable, verify_chain
from server.journal.journal import PAGE
from server.store import Store, tables
from server.store.sessions import Projection

START: Projection = {
    "state": "waiting",
    "kiosk": "k1",
    "kiosk_name": "一号机",
    "branch": "riverside",
    "branch_zh": "滨江支行",
    "branch_en": "Riverside",
    "service": "wealth",
    "service_zh": "理财",
    "service_en": "Wealth",
    "language": "zh-CN",
    "requested_us": 7,
}


async def test_entries_are_numbered_chained_and_read_back(store: Store) -> None:
    journal = Journal(store)
    first = await journal.append("s1", [("session_requested", b'{"a":1}'), ("consent_given", b"{}")], at_us=10)
    second = await journal.append("s1", [("chat_sent", "你好".encode())])
    assert [entry.seq for entry in (*first, *second)] == [1, 2, 3]
    assert first[0].at_us == first[1].at_us == 10
    assert await journal.read("s1") == [*first, *second]
    assert await journal.read("s1", after=2) == second
    assert await journal.read("s1", kinds=["chat_sent"]) == second
    assert await journal.read("s2") == []
    assert verify_chain(await journal.read("s1")) is None
    assert await journal.append("s1", []) == []


async def test_the_sessions_row_changes_with_the_entries(store: Store) -> None:
    journal = Journal(store)
    await journal.append("s1", [("session_requested", b"{}")], projection=START)
    await journal.append("s1", [("answered", b"{}")], projection={"state": "active", "specialist": "p1"})
    row = await store.sessions.get("s1")
    assert row is not None
    assert (row.state, row.specialist, row.branch, row.requested_us) == ("active", "p1", "riverside", 7)
    assert await journal.open_sessions() == ["s1"]
    await journal.append("s1", [("closed", b"{}")], projection={"state": "closed"})
    assert await journal.open_sessions() == []


async def test_entries_are_not_kept_without_their_projection(store: Store) -> None:
    """The two are one transaction: a row that cannot be made takes the entries back."""
    journal = Journal(store)
    with pytest.raises(Unavailable):
        await journal.append("s1", [("session_requested", b"{}")], projection={"state": "waiting"})
    assert await journal.read("s1") == []


async def test_many_sessions_append_at_once(store: Store) -> None:
    journal = Journal(store)

    async def talk(session: str) -> None:
        for number in range(10):
            await journal.append(session, [("chat_sent", b"%d" % number)])

    await asyncio.gather(*(talk(f"s{number}") for number in range(10)))
    for number in range(10):
        entries = await journal.read(f"s{number}")
        assert len(entries) == 10
        assert verify_chain(entries) is None


async def test_a_tampered_row_is_found(store: Store) -> None:
    journal = Journal(store)
    await journal.append("s1", [("chat_sent", b"%d" % number) for number in range(5)])
    table = tables.journal
    async with store.database.write() as connection:
        await connection.execute(update(table).where(table.c.seq == 3).values(payload=b"9"))
    assert verify_chain(await journal.read("s1")) == 3


async def test_the_sessions_row_knows_where_the_journal_ends(store: Store) -> None:
    journal = Journal(store)
    assert await journal.whole("s1") == ([], None)
    first = await journal.append("s1", [("session_requested", b"{}")], projection=START)
    assert await journal.whole("s1") == (first, Head(1, first[0].hash, "waiting"))
    more = await journal.append("s1", [("a", b"{}"), ("b", b"{}")])
    assert await journal.whole("s1") == ([*first, *more], Head(3, more[1].hash, "waiting"))


async def test_a_long_journal_is_read_in_slices_between_which_the_loop_runs(store: Store) -> None:
    journal = Journal(store)
    written = await journal.append("s1", [("session_requested", b"%d" % n) for n in range(2 * PAGE)], projection=START)
    written += await journal.append("s1", [("chat_sent", b"{}")])
    turns, before = 0, []

    async def count() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    counting = spawn(count(), name="count turns")
    sizes = []
    async for page in journal.pages("s1", after=1):
        sizes.append(len(page))
        before.append(turns)
    await cancel(counting)
    assert sizes == [PAGE, PAGE]
    assert before[0] < before[1]
    assert await journal.read("s1") == written
    assert await journal.read("s1", kinds=["chat_sent"]) == written[-1:]
    assert (await journal.whole("s1"))[0] == written


async def test_a_cut_off_end_is_not_grown_over(store: Store) -> None:
    """A running call goes on after what was cut off, so that a hole stays."""
    journal = Journal(store)
    await journal.append("s1", [("session_requested", b"{}")] * 4, projection=START)
    async with store.database.write() as connection:
        await connection.execute(tables.journal.delete().where(tables.journal.c.seq > 2))
    assert [entry.seq for entry in await journal.append("s1", [("a", b"{}")])] == [5]
    assert verify_chain(await journal.read("s1")) == 3


async def test_a_locked_database_refuses_the_append(store: Store, tmp_path: Path) -> None:
    journal = Journal(store)
    await journal.append("s1", [("a", b"{}")])
    other = sqlite3.connect(tmp_path / "visavis.sqlite3", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable):
        await journal.append("s1", [("b", b"{}")])
    assert len(await journal.read("s1")) == 1
    other.execute("ROLLBACK")
    other.close()
    assert (await journal.append("s1", [("b", b"{}")]))[0].seq == 2


WRITER = """
import asyncio, sys
from server.journal import Journal
from server.store import Store

async def main():
    journal = Journal(await Store.open(sys.argv[1]))
    while True:
        for entry in await journal.append("s1", [("chat_sent", b"x" * 100)] * 3):
            print(entry.seq, flush=True)

asyncio.run(main())
"""


async def test_what_append_returned_survives_kill_9(database_url: str) -> None:
    for _ in range(3):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", WRITER, database_url, stdout=asyncio.subprocess.PIPE
        )
        assert process.stdout is not None
        acknowledged = [int(await asyncio.wait_for(process.stdout.readline(), 30)) for _ in range(30)]
        process.kill()
        acknowledged += [int(line) for line in (await process.stdout.read()).splitlines() if line]
        await process.wait()
        store = await Store.open(database_url)
        entries = await Journal(store).read("s1")
        await store.close()
        assert verify_chain(entries) is None
        assert entries[-1].seq >= acknowledged[-1]
        assert len(entries) % 3 == 0, "a batch is whole or not there"


@pytest.mark.parametrize("values", ["at_us = 'noon'", "payload = 7", "hash = 'x'"])
async def test_an_entry_that_is_none_is_a_named_error(store: Store, tmp_path: Path, values: str) -> None:
    """Also for whoever takes sessions up at start, where anything else would stop the whole server."""
    journal = Journal(store)
    await journal.append("s1", [("held", b"{}"), ("unheld", b"{}")])
    await journal.append("s2", [("held", b"{}")])
    with sqlite3.connect(tmp_path / "visavis.sqlite3") as connection:
        connection.execute(f"UPDATE journal SET {values} WHERE session = 's1' AND seq = 2")
    connection.close()
    with pytest.raises(Unreadable) as caught:
        await journal.read("s1")
    assert isinstance(caught.value, ValueError)
    assert caught.value.status == 502
    assert len((await journal.whole("s1"))[0]) == 2
    assert len(await journal.read("s2")) == 1
