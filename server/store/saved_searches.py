"""Searches of the library that people keep, each for its owner. They are sealed: one may name a customer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import delete, func, insert, select

from server.store import tables
from server.store.database import Database
from server.store.errors import Conflict
from server.store.stamps import new_id, now_us

MOST: Final = 50
"""Searches that one person keeps."""


@dataclass(frozen=True, slots=True)
class SealedSearch:
    """A search as the table has it."""

    id: str
    sealed: bytes
    created_us: int


class SavedSearches:
    """The kept searches in the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, person: str) -> list[SealedSearch]:
        """The person's searches, oldest first."""
        table = tables.saved_search.c
        query = select(table.id, table.sealed, table.created_us).where(table.person == person)
        async with self._database.read() as connection:
            rows = await connection.execute(query.order_by(table.created_us, table.id))
            return [SealedSearch(*row) for row in rows]

    @staticmethod
    def new_name() -> str:
        """An id for a search that is about to be kept: what it says is sealed for it."""
        return new_id()

    async def add(self, person: str, search: str, sealed: bytes) -> None:
        """Keep one more.

        Raises:
            Conflict: the person keeps `MOST` already.
        """
        table = tables.saved_search
        async with self._database.write() as connection:
            count = select(func.count()).select_from(table).where(table.c.person == person)
            if (await connection.execute(count)).scalar_one() >= MOST:
                raise Conflict(f"{MOST} searches are kept already")
            values = {"id": search, "person": person, "sealed": sealed, "created_us": now_us()}
            await connection.execute(insert(table).values(values))

    async def remove(self, person: str, search: str) -> bool:
        """Forget one of the person's; whether there was one."""
        table = tables.saved_search
        async with self._database.write() as connection:
            done = await connection.execute(delete(table).where(table.c.person == person, table.c.id == search))
        return done.rowcount > 0
