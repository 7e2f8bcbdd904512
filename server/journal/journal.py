"""The journal in the database: append durably, read back, find what is open."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import func, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from link.protocol.errors import Unavailable, VisavisError
from server.journal.hash_chain import ORIGIN, Entry, entry_hash, readable
from server.store import Store, tables
from server.store.sessions import Projection, project
from server.store.stamps import now_us

PAGE: Final = 250
"""Entries that are read at once: what is done with them may take 20 µs for each, and the loop is back in 5 ms."""
_OF_JOURNAL: Final = frozenset(("id", "state", "head_seq", "head_hash", "signed_seq", "appended_after"))
_COLUMNS: Final = [tables.journal.c[name] for name in Entry.__slots__]


@dataclass(frozen=True, slots=True)
class Head:
    """The journal's head as the session's row has it: number and hash of the last entry, and the resulting state.

    `columns` are those that describe the session, `specialists` the names of everybody who answered it, by their id.
    `appended_after` is the checkpoint that was the newest then.
    """

    seq: int | None
    hash: bytes | None
    state: str
    columns: Mapping[str, object] = field(default_factory=dict, compare=False)
    specialists: Mapping[str, str] = field(default_factory=dict, compare=False)
    appended_after: int | None = field(default=None, compare=False)


class Unreadable(VisavisError, ValueError):
    """A journal was tampered with so that an entry is none; `visavis verify` says more."""

    code, status = "damaged", 502


class Journal:
    """The journals of all sessions. What `append` returned stays, whatever happens next."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.on_append: Callable[[list[Entry]], None] | None = None
        """Told of what was appended, as this process wrote it, right after it is durable."""
        self._waiting: dict[str, set[asyncio.Event]] = {}

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
        if entries and self.on_append is not None:
            self.on_append(entries)
        if entries:
            for woken in self._waiting.get(session, ()):
                woken.set()
        return entries

    async def changed(self, session: str, after: int, within_s: float) -> None:
        """Wait for an entry with a number above `after`, but no longer than `within_s` seconds.

        Of what another process appends while this one waits, nothing is noticed before that time.
        """
        woken, table = asyncio.Event(), tables.journal.c
        waiting = self._waiting.setdefault(session, set())
        waiting.add(woken)
        try:
            async with self._store.database.read() as connection:
                last = await connection.execute(select(func.max(table.seq)).where(table.session == session))
                if (last.scalar() or 0) > after:
                    return
            async with asyncio.timeout(within_s):
                await woken.wait()
        except TimeoutError:
            return
        finally:
            waiting.discard(woken)
            if not waiting and self._waiting.get(session) is waiting:
                del self._waiting[session]

    async def read(
        self, session: str, after: int = 0, *, kinds: Collection[str] | None = None, most: int | None = None
    ) -> list[Entry]:
        """The session's entries with a sequence number above `after`, in order.

        With `kinds`, only of those; with `most`, not more than so many.

        Raises:
            Unreadable: an entry has a field of another type.
        """
        entries: list[Entry] = []
        async for page in self.pages(session, after, kinds=kinds):
            entries += page
            if most is not None and len(entries) >= most:
                return entries[:most]
        return entries

    async def pages(
        self, session: str, after: int = 0, *, kinds: Collection[str] | None = None
    ) -> AsyncIterator[list[Entry]]:
        """As `read`, a few at a time: a long call has so many that the event loop must run in between."""
        while True:
            async with self._store.database.read() as connection:
                page = await _page(connection, session, after, kinds)
            if page:
                if not all(map(readable, page)):
                    raise Unreadable(f"the journal of session {session} is damaged")
                yield page
            if len(page) < PAGE:
                return
            after = page[-1].seq

    async def whole(self, session: str) -> tuple[list[Entry], Head | None]:
        """All entries, and what the session's row said of them at that very moment; None when there is no row."""
        row, answered = tables.session, tables.session_specialist.c
        query = select(row).where(row.c.id == session)
        answerers = select(answered.specialist, answered.name).where(answered.session == session)
        entries: list[Entry] = []
        async with self._store.database.read() as connection:
            found = (await connection.execute(query)).mappings().first()
            specialists = {row.specialist: row.name for row in await connection.execute(answerers)}
            while page := await _page(connection, session, entries[-1].seq if entries else 0):
                entries += page
        if found is None:
            return entries, None
        columns = {name: value for name, value in found.items() if name not in _OF_JOURNAL}
        after = found["appended_after"]
        return entries, Head(found["head_seq"], found["head_hash"], found["state"], columns, specialists, after)

    async def head(self, session: str) -> str:
        """The hash of the session's last entry, in hexadecimal; "" where there is none."""
        known = tables.session.c
        async with self._store.database.read() as connection:
            found = (await connection.execute(select(known.head_hash).where(known.id == session))).scalar()
        return found.hex() if isinstance(found, bytes) else ""

    async def open_sessions(self) -> list[str]:
        """Sessions that are not closed, oldest first."""
        return await self._store.sessions.open_ids()

    async def _head(self, connection: AsyncConnection, session: str) -> tuple[int, bytes]:
        """The next number: after that of the session's row, so that a truncated journal shows as a hole."""
        known, table = tables.session.c, tables.journal
        row = (await connection.execute(select(known.head_seq, known.head_hash).where(known.id == session))).first()
        if row is None or row.head_seq is None:
            last = select(table.c.seq, table.c.hash).where(table.c.session == session)
            row = (await connection.execute(last.order_by(table.c.seq.desc()).limit(1))).first()
        return (0, ORIGIN) if row is None else (row[0], row[1])


async def _page(
    connection: AsyncConnection, session: str, after: int, kinds: Collection[str] | None = None
) -> list[Entry]:
    table = tables.journal
    query = select(*_COLUMNS).where(table.c.session == session, table.c.seq > after)
    if kinds is not None:
        query = query.where(table.c.kind.in_(sorted(kinds)))
    return [Entry(*row) for row in await connection.execute(query.order_by(table.c.seq).limit(PAGE))]


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
