"""Kiosks, their public keys, and their one-time enrolment codes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from server.store import tables
from server.store.database import Database
from server.store.errors import Conflict
from server.store.stamps import now_us


@dataclass(frozen=True, slots=True)
class Kiosk:
    """A kiosk as the rest of the server sees it. `public_key` (Ed25519, 32 bytes) is None until it has enrolled."""

    id: str
    name: str
    branch: str
    public_key: bytes | None
    revoked: bool

    @property
    def enrolled(self) -> bool:
        """True when the kiosk has a key and may use it."""
        return self.public_key is not None and not self.revoked


@dataclass(frozen=True, slots=True)
class EnrolmentCode:
    """A one-time code as kept: found by its `selector`, proved by the hash of its secret."""

    selector: str
    kiosk: str
    secret_hash: bytes
    expires_us: int
    tries_left: int
    used: bool


class Kiosks:
    """The kiosks in the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, kiosk: str, *, name: str, branch: str) -> Kiosk:
        """Add a kiosk that has not enrolled yet.

        Raises:
            Conflict: the id is taken, or there is no such branch.
        """
        values = {"id": kiosk, "name": name, "branch": branch, "created_us": now_us()}
        try:
            async with self._database.write() as connection:
                await connection.execute(insert(tables.kiosk).values(values))
        except IntegrityError as error:
            raise Conflict(f"there is already a kiosk {kiosk}, or there is no branch {branch}") from error
        return Kiosk(kiosk, name, branch, None, revoked=False)

    async def get(self, kiosk: str) -> Kiosk | None:
        """The kiosk with this id, revoked or not."""
        return next(iter(await self._find(tables.kiosk.c.id == kiosk)), None)

    async def several(self, kiosks: Collection[str]) -> list[Kiosk]:
        """Those of these ids (at most some hundreds) that there are, revoked or not."""
        return await self._find(tables.kiosk.c.id.in_(sorted(kiosks)))

    async def all(self) -> list[Kiosk]:
        """Every kiosk, by branch and id."""
        return await self._find()

    async def of_branches(self, branches: frozenset[str] | None) -> list[Kiosk]:
        """The kiosks of these branches (None: of every branch), by branch and id."""
        return await self._find() if branches is None else await self._find(tables.kiosk.c.branch.in_(sorted(branches)))

    async def change(self, kiosk: str, *, name: str, branch: str) -> None:
        """Replace the kiosk's name and branch."""
        async with self._database.write() as connection:
            changed = update(tables.kiosk).where(tables.kiosk.c.id == kiosk).values(name=name, branch=branch)
            await connection.execute(changed)

    async def revoke(self, kiosk: str) -> None:
        """Take the kiosk's key away, and every code that was given out for it: it must enrol again with a new one."""
        now = now_us()
        async with self._database.write() as connection:
            await connection.execute(
                update(tables.kiosk).where(tables.kiosk.c.id == kiosk).values(public_key=None, revoked_us=now)
            )
            await _end_codes(connection, kiosk, now)

    async def add_enrolment(self, enrolment: EnrolmentCode) -> None:
        """Keep a new code; codes given out earlier for the same kiosk end."""
        table = tables.enrolment
        values = {
            "selector": enrolment.selector,
            "kiosk": enrolment.kiosk,
            "secret_hash": enrolment.secret_hash,
            "created_us": now_us(),
            "expires_us": enrolment.expires_us,
            "tries_left": enrolment.tries_left,
        }
        async with self._database.write() as connection:
            await _end_codes(connection, enrolment.kiosk, now_us())
            await connection.execute(insert(table).values(values))

    async def has_enrolment(self, selector: str) -> bool:
        """True when a code with this selector was ever given out."""
        table = tables.enrolment
        async with self._database.read() as connection:
            return (
                await connection.execute(select(table.c.kiosk).where(table.c.selector == selector))
            ).first() is not None

    async def try_enrolment(self, selector: str) -> EnrolmentCode | None:
        """Take one try of the code with this selector and return it as it was before; None when there is none."""
        table = tables.enrolment
        async with self._database.write() as connection:
            row = (await connection.execute(select(table).where(table.c.selector == selector))).mappings().first()
            if row is None:
                return None
            left = max(0, row["tries_left"] - 1)
            await connection.execute(update(table).where(table.c.selector == selector).values(tries_left=left))
        return EnrolmentCode(
            selector, row["kiosk"], row["secret_hash"], row["expires_us"], row["tries_left"], row["used_us"] is not None
        )

    async def enrol(
        self,
        selector: str,
        kiosk: str,
        public_key: bytes,
        *,
        recorded: Callable[[], Awaitable[object]] | None = None,
    ) -> bool:
        """Use up the code and give the kiosk its key; False when another enrolment used it up first.

        `recorded` writes down that it happened, in the same transaction.
        """
        table = tables.enrolment
        now = now_us()
        async with self._database.write() as connection:
            used = await connection.execute(
                update(table).where(table.c.selector == selector, table.c.used_us.is_(None)).values(used_us=now)
            )
            if used.rowcount != 1:
                return False
            await connection.execute(
                update(tables.kiosk)
                .where(tables.kiosk.c.id == kiosk)
                .values(public_key=public_key, enrolled_us=now, revoked_us=None)
            )
            if recorded is not None:
                await recorded()
        return True

    async def _find(self, *where: Any) -> list[Kiosk]:
        table = tables.kiosk
        query = select(table).where(*where).order_by(table.c.branch, table.c.id)
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).mappings()
            return [
                Kiosk(row["id"], row["name"], row["branch"], row["public_key"], revoked=row["revoked_us"] is not None)
                for row in rows
            ]


async def _end_codes(connection: AsyncConnection, kiosk: str, now: int) -> None:
    """End the codes of a kiosk, also one that is being used just now: `enrol` finds it used up."""
    table = tables.enrolment
    await connection.execute(
        update(table).where(table.c.kiosk == kiosk, table.c.used_us.is_(None)).values(tries_left=0, used_us=now)
    )
