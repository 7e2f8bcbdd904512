"""The device's identity: an Ed25519 key that never leaves the machine, and the assertions made with it.

Files in the data directory, mode 0600: `device.key` (PKCS #8 PEM) and `enrolment.json` (server, kiosk id, name).
"""

from __future__ import annotations

import base64
import os
import secrets
import time
from dataclasses import dataclass
from pathlib import Path

import jwt
import msgspec
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

KEY_FILE = "device.key"
ENROLMENT_FILE = "enrolment.json"
AUDIENCE = "visavis"
TOKEN_TYPE = "visavis-kiosk+jwt"  # noqa: S105 - the type of a token, not one
LIFE_S = 55


class IdentityError(Exception):
    """The device is not enrolled, or its key or enrolment cannot be read."""


class Enrolment(msgspec.Struct, frozen=True):
    """What the kiosk learned when it enrolled."""

    server: str
    kiosk: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class DeviceIdentity:
    """An enrolled device."""

    enrolment: Enrolment
    key: Ed25519PrivateKey

    def assertion(self) -> str:
        """Return a fresh EdDSA JWT (RFC 8037), good for one use within a minute."""
        now = int(time.time())
        kiosk = self.enrolment.kiosk
        claims = {
            "iss": kiosk,
            "sub": kiosk,
            "aud": AUDIENCE,
            "iat": now,
            "exp": now + LIFE_S,
            "jti": secrets.token_urlsafe(16),
        }
        return jwt.encode(claims, self.key, algorithm="EdDSA", headers={"kid": kiosk, "typ": TOKEN_TYPE})

    def headers(self) -> dict[str, str]:
        """Return the Authorization header of one request."""
        return {"Authorization": f"Bearer {self.assertion()}"}


def public_key(key: Ed25519PrivateKey) -> str:
    """Return the public key as the server takes it: the 32 bytes of RFC 8032, base64url without padding."""
    raw = key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def prepare(data: Path) -> None:
    """Check that `data` can be written, before a one-time code is used up. Raises IdentityError."""
    probe = data / "probe"
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write(probe, bytes(4096))
        probe.unlink()
    except OSError as error:
        raise IdentityError(f"nothing can be kept in {data}: {error.strerror}") from error


def save(data: Path, enrolment: Enrolment, key: Ed25519PrivateKey) -> None:
    """Write key and enrolment, each complete or not at all, for this user only."""
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    _write(data / KEY_FILE, pem)
    _write(data / ENROLMENT_FILE, msgspec.json.format(msgspec.json.encode(enrolment)) + b"\n")


def load(data: Path) -> DeviceIdentity:
    """Read the identity. Raises IdentityError, with what to do about it."""
    try:
        key = serialization.load_pem_private_key((data / KEY_FILE).read_bytes(), None)
        enrolment = msgspec.json.decode((data / ENROLMENT_FILE).read_bytes(), type=Enrolment)
    except FileNotFoundError as error:
        raise IdentityError(
            f"this kiosk is not enrolled in {data}; run visavis-kiosk enrol --server URL --code CODE"
        ) from error
    except (OSError, ValueError, msgspec.MsgspecError) as error:
        raise IdentityError(f"the identity in {data} cannot be read; enrol again") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise IdentityError(f"the key in {data} is not an Ed25519 key; enrol again")
    return DeviceIdentity(enrolment, key)


def _write(path: Path, content: bytes) -> None:
    temporary = path.with_suffix(".new")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
