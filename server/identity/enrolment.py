"""One-time enrolment codes: twelve letters and digits, of which four find the code and eight (40 bits) prove it."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Awaitable, Callable
from functools import partial

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from link.protocol.errors import NotAuthenticated, Unprocessable
from server.store.kiosks import EnrolmentCode, Kiosks
from server.store.stamps import now_us

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's: nothing that looks like something else
_READ_AS = str.maketrans("OIL", "011", "- \t\r\n")
SELECTOR = 4
LENGTH = 12
TRIES = 5


async def new_code(kiosks: Kiosks, kiosk: str, *, minutes: int) -> str:
    """A new code for the kiosk, good once within `minutes` and for five tries; earlier codes of the kiosk end."""
    letters = "".join(secrets.choice(_ALPHABET) for _ in range(LENGTH))
    selector, secret = letters[:SELECTOR], letters[SELECTOR:]
    if await kiosks.has_enrolment(selector):
        return await new_code(kiosks, kiosk, minutes=minutes)
    expires_us = now_us() + minutes * 60_000_000
    await kiosks.add_enrolment(EnrolmentCode(selector, kiosk, _hash(selector, secret), expires_us, TRIES, used=False))
    return "-".join((letters[:4], letters[4:8], letters[8:]))


async def use_code(
    kiosks: Kiosks, code: str, public_key: str, *, record: Callable[[str], Awaitable[object]] | None = None
) -> str:
    """Use a code up and give its kiosk the key; return the kiosk's id, which `record` writes down with it.

    Raises:
        NotAuthenticated: the code is unknown, wrong, used, out of tries or has ended.
        Unprocessable: `public_key` is not an Ed25519 key (32 bytes of RFC 8032 in base64url).
    """
    key = read_public_key(public_key)
    letters = code.upper().translate(_READ_AS)
    selector, secret = letters[:SELECTOR], letters[SELECTOR:]
    enrolment = await kiosks.try_enrolment(selector) if len(letters) == LENGTH else None
    if enrolment is None:
        raise NotAuthenticated("the code is not valid")
    good = enrolment.tries_left > 0 and not enrolment.used and now_us() < enrolment.expires_us
    if not hmac.compare_digest(enrolment.secret_hash, _hash(selector, secret)) or not good:
        raise NotAuthenticated("the code is not valid")
    recorded = None if record is None else partial(record, enrolment.kiosk)
    if not await kiosks.enrol(selector, enrolment.kiosk, key, recorded=recorded):
        raise NotAuthenticated("the code is not valid")
    return enrolment.kiosk


def read_public_key(text: str) -> bytes:
    """The 32 bytes of an Ed25519 public key from base64url.

    Raises:
        Unprocessable: it is not one.
    """
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        Ed25519PublicKey.from_public_bytes(key)
    except (binascii.Error, ValueError) as error:
        raise Unprocessable("not an Ed25519 public key") from error
    if key in _WEAK_KEYS:
        raise Unprocessable("not an Ed25519 public key")
    return key


def _hash(selector: str, secret: str) -> bytes:
    # The code lives for minutes and has five tries, so a fast hash keeps it well enough from a reader of backups.
    return hashlib.sha256(f"visavis enrolment {selector} {secret}".encode()).digest()


# Points of small order: signatures for them can be forged without a private key.
_WEAK_KEYS = frozenset(
    bytes.fromhex(point)
    for point in (
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    )
)
