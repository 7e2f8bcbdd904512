"""What people have said they open recordings for, and until when that holds."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import delete, select
from sqlalchemy.dialects.sqlite import insert

from server.store import tables
from server.store.database import Database
from server.store.stamps import steady_us


@dataclass(frozen=True, slots=True)
class StatedPurpose:
    """A purpose (a code of the site's list) that holds until `expires_us` (unix)."""

    purpose: str
    expires_us: int


class ViewingPurposes:
    """The stated purposes in the database, one for each person and session."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def state(self, person: str, session: str, purpose: str, *, minutes: int) -> StatedPurpose:
        """Keep what for this person opens this session, in place of an earlier one; forget those of anybody that ended.

        Raises:
            Unavailable: nothing was kept.
        """
        table, now = tables.viewing_purpose, steady_us()
        stated = StatedPurpose(purpose, now + minutes * 60_000_000)
        new = {"purpose": purpose, "stated_us": now, "expires_us": stated.expires_us}
        row = insert(table).values(person=person, session=session, **new)
        async with self._database.write() as connection:
            await connection.execute(delete(table).where(table.c.expires_us <= now))
            await connection.execute(row.on_conflict_do_update(index_elements=["person", "session"], set_=new))
        return stated

    async def stated(self, person: str, session: str) -> StatedPurpose | None:
        """What holds now; None where nothing was stated, or it has ended."""
        table = tables.viewing_purpose.c
        query = select(table.purpose, table.expires_us).where(table.person == person, table.session == session)
        async with self._database.read() as connection:
            row = (await connection.execute(query)).first()
        return None if row is None or row.expires_us <= steady_us() else StatedPurpose(*row)
