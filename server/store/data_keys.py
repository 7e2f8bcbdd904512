"""The wrapped data keys of sessions. Destroying one is how a recording is deleted."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass

from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from server.store import tables
from server.store.database import Database
from server.store.errors import Conflict
from server.store.holds import refuse_held
from server.store.library import erase, still, trace
from server.store.postings import PostingKey
from server.store.stamps import now_us


@dataclass(frozen=True, slots=True)
class DataKey:
    """A session's data key as kept: `wrapped` by the site's key, empty once destroyed."""

    session: str
    suite: str
    wrapped: bytes
    created_us: int
    destroyed_us: int | None


class DataKeys:
    """The data keys in the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, session: str) -> DataKey | None:
        """The data key of a session, destroyed or not."""
        query = select(tables.data_key).where(tables.data_key.c.session == session)
        async with self._database.read() as connection:
            row = (await connection.execute(query)).mappings().first()
        return None if row is None else DataKey(**row)

    async def several(self, sessions: Collection[str]) -> list[DataKey]:
        """The data keys of these sessions (at most some hundreds), destroyed or not."""
        query = select(tables.data_key).where(tables.data_key.c.session.in_(sorted(sessions)))
        async with self._database.read() as connection:
            return [DataKey(**row) for row in (await connection.execute(query)).mappings()]

    async def newest(self, count: int) -> list[DataKey]:
        """The data keys made last that are not destroyed."""
        table = tables.data_key
        query = select(table).where(table.c.destroyed_us.is_(None)).order_by(table.c.created_us.desc()).limit(count)
        async with self._database.read() as connection:
            return [DataKey(**row) for row in (await connection.execute(query)).mappings()]

    async def add(self, session: str, suite: str, wrapped: bytes) -> DataKey:
        """Keep the wrapped key of a session.

        Raises:
            Conflict: the session has one already, even a destroyed one.
        """
        key = DataKey(session, suite, wrapped, now_us(), None)
        values = {"session": session, "suite": suite, "wrapped": wrapped, "created_us": key.created_us}
        try:
            async with self._database.write() as connection:
                await connection.execute(insert(tables.data_key).values(values))
        except IntegrityError as error:
            raise Conflict(f"session {session} already has a data key") from error
        return key

    async def destroy(
        self,
        session: str,
        index_key: bytes,
        *,
        inside: Callable[[AsyncConnection], Awaitable[int]] | None = None,
    ) -> None:
        """Destroy the session's key, for good, its bookmarks, and what the library's index has of its words.

        Again is no error.

        `index_key` is the site's key of that index: without it nobody knows where in it the session is. `inside` is
        done in the very transaction: it returns the time to note (unix, µs), and nothing is destroyed if it raises.

        Raises:
            UnderHold: the session is under a legal hold. Whoever places one waits for this transaction, or this for it.
            Unavailable: it may still be in the database's log; call `forget` again.
        """
        table, key = tables.data_key, PostingKey(index_key)
        while True:
            found = await trace(self._database, session, key)
            async with self._database.write() as connection:
                await refuse_held(connection, session)
                if found is not None and not await still(connection, found):
                    continue  # it was indexed meanwhile
                at_us = now_us() if inside is None else await inside(connection)
                if found is not None:
                    await erase(connection, found, key)
                await connection.execute(
                    update(table)
                    .where(table.c.session == session, table.c.destroyed_us.is_(None))
                    .values(wrapped=b"", destroyed_us=at_us)
                )
                await connection.execute(delete(tables.bookmark).where(tables.bookmark.c.session == session))
            break
        await self.forget()

    async def forget(self) -> None:
        """Empty the database's log, which may hold a destroyed key still. Raises `Unavailable`: call it again."""
        await self._database.forget()
