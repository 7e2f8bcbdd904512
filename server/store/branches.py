"""Branches of the bank and the services that customers may ask an expert about."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError

from server.store import tables
from server.store.database import Database
from server.store.errors import Conflict
from server.store.stamps import now_us


@dataclass(frozen=True, slots=True)
class Branch:
    """A branch; kiosks and roles are bound to it."""

    id: str
    name_zh: str
    name_en: str


@dataclass(frozen=True, slots=True)
class ServiceRow:
    """A service: its names, its icon, and the skill a specialist needs for it. `position` orders the kiosk's page.

    `when_unrecorded` is what its calls do while something that has to be recorded is not: `warn`, `pause` or `end`.
    """

    id: str
    name_zh: str
    name_en: str
    icon: str
    skill: str
    position: int
    active: bool = True
    when_unrecorded: str = "warn"


class Branches:
    """The branches in the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, branch: Branch) -> None:
        """Add a branch.

        Raises:
            Conflict: the id is taken.
        """
        try:
            async with self._database.write() as connection:
                await connection.execute(insert(tables.branch).values(asdict(branch) | {"created_us": now_us()}))
        except IntegrityError as error:
            raise Conflict(f"there is already a branch {branch.id}") from error

    async def get(self, branch: str) -> Branch | None:
        """The branch with this id."""
        return next(iter(await self._find(tables.branch.c.id == branch)), None)

    async def all(self) -> list[Branch]:
        """Every branch, by id."""
        return await self._find()

    async def _find(self, *where: Any) -> list[Branch]:
        query = select(tables.branch).where(*where).order_by(tables.branch.c.id)
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).mappings()
            return [Branch(row["id"], row["name_zh"], row["name_en"]) for row in rows]


class Services:
    """The services in the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, service: ServiceRow) -> None:
        """Add a service.

        Raises:
            Conflict: the id is taken.
        """
        try:
            async with self._database.write() as connection:
                await connection.execute(insert(tables.service).values(asdict(service)))
        except IntegrityError as error:
            raise Conflict(f"there is already a service {service.id}") from error

    async def get(self, service: str) -> ServiceRow | None:
        """The service with this id, active or not."""
        return next(iter(await self._find(tables.service.c.id == service)), None)

    async def all(self) -> list[ServiceRow]:
        """Every service, active or not, as ordered for the kiosk."""
        return await self._find()

    async def active(self) -> list[ServiceRow]:
        """The services offered now, as ordered for the kiosk."""
        return await self._find(tables.service.c.active)

    async def set_active(self, service: str, active: bool) -> None:
        """Offer the service again, or stop offering it."""
        async with self._database.write() as connection:
            await connection.execute(update(tables.service).where(tables.service.c.id == service).values(active=active))

    async def set_when_unrecorded(self, service: str, policy: str) -> None:
        """Let its next calls do this while something is not recorded."""
        rule = update(tables.service).where(tables.service.c.id == service).values(when_unrecorded=policy)
        async with self._database.write() as connection:
            await connection.execute(rule)

    async def _find(self, *where: Any) -> list[ServiceRow]:
        query = select(tables.service).where(*where).order_by(tables.service.c.position, tables.service.c.id)
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).mappings()
            return [ServiceRow(**{**row, "active": bool(row["active"])}) for row in rows]
