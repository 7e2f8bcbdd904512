"""The audit log: who did what to which object, in one hash chain over the whole server."""

from __future__ import annotations

import hmac
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from dataclasses import dataclass

import msgspec
from sqlalchemy import insert, select

from server.journal.hash_chain import ORIGIN, digest, framed, number, of_types
from server.journal.row_digests import CHANGES, row_digests
from server.journal.signing_key import is_signed
from server.store import Store, tables
from server.store.stamps import now_us

AUDIT_DOMAIN = b"visavis.audit.v1"
CHANGE_DOMAIN = b"visavis.change.v1"
NOBODY = "-"
"""The actor of what somebody without an identity did."""
SERVER = "server"
"""The actor of what the server does by itself."""
BASELINE = "identity.baseline"
"""The action that holds the rows of people, branches, services and kiosks from before changes were signed."""
_CHANGES_PAGE = 20  # a baseline's entry has 500 rows


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
    """The audit log in the database. `sign` is the site's signing key: entries that change who may do what have it."""

    def __init__(self, store: Store, *, sign: Callable[[bytes], bytes] | None = None) -> None:
        self._store = store
        self._sign = sign

    async def record(
        self,
        actor: str,
        action: str,
        target: str = "",
        detail: Mapping[str, object] | None = None,
        *,
        rows: Mapping[str, str] | None = None,
    ) -> AuditEntry:
        """Append an entry; durable when it returns. `detail` holds ids and figures, never names or secrets.

        An action of `CHANGES` also holds the digests of the rows as they are now, and is signed: record it in the same
        `Database.write` as the change, or a crash between the two leaves a change that nobody has made. `rows` are
        those of a `BASELINE`.

        Raises:
            Unavailable: nothing was recorded, so what was to be recorded must not happen.
        """
        table = tables.audit
        async with self._store.database.write() as connection:
            told = dict(detail or {})
            if action in CHANGES:
                rows = await row_digests(connection, target, CHANGES[action])
            if rows is not None:
                told["rows"] = dict(rows)
            text = _text(told)
            head = (
                await connection.execute(select(table.c.seq, table.c.hash).order_by(table.c.seq.desc()).limit(1))
            ).first()
            seq, prev = (1, ORIGIN) if head is None else (head.seq + 1, head.hash)
            at_us = now_us()
            if rows is not None and self._sign is not None:
                message = _change_message(seq, at_us, actor, action, target, text, prev)
                text = _text(told | {"signature": self._sign(message).hex()})
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

    async def changes(self, after: int = 0, *, until: int | None = None) -> AsyncIterator[AuditEntry]:
        """Entries numbered above `after`, up to `until`, that are to hold digests of rows, in order, some at a time."""
        table = tables.audit
        actions = table.c.action.in_(sorted((*CHANGES, BASELINE)))
        while True:
            query = select(table).where(table.c.seq > after, actions).order_by(table.c.seq).limit(_CHANGES_PAGE)
            if until is not None:
                query = query.where(table.c.seq <= until)
            async with self._store.database.read() as connection:
                page = [AuditEntry(**row) for row in (await connection.execute(query)).mappings()]
            for entry in page:
                yield entry
            if len(page) < _CHANGES_PAGE:
                return
            after = page[-1].seq

    async def hash_of(self, seq: int) -> object:
        """The hash of the entry with this number, None when there is none."""
        table = tables.audit
        async with self._store.database.read() as connection:
            return (await connection.execute(select(table.c.hash).where(table.c.seq == seq))).scalar()

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


def rows_of(entry: AuditEntry, trusted: Collection[bytes]) -> dict[str, str] | None:
    """The digests of rows that an entry of `changes` holds, None unless one of these public keys has signed it."""
    try:
        detail = msgspec.json.decode(entry.detail, type=dict[str, object])
        signature = bytes.fromhex(str(detail.pop("signature")))
        message = _change_message(
            entry.seq, entry.at_us, entry.actor, entry.action, entry.object, _text(detail), entry.prev
        )
        if not is_signed(trusted, message, signature):
            return None
        return msgspec.convert(detail.get("rows"), dict[str, str])
    except (msgspec.MsgspecError, ValueError, TypeError, KeyError, AttributeError, OverflowError):
        return None


def _change_message(seq: int, at_us: int, actor: str, action: str, target: str, detail: str, prev: bytes) -> bytes:
    """What is signed of an entry: all of it but its hash, with the detail as it is without the signature."""
    texts = (text.encode() for text in (actor, action, target, detail))
    return framed(CHANGE_DOMAIN, number(seq), number(at_us), *texts, prev)


def _text(detail: Mapping[str, object]) -> str:
    return msgspec.json.encode(detail, order="sorted").decode()


def _follows(entry: AuditEntry, expected: int, previous: bytes) -> bool:
    texts = (entry.actor, entry.action, entry.object, entry.detail)
    if not of_types((entry.seq, entry.at_us), texts, (entry.prev, entry.hash)):
        return False
    own = audit_hash(entry.seq, entry.at_us, entry.actor, entry.action, entry.object, entry.detail, entry.prev)
    return entry.seq == expected and hmac.compare_digest(entry.prev, previous) and hmac.compare_digest(entry.hash, own)


def _row(entry: AuditEntry) -> dict[str, object]:
    return {name: getattr(entry, name) for name in AuditEntry.__slots__}
