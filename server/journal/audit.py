"""The audit log: who did what to which object, in one hash chain over the whole server."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec
from sqlalchemy import insert, select

from server.journal.hash_chain import ORIGIN, digest, number, of_types
from server.store import Store, tables
from server.store.stamps import now_us

AUDIT_DOMAIN = b"visavis.audit.v1"
NOBODY = "-"
"""The actor of what somebody without an identity did."""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One entry. `actor` and `object` are ids with their kind (`person:…`); `detail` is a JSON object as hashed."""

    seq: int
    at_us: int
    actor: str
    action: str
    object: str
    detail: str
    prev: bytes
    hash: bytes


class Audit:
    """The audit log in the database."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def record(
        self,
        actor: str,
        action: str,
        target: str = "",
        detail: Mapping[str, object] | None = None,
    ) -> AuditEntry:
        """Append an entry; durable when it returns. `detail` holds ids and figures, never names or secrets.

        Raises:
            Unavailable: nothing was recorded, so what was to be recorded must not happen.
        """
        text = msgspec.json.encode(dict(detail or {}), order="sorted").decode()
        table = tables.audit
        async with self._store.database.write() as connection:
            head = (
                await connection.execute(select(table.c.seq, table.c.hash).order_by(table.c.seq.desc()).limit(1))
            ).first()
            seq, prev = (1, ORIGIN) if head is None else (head.seq + 1, head.hash)
            at_us = now_us()
            own = audit_hash(seq, at_us, actor, action, target, text, prev)
            entry = AuditEntry(seq, at_us, actor, action, target, text, prev, own)
            await connection.execute(insert(table).values(_row(entry)))
        return entry

    async def read(self, after: int = 0, *, limit: int = 1000) -> list[AuditEntry]:
        """Entries numbered above `after`, in order."""
        query = select(tables.audit).where(tables.audit.c.seq > after).order_by(tables.audit.c.seq).limit(limit)
        async with self._store.database.read() as connection:
            return [AuditEntry(**row) for row in (await connection.execute(query)).mappings()]

    async def head(self) -> AuditEntry | None:
        """The last entry: note its hash where the administrators of this server cannot write."""
        query = select(tables.audit).order_by(tables.audit.c.seq.desc()).limit(1)
        async with self._store.database.read() as connection:
            row = (await connection.execute(query)).mappings().first()
        return None if row is None else AuditEntry(**row)

    async def verify(self) -> int | None:
        """Check the whole chain; return the number of the first broken entry, or None when it is sound."""
        previous, expected = ORIGIN, 1
        while True:
            entries = await self.read(expected - 1)
            if not entries:
                return None
            for entry in entries:
                if not _follows(entry, expected, previous):
                    return expected
                previous, expected = entry.hash, expected + 1


def audit_hash(seq: int, at_us: int, actor: str, action: str, target: str, detail: str, prev: bytes) -> bytes:
    """The hash of an audit entry (docs/evidence.md)."""
    texts = (text.encode() for text in (actor, action, target, detail))
    return digest(AUDIT_DOMAIN, number(seq), number(at_us), *texts, prev)


def _follows(entry: AuditEntry, expected: int, previous: bytes) -> bool:
    texts = (entry.actor, entry.action, entry.object, entry.detail)
    if not of_types((entry.seq, entry.at_us), texts, (entry.prev, entry.hash)):
        return False
    own = audit_hash(entry.seq, entry.at_us, entry.actor, entry.action, entry.object, entry.detail, entry.prev)
    return entry.seq == expected and hmac.compare_digest(entry.prev, previous) and hmac.compare_digest(entry.hash, own)


def _row(entry: AuditEntry) -> dict[str, object]:
    return {name: getattr(entry, name) for name in AuditEntry.__slots__}
