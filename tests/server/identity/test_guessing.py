"""Guessing passwords: from one address, from many, and what it costs the person whose login is guessed."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from link.protocol.errors import NotAuthenticated, RateLimited
from link.protocol.values import Language
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
    await store.people.add(
        login="mallory",
        name="Mallory",
        password_hash=await passwords.hash("mallory's own one"),
        languages=[Language.ZH],
        skills=[],
        grants=[Grant(Role.SPECIALIST, "*")],
    )
    made = Identity(store, Audit(store), login_key=bytes(32), passwords=passwords)
    for attempts in (
        made._by_login,
        made._by_address,
        made._by_known_address,
        made._by_login_and_address,
        made._by_device,
    ):
        attempts._clock = lambda: 1000.0
    yield made


async def guess(
    identity: Identity, address: str, login: str = "li", password: str = "guess", device: str | None = None
) -> str:
    try:
        await identity.log_in(login, password, address, device=device)
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


async def test_a_login_of_ones_own_in_between_buys_no_more_guesses(identity: Identity) -> None:
    """At one address, at many, and against many logins: what was wrong stays counted."""
    outcomes = []
    for number in range(58):
        outcomes.append(await guess(identity, "198.51.100.1"))
        await guess(identity, "198.51.100.1", "mallory", "mallory's own one")
        outcomes.append(await guess(identity, f"198.51.101.{number}"))
        await guess(identity, f"198.51.101.{number}", "mallory", "mallory's own one")
    assert outcomes.count("wrong") == 10
    sprayed = []
    for number in range(100):
        sprayed.append(await guess(identity, "203.0.113.1", f"login{number}"))
        await guess(identity, "203.0.113.1", "mallory", "mallory's own one")
    assert sprayed.count("wrong") <= 40


async def test_the_persons_own_logins_buy_the_guesser_nothing_either(identity: Identity) -> None:
    assert await guess(identity, "192.0.2.1", password=PASSWORD) == "in"
    outcomes = []
    for _ in range(30):
        outcomes.append(await guess(identity, "192.0.2.1"))
        await guess(identity, "192.0.2.1", password=PASSWORD)
    assert outcomes.count("wrong") == 5


async def test_fifty_wrong_ones_behind_one_proxy_lock_nobody_out(identity: Identity) -> None:
    proxy = "10.0.0.9"
    assert await guess(identity, proxy, password=PASSWORD) == "in"
    person = await identity._store.people.by_login("li")
    assert person is not None
    device = identity.devices.issue(person.id)
    for number in range(50):
        await guess(identity, proxy, f"login{number}")
    assert await guess(identity, proxy, "mallory", "mallory's own one") == "wait", "new here, and no longer than this:"
    with pytest.raises(RateLimited) as caught:
        identity._by_address.check(proxy)
    assert caught.value.retry_after <= 30
    assert await guess(identity, proxy, password=PASSWORD) == "in", "who has come by this proxy before"
    for _ in range(50):
        await guess(identity, proxy)
    assert await guess(identity, proxy, password=PASSWORD) == "wait", "when it is this very login that is guessed"
    assert await guess(identity, proxy, password=PASSWORD, device=device) == "in", "but not on a browser that is known"
    assert await guess(identity, "10.0.0.10", password=PASSWORD) == "in", "nor from another address"


async def test_a_known_browser_is_no_way_around(identity: Identity) -> None:
    person = await identity._store.people.by_login("mallory")
    assert person is not None
    device = identity.devices.issue(person.id)
    outcomes = [await guess(identity, "198.51.100.1", device=device) for _ in range(30)]
    assert outcomes.count("wrong") == 5, "somebody else's browser is nobody's"
    outcomes = [await guess(identity, "198.51.100.2", "mallory", device=device) for _ in range(30)]
    assert outcomes.count("wrong") == 10, "five of its own, and then as any other"


async def test_what_was_not_looked_at_does_not_count(identity: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    async def full(*_: object, **__: object) -> bool:
        raise RateLimited("too many at once")

    with monkeypatch.context() as patched:
        patched.setattr(identity._passwords, "verify", full)
        assert [await guess(identity, "198.51.100.1") for _ in range(20)] == ["wait"] * 20
    assert await guess(identity, "198.51.100.1", password=PASSWORD) == "in"
