"""Login sessions, and the log of revocations for other processes and live connections."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, insert, select, update

from server.store import tables
from server.store.database import Database
from server.store.stamps import new_id, now_us, steady_us


@dataclass(frozen=True, slots=True)
class Login:
    """One login of one person on one browser."""

    id: str
    person: str
    created_us: int
    expires_us: int
    revoked: bool


class Logins:
    """The login sessions in the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, person: str, *, address: str, hours: float) -> Login:
        """Begin a login that ends by itself after `hours`."""
        now = now_us()
        login = Login(new_id(), person, now, steady_us() + int(hours * 3_600_000_000), revoked=False)
        values = {
            "id": login.id,
            "person": person,
            "address": address,
            "created_us": now,
            "expires_us": login.expires_us,
        }
        async with self._database.write() as connection:
            await connection.execute(insert(tables.login_session).values(values))
        return login

    async def get(self, login: str) -> Login | None:
        """The login with this id, valid or not."""
        table = tables.login_session
        async with self._database.read() as connection:
            row = (await connection.execute(select(table).where(table.c.id == login))).mappings().first()
        if row is None:
            return None
        return Login(row["id"], row["person"], row["created_us"], row["expires_us"], row["revoked_us"] is not None)

    async def came_from(self, person: str, address: str) -> bool:
        """Whether the person has ever logged in from this address."""
        table = tables.login_session
        query = select(table.c.id).where(table.c.person == person, table.c.address == address).limit(1)
        async with self._database.read() as connection:
            return (await connection.execute(query)).first() is not None

    async def revoke(self, login: str) -> None:
        """End one login."""
        await self._revoke(tables.login_session.c.id == login, subject=login)

    async def revoke_person(self, person: str) -> None:
        """End every login of a person."""
        await self._revoke(tables.login_session.c.person == person, subject=person)

    async def announce(self, subject: str) -> int:
        """Tell every process that the access of `subject` (person, login or kiosk) has changed; number what is told."""
        async with self._database.write() as connection:
            told = await connection.execute(insert(tables.access_change).values(subject=subject, at_us=now_us()))
        assert told.inserted_primary_key is not None
        return int(told.inserted_primary_key[0])

    async def last_change(self) -> int:
        """The number of the latest announcement, 0 when there is none."""
        async with self._database.read() as connection:
            return (await connection.execute(select(func.max(tables.access_change.c.seq)))).scalar() or 0

    async def changes(self, after: int) -> list[tuple[int, str]]:
        """Announcements numbered above `after`, in order: number and subject."""
        table = tables.access_change
        query = select(table.c.seq, table.c.subject).where(table.c.seq > after).order_by(table.c.seq)
        async with self._database.read() as connection:
            return [(row.seq, row.subject) for row in await connection.execute(query)]

    async def _revoke(self, where: object, *, subject: str) -> None:
        table = tables.login_session
        now = now_us()
        async with self._database.write() as connection:
            await connection.execute(
                update(table).where(where, table.c.revoked_us.is_(None)).values(revoked_us=now)  # type: ignore[arg-type]
            )
            await connection.execute(insert(tables.access_change).values(subject=subject, at_us=now))
