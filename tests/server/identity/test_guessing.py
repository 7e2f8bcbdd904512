"""Guessing passwords: from one address, from many, and what it costs the person whose login is guessed."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from link.messages.errors import NotAuthenticated, RateLimited
from link.messages.values import Language
from server.identity import Identity
from server.identity.passwords import Passwords
from server.journal import Audit
from server.store import Store
from server.store.people import Grant, Role

PASSWORD = "correct horse battery"


@pytest_asyncio.fixture
async def identity(store: Store, passwords: Passwords) -> AsyncIterator[Identity]:
    await store.people.add(
        login="li",
        name="Li",
        password_hash=await passwords.hash(PASSWORD),
        languages=[Language.ZH],
        skills=[],
        grants=[Grant(Role.SPECIALIST, "*")],
    )
    made = Identity(store, Audit(store), login_key=bytes(32), passwords=passwords)
    for attempts in (made._by_login, made._by_address, made._by_login_and_address):
        attempts._clock = lambda: 1000.0
    yield made


async def guess(identity: Identity, address: str, login: str = "li", password: str = "guess") -> str:
    try:
        await identity.log_in(login, password, address)
    except NotAuthenticated:
        return "wrong"
    except RateLimited:
        return "wait"
    return "in"


@pytest.mark.parametrize("login", ["li", "nobody"])
async def test_many_addresses_cannot_guess_one_login_freely(identity: Identity, login: str) -> None:
    outcomes = [await guess(identity, f"198.51.100.{number}", login) for number in range(30)]
    assert outcomes == ["wrong"] * 10 + ["wait"] * 20
    with pytest.raises(RateLimited) as caught:
        identity._by_login.check(login)
    assert caught.value.retry_after <= 60
    assert await guess(identity, "198.51.100.0", "other") == "wrong", "another login is free"


async def test_a_stranger_locks_nobody_out(identity: Identity) -> None:
    assert await guess(identity, "192.0.2.1", password=PASSWORD) == "in"
    for number in range(30):
        await guess(identity, f"198.51.100.{number}")
    assert await guess(identity, "192.0.2.2", password=PASSWORD) == "wait", "an address that the person never used"
    assert await guess(identity, "192.0.2.1", password=PASSWORD) == "in", "the person's own"
    outcomes = [await guess(identity, "192.0.2.1") for _ in range(8)]
    assert outcomes == ["wrong"] * 5 + ["wait"] * 3, "where guessing has its bound, too"


async def test_what_waits_for_one_limit_counts_for_no_other(identity: Identity) -> None:
    assert [await guess(identity, "198.51.100.1") for _ in range(30)] == ["wrong"] * 5 + ["wait"] * 25
    assert [await guess(identity, f"198.51.100.{number}") for number in range(2, 8)] == ["wrong"] * 5 + ["wait"]
