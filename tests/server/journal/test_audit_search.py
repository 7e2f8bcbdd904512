from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import insert

from server.journal import Audit
from server.journal.audit_search import CLOCK_US, AuditQuery, find
from server.store import Store, tables

AT_US = 1_790_000_000_000_000


@pytest.fixture
async def log(store: Store) -> Store:
    """Ten entries a minute apart, of which the seventh was made after the clock was set back by half an hour."""
    rows = []
    for seq in range(1, 11):
        late = 30 * 60_000_000 if seq == 7 else 0
        rows.append({
            "seq": seq, "at_us": AT_US + seq * 60_000_000 - late, "actor": f"person:p{seq % 2}",
            "action": "read.media" if seq % 3 else "login", "object": "session:s1" if seq % 2 else f"session:s1/d{seq}",
            "detail": "{}", "prev": b"", "hash": b"",
        })  # fmt: skip
    rows[9]["object"] = "session:s10"
    async with store.database.write() as connection:
        await connection.execute(insert(tables.audit), rows)
    return store


async def seqs(store: Store, **query: Any) -> list[int]:
    return [entry.seq for entry in (await find(store, AuditQuery(**query))).entries]


async def test_filters(log: Store) -> None:
    assert await seqs(log) == list(range(10, 0, -1))
    assert await seqs(log, actor="person:p1") == [9, 7, 5, 3, 1]
    assert await seqs(log, action="login") == [9, 6, 3]
    assert await seqs(log, action="log") == []
    assert await seqs(log, target="session:s1") == [9, 8, 7, 6, 5, 4, 3, 2, 1], "what is below it too, not s10"
    assert await seqs(log, target="session:s1/d2") == [2]
    assert await seqs(log, actor="person:p0", action="login") == [6]
    assert await seqs(log, actor="person:%") == []


async def test_times_are_those_of_the_entries_also_where_the_clock_went_back(log: Store) -> None:
    minute = 60_000_000
    assert await seqs(log, since_us=AT_US + 8 * minute) == [10, 9, 8]
    assert await seqs(log, until_us=AT_US + 3 * minute) == [7, 2, 1]
    assert await seqs(log, since_us=AT_US + 2 * minute, until_us=AT_US + 4 * minute) == [3, 2]
    assert await seqs(log, since_us=AT_US - 40 * minute, until_us=AT_US) == [7]
    assert await seqs(log, since_us=AT_US + 3 * CLOCK_US) == []


async def test_pages_forth_and_back(log: Store) -> None:
    seen, after = [], None
    while True:
        page = await find(log, AuditQuery(after=after), limit=4)
        seen.append([entry.seq for entry in page.entries])
        if page.after is None:
            break
        after = page.after
    assert seen == [[10, 9, 8, 7], [6, 5, 4, 3], [2, 1]]
    back = await find(log, AuditQuery(before=page.before), limit=4)
    assert [entry.seq for entry in back.entries] == [6, 5, 4, 3]
    top = await find(log, AuditQuery(before=back.before), limit=4)
    assert ([entry.seq for entry in top.entries], top.before, top.after) == ([10, 9, 8, 7], None, 7)


async def test_an_empty_log(store: Store) -> None:
    page = await find(store, AuditQuery(since_us=0, until_us=1))
    assert (page.entries, page.after, page.before) == ((), None, None)
    await Audit(store).record("person:p1", "login")
    assert await seqs(store) == [1]
