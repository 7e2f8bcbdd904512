"""The hash chain as docs/evidence.md defines it: pure functions, short enough for an auditor to rewrite."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass

JOURNAL_DOMAIN = b"visavis.journal.v1"
ORIGIN = bytes(32)
"""The predecessor's hash in the first entry of a chain."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a session's journal. `payload` is JSON exactly as hashed; `seq` counts from 1 without a gap."""

    session: str
    seq: int
    at_us: int
    kind: str
    payload: bytes
    prev: bytes
    hash: bytes


def digest(domain: bytes, *fields: bytes) -> bytes:
    """SHA-256 over the domain and the fields, each preceded by its length as four bytes, most significant first."""
    return hashlib.sha256(framed(domain, *fields)).digest()


def framed(domain: bytes, *fields: bytes) -> bytes:
    """The domain and the fields, each preceded by its length as four bytes, most significant first."""
    return b"".join(part for field in (domain, *fields) for part in (len(field).to_bytes(4, "big"), field))


def number(value: int) -> bytes:
    """A number as the chain hashes it: eight bytes, most significant first."""
    return value.to_bytes(8, "big")


def entry_hash(session: str, seq: int, at_us: int, kind: str, payload: bytes, prev: bytes) -> bytes:
    """The hash of a journal entry; `prev` is the hash of the entry before it, 32 zero bytes for the first."""
    return digest(JOURNAL_DOMAIN, session.encode(), number(seq), number(at_us), kind.encode(), payload, prev)


def readable(entry: Entry) -> bool:
    """Whether every field is of its type (`of_types`)."""
    numbers, texts = (entry.seq, entry.at_us), (entry.session, entry.kind)
    return of_types(numbers, texts, (entry.payload, entry.prev, entry.hash))


def of_types(numbers: Iterable[object], texts: Iterable[object], blobs: Iterable[object]) -> bool:
    """Whether these are numbers, texts and bytes. SQLite keeps any type anywhere: what others wrote may not be."""
    return (
        all(type(value) is int and 0 <= value < 2**63 for value in numbers)
        and all(isinstance(value, str) for value in texts)
        and all(isinstance(value, bytes) for value in blobs)
    )


def verify_chain(entries: Iterable[Entry]) -> int | None:
    """Check a whole journal in order; return the sequence number of the first broken place, or None when it is sound.

    A place is broken when its number does not follow, when it belongs to another session, when it does not name its
    predecessor's hash, when its own hash is not that of its content, or when a field is not of its type.
    """
    previous = ORIGIN
    expected = 1
    session: str | None = None
    for entry in entries:
        session = entry.session if session is None else session
        if not readable(entry):
            return expected
        computed = entry_hash(entry.session, entry.seq, entry.at_us, entry.kind, entry.payload, entry.prev)
        sound = (
            entry.seq == expected
            and entry.session == session
            and hmac.compare_digest(entry.prev, previous)
            and hmac.compare_digest(entry.hash, computed)
        )
        if not sound:
            return expected
        previous = entry.hash
        expected += 1
    return None
