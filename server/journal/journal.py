"""The journal in the database: append durably, read back, find what is open."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from link.messages.errors import Unavailable
from server.journal.chain import ORIGIN, Entry, entry_hash
from server.store import Store, tables
from server.store.sessions import Projection, project
from server.store.stamps import now_us


@dataclass(frozen=True, slots=True)
class Head:
    """What a session's row says of its journal: the last entry's number and hash, and the state it leads to."""

    seq: int | None
    hash: bytes | None
    state: str


class Journal:
    """The journals of all sessions. What `append` returned stays, whatever happens next."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def append(
        self,
        session: str,
        records: Sequence[tuple[str, bytes]],
        *,
        at_us: int | None = None,
        projection: Projection | None = None,
    ) -> list[Entry]:
        """Append records (kind and JSON payload), and update the session's row, in one durable transaction.

        `at_us` is the time of all of them, now when None. When this returns, the entries are on the disk; when it
        raises, none is.

        Raises:
            Unavailable: the database is locked, full or gone, or another node has appended to this session.
        """
        at_us = now_us() if at_us is None else at_us
        try:
            async with self._store.database.write() as connection:
                seq, prev = await self._head(connection, session)
                entries: list[Entry] = []
                for kind, payload in records:
                    seq += 1
                    own = entry_hash(session, seq, at_us, kind, payload, prev)
                    entries.append(Entry(session, seq, at_us, kind, payload, prev, own))
                    prev = own
                if entries:
                    await connection.execute(insert(tables.journal), [_row(entry) for entry in entries])
                if entries or projection:
                    await project(connection, session, projection, (seq, prev))
        except IntegrityError as error:
            raise Unavailable("the entries contradict what the journal holds") from error
        return entries

    async def read(self, session: str, after: int = 0, *, kinds: Collection[str] | None = None) -> list[Entry]:
        """The session's entries with a sequence number above `after`, in order; with `kinds`, only of those."""
        table = tables.journal
        query = select(table).where(table.c.session == session, table.c.seq > after).order_by(table.c.seq)
        if kinds is not None:
            query = query.where(table.c.kind.in_(sorted(kinds)))
        async with self._store.database.read() as connection:
            return [Entry(**row) for row in (await connection.execute(query)).mappings()]

    async def whole(self, session: str) -> tuple[list[Entry], Head | None]:
        """All entries, and what the session's row said of them at that very moment; None when there is no row."""
        entries, row = select(tables.journal), tables.session.c
        head = select(row.head_seq, row.head_hash, row.state).where(row.id == session)
        async with self._store.database.read() as connection:
            known = (await connection.execute(head)).first()
            found = await connection.execute(
                entries.where(tables.journal.c.session == session).order_by(tables.journal.c.seq)
            )
            return [Entry(**entry) for entry in found.mappings()], None if known is None else Head(*known)

    async def open_sessions(self) -> list[str]:
        """Sessions that are not closed, oldest first."""
        return await self._store.sessions.open_ids()

    async def _head(self, connection: AsyncConnection, session: str) -> tuple[int, bytes]:
        """Where to go on: after what the session's row knows, so that a cut-off end stays a hole in the chain."""
        known, table = tables.session.c, tables.journal
        row = (await connection.execute(select(known.head_seq, known.head_hash).where(known.id == session))).first()
        if row is None or row.head_seq is None:
            last = select(table.c.seq, table.c.hash).where(table.c.session == session)
            row = (await connection.execute(last.order_by(table.c.seq.desc()).limit(1))).first()
        return (0, ORIGIN) if row is None else (row[0], row[1])


def _row(entry: Entry) -> dict[str, object]:
    return {
        "session": entry.session,
        "seq": entry.seq,
        "at_us": entry.at_us,
        "kind": entry.kind,
        "payload": entry.payload,
        "prev": entry.prev,
        "hash": entry.hash,
    }
