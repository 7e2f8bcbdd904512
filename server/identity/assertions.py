"""How a kiosk authenticates: a one-use JWT, valid for a minute at most, signed by its Ed25519 key (RFC 8037)."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from link.protocol.errors import ClockOff, NotAuthenticated
from server.identity.tokens import decode, read_header
from server.identity.used_assertions import UsedAssertions
from server.store.kiosks import Kiosk

AUDIENCE = "visavis"
TYPE = "visavis-kiosk+jwt"
LONGEST_S = 60
SKEW_S = 30
"""Seconds by which a kiosk's clock may be off."""


class _Claims(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    iss: str
    aud: str
    iat: int
    exp: int
    jti: str
    sub: str | None = None


def named(token: str) -> str:
    """The kiosk's id that the assertion claims; its signature is not checked yet. Raises `NotAuthenticated`."""
    name = read_header(token).get("kid")
    if not isinstance(name, str) or not 0 < len(name) <= 64:
        raise NotAuthenticated("no such kiosk")
    return name


class Assertions:
    """Checks assertions and uses them up."""

    def __init__(
        self,
        find: Callable[[str], Awaitable[Kiosk | None]],
        spent: UsedAssertions,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._find = find
        self._spent = spent
        self._clock = clock

    async def check(self, token: str) -> Kiosk:
        """The kiosk that made this assertion, which is used up by it.

        Raises:
            ClockOff: it was made by an enrolled kiosk, but not just now.
            NotAuthenticated: it was not made by an enrolled kiosk for this server, or was used before.
            RateLimited: the kiosk uses too many in too short a time.
            Unavailable: that it was used cannot be kept.
        """
        kiosk = await self._find(named(token))
        if kiosk is None or not kiosk.enrolled or kiosk.public_key is None:
            raise NotAuthenticated("no such kiosk")
        key = Ed25519PublicKey.from_public_bytes(kiosk.public_key)
        claims = decode(token, key, _Claims, {"alg": "EdDSA", "kid": kiosk.id, "typ": TYPE})
        if claims.iss != kiosk.id or claims.sub not in (None, kiosk.id) or claims.aud != AUDIENCE:
            raise NotAuthenticated("the assertion is for something else")
        if not 8 <= len(claims.jti) <= 64 or not 0 < claims.exp - claims.iat <= LONGEST_S:
            raise NotAuthenticated("not such an assertion")
        now = self._clock()
        if not (claims.iat <= now + SKEW_S and now < claims.exp + SKEW_S):
            raise ClockOff("the assertion was not made just now", server_time=now)
        await self._spent.use(kiosk.id, claims.jti, claims.exp + SKEW_S)
        return kiosk
