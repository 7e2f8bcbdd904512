"""Postings: which sessions a term stands for, without the database telling the term or the sessions.

A session has a place: a number in the order in which sessions began. `BLOCK` places are a block. For each block and
each term of it there is one posting: a set of offsets (places within the block). Its number in the table is the block,
and below it a keyed hash of the term; its content is the set, encrypted. So equal terms look different in each block,
and nobody sees in which sessions of the block a term occurs, only in about how many (docs/evidence.md, The library's
index).
"""

from __future__ import annotations

import hmac
import os
from array import array
from collections.abc import Iterable, Iterator
from typing import Final

import numpy as np
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

BLOCK: Final = 8192
"""Places in a block. A set of them is 1 KiB at most, so that several lie in one page of SQLite (4 KiB)."""
KEY_BYTES: Final = 64
_DENSE: Final = BLOCK // 8
_HASH_BITS: Final = 46
"""Of 63 bits of a number; the 17 left count a billion sessions. In a block of 60,000 terms, two are the same number in
one block of 40,000."""
_NONCE_BYTES: Final = 12
_FEW: Final = 8


class BadPosting(ValueError):
    """A posting (of this number, 0 for a text) was altered, or is another key's."""

    def __init__(self, number: int = 0) -> None:
        super().__init__(f"posting {number} cannot be read")
        self.number = number


class PostingKey:
    """The site's key of the index: half of it names terms, half seals sets. All methods take microseconds."""

    def __init__(self, secret: bytes) -> None:
        if len(secret) != KEY_BYTES:
            raise ValueError(f"a key of {KEY_BYTES} bytes is expected")
        self._naming = secret[:32]
        self._aead = AESGCM(secret[32:])

    def of_block(self, block: int) -> BlockTerms:
        """The terms' numbers in this block."""
        return BlockTerms(block, hmac.digest(self._naming, b"block" + block.to_bytes(8, "big"), "sha256"))

    def seal(self, number: int, offsets: int) -> bytes:
        """A set of offsets (bit 0 is offset 0) as the table keeps it under `number`."""
        return self.seal_packed(number, pack(offsets))

    def seal_packed(self, number: int, packed: bytes) -> bytes:
        """The same of a set that is packed already."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._aead.encrypt(nonce, packed, number.to_bytes(8, "big"))

    def unseal(self, number: int, content: bytes) -> int:
        """The set of offsets that the table keeps under `number`. Raises `BadPosting`."""
        nonce, sealed = content[:_NONCE_BYTES], content[_NONCE_BYTES:]
        try:
            return unpack(self._aead.decrypt(nonce, sealed, number.to_bytes(8, "big")))
        except (InvalidTag, ValueError, TypeError):
            raise BadPosting(number) from None

    def seal_text(self, name: str, text: bytes) -> bytes:
        """A text that belongs to the library (a search that somebody keeps), bound to its name."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._aead.encrypt(nonce, text, b"text\0" + name.encode())

    def unseal_text(self, name: str, content: bytes) -> bytes:
        """What `seal_text` was given. Raises `BadPosting`."""
        nonce, sealed = content[:_NONCE_BYTES], content[_NONCE_BYTES:]
        try:
            return self._aead.decrypt(nonce, sealed, b"text\0" + name.encode())
        except (InvalidTag, ValueError, TypeError):
            raise BadPosting from None


class BlockTerms:
    """The numbers of the terms of one block."""

    def __init__(self, block: int, key: bytes) -> None:
        self.block = block
        self._key = key
        self._first = block << _HASH_BITS

    def number(self, term: str) -> int:
        """Where the posting of this term is."""
        own = int.from_bytes(hmac.digest(self._key, term.encode("utf-8", "surrogatepass"), "sha256")[:6], "big")
        return self._first | own >> 48 - _HASH_BITS

    def numbers(self, terms: Iterable[str]) -> list[int]:
        """The numbers of several."""
        return list(map(self.number, terms))

    @property
    def span(self) -> tuple[int, int]:
        """The least number of this block, and that of the next."""
        return self._first, self._first + (1 << _HASH_BITS)


def block_of(number: int) -> int:
    """The block of a posting."""
    return number >> _HASH_BITS


def pack(offsets: int) -> bytes:
    """A set as bytes: the offsets' numbers, or one bit for each where that is shorter."""
    if offsets.bit_count() * 2 >= _DENSE:
        return offsets.to_bytes(_DENSE, "little")
    return array("H", offsets_of(offsets)).tobytes()


def unpack(data: bytes) -> int:
    """The set that these bytes say. Raises ValueError."""
    if len(data) == _DENSE:
        return int.from_bytes(data, "little")
    numbers = array("H")
    numbers.frombytes(data)
    if len(numbers) <= _FEW:
        offsets = 0
        for number in numbers:
            offsets |= 1 << number
        if offsets.bit_length() > BLOCK:
            raise ValueError("a offset beyond the block")
        return offsets
    marks = np.zeros(BLOCK, np.uint8)
    try:
        marks[np.frombuffer(data, np.uint16)] = 1
    except IndexError:
        raise ValueError("a offset beyond the block") from None
    return int.from_bytes(np.packbits(marks, bitorder="little").tobytes(), "little")


def offsets_of(offsets: int, *, descending: bool = False) -> Iterator[int]:
    """The offsets of a set, in order."""
    data = np.frombuffer(offsets.to_bytes(_DENSE, "little"), np.uint8)
    numbers = np.flatnonzero(np.unpackbits(data, bitorder="little"))
    yield from (numbers[::-1] if descending else numbers).tolist()
