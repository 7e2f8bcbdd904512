from __future__ import annotations

import asyncio
import secrets
import socket
from collections.abc import Sequence
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from kiosk_client.agent.identity import DeviceIdentity as Device
from kiosk_client.agent.identity import Enrolment
from link.protocol.errors import ClockOff, NotAuthenticated, RateLimited, Unavailable
from link.rate_limit import Rates
from server.identity import used_assertions
from server.identity.assertions import AUDIENCE, LONGEST_S, SKEW_S, TYPE, Assertions
from server.identity.used_assertions import Used, UsedAssertionRows, UsedAssertions
from server.store import Store
from server.store.kiosks import Kiosk
from tests.server.identity.hostile import hostile_tokens, token

NOW = 1_790_000_000
PRIVATE = Ed25519PrivateKey.generate()
PUBLIC = PRIVATE.public_key().public_bytes_raw()
PEM = PRIVATE.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
HEADER = {"alg": "EdDSA", "kid": "k1", "typ": TYPE}


def claims(**more: object) -> dict[str, Any]:
    made = {"iss": "k1", "sub": "k1", "aud": AUDIENCE, "iat": NOW, "exp": NOW + 55, "jti": secrets.token_urlsafe(16)}
    return made | more


class Disk:
    """What outlasts a restart, without a disk."""

    def __init__(self) -> None:
        self.rows: list[Used] = []
        self.writes = 0
        self.fails = False

    async def all(self) -> list[Used]:
        return list(self.rows)

    async def add(self, used: Sequence[Used], *, ended_us: int | None = None) -> None:
        await asyncio.sleep(0)
        if self.fails:
            raise Unavailable("locked")
        self.writes += 1
        self.rows = [row for row in self.rows if ended_us is None or row[2] >= ended_us] + list(used)


class Checker:
    """Assertions over one kiosk, at a time that a test moves."""

    def __init__(self, *, revoked: bool = False, rows: UsedAssertionRows | None = None) -> None:
        self.rows = rows or Disk()
        self.now = float(NOW)
        self.kiosk = Kiosk("k1", "一号机", "riverside", PUBLIC, revoked=revoked)
        self.asked: list[str] = []
        self.start()

    def start(self) -> None:
        """The server, anew."""
        self.spent = UsedAssertions(self.rows, lambda: self.now)
        self.assertions = Assertions(self.find, self.spent, lambda: self.now)

    async def find(self, name: str) -> Kiosk | None:
        self.asked.append(name)
        return self.kiosk if name == "k1" else None

    async def refused(self, content: str) -> None:
        with pytest.raises(NotAuthenticated):
            await self.assertions.check(content)


async def test_what_the_kiosk_client_makes_is_accepted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time", lambda: float(NOW))
    checker = Checker()
    device = Device(Enrolment("http://server", "k1"), PRIVATE)
    first, second = device.assertion(), device.assertion()
    assert await checker.assertions.check(first) == checker.kiosk
    await checker.refused(first)
    assert await checker.assertions.check(second) == checker.kiosk


async def test_a_replay_is_refused_as_long_as_the_assertion_could_be_good() -> None:
    checker = Checker()
    content = token(HEADER, claims(), PRIVATE.sign)
    await checker.assertions.check(content)
    for later in range(0, LONGEST_S + 2 * SKEW_S, 5):
        checker.now = NOW + later
        await checker.refused(content)


@pytest.mark.parametrize("skew", [-SKEW_S, 0, SKEW_S])
async def test_a_replay_after_a_restart_is_refused_too(store: Store, skew: int) -> None:
    """With a real database, for a kiosk whose clock is behind or ahead, as long as the assertion could be good."""
    checker = Checker(rows=store.assertions)
    content = token(HEADER, claims(iat=NOW + skew, exp=NOW + skew + 55), PRIVATE.sign)
    await checker.assertions.check(content)
    for later in range(0, LONGEST_S + 2 * SKEW_S, 10):
        checker.now = NOW + later
        checker.start()
        await checker.refused(content)
        await checker.assertions.check(token(HEADER, claims(iat=NOW + later, exp=NOW + later + 55), PRIVATE.sign))


@pytest.mark.parametrize("fast", [3600, 86_400, 10 * 365 * 86_400])
async def test_a_server_that_ran_with_a_fast_clock_takes_kiosks_again_at_once(store: Store, fast: int) -> None:
    checker = Checker(rows=store.assertions)
    checker.now = NOW + fast
    await checker.assertions.check(token(HEADER, claims(iat=NOW + fast, exp=NOW + fast + 55), PRIVATE.sign))
    for restarted in (False, True):
        checker.now = NOW
        if restarted:
            checker.start()
        content = token(HEADER, claims(), PRIVATE.sign)
        await checker.assertions.check(content)
        await checker.refused(content)


async def test_what_was_used_in_a_future_is_used_when_it_comes() -> None:
    checker = Checker()
    checker.now = NOW + 3600
    content = token(HEADER, claims(iat=NOW + 3600, exp=NOW + 3655), PRIVATE.sign)
    await checker.assertions.check(content)
    checker.now = NOW
    checker.start()
    with pytest.raises(ClockOff):
        await checker.assertions.check(content)
    checker.now = NOW + 3601
    await checker.refused(content)


