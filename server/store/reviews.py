"""Who reviews which session, and whether that is done."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from sqlalchemy import ColumnElement, delete, select, update
from sqlalchemy.dialects.sqlite import insert

from server.store import tables
from server.store.database import Database
from server.store.stamps import now_us

FOUND: Final = 20_000
"""Most reviews that a search looks at, the newest."""
FILTERS: Final = ("mine", "mine_done", "open", "done")
"""Searches: assigned to me and open; to me and done; to anybody and open; to anybody and done."""


@dataclass(frozen=True, slots=True)
class Review:
    """A session's review: by whom, assigned by whom (people's ids), and whether it is done."""

    session: str
    reviewer: str
    done: bool
    assigned_by: str
    assigned_us: int
    done_us: int | None


class Reviews:
    """The reviews in the database, one of each session at most."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def assign(self, session: str, reviewer: str, by: str) -> None:
        """Let `reviewer` review this session, in place of another; it is open then."""
        values = {"reviewer": reviewer, "done": False, "assigned_by": by, "assigned_us": now_us(), "done_us": None}
        row = insert(tables.review).values(session=session, **values)
        async with self._database.write() as connection:
            await connection.execute(row.on_conflict_do_update(index_elements=["session"], set_=values))

    async def withdraw(self, session: str) -> bool:
        """Let nobody review this session; whether somebody was to."""
        async with self._database.write() as connection:
            done = await connection.execute(delete(tables.review).where(tables.review.c.session == session))
        return done.rowcount > 0

    async def finish(self, session: str, *, done: bool) -> bool:
        """Say that the review is done, or open again; whether there is one."""
        change = update(tables.review).where(tables.review.c.session == session)
        async with self._database.write() as connection:
            changed = await connection.execute(change.values(done=done, done_us=now_us() if done else None))
        return changed.rowcount > 0

    async def of(self, sessions: Collection[str]) -> dict[str, Review]:
        """The reviews of these sessions (some hundreds at most), by session."""
        if not sessions:
            return {}
        query = select(tables.review).where(tables.review.c.session.in_(sorted(sessions)))
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).mappings()
            return {row["session"]: Review(**{**row, "done": bool(row["done"])}) for row in rows}

    async def places(self, which: str, person: str) -> frozenset[int]:
        """The places in the library of what a filter (one of `FILTERS`) of this person finds, `FOUND` at most."""
        review, place = tables.review.c, tables.library_place.c
        where: list[ColumnElement[bool]] = [review.done.is_(which in ("mine_done", "done"))]
        if which in ("mine", "mine_done"):
            where.append(review.reviewer == person)
        query = select(place.place).join(tables.review, review.session == place.session).where(*where)
        async with self._database.read() as connection:
            found = await connection.execute(query.order_by(place.place.desc()).limit(FOUND))
            return frozenset(found.scalars())
