"""The queue before argon2: fair, bounded, and left by those who have gone."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from typing import Literal

import pytest
from argon2 import PasswordHasher

from link.protocol.errors import NotAuthenticated, RateLimited, Unavailable, VisavisError
from link.tasks import cancel, spawn
from server.identity import Identity
from server.identity.passwords import Passwords
from server.identity.turns import AT_ONCE, PER_SOURCE, WAITING, Turns
from server.journal import Audit
from server.store import Store
from server.store.people import Grant, Role
from tests.server.calls.bank import eventually


class Work:
    """Work that ends when a test says so, in the order in which it began."""

    def __init__(self, turns: Turns) -> None:
        self.turns = turns
        self.begun: list[str] = []
        self.refused: Counter[str] = Counter()
        self.gone: set[str] = set()
        self._release = asyncio.Semaphore(0)

    async def do(self, source: str, *, known: bool = False) -> None:
        try:
            release = await self.turns.take(source, known=known, gone=lambda: source in self.gone)
        except VisavisError as error:
            self.refused[error.code] += 1
            return
        self.begun.append(source)
        try:
            await self._release.acquire()
        finally:
            release()

    async def begin(self, *sources: str, known: bool = False) -> list[asyncio.Task[None]]:
        tasks = [spawn(self.do(source, known=known), name=source) for source in sources]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return tasks

    async def finish(self, tasks: list[asyncio.Task[None]]) -> None:
        for _ in tasks:
            self._release.release()
        await asyncio.wait_for(asyncio.gather(*tasks), 20)


async def test_sources_take_turns_however_much_each_wants() -> None:
    work = Work(Turns(1))
    tasks = await work.begin("first", "a", "a", "a", "b", "c", "a")
    await work.finish(tasks)
    assert work.begun == ["first", "a", "b", "c", "a", "a", "a"]


async def test_who_is_known_goes_first_and_has_room_in_a_flood() -> None:
    work = Work(Turns(1, waiting=5, per_source=5))
    tasks = await work.begin("first", *"abcdefgh")
    assert work.refused == {"unavailable": 3}
    tasks += await work.begin("me", known=True)
    await work.finish(tasks)
    assert work.begun == ["first", "me", *"abcde"]


async def test_one_source_fills_only_its_part() -> None:
    work = Work(Turns(1, per_source=3))
    tasks = await work.begin(*["flood"] * 10, "me")
    assert work.refused == {"rate_limited": 6}
    await work.finish(tasks)
    assert work.begun[:3] == ["flood", "flood", "me"]


async def test_who_has_gone_leaves_the_queue() -> None:
    work = Work(Turns(1, waiting=4, per_source=4))
    tasks = await work.begin("first", "gone", "gone", "gone", "gone")
    work.gone.add("gone")
    tasks += await work.begin("me")
    await work.finish(tasks)
    assert work.begun == ["first", "me"]
    assert work.refused == {"unavailable": 4}


async def test_a_turn_is_never_lost() -> None:
    """Cancelled while waiting, at the very moment of the turn, and refused: afterwards as many turns are free."""
    turns = Turns(2)
    for at in range(6):
        work = Work(turns)
        tasks = await work.begin(*"abcdef")
        work._release.release()
        for _ in range(at):
            await asyncio.sleep(0)
        for task in tasks[2:]:
            await cancel(task)
        await work.finish(tasks[:2])
        await eventually(lambda: turns._free == 2)
    assert not turns._others
    assert not turns._known


async def test_nobody_waits_for_ever() -> None:
    work = Work(Turns(1, patience_s=0.01))
    tasks = await work.begin("first", "late")
    await asyncio.wait_for(tasks[1], 20)
    assert work.refused == {"unavailable": 1}
    await work.finish(tasks[:1])


class Slow(PasswordHasher):
    """Argon2 at its least cost, that waits to be let go on."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.checks = 0
        self.go_on = threading.Event()

    def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:  # noqa: A002 - argon2's name
        self.checks += 1
        assert self.go_on.wait(30)
        return super().verify(hash, password)


async def test_three_hundred_wrong_logins_keep_no_right_one_from_an_answer(store: Store) -> None:
    """They come from three hundred addresses, and give up; the right one is on a browser that is known."""
    hasher = Slow()
    passwords = Passwords(hasher)
    person = await store.people.add(
        login="li",
        name="Li",
        password_hash=await passwords.hash("correct horse battery"),
        languages=[],
        skills=[],
        grants=[Grant(Role.SPECIALIST, "*")],
    )
    identity = Identity(store, Audit(store), login_key=bytes(32), passwords=passwords)
    device = identity.devices.issue(person.id)
    gone = False
    outcomes: Counter[str] = Counter()

    async def wrong(number: int) -> None:
        try:
            await identity.log_in(f"who{number}", "guess", f"198.51.{number}.1", gone=lambda: gone)
        except VisavisError as error:
            outcomes[error.code] += 1

    flood = [spawn(wrong(number), name="wrong") for number in range(300)]
    await eventually(lambda: outcomes.total() == 300 - AT_ONCE - WAITING, within=30)
    assert set(outcomes) == {Unavailable.code}, "a clear answer at once for who cannot be served"
    right = spawn(identity.log_in("li", "correct horse battery", "192.0.2.1", device=device), name="right")
    gone = True
    hasher.go_on.set()
    assert (await asyncio.wait_for(right, 30))[0] == person
    await asyncio.gather(*flood)
    assert hasher.checks <= AT_ONCE + 1, "who has gone is not worked for"
    passwords.close()


async def test_a_flood_from_one_address_fills_its_own_part_only(store: Store) -> None:
    hasher = Slow()
    passwords = Passwords(hasher)
    identity = Identity(store, Audit(store), login_key=bytes(32), passwords=passwords)
    refused: list[float] = []

    async def wrong(number: int, address: str) -> None:
        with pytest.raises((NotAuthenticated, RateLimited)) as caught:
            await identity.log_in(f"who{number}", "guess", address)
        if isinstance(caught.value, RateLimited):
            refused.append(caught.value.retry_after)

    flood = [spawn(wrong(number, "198.51.100.1"), name="wrong") for number in range(40)]
    await eventually(lambda: len(refused) == 40 - AT_ONCE - PER_SOURCE, within=30)
    assert min(refused) >= 1
    other = spawn(wrong(99, "192.0.2.1"), name="other")
    hasher.go_on.set()
    await asyncio.wait_for(other, 30)
    await asyncio.gather(*flood)
    assert len(refused) == 40 - AT_ONCE - PER_SOURCE
    passwords.close()
