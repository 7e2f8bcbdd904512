from __future__ import annotations

import secrets
import socket
import time

import pytest

from link.protocol.errors import NotAuthenticated
from server.identity.login_tokens import AUDIENCE, ISSUER, TYPE, LoginTokens
from tests.machine import allow
from tests.server.identity.hostile import hmac_sign, hostile_tokens, token

KEY = secrets.token_bytes(32)
LIFE = 900
NOW = 1_790_000_000
HEADER = {"alg": "HS256", "typ": TYPE}
CLAIMS = {"iss": ISSUER, "aud": AUDIENCE, "sub": "p1", "sid": "l1", "iat": NOW, "exp": NOW + LIFE}


def tokens(now: float = NOW) -> LoginTokens:
    return LoginTokens(KEY, life_s=LIFE, clock=lambda: now)


def test_a_token_names_its_login_until_it_ends() -> None:
    issued = tokens().issue("p1", "l1")
    read = tokens(NOW + LIFE - 1).read(issued)
    assert (read.person, read.login, read.issued, read.expires) == ("p1", "l1", NOW, NOW + LIFE)
    with pytest.raises(NotAuthenticated):
        tokens(NOW + LIFE).read(issued)
    with pytest.raises(NotAuthenticated):
        tokens(NOW - 60).read(issued)


def test_it_is_stale_after_a_third_of_its_life() -> None:
    read = tokens().read(tokens().issue("p1", "l1"))
    assert not tokens(NOW + LIFE / 3).stale(read)
    assert tokens(NOW + LIFE / 3 + 1).stale(read)


def test_the_one_made_by_hand_is_good_so_that_the_hostile_ones_mean_something() -> None:
    assert tokens().read(token(HEADER, CLAIMS, hmac_sign(KEY))).person == "p1"


ATTACKS = dict(
    hostile_tokens(HEADER, CLAIMS, hmac_sign(KEY), public_forms=[b"", b"secret", b"visavis", bytes(32)], now=NOW)
)


def test_there_are_enough_attacks() -> None:
    assert len(ATTACKS) >= 40


@pytest.mark.parametrize("name", ATTACKS)
def test_hostile_tokens_are_refused_in_one_way(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "socket", None)
    begun = time.perf_counter()
    with pytest.raises(NotAuthenticated):
        tokens().read(ATTACKS[name])
    assert time.perf_counter() - begun < allow(0.25)
