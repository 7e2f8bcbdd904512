"""The indexer: what was written is found, lies nowhere in clear, and is gone from the index with the session's key."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import func, select

from link.protocol.errors import Unavailable
from server.library.indexer import Indexer
from server.session import events as e
from server.store import tables
from server.store.library import trace
from server.store.postings import PostingKey
from tests.server.library.conftest import Shelf

SECRET = "Quagga-4452 住在梧桐路"


async def count(shelf: Shelf, table: str) -> int:
    async with shelf.store.database.read() as connection:
        rows = await connection.execute(select(func.count()).select_from(tables.metadata.tables[table]))
        return int(rows.scalar_one())


async def test_everything_that_people_write_is_found(shelf: Shelf) -> None:
    await shelf.call(
        "s1", e.ChatSent("c1", "customer-1", "头一句"), e.NoteSaved("笔记一"), e.NoteSaved("笔记二"),
        e.DocumentRequested("d1", "contract", "要合同"), e.DocumentDecided("d1", False, "拍糊了"),
        e.Disposed("resolved", "总结好", "p1"),
    )  # fmt: skip
    await shelf.indexer.settle()
    for text in ("头一句", "笔记一", "笔记二", "要合同", "拍糊了", "总结好"):
        assert await shelf.ids(text=text) == ["s1"], text
    assert await shelf.ids(text="头一句 总结好") == ["s1"], "the words may be in several texts"
    assert await count(shelf, "library_pending") == 0


async def test_what_happened_becomes_flags(shelf: Shelf) -> None:
    stored = e.DocumentStored("d1", "0" * 64, 1, "image/jpeg", 1, 1, "b", "o", "0" * 64)
    await shelf.call("s1", stored, e.Requeued("lost"), e.NodeRestarted("n"), e.ParticipantJoined("consultant-1"))
    await shelf.call("s2", e.GapDeclared("customer-1.camera", 0, 1500, "loss"), at_s=1)
    await shelf.call("s3", e.GapDeclared("customer-1.camera", 0, 999, "loss"), at_s=2)
    await shelf.call("s4", e.GapDeclared("customer-1.camera", 0, 60_000, "hold"), at_s=3)
    await shelf.indexer.settle()
    for flag in ("documents", "requeued", "restarted", "colleagues"):
        assert await shelf.ids(flag=flag) == ["s1"], flag
    assert await shelf.ids(flag="incomplete") == ["s2"]
    assert await shelf.ids(flag="written") == []


async def test_nothing_of_it_lies_on_the_disk_in_clear(shelf: Shelf) -> None:
    await shelf.call("s1", SECRET)
    await shelf.indexer.settle()
    assert await shelf.ids(text="梧桐路") == ["s1"]
    content = b"".join(path.read_bytes() for path in shelf.file.parent.glob("visavis.sqlite3*"))
    for piece in ("Quagga", "quagga", "梧桐", "桐路"):
        assert piece.encode() not in content, piece


async def test_with_the_key_the_words_leave_the_index(shelf: Shelf) -> None:
    await shelf.call("s1", SECRET, at_s=0)
    await shelf.call("s2", "梧桐树下", at_s=1)
    await shelf.call("s3", at_s=2)
    await shelf.indexer.settle()
    before = await count(shelf, "library_posting")
    key = PostingKey(shelf.vault.index_key())
    found = await trace(shelf.store.database, "s1", key)
    assert found is not None
    assert len(found.numbers) > 20
    await shelf.vault.destroy("s1")
    gone = await trace(shelf.store.database, "s1", key)
    assert gone is not None
    assert gone.numbers == (), "in the moment in which the key is destroyed"
    assert await shelf.ids(text="梧桐") == ["s2"]
    assert await shelf.ids(branch="north") == ["s3", "s2", "s1"], "by its row it is still found"
    await shelf.indexer.settle()
    assert await shelf.ids(text="梧桐") == ["s2"], "and what is indexed again has no words"
    assert await shelf.ids(flag="written") == ["s2"]
    assert await shelf.ids(text="陈静") == ["s3", "s2", "s1"]
    assert await count(shelf, "library_posting") < before, "postings of nobody else are gone"
    pages = {bytes(row) for row in await postings(shelf)}
    content = b"".join(path.read_bytes() for path in shelf.file.parent.glob("visavis.sqlite3*"))
    assert all(page in content for page in pages), "the test looks at the right files"
    await shelf.vault.destroy("s1")  # again is no error


async def postings(shelf: Shelf) -> list[bytes]:
    async with shelf.store.database.read() as connection:
        return list((await connection.execute(select(tables.library_posting.c.places))).scalars())


async def test_what_a_destroyed_session_had_alone_is_overwritten_in_the_file(shelf: Shelf) -> None:
    await shelf.call("s1", SECRET, at_s=0)
    await shelf.indexer.settle()
    key = PostingKey(shelf.vault.index_key())
    found = await trace(shelf.store.database, "s1", key)
    assert found is not None
    old = {bytes(row) for row in await postings(shelf)}
    await shelf.vault.destroy("s1")
    content = b"".join(path.read_bytes() for path in shelf.file.parent.glob("visavis.sqlite3*"))
    assert not [row for row in old if row in content]


async def test_a_key_destroyed_while_its_session_is_being_indexed_leaves_no_words(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    await shelf.call("s1", SECRET)
    add = shelf.store.library.add

    async def destroy_first(*arguments: object) -> None:
        await shelf.vault.destroy("s1")
        await add(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(shelf.store.library, "add", destroy_first)
    await shelf.indexer.step()
    assert await shelf.ids(text="梧桐路") == []
    assert await shelf.ids(flag="written") == []
    assert await shelf.ids(branch="north") == ["s1"]
    assert await count(shelf, "library_pending") == 0


async def test_a_session_that_is_indexed_while_its_key_is_destroyed_is_traced_again(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    from server.store import data_keys

    await shelf.call("s1", SECRET)
    looked = []

    async def trace_then_index(*arguments: object) -> object:
        found = await trace(*arguments)  # type: ignore[arg-type]
        looked.append(found)
        if len(looked) == 1:
            await shelf.indexer.step()
        return found

    monkeypatch.setattr(data_keys, "trace", trace_then_index)
    await shelf.vault.destroy("s1")
    assert len(looked) == 2
    key = PostingKey(shelf.vault.index_key())
    found = await trace(shelf.store.database, "s1", key)
    assert found is not None
    assert found.numbers == ()


async def test_journals_from_before_with_words_in_clear_are_found_too(shelf: Shelf) -> None:
    old = e.NoteSaved("以前的写法")
    await shelf.call("s1")
    await shelf.journal.append("s1", [(e.kind(old), e.encode(old))])
    await shelf.indexer.settle()
    assert await shelf.ids(text="以前的写法") == ["s1"]


async def test_a_damaged_entry_costs_only_itself(shelf: Shelf) -> None:
    await shelf.call("s1", "好的一句")
    await shelf.journal.append(
        "s1", [("chat_sent", b"{"), ("note_saved", b'{"event":"note_saved","text":"","sealed":"AAAA"}')]
    )
    await shelf.indexer.settle()
    assert await shelf.ids(text="好的一句") == ["s1"]


async def test_it_runs_by_itself_and_waits_for_a_database_that_is_away(shelf: Shelf, no_task_left: None) -> None:
    indexer = Indexer(shelf.store.library, shelf.journal, shelf.vault)
    step, tried = indexer.step, asyncio.Event()

    async def away() -> int:
        tried.set()
        indexer.step = step  # type: ignore[method-assign]
        raise Unavailable("locked")

    indexer.step = away  # type: ignore[method-assign]
    indexer.start()
    await tried.wait()
    await shelf.call("s1", "梧桐路")
    async with asyncio.timeout(30):
        while await shelf.store.library.count_pending():
            await asyncio.sleep(0.05)
    await indexer.close()
    assert await shelf.ids(text="梧桐路") == ["s1"]
