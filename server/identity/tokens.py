"""Reading a JWT strictly: one algorithm, exactly the header we know, exactly the claims we know (RFC 8725)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from link.protocol.errors import NotAuthenticated

LONGEST = 2048

C = TypeVar("C", bound=msgspec.Struct)


def read_header(token: str) -> Mapping[str, object]:
    """The token's header, which proves nothing yet.

    Raises:
        NotAuthenticated: it is not the compact form of a JWT.
    """
    if len(token) > LONGEST or not token.isascii():
        raise NotAuthenticated("not a token")
    try:
        return jwt.get_unverified_header(token)
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
        raise NotAuthenticated("not a token") from error


def decode(token: str, key: bytes | Ed25519PublicKey, claims: type[C], header: Mapping[str, str]) -> C:
    """Check the signature with the header's algorithm and return the claims, whose meaning the caller checks.

    `header` is what the token's header must be, no more and no less: so a token cannot name another algorithm, another
    key or a place to fetch one from. `claims` is a struct that forbids unknown fields.

    Raises:
        NotAuthenticated: anything is different from that.
    """
    if dict(read_header(token)) != dict(header):
        raise NotAuthenticated("not a token of this kind")
    verified = {"verify_exp": False, "verify_iat": False, "verify_nbf": False, "verify_aud": False, "verify_iss": False}
    try:
        content = jwt.decode(token, key, algorithms=[header["alg"]], options=verified)  # type: ignore[arg-type]
        return msgspec.convert(content, claims)
    except (jwt.PyJWTError, msgspec.MsgspecError, ValueError, TypeError, RecursionError) as error:
        raise NotAuthenticated("the token was refused") from error
