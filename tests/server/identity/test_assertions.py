from __future__ import annotations

import secrets
import socket
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from kiosk_client.agent.identity import Enrolment
from kiosk_client.agent.identity import Identity as Device
from link.messages.errors import NotAuthenticated
from server.identity import assertions
from server.identity.assertions import AUDIENCE, LONGEST_S, SKEW_S, TYPE, Assertions
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


class Checker:
    """Assertions over one kiosk, at a time that a test moves."""

    def __init__(self, *, revoked: bool = False) -> None:
        self.now = float(NOW)
        self.kiosk = Kiosk("k1", "一号机", "riverside", PUBLIC, revoked=revoked)
        self.asked: list[str] = []
        self.assertions = Assertions(self.find, clock=lambda: self.now)

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


async def test_a_replay_after_a_restart_is_refused_too() -> None:
    first = Checker()
    content = token(HEADER, claims(), PRIVATE.sign)
    await first.assertions.check(content)
    restarted = Checker()
    restarted.now = NOW + SKEW_S + 1
    restarted.assertions = Assertions(restarted.find, clock=lambda: restarted.now)
    await restarted.refused(content)


async def test_used_assertions_are_forgotten_once_they_have_ended() -> None:
    checker = Checker()
    for later in range(0, 3000, 10):
        checker.now = NOW + later
        await checker.assertions.check(token(HEADER, claims(iat=NOW + later, exp=NOW + later + 55), PRIVATE.sign))
    assert len(checker.assertions._used) < 20


async def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assertions, "REMEMBERED", 3)
    checker = Checker()
    for _ in range(3):
        await checker.assertions.check(token(HEADER, claims(), PRIVATE.sign))
    await checker.refused(token(HEADER, claims(), PRIVATE.sign))


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
