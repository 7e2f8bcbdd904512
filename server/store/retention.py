"""Retention as data: rules, facts about sessions that no journal has, deletions, and until when objects are locked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy import and_, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from server.store import tables
from server.store.database import Database
from server.store.errors import Conflict
from server.store.sessions import SessionRow
from server.store.stamps import now_us

RULES: Final = 500
"""Rules there can be: each is looked at for each session."""
_SESSION: Final = [tables.session.c[name] for name in SessionRow.__slots__]


@dataclass(frozen=True, slots=True)
class RetentionRule:
    """A rule as kept: to which sessions it applies (an empty tuple: to all), from which event it counts, and how long.

    `keep` is a duration of ISO 8601 in years, months and days, such as `P5Y`; `source` is the text of law that it
    follows. `created_us` is when it was added; rules are never changed, only removed.
    """

    id: str
    counts_from: str
    keep: str
    source: str
    services: tuple[str, ...] = ()
    products: tuple[str, ...] = ()
    outcomes: tuple[str, ...] = ()
    age_groups: tuple[str, ...] = ()
    created_us: int = 0


@dataclass(frozen=True, slots=True)
class Deletion:
    """A session that was deleted: the signed certificate, and when the last of its blobs was gone (None: not yet)."""

    session: str
    certificate: bytes
    signature: bytes
    at_us: int
    erased_us: int | None


@dataclass(frozen=True, slots=True)
class KeptLock:
    """What the objects of a session are known to be locked until (0: not at all), and whether they are held."""

    until_us: int = 0
    held: bool = False


class Retention:
    """Rules, facts, deletions and locks in the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def rules(self) -> list[RetentionRule]:
        """Every rule, by its id."""
        table = tables.retention_rule
        async with self._database.read() as connection:
            rows = (await connection.execute(select(table).order_by(table.c.id))).mappings().all()
        lists = ("services", "products", "outcomes", "age_groups")
        return [RetentionRule(**{**row, **{name: tuple(row[name]) for name in lists}}) for row in rows]

    async def add_rule(self, rule: RetentionRule) -> RetentionRule:
        """Keep a rule. Raises `Conflict` where there is one of this id, or there are too many."""
        values = {name: getattr(rule, name) for name in RetentionRule.__slots__} | {"created_us": now_us()}
        values |= {name: list(value) for name, value in values.items() if isinstance(value, tuple)}
        try:
            async with self._database.write() as connection:
                count = await connection.execute(select(func.count()).select_from(tables.retention_rule))
                if count.scalar_one() >= RULES:
                    raise Conflict(f"there are {RULES} rules already")
                await connection.execute(insert(tables.retention_rule).values(values))
        except IntegrityError as error:
            raise Conflict(f"there is already a rule {rule.id}") from error
        return next(kept for kept in await self.rules() if kept.id == rule.id)

    async def remove_rule(self, rule: str) -> None:
        """Remove a rule. Raises `Conflict` where there is none of this id."""
        table = tables.retention_rule
        async with self._database.write() as connection:
            if (await connection.execute(delete(table).where(table.c.id == rule))).rowcount == 0:
                raise Conflict(f"there is no rule {rule}")

    async def record(self, session: str, name: str, value: str) -> str:
        """Record a fact about a session, in place of an earlier one of this name; return the id of its row.

        Raises:
            Conflict: there is no such session.
        """
        table, known = tables.session_fact, tables.session.c
        own = f"{session}.{name}"
        values = {"value": value, "recorded_us": now_us()}
        async with self._database.write() as connection:
            if (await connection.execute(select(known.id).where(known.id == session))).first() is None:
                raise Conflict(f"there is no session {session}")
            if (await connection.execute(update(table).where(table.c.id == own).values(values))).rowcount == 0:
                await connection.execute(insert(table).values({"id": own, "session": session, "name": name, **values}))
        return own

    async def facts(self, sessions: Collection[str]) -> Mapping[str, Mapping[str, str]]:
        """The facts recorded about each of these sessions (at most some hundreds), by name."""
        table = tables.session_fact.c
        found: defaultdict[str, dict[str, str]] = defaultdict(dict)
        query = select(table.session, table.name, table.value).where(table.session.in_(sorted(sessions)))
        async with self._database.read() as connection:
            for session, name, value in await connection.execute(query):
                found[session][name] = value
        return found

    async def candidates(self, before_us: int, after: str = "", *, limit: int, held: bool = False) -> list[SessionRow]:
        """Closed sessions that ended before a moment and hold something that can still be destroyed, by id.

        Those under a hold are among them where `held` says so; the deletion itself looks again.
        """
        session, key, hold = tables.session.c, tables.data_key.c, tables.hold.c
        free = ~select(hold.id).where(hold.session == session.id, hold.lifted_us.is_(None)).exists()
        query = (
            select(*_SESSION)
            .join(tables.data_key, and_(key.session == session.id, key.destroyed_us.is_(None)))
            # An expression: SQLite would begin with the index of states, which nearly all sessions share, and sort.
            .where(session.id > after, func.coalesce(session.state, "") == "closed")
            .where(func.coalesce(session.ended_us, session.closed_us) < before_us)
            .order_by(session.id)
            .limit(limit)
        )
        if not held:
            query = query.where(free)
        async with self._database.read() as connection:
            return [SessionRow(*row) for row in await connection.execute(query)]

    async def add_deletion(self, made: Deletion) -> None:
        """Keep the certificate of a deletion, inside the transaction that destroys the key."""
        values = {
            "id": made.session,
            "certificate": made.certificate,
            "signature": made.signature,
            "at_us": made.at_us,
            "erased_us": made.erased_us,
        }
        async with self._database.write() as connection:
            await connection.execute(insert(tables.deletion).values(values))

    async def deletion(self, session: str) -> Deletion | None:
        """The deletion of a session; None while it has not been deleted."""
        table = tables.deletion
        async with self._database.read() as connection:
            row = (await connection.execute(select(table).where(table.c.id == session))).first()
        return None if row is None else Deletion(*row)

    async def deleted(self, sessions: Collection[str]) -> set[str]:
        """Those of these sessions (at most some hundreds) that were deleted."""
        table = tables.deletion.c
        async with self._database.read() as connection:
            return set((await connection.execute(select(table.id).where(table.id.in_(sorted(sessions))))).scalars())

    async def unfinished(self, after: str = "", *, limit: int) -> list[str]:
        """Sessions whose key is destroyed and whose blobs may still be there, by id from above `after` on."""
        table = tables.deletion.c
        query = select(table.id).where(table.erased_us.is_(None), table.id > after).order_by(table.id).limit(limit)
        async with self._database.read() as connection:
            return list((await connection.execute(query)).scalars())

    async def mark_erased(self, session: str) -> bool:
        """Note that the session's blobs are gone; False where that was noted before."""
        table = tables.deletion
        marking = update(table).where(table.c.id == session, table.c.erased_us.is_(None))
        async with self._database.write() as connection:
            return (await connection.execute(marking.values(erased_us=now_us()))).rowcount > 0

    async def locks(self, sessions: Collection[str]) -> Mapping[str, KeptLock]:
        """What the objects of these sessions are known to be locked until, of those where anything is."""
        table = tables.object_lock.c
        query = select(table.session, table.until_us, table.held).where(table.session.in_(sorted(sessions)))
        async with self._database.read() as connection:
            return {row.session: KeptLock(row.until_us, row.held) for row in await connection.execute(query)}

    async def note_lock(self, session: str, lock: KeptLock) -> None:
        """Note what the objects of a session are locked until."""
        table = tables.object_lock
        values = {"until_us": lock.until_us, "held": lock.held}
        async with self._database.write() as connection:
            if (await connection.execute(update(table).where(table.c.session == session).values(values))).rowcount:
                return
            await connection.execute(insert(table).values({"session": session, **values}))