async def test_a_clock_that_is_off_is_told_the_time() -> None:
    checker = Checker()
    for off in (-86_400, -300, 300, 86_400):
        with pytest.raises(ClockOff) as caught:
            await checker.assertions.check(token(HEADER, claims(iat=NOW + off, exp=NOW + off + 55), PRIVATE.sign))
        assert caught.value.server_time == NOW
    with pytest.raises(NotAuthenticated) as refused:
        await checker.assertions.check(
            token(HEADER, claims(iat=NOW - 300, exp=NOW - 245), Ed25519PrivateKey.generate().sign)
        )
    assert not isinstance(refused.value, ClockOff), "only who has the key is told anything"


async def test_used_assertions_are_forgotten_once_they_have_ended(store: Store) -> None:
    checker = Checker(rows=store.assertions)
    for later in range(0, 3000, 30):
        checker.now = NOW + later
        await checker.assertions.check(token(HEADER, claims(iat=NOW + later, exp=NOW + later + 55), PRIVATE.sign))
    assert checker.spent._used is not None
    assert len(checker.spent._used) < 10
    assert len(await store.assertions.all()) < 12


async def test_what_cannot_be_kept_lets_nobody_in() -> None:
    disk = Disk()
    checker = Checker(rows=disk)
    content = token(HEADER, claims(), PRIVATE.sign)
    disk.fails = True
    outcomes = await asyncio.gather(
        *(checker.assertions.check(token(HEADER, claims(), PRIVATE.sign)) for _ in range(5)),
        checker.assertions.check(content),
        return_exceptions=True,
    )
    assert [type(outcome) for outcome in outcomes] == [Unavailable] * 6
    disk.fails = False
    await checker.refused(content)
    await checker.assertions.check(token(HEADER, claims(), PRIVATE.sign))


async def test_many_at_once_are_kept_together_and_each_once() -> None:
    disk = Disk()
    checker = Checker(rows=disk)
    contents = [token(HEADER, claims(), PRIVATE.sign) for _ in range(300)]
    outcomes = await asyncio.gather(
        *(checker.assertions.check(content) for content in contents * 2), return_exceptions=True
    )
    assert sum(outcome == checker.kiosk for outcome in outcomes) == 300
    assert len(disk.rows) == 300
    assert disk.writes < 30


async def test_one_kiosk_uses_so_many_and_leaves_room_for_others() -> None:
    """Each is kept for a minute or two, so many in a row would use up the memory that all kiosks have."""
    now, disk = 1000.0, Disk()
    checker = Checker(rows=disk)
    checker.spent._rates = Rates(lambda: now)
    outcomes = await asyncio.gather(
        *(
            checker.assertions.check(token(HEADER, claims(), PRIVATE.sign))
            for _ in range(int(used_assertions.BURST) + 50)
        ),
        return_exceptions=True,
    )
    refused = [outcome for outcome in outcomes if isinstance(outcome, RateLimited)]
    assert (len(refused), len(disk.rows)) == (50, used_assertions.BURST)
    assert all(0 < error.retry_after <= 1 for error in refused)
    await checker.spent.use("another", "its-first-assertion", NOW + 50.0)
    now += 1.0
    for _ in range(int(used_assertions.PER_S)):
        await checker.assertions.check(token(HEADER, claims(), PRIVATE.sign))
    with pytest.raises(RateLimited):
        await checker.assertions.check(token(HEADER, claims(), PRIVATE.sign))


async def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(used_assertions, "REMEMBERED", 3)
    checker = Checker()
    for _ in range(3):
        await checker.assertions.check(token(HEADER, claims(), PRIVATE.sign))
    await checker.refused(token(HEADER, claims(), PRIVATE.sign))
    assert checker.spent._used is not None
    for key in checker.spent._used:  # as after a time with a fast clock
        checker.spent._used[key] += 86_400
    await checker.assertions.check(token(HEADER, claims(), PRIVATE.sign))


@pytest.mark.parametrize("skew", [-SKEW_S, 0, SKEW_S])
async def test_a_clock_may_be_off_a_little(skew: int) -> None:
    checker = Checker()
    content = token(HEADER, claims(iat=NOW + skew, exp=NOW + skew + 55), PRIVATE.sign)
    assert (await checker.assertions.check(content)).id == "k1"


async def test_a_revoked_or_unknown_kiosk_is_refused() -> None:
    await Checker(revoked=True).refused(token(HEADER, claims(), PRIVATE.sign))
    unknown = token(HEADER | {"kid": "k2"}, claims(iss="k2", sub="k2"), PRIVATE.sign)
    await Checker().refused(unknown)
    stranger = Checker()
    stranger.kiosk = Kiosk("k1", "一号机", "riverside", None, revoked=False)
    await stranger.refused(token(HEADER, claims(), PRIVATE.sign))


@pytest.mark.parametrize(
    "more",
    [{"iss": "k2"}, {"sub": "k2"}, {"jti": ""}, {"jti": "short"}, {"jti": "x" * 65}, {"exp": NOW + LONGEST_S + 1}],
    ids=str,
)
async def test_an_assertion_for_something_else_is_refused(more: dict[str, object]) -> None:
    await Checker().refused(token(HEADER, claims(**more), PRIVATE.sign))


ATTACKS = dict(
    hostile_tokens(HEADER, claims(), PRIVATE.sign, public_forms=[PUBLIC, PEM, PUBLIC.hex().encode()], now=NOW)
)


def test_there_are_enough_attacks() -> None:
    assert len(ATTACKS) >= 40


@pytest.mark.parametrize("name", ATTACKS)
async def test_hostile_tokens_are_refused_in_one_way(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    checker = Checker()
    monkeypatch.setattr(socket, "socket", None)
    await checker.refused(ATTACKS[name])
    assert all(len(asked) <= 64 for asked in checker.asked)
