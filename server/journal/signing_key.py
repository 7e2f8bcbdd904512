"""The site's signing key (Ed25519, RFC 8032): whoever has only the database cannot sign in its name.

A file of 32 bytes with mode 0600 beside the site's key. It signs checkpoints and the audit entries that change who may
do what; with the public key anybody can check both.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import stat
from collections.abc import Collection
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from server.store import Store

KEY_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64


class SigningKeyError(Exception):
    """The signing key's file is missing, readable by others or not 32 bytes; the message says which."""


class SigningKey:
    """The private key. `public` is the 32 bytes of the public one."""

    def __init__(self, seed: bytes) -> None:
        """Raises `SigningKeyError` unless `seed` has 32 bytes."""
        if len(seed) != KEY_BYTES:
            raise SigningKeyError(f"the signing key has {len(seed)} bytes instead of {KEY_BYTES}")
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.public = self._key.public_key().public_bytes_raw()

    def sign(self, message: bytes) -> bytes:
        """The signature, 64 bytes; takes some 50 µs."""
        return self._key.sign(message)


def is_signed(trusted: Collection[bytes], message: bytes, signature: object) -> bool:
    """Whether one of the public keys has signed this; some 100 µs for each."""
    if not isinstance(signature, bytes) or len(signature) != SIGNATURE_BYTES:
        return False
    for public in trusted:
        try:
            Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
        except (InvalidSignature, ValueError):
            continue
        return True
    return False


def read_signing_key(path: Path) -> SigningKey:
    """The key in this file. Blocks. Raises `SigningKeyError`."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & 0o077:
            raise SigningKeyError(f"{path}: mode {mode:04o} lets others read the signing key; chmod 600 it")
        seed = path.read_bytes()
    except OSError as error:
        raise SigningKeyError(f"{path} cannot be read: {error.strerror}") from error
    if len(seed) != KEY_BYTES:
        raise SigningKeyError(f"{path}: {len(seed)} bytes instead of {KEY_BYTES}")
    return SigningKey(seed)


def read_or_make_signing_key(path: Path) -> SigningKey:
    """The key in this file, made with mode 0600 if there is none. Blocks. Raises `SigningKeyError` and `OSError`."""
    if path.exists():
        return read_signing_key(path)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # A command and the server may both be the first: whoever comes second must never read half of a file.
    part = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(secrets.token_bytes(KEY_BYTES))
        file.flush()
        os.fsync(file.fileno())
    try:
        with contextlib.suppress(FileExistsError):
            os.link(part, path)
    finally:
        part.unlink()
    _sync_folder(path.parent)
    return read_signing_key(path)


async def open_signing_key(path: Path, store: Store) -> SigningKey:
    """The site's signing key, made for a site that has no checkpoint yet. Raises `SigningKeyError` and `OSError`."""
    if not await asyncio.to_thread(path.exists) and await store.checkpoints.newest() is not None:
        raise SigningKeyError(
            f"{path} is missing, and checkpoints were signed with it: put its copy there, or make a new one with "
            "`visavis checkpoints --new-key` (docs/operate.md, Checkpoints)"
        )
    return await asyncio.to_thread(read_or_make_signing_key, path)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
