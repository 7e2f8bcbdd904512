"""The login cookie's content: a short-lived JWT (RFC 7519, hardened by RFC 8725) that names a login session.

The token only says which login this is; whether the login is still good is asked of the database every time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import jwt
import msgspec

from link.protocol.errors import NotAuthenticated
from server.identity.tokens import decode
from server.store.stamps import steady_us

ALGORITHM = "HS256"
ISSUER = "visavis"
AUDIENCE = "visavis:people"
TYPE = "visavis-login+jwt"
AHEAD_S = 5
"""How far the clock of the process that issued a token may be ahead of ours."""


def _steady_s() -> float:
    return steady_us() / 1e6


class _Claims(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    iss: str
    aud: str
    sub: str
    sid: str
    iat: int
    exp: int


@dataclass(frozen=True, slots=True)
class LoginToken:
    """A valid token: the person, the login session, and seconds (unix) of its issue and end."""

    person: str
    login: str
    issued: int
    expires: int


class LoginTokens:
    """Signs and checks login tokens with one key of 32 bytes."""

    def __init__(self, key: bytes, *, life_s: int, clock: Callable[[], float] = _steady_s) -> None:
        self._key = key
        self.life_s = life_s
        self._clock = clock

    def issue(self, person: str, login: str) -> str:
        """A token for this login, good for `life_s` seconds from now."""
        now = int(self._clock())
        claims = _Claims(ISSUER, AUDIENCE, person, login, now, now + self.life_s)
        return jwt.encode(msgspec.to_builtins(claims), self._key, ALGORITHM, headers={"typ": TYPE})

    def read(self, token: str) -> LoginToken:
        """Check a token.

        Raises:
            NotAuthenticated: it is not ours, was altered, has ended, or carries anything we did not put there.
        """
        claims = decode(token, self._key, _Claims, {"alg": ALGORITHM, "typ": TYPE})
        now = self._clock()
        sound = (
            claims.iss == ISSUER
            and claims.aud == AUDIENCE
            and claims.iat - AHEAD_S <= now < claims.exp
            and claims.exp - claims.iat == self.life_s
        )
        if not sound:
            raise NotAuthenticated("the login token has ended")
        return LoginToken(claims.sub, claims.sid, claims.iat, claims.exp)

    def stale(self, token: LoginToken) -> bool:
        """True when a third of the token's life is over, so that it should be renewed."""
        return self._clock() - token.issued > self.life_s / 3
