"""Bookmarks and notes of who reviews a recording. What they say is sealed under the session's data key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import ColumnElement, delete, func, insert, select, update

from server.store import tables
from server.store.database import Database
from server.store.errors import Conflict
from server.store.stamps import new_id, now_us

MOST: Final = 500
"""Bookmarks of one session, of everybody together."""


@dataclass(frozen=True, slots=True)
class SealedBookmark:
    """A bookmark as the table has it: whose, at which millisecond of the session, and what it says, sealed."""

    id: str
    session: str
    person: str
    at_ms: int
    sealed: bytes
    created_us: int
    changed_us: int


_COLUMNS = [tables.bookmark.c[name] for name in SealedBookmark.__slots__]


class Bookmarks:
    """The bookmarks in the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, session: str) -> list[SealedBookmark]:
        """The session's bookmarks, everybody's, in the order of their time in the session."""
        table = tables.bookmark.c
        query = select(*_COLUMNS).where(table.session == session).order_by(table.at_ms, table.created_us, table.id)
        async with self._database.read() as connection:
            return [SealedBookmark(*row) for row in await connection.execute(query)]

    @staticmethod
    def new_name() -> str:
        """An id for a bookmark that is about to be made: what it says is sealed for it."""
        return new_id()

    async def add(self, bookmark: str, session: str, person: str, at_ms: int, sealed: bytes) -> SealedBookmark:
        """Keep one more.

        Raises:
            Conflict: the session has `MOST` already.
        """
        table, now = tables.bookmark, now_us()
        made = SealedBookmark(bookmark, session, person, at_ms, sealed, now, now)
        async with self._database.write() as connection:
            count = select(func.count()).select_from(table).where(table.c.session == session)
            if (await connection.execute(count)).scalar_one() >= MOST:
                raise Conflict(f"a recording has {MOST} bookmarks at most")
            values = {name: getattr(made, name) for name in SealedBookmark.__slots__}
            await connection.execute(insert(table).values(values))
        return made

    async def change(self, bookmark: str, session: str, person: str, sealed: bytes) -> bool:
        """Let the person's own bookmark say something else; whether there was one."""
        table = tables.bookmark
        async with self._database.write() as connection:
            done = await connection.execute(
                update(table).where(*_own(bookmark, session, person)).values(sealed=sealed, changed_us=now_us())
            )
        return done.rowcount > 0

    async def remove(self, bookmark: str, session: str, person: str) -> bool:
        """Remove the person's own bookmark; whether there was one."""
        async with self._database.write() as connection:
            done = await connection.execute(delete(tables.bookmark).where(*_own(bookmark, session, person)))
        return done.rowcount > 0


def _own(bookmark: str, session: str, person: str) -> tuple[ColumnElement[bool], ...]:
    table = tables.bookmark.c
    return table.id == bookmark, table.session == session, table.person == person
