from __future__ import annotations

import jwt
import pytest

from server.identity.devices import LIFE_S, Devices
from server.identity.login_tokens import LoginTokens
from tests.server.identity.test_login_tokens import ATTACKS

KEY = bytes(range(32))


class Clock:
    now = 1_790_000_000.0

    def __call__(self) -> float:
        return self.now


def test_a_browser_is_known_for_one_person_and_half_a_year() -> None:
    clock = Clock()
    devices = Devices(KEY, clock)
    token = devices.issue("li")
    known = devices.read(token, "li")
    assert known
    assert devices.read(devices.issue("li"), "li") != known, "two browsers are two"
    assert devices.read(token, "wang") is None
    assert Devices(bytes(32), clock).read(token, "li") is None
    clock.now += LIFE_S
    assert devices.read(token, "li") is None


@pytest.mark.parametrize("name", ATTACKS)
def test_hostile_tokens_are_no_devices(name: str) -> None:
    assert Devices(KEY).read(ATTACKS[name], "p1") is None


def test_it_is_no_login_and_a_login_is_no_device() -> None:
    tokens, devices = LoginTokens(KEY, life_s=900), Devices(KEY)
    assert devices.read(tokens.issue("li", "l1"), "li") is None
    assert devices.read(None, "li") is None
    assert devices.read("", "li") is None
    forged = jwt.encode({"aud": "visavis:device", "sub": "li", "did": "d", "iat": 1}, bytes(32), "HS256")
    assert devices.read(forged, "li") is None
