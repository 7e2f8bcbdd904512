"""Exports that one person asks for and another approves or refuses: each is decided once, and used once."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, func, insert, or_, select, update

from server.store import tables
from server.store.database import Database
from server.store.errors import Conflict
from server.store.stamps import new_id, steady_us

OPEN_EACH: Final = 100
"""Undecided requests of one person."""
LISTED: Final = 100
STATES: Final = ("pending", "approved", "refused", "used", "expired")


@dataclass(frozen=True, slots=True)
class Approval:
    """A request for an export, and what became of it; times are unix microseconds.

    An undecided one can be decided, and an approved one used, until `expires_us`.
    """

    id: str
    session: str
    branch: str
    kind: str
    purpose: str
    asked_by: str
    asked_us: int
    expires_us: int
    decided_by: str | None
    decided_us: int | None
    approved: bool | None
    used_us: int | None

    def state(self, now_us: int) -> str:
        """One of `STATES`, as of `now_us`."""
        if self.used_us is not None:
            return "used"
        if self.approved is not None and not self.approved:
            return "refused"
        if now_us >= self.expires_us:
            return "expired"
        return "pending" if self.approved is None else "approved"


class Approvals:
    """The requests in the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def ask(
        self, *, session: str, branch: str, kind: str, purpose: str, asked_by: str, hours: int
    ) -> tuple[Approval, bool]:
        """Ask for an export, and whether that is new: one that is pending or approved already is returned as it is.

        Raises:
            Conflict: the person waits for as many decisions as one may.
        """
        table, now = tables.export_approval, steady_us()
        async with self._database.write() as connection:
            mine = and_(table.c.asked_by == asked_by, _open(now))
            known = select(table).where(mine, table.c.session == session, table.c.kind == kind)
            row = (await connection.execute(known.order_by(table.c.asked_us.desc()).limit(1))).mappings().first()
            if row is not None and row["purpose"] == purpose:
                return Approval(**row), False
            waiting = select(func.count()).select_from(table).where(mine, table.c.approved.is_(None))
            if (await connection.execute(waiting)).scalar_one() >= OPEN_EACH:
                raise Conflict(f"{OPEN_EACH} requests wait for a decision already")
            expires_us = now + hours * 3_600_000_000
            new = Approval(new_id(), session, branch, kind, purpose, asked_by, now, expires_us, None, None, None, None)
            await connection.execute(insert(table).values({name: getattr(new, name) for name in Approval.__slots__}))
        return new, True

    async def get(self, approval: str) -> Approval | None:
        """The request with this id."""
        return next(iter(await self._find(select(tables.export_approval).where(_id(approval)))), None)

    async def latest(self, session: str, asked_by: str, kind: str) -> Approval | None:
        """What this person asked for last."""
        table = tables.export_approval.c
        query = select(tables.export_approval).where(
            table.session == session, table.asked_by == asked_by, table.kind == kind
        )
        return next(iter(await self._find(query.order_by(table.asked_us.desc(), table.id).limit(1))), None)

    async def to_decide(self, person: str, branches: Collection[str] | None) -> list[Approval]:
        """The undecided ones of others, of these branches (None: of every one), oldest first, at most `LISTED`."""
        table = tables.export_approval.c
        where = [table.approved.is_(None), table.expires_us > steady_us(), table.asked_by != person]
        if branches is not None:
            where.append(table.branch.in_(sorted(branches)))
        return await self._find(select(tables.export_approval).where(*where).order_by(table.asked_us).limit(LISTED))

    async def open_of(self, person: str) -> list[Approval]:
        """What this person asked for and can still get, newest first, at most `LISTED`."""
        table = tables.export_approval.c
        query = select(tables.export_approval).where(table.asked_by == person, _open(steady_us()))
        return await self._find(query.order_by(table.asked_us.desc()).limit(LISTED))

    async def decide(self, approval: str, person: str, *, approved: bool, hours: int) -> Approval:
        """Approve or refuse; an approved one can be used for so many hours from now.

        Raises:
            Conflict: it is decided or expired, or this is who asked for it.
        """
        table, now = tables.export_approval, steady_us()
        may = and_(_id(approval), table.c.approved.is_(None), table.c.expires_us > now, table.c.asked_by != person)
        values: dict[str, Any] = {"decided_by": person, "decided_us": now, "approved": approved}
        if approved:
            values["expires_us"] = now + hours * 3_600_000_000
        async with self._database.write() as connection:
            done = await connection.execute(update(table).where(may).values(values))
            if done.rowcount != 1:
                raise Conflict("it is decided or has expired, or it is one's own")
            row = (await connection.execute(select(table).where(_id(approval)))).mappings().one()
        return Approval(**row)

    async def use(self, session: str, asked_by: str, kind: str, purpose: str) -> Approval | None:
        """Use an approved one up; None where there is none for this session, person, kind and purpose."""
        table, now = tables.export_approval, steady_us()
        fits = and_(
            table.c.session == session, table.c.asked_by == asked_by, table.c.kind == kind, table.c.purpose == purpose
        )
        async with self._database.write() as connection:
            query = select(table).where(fits, table.c.approved, _open(now)).order_by(table.c.asked_us).limit(1)
            row = (await connection.execute(query)).mappings().first()
            if row is None:
                return None
            await connection.execute(update(table).where(_id(row["id"])).values(used_us=now))
        return Approval(**{**row, "used_us": now})

    async def give_back(self, approval: str) -> None:
        """What it was used for did not happen."""
        async with self._database.write() as connection:
            await connection.execute(update(tables.export_approval).where(_id(approval)).values(used_us=None))

    async def _find(self, query: Select[Any]) -> list[Approval]:
        async with self._database.read() as connection:
            return [Approval(**row) for row in (await connection.execute(query)).mappings()]


def _id(approval: str) -> ColumnElement[bool]:
    return tables.export_approval.c.id == approval


def _open(now_us: int) -> ColumnElement[bool]:
    """Neither refused nor used nor expired."""
    table = tables.export_approval.c
    return and_(table.expires_us > now_us, table.used_us.is_(None), or_(table.approved.is_(None), table.approved))
