"""What evidence bundles are signed with: the site's key, so that they can be told from what somebody else made.

It is the key that signs checkpoints (`server.journal.signing_key`). A site that never signed one makes bundles that are
not signed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from server.journal.signing_key import read_signing_key


class Signer(Protocol):
    """An Ed25519 key. `public` is the 32 bytes of the public one."""

    public: bytes

    def sign(self, message: bytes) -> bytes:
        """The signature, 64 bytes."""


def public_pem(public: bytes) -> bytes:
    """The public key as PEM (RFC 8410), as OpenSSL reads it."""
    key = Ed25519PublicKey.from_public_bytes(public)
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def load_signer(path: Path) -> Signer | None:
    """The site's signing key in `path`; None where there is no such file. Blocking. Raises `SigningKeyError`."""
    return read_signing_key(path) if path.exists() else None
