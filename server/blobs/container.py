"""The file format of everything encrypted: a header and authenticated chunks (docs/evidence.md, "Containers").

```
header  "VSVC"  version=1  suite  0 0  salt[16]                                   24 bytes
chunk   word[4] = final<<31 | length of what follows     ciphertext and tag        repeated; the last has final=1
```

Each container has its own key: HKDF of the session's data key with the salt, and with the session and the container's
name as info. So a container cannot pass for another one of the same or of another session. The nonce counts the chunks
and says which is the last (the STREAM construction of Hoang, Reyhanitabar, Rogaway and Vizár), so chunks cannot be left
out, doubled, reordered or cut off. An open file in the spool is a container whose last chunk is still to come.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag

from server.blobs.suite import NONCE_BYTES, SUITES, TAG_BYTES, Aead, Suite

MAGIC = b"VSVC"
VERSION = 1
HEADER_BYTES = 24
CHUNK_BYTES = 1 << 20  # of plaintext
_FINAL = 1 << 31
_WORD = struct.Struct(">I")
_BY_NUMBER = {suite.number: suite for suite in SUITES.values()}


class Broken(Exception):
    """The bytes are not what was sealed under this key and name; the message says what is wrong and at which byte."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What a container holds. `closed`: its last chunk is there; `length`: bytes of it that are whole and authentic."""

    data: bytes
    closed: bool
    length: int
    chunks: int


class ContainerWriter:
    """Writes one container; the caller puts `header` and then every result of `chunk` one after the other."""

    def __init__(self, suite: Suite, key: bytes, session: str, name: str) -> None:
        self.header = MAGIC + bytes((VERSION, suite.number, 0, 0)) + os.urandom(16)
        self._aead = _aead(suite, key, self.header, session, name)
        self._count = 0

    @classmethod
    def resume(cls, suite: Suite, key: bytes, session: str, name: str, header: bytes, chunks: int) -> ContainerWriter:
        """Go on after `chunks` whole chunks of a container that begins with `header`."""
        writer = cls.__new__(cls)
        writer.header = header[:HEADER_BYTES]
        writer._aead = _aead(suite, key, writer.header, session, name)
        writer._count = chunks
        return writer

    def chunk(self, data: bytes | bytearray | memoryview, *, final: bool = False) -> bytes:
        """Return `data` as one chunk or, where it is longer than CHUNK_BYTES, several."""
        parts = [bytes(data[at : at + CHUNK_BYTES]) for at in range(0, len(data), CHUNK_BYTES)] or [b""]
        last = len(parts) - 1
        return b"".join(self._one(part, final and index == last) for index, part in enumerate(parts))

    def _one(self, data: bytes, final: bool) -> bytes:
        word = _WORD.pack(len(data) + TAG_BYTES | (_FINAL if final else 0))
        sealed = self._aead.encrypt(_nonce(self._count, final), data, self.header + word)
        self._count += 1
        return word + sealed


def read_container(key: bytes, session: str, name: str, blob: bytes) -> Contents:
    """Read a container as far as it is whole. Raises `Broken` if any of its whole chunks is not authentic.

    A container that ends inside a chunk is what a crash leaves: it is not `closed`, and `length` says where to cut it.
    """
    suite = _read_header(blob)
    header = blob[:HEADER_BYTES]
    aead = _aead(suite, key, header, session, name)
    parts: list[bytes] = []
    at = HEADER_BYTES
    closed = False
    while at < len(blob):
        if closed:
            raise Broken(f"{len(blob) - at} bytes follow the last chunk at byte {at}")
        if len(blob) - at < _WORD.size:
            break
        (word,) = _WORD.unpack_from(blob, at)
        length = word & ~_FINAL
        if not TAG_BYTES <= length <= CHUNK_BYTES + TAG_BYTES:
            if not blob[at:].strip(b"\0"):
                break  # the file had grown when the power went, and what was to be in it had not reached the disk
            raise Broken(f"impossible chunk length {length} at byte {at}")
        end = at + _WORD.size + length
        if end > len(blob):
            break
        closed = bool(word & _FINAL)
        framing = header + blob[at : at + _WORD.size]
        try:
            parts.append(aead.decrypt(_nonce(len(parts), closed), blob[at + _WORD.size : end], framing))
        except InvalidTag:
            raise Broken(f"chunk {len(parts)} at byte {at} is not authentic") from None
        at = end
    return Contents(b"".join(parts), closed, at, len(parts))


def open_container(key: bytes, session: str, name: str, blob: bytes) -> bytes:
    """Return what a finished container holds. Raises `Broken` if a single bit of it is not what was sealed."""
    contents = read_container(key, session, name, blob)
    if not contents.closed:
        raise Broken(f"cut off after byte {contents.length}")
    return contents.data


def _read_header(blob: bytes) -> Suite:
    if len(blob) < HEADER_BYTES:
        raise Broken(f"only {len(blob)} bytes, not even a header")
    if blob[:4] != MAGIC or blob[4] != VERSION or blob[6:8] != b"\0\0":
        raise Broken("not a container of this version")
    suite = _BY_NUMBER.get(blob[5])
    if suite is None:
        raise Broken(f"unknown cipher suite {blob[5]}")
    return suite


def _aead(suite: Suite, key: bytes, header: bytes, session: str, name: str) -> Aead:
    info = b"\0".join((b"visavis container", bytes((VERSION,)), suite.name.encode(), session.encode(), name.encode()))
    return suite.aead(suite.derive(key, header[8:HEADER_BYTES], info))


def _nonce(count: int, final: bool) -> bytes:
    return count.to_bytes(NONCE_BYTES - 1, "big") + bytes((final,))
