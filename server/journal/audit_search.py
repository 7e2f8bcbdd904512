"""Reading the audit log by who, what, of which object and when: a page at a time, newest first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, or_, select

from server.journal.audit import AuditEntry
from server.store import Store, tables

PAGE: Final = 50
CLOCK_US: Final = 3_600_000_000
"""By how much a clock may have been set back at most: entries are in the order of their numbers, not of their times."""


@dataclass(frozen=True, slots=True)
class AuditQuery:
    """Filters; None: no filter. `target` is an object or anything below it (`session:ID` and `session:ID/…`).

    `since_us` is included, `until_us` is not. The page begins below the number `after`, or ends above `before`.
    """

    actor: str | None = None
    action: str | None = None
    target: str | None = None
    since_us: int | None = None
    until_us: int | None = None
    after: int | None = None
    before: int | None = None


@dataclass(frozen=True, slots=True)
class AuditPage:
    """Entries, newest first; `after` and `before` lead to the next page and the one before it, if there is one."""

    entries: tuple[AuditEntry, ...]
    after: int | None
    before: int | None


async def find(store: Store, query: AuditQuery, *, limit: int = PAGE) -> AuditPage:
    """A page of the audit log. Raises `Unavailable`."""
    seq = tables.audit.c.seq
    where = [*_conditions(query), *await _span(store, query)]
    backward = query.before is not None
    if query.before is not None:
        where.append(seq > query.before)
    elif query.after is not None:
        where.append(seq < query.after)
    wanted = select(tables.audit).where(*where).order_by(seq if backward else seq.desc()).limit(limit + 1)
    async with store.database.read() as connection:
        found = [AuditEntry(**row) for row in (await connection.execute(wanted)).mappings()]
    more, entries = len(found) > limit, found[:limit]
    if backward:
        entries.reverse()
    ahead = more if backward else query.after is not None
    behind = True if backward else more
    return AuditPage(
        tuple(entries),
        entries[-1].seq if entries and behind else None,
        entries[0].seq if entries and ahead else None,
    )


def _conditions(query: AuditQuery) -> list[ColumnElement[bool]]:
    table = tables.audit.c
    where: list[ColumnElement[bool]] = []
    if query.actor is not None:
        where.append(table.actor == query.actor)
    if query.action is not None:
        where.append(table.action == query.action)
    if query.target is not None:
        below = (table.object >= query.target + "/") & (table.object < query.target + "0")
        where.append(or_(table.object == query.target, below))
    if query.since_us is not None:
        where.append(table.at_us >= query.since_us)
    if query.until_us is not None:
        where.append(table.at_us < query.until_us)
    return where


async def _span(store: Store, query: AuditQuery) -> list[ColumnElement[bool]]:
    """The numbers that the searched time can have, so that nothing is read from the log's end to there."""
    table = tables.audit.c
    where: list[ColumnElement[bool]] = []
    at_us = table.at_us
    if query.since_us is not None:
        below = await _one(store, select(table.seq).where(at_us < query.since_us - CLOCK_US).order_by(at_us.desc()))
        if below is not None:
            where.append(table.seq > below)
    if query.until_us is not None:
        beyond = await _one(store, select(table.seq).where(at_us >= query.until_us + CLOCK_US).order_by(at_us))
        if beyond is not None:
            where.append(table.seq < beyond)
    return where


async def _one(store: Store, query: Select[Any]) -> int | None:
    async with store.database.read() as connection:
        found = (await connection.execute(query.limit(1))).first()
        return None if found is None else int(found[0])
