"""Checkpoints in the database, and which sessions are to be in the next one."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from server.journal import Journal
from server.session import events as e
from server.store import Store
from server.store.checkpoints import PAGE, UNSIGNED, KeptCheckpoint
from tests.server.evidence.recorded import requested


async def begin(store: Store, *sessions: str) -> None:
    for session in sessions:
        event, row = requested(session)
        await Journal(store).append(session, [(e.kind(event), e.encode(event))], at_us=7, projection=row)


async def test_what_was_added_is_read_in_order(store: Store) -> None:
    rows = store.checkpoints
    assert await rows.newest() is None
    for number in range(1, PAGE + 4):
        await rows.add(number, b'body %d ["s1",' % number, b"x" * 64, {})
    assert await rows.newest() == KeptCheckpoint(PAGE + 3, b'body %d ["s1",' % (PAGE + 3), b"x" * 64, 0)
    numbers = [kept.number async for page in rows.pages(2) for kept in page]
    assert numbers == list(range(3, PAGE + 4))
    await rows.mark_copied(1, 5)
    copied = [kept.copied async for page in rows.pages() for kept in page]
    assert copied == [1] * 5 + [0] * (PAGE - 2)
    with pytest.raises(IntegrityError):
        await rows.add(3, b"another", b"", {})


async def test_a_word_is_looked_up_byte_for_byte(store: Store) -> None:
    for number, body in enumerate((b'["s1",1]', b'["S1",1]', b"s1", b'\xff["s1",2]'), 1):
        await store.checkpoints.add(number, body, b"", {})
    assert [kept.number async for kept in store.checkpoints.naming('["s1",')] == [1, 4]


async def test_sessions_are_unsigned_from_their_first_entry_until_a_checkpoint_has_their_last(store: Store) -> None:
    await begin(store, "s2", "s1", "s3")
    rows = store.checkpoints
    found = await rows.unsigned(limit=10)
    told = [(session.id, session.head_seq, session.state, session.signed_seq, session.last_us) for session in found]
    assert told == [("s1", 1, "waiting", None, 7), ("s2", 1, "waiting", None, 7), ("s3", 1, "waiting", None, 7)]
    await rows.add(1, b"", b"", {"s1": 1, "s3": 1})
    assert [session.id for session in await rows.unsigned(limit=10)] == ["s2"]
    await begin(store, "s1")
    assert [(session.id, session.signed_seq) for session in await rows.unsigned(limit=1)] == [("s1", 1)]
    assert [session.id for session in await rows.unsigned("s1", limit=1)] == ["s2"]


async def test_looking_for_unsigned_sessions_reads_no_others(store: Store) -> None:
    """With a million sessions a checkpoint must not read them: the partial index holds only what is unsigned."""
    async with store.database.read() as connection:
        query = f"EXPLAIN QUERY PLAN SELECT id FROM session WHERE {UNSIGNED} AND id > 'a' ORDER BY id LIMIT 9"
        plan = [row.detail for row in await connection.execute(text(query))]
    assert ["ix_session_unsigned" in step for step in plan] == [True]


async def test_hashes_are_looked_up_by_the_key(store: Store, tmp_path: Path) -> None:
    await begin(store, "s1", "s2")
    entries = await Journal(store).read("s1")
    found = await store.checkpoints.hashes({("s1", 1), ("s1", 2), ("s9", 1)})
    assert found == {("s1", 1): entries[0].hash}
    with sqlite3.connect(tmp_path / "visavis.sqlite3") as connection:
        these = "(session = 'a' AND seq = 1) OR (session = 'b' AND seq = 2)"
        steps = connection.execute(f"EXPLAIN QUERY PLAN SELECT hash FROM journal WHERE {these}")
        plan = " ".join(str(row[3]) for row in steps)
    connection.close()
    assert "SEARCH journal" in plan
    assert "SCAN" not in plan
