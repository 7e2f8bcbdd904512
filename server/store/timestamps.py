"""The time stamps of checkpoints in the database, each as the authority's answer came."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from sqlalchemy import insert, select, text, update

from server.store import tables
from server.store.database import Database

PAGE: Final = 100
"""Time stamps that are read at once; one is 6 KiB mostly, and 64 KiB at most."""
NOT_COPIED: Final = "copied = 0"
NOT_NAMED: Final = "named_in IS NULL"
"""Word for word as in the partial indexes, which SQLite uses for nothing else."""


@dataclass(frozen=True, slots=True)
class KeptTimeStamp:
    """The time stamp of a checkpoint: `copied` is 1 where the second place has it."""

    number: int
    token: bytes
    copied: int


class TimeStampRows:
    """The time stamps in the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, number: int, token: bytes) -> None:
        """Keep the time stamp of a checkpoint.

        Raises:
            IntegrityError: there is one of it already.
        """
        async with self._database.write() as connection:
            await connection.execute(insert(tables.checkpoint_timestamp).values(number=number, token=token, copied=0))

    async def mark_copied(self, number: int) -> None:
        """Note that the second place has it."""
        table = tables.checkpoint_timestamp
        async with self._database.write() as connection:
            await connection.execute(update(table).where(table.c.number == number).values(copied=1))

    async def newest(self) -> KeptTimeStamp | None:
        """The one of the checkpoint of the highest number."""
        table = tables.checkpoint_timestamp.c
        query = select(table.number, table.token, table.copied).order_by(table.number.desc()).limit(1)
        async with self._database.read() as connection:
            row = (await connection.execute(query)).first()
        return None if row is None else KeptTimeStamp(*row)

    async def get(self, number: int) -> KeptTimeStamp | None:
        """The one of this checkpoint."""
        table = tables.checkpoint_timestamp.c
        query = select(table.number, table.token, table.copied).where(table.number == number)
        async with self._database.read() as connection:
            row = (await connection.execute(query)).first()
        return None if row is None else KeptTimeStamp(*row)

    async def pages(self) -> AsyncIterator[list[KeptTimeStamp]]:
        """All, in order, some at a time."""
        table, after = tables.checkpoint_timestamp.c, 0
        while True:
            query = select(table.number, table.token, table.copied).where(table.number > after)
            async with self._database.read() as connection:
                rows = await connection.execute(query.order_by(table.number).limit(PAGE))
                page = [KeptTimeStamp(*row) for row in rows]
            if page:
                yield page
            if len(page) < PAGE:
                return
            after = page[-1].number

    async def not_copied(self) -> list[KeptTimeStamp]:
        """The oldest that the second place lacks, at most a page of them."""
        return await self._some(NOT_COPIED)

    async def not_named(self) -> list[KeptTimeStamp]:
        """The oldest that no checkpoint names yet, at most a page of them."""
        return await self._some(NOT_NAMED)

    async def _some(self, which: str) -> list[KeptTimeStamp]:
        table = tables.checkpoint_timestamp.c
        query = select(table.number, table.token, table.copied).where(text(which))
        async with self._database.read() as connection:
            rows = await connection.execute(query.order_by(table.number).limit(PAGE))
            return [KeptTimeStamp(*row) for row in rows]
