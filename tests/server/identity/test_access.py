from __future__ import annotations

import asyncio
import gc

import pytest

from link.protocol.errors import Unavailable
from server.identity import Access
from server.store import Store


async def test_a_change_wakes_who_watches_it_and_nobody_else(store: Store) -> None:
    access = Access(store.logins)
    person, login, other = access.watch("p1"), access.watch("p1", "l1"), access.watch("p2", "l2")
    access.changed("l1")
    assert (person.is_set(), login.is_set(), other.is_set()) == (False, True, False)
    access.changed("p1")
    assert (person.is_set(), other.is_set()) == (True, False)
    access.changed("nobody watches this")


async def test_who_watches_after_a_change_waits_for_the_next(store: Store) -> None:
    access = Access(store.logins)
    access.changed("p1")
    assert not access.watch("p1").is_set()


async def test_changes_of_another_process_arrive_once_and_old_ones_never(store: Store, no_task_left: None) -> None:
    await store.logins.announce("p1")
    access = Access(store.logins, poll_s=0.01)
    await access.start()
    early, late = access.watch("p1"), access.watch("p2")
    await store.logins.announce("p2")
    await asyncio.wait_for(late.wait(), 30)
    assert not early.is_set(), "announced before this process began to listen"
    await access.close()


async def test_who_begins_after_an_announcement_is_not_ended_by_it(store: Store, no_task_left: None) -> None:
    """A kiosk that has just enrolled connects at once, and stays."""
    access, elsewhere = Access(store.logins, poll_s=0.01), Access(store.logins, poll_s=0.01)
    await access.start()
    await elsewhere.start()
    before, far = access.watch("k1"), elsewhere.watch("k1")
    await access.announce("k1")
    assert before.is_set()
    after, other = access.watch("k1"), access.watch("k2")
    await store.logins.announce("k2")
    await asyncio.wait_for(other.wait(), 30)  # so the announcement before it was read too
    assert not after.is_set()
    await asyncio.wait_for(far.wait(), 30)
    await store.logins.announce("k1")
    await asyncio.wait_for(after.wait(), 30)
    await access.close()
    await elsewhere.close()


async def test_an_announcement_is_ours_whatever_is_read_while_it_is_written(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The changes of others are read between the beginning and the end of our own announcement."""
    access = Access(store.logins, poll_s=0.0)
    await access.start()
    reads = 0
    changes, announce = store.logins.changes, store.logins.announce

    async def counted(after: int) -> list[tuple[int, str]]:
        nonlocal reads
        found = await changes(after)
        reads += 1
        return found

    async def slow(subject: str) -> int:
        begun = reads
        async with asyncio.timeout(30):
            while reads < begun + 2:
                await asyncio.sleep(0)
        return await announce(subject)

    monkeypatch.setattr(store.logins, "changes", counted)
    monkeypatch.setattr(store.logins, "announce", slow)
    await access.announce("k1")
    after, other = access.watch("k1"), access.watch("k2")
    await announce("k2")
    await asyncio.wait_for(other.wait(), 30)
    assert not after.is_set()
    await access.close()


async def test_a_database_that_is_away_for_a_while_loses_no_change(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    access = Access(store.logins, poll_s=0.01)
    await access.start()
    failed = asyncio.Event()
    real = store.logins.changes

    async def away(_after: int) -> list[tuple[int, str]]:
        failed.set()
        raise Unavailable

    monkeypatch.setattr(store.logins, "changes", away)
    watching = access.watch("p1")
    await store.logins.announce("p1")
    await asyncio.wait_for(failed.wait(), 30)
    monkeypatch.setattr(store.logins, "changes", real)
    await asyncio.wait_for(watching.wait(), 30)
    await access.close()


async def test_what_nobody_watches_any_more_is_forgotten(store: Store) -> None:
    access = Access(store.logins)
    events = [access.watch(f"p{number}") for number in range(100)]
    del events
    gc.collect()
    access._forget()
    assert not access._watchers
