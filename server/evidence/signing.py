"""What evidence bundles are signed with: the site's key, so that they can be told from what somebody else made.

It is an Ed25519 key (RFC 8032) in a file of 32 bytes with mode 0600, `data/keys/signing.key`. A site without one makes
bundles that are not signed.
"""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Final, Protocol

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

SECRET_BYTES: Final = 32


class SignerError(ValueError):
    """The signing key's file is readable by others or is no key; the message says which."""


class Signer(Protocol):
    """An Ed25519 key. `public` is the 32 bytes of the public one."""

    public: bytes

    def sign(self, message: bytes) -> bytes:
        """The signature, 64 bytes."""


class FileSigner:
    """Signs with a key from a file."""

    def __init__(self, secret: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(secret)
        self.public = self._key.public_key().public_bytes_raw()

    def sign(self, message: bytes) -> bytes:
        """The signature, 64 bytes."""
        return self._key.sign(message)


def public_pem(public: bytes) -> bytes:
    """The public key as PEM (RFC 8410), as OpenSSL reads it."""
    key = Ed25519PublicKey.from_public_bytes(public)
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def signing_key_file(data: Path) -> Path:
    """Where the key of a data directory is."""
    return data / "keys" / "signing.key"


def load_signer(path: Path) -> Signer | None:
    """The signer of the key in `path`; None where there is no such file. Blocking. Raises `SignerError`."""
    try:
        mode, secret = stat.S_IMODE(path.stat().st_mode), path.read_bytes()
    except FileNotFoundError:
        return None
    if mode & 0o077:
        raise SignerError(f"{path}: mode {mode:04o} lets others read the signing key; chmod 600 it")
    if len(secret) != SECRET_BYTES:
        raise SignerError(f"{path}: {len(secret)} bytes instead of {SECRET_BYTES}")
    return FileSigner(secret)
