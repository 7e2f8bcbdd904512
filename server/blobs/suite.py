"""Cipher suites: an authenticated cipher with a 12-byte nonce, the hash its keys are derived with, and a digest.

`aes-256-gcm` is AES-256-GCM (NIST SP 800-38D) with SHA-256; `sm4-gcm` is SM4-GCM (GB/T 32907) with SM3 (GB/T 32905).
The identifier is written into every container, so recordings of both suites lie side by side.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

TAG_BYTES = 16
NONCE_BYTES = 12


class Aead(Protocol):
    """An authenticated cipher under one key. `decrypt` raises `cryptography.exceptions.InvalidTag`."""

    def encrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None, /) -> bytes: ...

    def decrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None, /) -> bytes: ...


class Sm4Gcm:
    """SM4-GCM with the interface of `AESGCM`; the 16-byte tag follows the ciphertext."""

    def __init__(self, key: bytes) -> None:
        self._cipher = algorithms.SM4(key)

    def encrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None, /) -> bytes:
        encryptor = Cipher(self._cipher, modes.GCM(nonce)).encryptor()
        encryptor.authenticate_additional_data(associated_data or b"")
        return encryptor.update(data) + encryptor.finalize() + encryptor.tag

    def decrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None, /) -> bytes:
        if len(data) < TAG_BYTES:
            raise InvalidTag
        tag = data[-TAG_BYTES:]
        decryptor = Cipher(self._cipher, modes.GCM(nonce, tag)).decryptor()
        decryptor.authenticate_additional_data(associated_data or b"")
        return decryptor.update(data[:-TAG_BYTES]) + decryptor.finalize()


@dataclass(frozen=True, slots=True)
class Suite:
    """One cipher suite. `number` is its identifier in containers; `key_bytes` the length of its keys."""

    name: str
    number: int
    key_bytes: int
    aead: Callable[[bytes], Aead]
    hash: Callable[[], hashes.HashAlgorithm]

    def derive(self, key: bytes, salt: bytes, info: bytes) -> bytes:
        """Return a key of this suite by HKDF (RFC 5869) with the suite's hash."""
        return HKDF(algorithm=self.hash(), length=self.key_bytes, salt=salt, info=info).derive(key)

    def digest(self, data: bytes) -> str:
        """Return the suite's digest of `data`, hexadecimal."""
        digest = hashes.Hash(self.hash())
        digest.update(data)
        return digest.finalize().hex()


DEFAULT = "aes-256-gcm"
SUITES = MappingProxyType(
    {
        suite.name: suite
        for suite in (
            Suite(DEFAULT, 1, 32, AESGCM, hashes.SHA256),
            Suite("sm4-gcm", 2, 16, Sm4Gcm, hashes.SM3),
        )
    }
)
