"""The signed checkpoints in the database, and which sessions have journaled more than the last of them knows."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, bindparam, false, func, insert, literal, or_, select, text, update

from server.store import tables
from server.store.database import Database

PAGE: Final = 100
"""Checkpoints that are read at once; one is 1 KiB mostly, and 1 MiB at most."""
UNSIGNED: Final = "signed_seq IS NOT head_seq"
"""Word for word as in the partial index, which SQLite uses for nothing else."""


@dataclass(frozen=True, slots=True)
class KeptCheckpoint:
    """A checkpoint as kept: the bytes that are signed, and whether (1 or 0) its copy in the second place is durable."""

    number: int
    body: bytes
    signature: bytes
    copied: int


@dataclass(frozen=True, slots=True)
class UnsignedSession:
    """A session with entries that no checkpoint knows: its head, and the time of its last entry (unix, µs).

    `signed_seq` is the last that one knows, None where none knows the session; `appended_after` the checkpoint that was
    the newest when the last entry was appended.
    """

    id: str
    head_seq: int
    head_hash: bytes
    state: str
    signed_seq: int | None
    last_us: int | None
    appended_after: int | None


class CheckpointRows:
    """The checkpoints in the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(
        self,
        number: int,
        body: bytes,
        signature: bytes,
        signed: Mapping[str, int],
        stamped: Collection[int] = (),
    ) -> None:
        """Keep a checkpoint; note up to which entry it knows these sessions' journals, and that it names these stamps.

        Raises:
            IntegrityError: there is one of this number already.
        """
        values = {"number": number, "body": body, "signature": signature, "copied": 0}
        session = tables.session
        async with self._database.write() as connection:
            await connection.execute(insert(tables.checkpoint).values(values))
            if signed:
                noting = update(session).where(session.c.id == bindparam("name")).values(signed_seq=bindparam("seq"))
                await connection.execute(noting, [{"name": name, "seq": seq} for name, seq in signed.items()])
            if stamped:
                stamps = tables.checkpoint_timestamp
                naming = update(stamps).where(stamps.c.number.in_(stamped)).values(named_in=number)
                await connection.execute(naming)

    async def mark_copied(self, first: int, last: int) -> None:
        """Note that the second place has these."""
        table = tables.checkpoint
        between = (table.c.number >= first, table.c.number <= last, table.c.copied != 1)
        async with self._database.write() as connection:
            await connection.execute(update(table).where(*between).values(copied=1))

    async def newest(self) -> KeptCheckpoint | None:
        """The one of the highest number."""
        table = tables.checkpoint
        async with self._database.read() as connection:
            row = (await connection.execute(_kept().order_by(None).order_by(table.c.number.desc()).limit(1))).first()
        return None if row is None else KeptCheckpoint(*row)

    async def pages(self, after: int = 0) -> AsyncIterator[list[KeptCheckpoint]]:
        """Those numbered above `after`, in order, some at a time."""
        number = tables.checkpoint.c.number
        while True:
            async with self._database.read() as connection:
                rows = await connection.execute(_kept(number > after).limit(PAGE))
                page = [KeptCheckpoint(*row) for row in rows]
            if page:
                yield page
            if len(page) < PAGE:
                return
            after = page[-1].number

    async def naming(self, word: str) -> AsyncIterator[KeptCheckpoint]:
        """Those whose bytes contain this word, in order: the database looks for it, which is quick."""
        table, after = tables.checkpoint, 0
        contains = func.instr(table.c.body, literal(word.encode())) > 0
        while True:
            async with self._database.read() as connection:
                found = _kept(contains, table.c.number > after).limit(PAGE)
                page = [KeptCheckpoint(*row) for row in await connection.execute(found)]
            for kept in page:
                yield kept
            if len(page) < PAGE:
                return
            after = page[-1].number

    async def unsigned(self, after: str = "", *, limit: int) -> list[UnsignedSession]:
        """Sessions that have journaled more than the checkpoints know, by id from above `after` on."""
        session, journal = tables.session.c, tables.journal.c
        last = (
            select(journal.at_us)
            .where(journal.session == session.id, journal.seq == session.head_seq)
            .scalar_subquery()
        )
        query = (
            select(
                session.id,
                session.head_seq,
                session.head_hash,
                session.state,
                session.signed_seq,
                last,
                session.appended_after,
            )
            .where(text(UNSIGNED), session.id > after)
            .order_by(session.id)
            .limit(limit)
        )
        async with self._database.read() as connection:
            return [UnsignedSession(*row) for row in await connection.execute(query)]

    async def hashes(self, wanted: Collection[tuple[str, int]]) -> dict[tuple[str, int], object]:
        """The hashes of these entries (session, seq; at most some hundreds), of those that there are."""
        known = tables.journal.c
        # Each of these is looked up by the key; for `(session, seq) IN (…)` SQLite reads the whole table.
        these = (and_(known.session == session, known.seq == seq) for session, seq in wanted)
        query = select(known.session, known.seq, known.hash).where(or_(false(), *these))
        async with self._database.read() as connection:
            return {(row.session, row.seq): row.hash for row in await connection.execute(query)}


def _kept(*where: ColumnElement[bool]) -> Select[Any]:
    columns = tables.checkpoint.c
    return (
        select(columns.number, columns.body, columns.signature, columns.copied).where(*where).order_by(columns.number)
    )
