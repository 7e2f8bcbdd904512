"""Sessions as rows to search and list: a projection of the journal, written with it in one transaction."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, TypedDict

from sqlalchemy import ColumnElement, exists, func, insert, literal, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from server.store import tables
from server.store.database import Database

ROWS = 200
"""Most rows of one page."""


class Projection(TypedDict, total=False):
    """Changes to a session's row. The first one must hold everything up to `requested_us`."""

    state: str
    kiosk: str
    kiosk_name: str
    branch: str
    branch_zh: str
    branch_en: str
    service: str
    service_zh: str
    service_en: str
    language: str
    requested_us: int
    specialist: str | None
    specialist_name: str | None
    answered_us: int | None
    ended_us: int | None
    closed_us: int | None
    end_reason: str | None
    outcome: str | None
    rating: int | None


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A session's row. `specialist` is the last who answered; times are unix microseconds."""

    id: str
    state: str
    kiosk: str
    kiosk_name: str
    branch: str
    branch_zh: str
    branch_en: str
    service: str
    service_zh: str
    service_en: str
    language: str
    specialist: str | None
    specialist_name: str | None
    requested_us: int
    answered_us: int | None
    ended_us: int | None
    closed_us: int | None
    end_reason: str | None
    outcome: str | None
    rating: int | None


_COLUMNS = [tables.session.c[name] for name in SessionRow.__slots__]


@dataclass(frozen=True, slots=True)
class SessionQuery:
    """The filters of a search; None: no filter. `branches` also limits the result to what the requester may see.

    `since_us` is included, `until_us` is not. `specialist` is anyone who answered, not only the last. `text` is looked
    for in the id and the names, also of every specialist.
    """

    branches: frozenset[str] | None = None
    since_us: int | None = None
    until_us: int | None = None
    branch: str | None = None
    specialist: str | None = None
    service: str | None = None
    states: frozenset[str] | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class SessionPage:
    """One page of a search, newest first, and how many rows the whole search has."""

    rows: tuple[SessionRow, ...]
    total: int


class Sessions:
    """The sessions' rows in the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, session: str) -> SessionRow | None:
        """The session with this id."""
        query = select(*_COLUMNS).where(tables.session.c.id == session)
        async with self._database.read() as connection:
            row = (await connection.execute(query)).mappings().first()
        return None if row is None else SessionRow(**row)

    async def several(self, sessions: Collection[str]) -> list[SessionRow]:
        """The sessions with these ids, some hundreds at most, in no order."""
        query = select(*_COLUMNS).where(tables.session.c.id.in_(sorted(sessions)))
        async with self._database.read() as connection:
            return [SessionRow(**row) for row in (await connection.execute(query)).mappings()]

    async def search(self, query: SessionQuery, *, limit: int = 50, offset: int = 0) -> SessionPage:
        """Find sessions, newest first; at most 200 rows at once."""
        table = tables.session
        where = _conditions(query)
        rows = (
            select(*_COLUMNS)
            .where(*where)
            .order_by(table.c.requested_us.desc(), table.c.id)
            .limit(min(max(limit, 1), ROWS))
            .offset(max(offset, 0))
        )
        async with self._database.read() as connection:
            found = (await connection.execute(rows)).mappings().all()
            total = (await connection.execute(select(func.count()).select_from(table).where(*where))).scalar_one()
        return SessionPage(tuple(SessionRow(**row) for row in found), total)

    async def open_ids(self) -> list[str]:
        """Sessions that are not closed yet, oldest first."""
        table = tables.session
        query = select(table.c.id).where(table.c.state != "closed").order_by(table.c.requested_us, table.c.id)
        async with self._database.read() as connection:
            return list((await connection.execute(query)).scalars())


async def project(
    connection: AsyncConnection, session: str, projection: Projection | None, head: tuple[int, bytes]
) -> None:
    """Update the session's row inside a transaction of the journal, or make it when there is none.

    `head` is the number and the hash of the journal's last entry.
    """
    table = tables.session
    newest = select(func.coalesce(func.max(tables.checkpoint.c.number), 0)).scalar_subquery()
    values: dict[str, Any] = {**(projection or {}), "head_seq": head[0], "head_hash": head[1], "appended_after": newest}
    changed = await connection.execute(update(table).where(table.c.id == session).values(values))
    if changed.rowcount == 0 and projection:
        await connection.execute(insert(table).values(values | {"id": session}))
        await give_place(connection, session)
    specialist = values.get("specialist")
    if specialist is not None:
        await _remember(connection, session, specialist, values.get("specialist_name") or "")


async def give_place(connection: AsyncConnection, session: str) -> None:
    """Give a new session its place in the library, inside the transaction that makes its row."""
    made = await connection.execute(insert(tables.library_place).values(session=session))
    place = made.inserted_primary_key
    assert place is not None
    await connection.execute(insert(tables.library_pending).values(place=place[0]))


async def _remember(connection: AsyncConnection, session: str, specialist: str, name: str) -> None:
    """Keep who answered: the session's row has only the last one."""
    table = tables.session_specialist
    known = exists().where(table.c.session == session, table.c.specialist == specialist)
    row = select(literal(session), literal(specialist), literal(name)).where(~known)
    await connection.execute(insert(table).from_select([table.c.session, table.c.specialist, table.c.name], row))


def _conditions(query: SessionQuery) -> list[ColumnElement[bool]]:
    table = tables.session.c
    where: list[ColumnElement[bool]] = []
    if query.branches is not None:
        where.append(table.branch.in_(sorted(query.branches)))
    if query.states is not None:
        where.append(table.state.in_(sorted(query.states)))
    if query.since_us is not None:
        where.append(table.requested_us >= query.since_us)
    if query.until_us is not None:
        where.append(table.requested_us < query.until_us)
    for column, value in ((table.branch, query.branch), (table.service, query.service)):
        if value is not None:
            where.append(column == value)
    answered = tables.session_specialist.c
    if query.specialist is not None:
        where.append(table.id.in_(select(answered.session).where(answered.specialist == query.specialist)))
    if query.text:
        names = (table.id, table.kiosk, table.kiosk_name, table.service_zh, table.service_en)
        here = [name.icontains(query.text, autoescape=True) for name in names]
        theirs = select(answered.session).where(answered.name.icontains(query.text, autoescape=True))
        where.append(or_(*here, table.id.in_(theirs)))
    return where
