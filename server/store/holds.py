"""Legal holds: while a session has one that was not lifted, nothing of it is destroyed. Rows are never removed."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from server.store import tables
from server.store.database import Database
from server.store.errors import Conflict, UnderHold
from server.store.stamps import new_id, now_us

MOST: Final = 100
"""Holds of one session: more are a mistake of whoever places them."""
REASON: Final = 200
"""Characters of a reason."""
ROWS: Final = 1000


@dataclass(frozen=True, slots=True)
class LegalHold:
    """A hold; in force until `lifted_us`, None for as long as nobody lifts it. `placed_by` is an actor: `person:…`."""

    id: str
    session: str
    reason: str
    placed_us: int
    placed_by: str
    lifted_us: int | None = None
    lifted_by: str | None = None
    lifted_reason: str | None = None

    @property
    def active(self) -> bool:
        """Whether it is in force."""
        return self.lifted_us is None


class Holds:
    """The holds in the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def place(self, session: str, *, reason: str, by: str) -> LegalHold:
        """Place a hold; it is in force from this transaction on.

        Raises:
            Conflict: there is no such session, it was deleted already, or it has too many holds.
        """
        known, deletion, hold = tables.session.c, tables.deletion.c, tables.hold
        async with self._database.write() as connection:
            if (await connection.execute(select(known.id).where(known.id == session))).first() is None:
                raise Conflict(f"there is no session {session}")
            if (await connection.execute(select(deletion.id).where(deletion.id == session))).first() is not None:
                raise Conflict(f"session {session} was deleted")
            placed = (await connection.execute(select(hold.c.id).where(hold.c.session == session))).all()
            if len(placed) >= MOST:
                raise Conflict(f"session {session} has {MOST} holds already")
            made = LegalHold(new_id(), session, reason, now_us(), by)
            values = {name: getattr(made, name) for name in LegalHold.__slots__}
            await connection.execute(insert(hold).values(values))
        return made

    async def lift(self, hold: str, *, reason: str, by: str) -> LegalHold:
        """Lift a hold; its row stays.

        Raises:
            Conflict: there is no such hold, or it was lifted already.
        """
        table = tables.hold
        lifting = update(table).where(table.c.id == hold, table.c.lifted_us.is_(None))
        async with self._database.write() as connection:
            done = await connection.execute(lifting.values(lifted_us=now_us(), lifted_by=by, lifted_reason=reason))
            if done.rowcount == 0:
                raise Conflict(f"there is no hold {hold} in force")
            row = (await connection.execute(select(table).where(table.c.id == hold))).mappings().one()
        return LegalHold(**row)

    async def get(self, hold: str) -> LegalHold | None:
        """The hold with this id."""
        async with self._database.read() as connection:
            row = (await connection.execute(select(tables.hold).where(tables.hold.c.id == hold))).mappings().first()
        return None if row is None else LegalHold(**row)

    async def of(self, session: str) -> list[LegalHold]:
        """Every hold that the session ever had, oldest first."""
        table = tables.hold
        query = select(table).where(table.c.session == session).order_by(table.c.placed_us, table.c.id)
        async with self._database.read() as connection:
            return [LegalHold(**row) for row in (await connection.execute(query)).mappings()]

    async def active(self, *, limit: int = ROWS) -> list[LegalHold]:
        """The holds that are in force, newest first, at most `limit`."""
        table = tables.hold
        query = select(table).where(table.c.lifted_us.is_(None)).order_by(table.c.placed_us.desc(), table.c.id)
        async with self._database.read() as connection:
            return [LegalHold(**row) for row in (await connection.execute(query.limit(limit))).mappings()]

    async def held(self, sessions: Collection[str]) -> set[str]:
        """Those of these sessions (at most some hundreds) that are held."""
        table = tables.hold.c
        query = select(table.session).where(table.session.in_(sorted(sessions)), table.lifted_us.is_(None))
        async with self._database.read() as connection:
            return set((await connection.execute(query)).scalars())


async def refuse_held(connection: AsyncConnection, session: str) -> None:
    """Raise `UnderHold` if the session is held: to be called inside whatever transaction destroys something of it."""
    table = tables.hold.c
    query = select(table.id).where(table.session == session, table.lifted_us.is_(None)).limit(1)
    if (await connection.execute(query)).first() is not None:
        raise UnderHold(f"session {session} is under a legal hold")
