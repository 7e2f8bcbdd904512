"""The device cookie: a browser on which somebody has logged in before is not locked out by strangers' guesses.

It does not authenticate anybody. It only selects whose failures count for this browser: its own instead of those of its
address or login (OWASP, "Slow down online guessing attacks with device cookies").
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable

import jwt
import msgspec

from link.protocol.errors import NotAuthenticated
from server.identity.tokens import decode

ALGORITHM = "HS256"
AUDIENCE = "visavis:device"
TYPE = "visavis-device+jwt"
LIFE_S = 180 * 86_400


class _Claims(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    aud: str
    sub: str
    did: str
    iat: int


class Devices:
    """Makes and reads device cookies with one key of 32 bytes."""

    def __init__(self, key: bytes, clock: Callable[[], float] = time.time) -> None:
        self._key = key
        self._clock = clock

    def issue(self, person: str) -> str:
        """A cookie for a browser on which this person has just logged in."""
        claims = _Claims(AUDIENCE, person, secrets.token_urlsafe(12), int(self._clock()))
        return jwt.encode(msgspec.to_builtins(claims), self._key, ALGORITHM, headers={"typ": TYPE})

    def read(self, token: str | None, person: str) -> str | None:
        """The device's id, if this is a cookie of a browser on which this very person has logged in."""
        if not token:
            return None
        try:
            claims = decode(token, self._key, _Claims, {"alg": ALGORITHM, "typ": TYPE})
        except NotAuthenticated:
            return None
        good = claims.aud == AUDIENCE and claims.sub == person and self._clock() - claims.iat < LIFE_S
        return claims.did if good else None
