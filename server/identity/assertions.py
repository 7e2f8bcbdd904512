"""What a kiosk proves itself with: a one-use JWT of at most a minute, signed by its Ed25519 key (RFC 8037)."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from link.messages.errors import NotAuthenticated
from server.identity.tokens import decode, read_header
from server.store.kiosks import Kiosk

AUDIENCE = "visavis"
TYPE = "visavis-kiosk+jwt"
LONGEST_S = 60
SKEW_S = 30
"""How far a kiosk's clock may be off."""
REMEMBERED = 200_000
"""Most used assertions that are remembered; beyond it new ones are refused until old ones have ended."""


class _Claims(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    iss: str
    aud: str
    iat: int
    exp: int
    jti: str
    sub: str | None = None


class Assertions:
    """Checks assertions and remembers the used ones until they have ended."""

    def __init__(self, find: Callable[[str], Awaitable[Kiosk | None]], clock: Callable[[], float] = time.time) -> None:
        self._find = find
        self._clock = clock
        self._started = clock()
        self._used: OrderedDict[tuple[str, str], float] = OrderedDict()

    async def check(self, token: str) -> Kiosk:
        """The kiosk that made this assertion, which is used up by it.

        Raises:
            NotAuthenticated: it was not made by an enrolled kiosk for this server just now, or was used before.
        """
        name = read_header(token).get("kid")
        kiosk = await self._find(name) if isinstance(name, str) and 0 < len(name) <= 64 else None
        if kiosk is None or not kiosk.enrolled or kiosk.public_key is None:
            raise NotAuthenticated("no such kiosk")
        key = Ed25519PublicKey.from_public_bytes(kiosk.public_key)
        claims = decode(token, key, _Claims, {"alg": "EdDSA", "kid": kiosk.id, "typ": TYPE})
        if claims.iss != kiosk.id or claims.sub not in (None, kiosk.id) or claims.aud != AUDIENCE:
            raise NotAuthenticated("the assertion is for something else")
        self._check_time(claims)
        self._use(kiosk.id, claims)
        return kiosk

    def _check_time(self, claims: _Claims) -> None:
        now = self._clock()
        current = claims.iat <= now + SKEW_S and now < claims.exp + SKEW_S
        # What was used before this process started is not remembered, so nothing older than it is taken.
        if not (current and 0 < claims.exp - claims.iat <= LONGEST_S and claims.iat >= int(self._started) - SKEW_S):
            raise NotAuthenticated("the assertion has ended")

    def _use(self, kiosk: str, claims: _Claims) -> None:
        now = self._clock()
        while self._used and next(iter(self._used.values())) < now:
            self._used.popitem(last=False)
        key = (kiosk, claims.jti)
        if not 8 <= len(claims.jti) <= 64 or key in self._used or len(self._used) >= REMEMBERED:
            raise NotAuthenticated("the assertion was used before")
        self._used[key] = now + LONGEST_S + 2 * SKEW_S
