"""People who log in: names, languages, skills, and roles by branch."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from link.protocol.values import Language
from server.store import tables
from server.store.database import Database
from server.store.errors import Conflict
from server.store.stamps import new_id, now_us

EVERY_BRANCH = "*"


class Role(StrEnum):
    """Roles of people. Each grant of a role is bound to one branch or to all of them."""

    SPECIALIST = "specialist"
    GUIDE = "guide"
    SUPERVISOR = "supervisor"
    ADMINISTRATOR = "administrator"


@dataclass(frozen=True, slots=True, order=True)
class Grant:
    """One role in one branch; `branch` is `*` for every branch."""

    role: Role
    branch: str


@dataclass(frozen=True, slots=True)
class Person:
    """A person as the rest of the server sees them; nothing in it is secret."""

    id: str
    login: str
    name: str
    languages: tuple[Language, ...]
    skills: tuple[str, ...]
    grants: frozenset[Grant]
    active: bool

    @property
    def roles(self) -> frozenset[Role]:
        """Every role the person has somewhere."""
        return frozenset(grant.role for grant in self.grants)

    def may(self, role: Role, branch: str) -> bool:
        """True when the person has `role` in `branch` (or in all branches)."""
        return Grant(role, branch) in self.grants or Grant(role, EVERY_BRANCH) in self.grants

    def branches(self, *roles: Role) -> frozenset[str] | None:
        """The branches in which the person has one of `roles`; None when that is every branch."""
        found = frozenset(grant.branch for grant in self.grants if grant.role in roles)
        return None if EVERY_BRANCH in found else found


class People:
    """The people in the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(
        self,
        *,
        login: str,
        name: str,
        password_hash: str,
        languages: Iterable[Language],
        skills: Iterable[str],
        grants: Iterable[Grant],
    ) -> Person:
        """Add a person.

        Raises:
            Conflict: the login is taken.
        """
        row: dict[str, Any] = {
            "id": new_id(),
            "login": login,
            "name": name,
            "password_hash": password_hash,
            "languages": [str(language) for language in languages],
            "skills": list(skills),
            "active": True,
            "created_us": now_us(),
        }
        granted = frozenset(grants)
        try:
            async with self._database.write() as connection:
                await connection.execute(insert(tables.person).values(row))
                await _grant(connection, row["id"], granted)
        except IntegrityError as error:
            raise Conflict(f"there is already a person with the login {login}") from error
        return _person(row, granted)

    async def get(self, person: str) -> Person | None:
        """The person with this id."""
        return next(iter(await self._find(tables.person.c.id == person)), None)

    async def by_login(self, login: str) -> Person | None:
        """The person who logs in by this name."""
        return next(iter(await self._find(tables.person.c.login == login)), None)

    async def all(self) -> list[Person]:
        """Everyone, by login."""
        return await self._find()

    async def names(self, people: Collection[str]) -> dict[str, str]:
        """The names of these people (at most some hundreds) by their id."""
        table = tables.person.c
        async with self._database.read() as connection:
            rows = await connection.execute(select(table.id, table.name).where(table.id.in_(sorted(people))))
            return {row.id: row.name for row in rows}

    async def credentials(self, login: str) -> tuple[Person, str] | None:
        """The person who logs in by this name, and the argon2 hash of the password."""
        query = select(tables.person).where(tables.person.c.login == login)
        async with self._database.read() as connection:
            row = (await connection.execute(query)).mappings().first()
            if row is None:
                return None
            grants = await _grants(connection, row["id"])
        return _person(row, grants), row["password_hash"]

    async def set_password(self, person: str, password_hash: str) -> None:
        """Replace the password's hash."""
        await self._update(person, password_hash=password_hash)

    async def set_active(self, person: str, active: bool) -> None:
        """Block the person's logins, or allow them again."""
        await self._update(person, active=active)

    async def set_profile(
        self, person: str, *, name: str, languages: Iterable[Language], skills: Iterable[str]
    ) -> None:
        """Replace the name, the languages and the skills."""
        await self._update(person, name=name, languages=[str(x) for x in languages], skills=list(skills))

    async def set_grants(self, person: str, grants: Iterable[Grant]) -> None:
        """Replace all roles of the person."""
        async with self._database.write() as connection:
            await connection.execute(delete(tables.person_grant).where(tables.person_grant.c.person == person))
            await _grant(connection, person, frozenset(grants))

    async def _update(self, person: str, **values: Any) -> None:
        async with self._database.write() as connection:
            await connection.execute(update(tables.person).where(tables.person.c.id == person).values(values))

    async def _find(self, *where: Any) -> list[Person]:
        async with self._database.read() as connection:
            query = select(tables.person).where(*where).order_by(tables.person.c.login)
            rows = (await connection.execute(query)).mappings().all()
            grants: dict[str, set[Grant]] = {row["id"]: set() for row in rows}
            if rows:
                wanted = select(tables.person_grant)
                if where:
                    wanted = wanted.where(tables.person_grant.c.person.in_(list(grants)))
                for row in (await connection.execute(wanted)).mappings():
                    grants[row["person"]].add(Grant(Role(row["role"]), row["branch"]))
        return [_person(row, frozenset(grants[row["id"]])) for row in rows]


async def _grant(connection: AsyncConnection, person: str, grants: frozenset[Grant]) -> None:
    if grants:
        rows = [{"person": person, "role": str(grant.role), "branch": grant.branch} for grant in sorted(grants)]
        await connection.execute(insert(tables.person_grant), rows)


async def _grants(connection: AsyncConnection, person: str) -> frozenset[Grant]:
    query = select(tables.person_grant).where(tables.person_grant.c.person == person)
    rows = (await connection.execute(query)).mappings()
    return frozenset(Grant(Role(row["role"]), row["branch"]) for row in rows)


def _person(row: Any, grants: frozenset[Grant]) -> Person:
    return Person(
        id=row["id"],
        login=row["login"],
        name=row["name"],
        languages=tuple(Language(language) for language in row["languages"]),
        skills=tuple(row["skills"]),
        grants=grants,
        active=bool(row["active"]),
    )
