"""The library's index in the database: every session's place, what is not indexed yet, and the postings."""

from __future__ import annotations

import asyncio
import json
from array import array
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from sqlalchemy import and_, bindparam, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from server.store import tables
from server.store.database import Database
from server.store.postings import BLOCK, BadPosting, PostingKey
from server.store.sessions import SessionRow

AT_ONCE: Final = 500
"""Postings in one statement: what is done with them on the loop stays under 5 ms."""
_SESSION: Final = [tables.session.c[name] for name in SessionRow.__slots__]


@dataclass(frozen=True, slots=True)
class Placed:
    """A session with its place, and everybody who answered it (id and name)."""

    place: int
    row: SessionRow
    specialists: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Indexed:
    """What a session is found by: its `terms`, and those of what people `wrote`, which are in these journal entries."""

    place: int
    session: str
    terms: frozenset[str]
    wrote: frozenset[str] = frozenset()
    texts: tuple[int, ...] = ()


class LibraryRows:
    """The index in the database. Who uses it has the key."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def postings(self, numbers: Sequence[int]) -> list[tuple[int, bytes]]:
        """Those of these postings that there are, sealed."""
        table, found = tables.library_posting.c, []
        async with self._database.read() as connection:
            for start in range(0, len(numbers), AT_ONCE):
                query = select(table.id, table.places).where(table.id.in_(numbers[start : start + AT_ONCE]))
                found += [(row[0], row[1]) for row in await connection.execute(query)]
        return found

    async def placed(self, places: Collection[int]) -> dict[int, SessionRow]:
        """The sessions at these places."""
        place = tables.library_place.c
        query = select(place.place, *_SESSION).join(tables.session, tables.session.c.id == place.session)
        async with self._database.read() as connection:
            found = (await connection.execute(query.where(place.place.in_(sorted(places))))).all()
        return {row[0]: SessionRow(*row[1:]) for row in found}

    async def pending(self, limit: int, *, closed: bool = False) -> list[Placed]:
        """Sessions that are not indexed: the newest, or the oldest of those that are `closed` and so can be."""
        place, session = tables.library_place.c, tables.session.c
        query = (
            select(place.place, *_SESSION)
            .select_from(tables.library_pending)
            .join(tables.library_place, place.place == tables.library_pending.c.place)
            .join(tables.session, session.id == place.session)
            .limit(limit)
        )
        if closed:
            # Nearly all sessions are closed: an expression keeps SQLite from beginning with the index of their states.
            is_closed = func.coalesce(session.state, "") == "closed"
            query = query.where(is_closed).order_by(tables.library_pending.c.place)
        else:
            query = query.order_by(tables.library_pending.c.place.desc())
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).all()
            answered = await _specialists(connection, [row[1] for row in rows])
        return [Placed(row[0], SessionRow(*row[1:]), tuple(answered[row[1]])) for row in rows]

    async def count_pending(self) -> int:
        """How many sessions are not indexed."""
        async with self._database.read() as connection:
            count = await connection.execute(select(func.count()).select_from(tables.library_pending))
            return int(count.scalar_one())

    async def place_since(self, at_us: int) -> int:
        """The place of the first session that was requested then or later; one beyond the last where none was."""
        place, session = tables.library_place.c, tables.session.c
        query = (
            select(place.place)
            .join(tables.session, session.id == place.session)
            .where(session.requested_us >= at_us)
            .order_by(session.requested_us)
            .limit(1)
        )
        async with self._database.read() as connection:
            found = (await connection.execute(query)).scalar()
        return await self.last_place() + 1 if found is None else int(found)

    async def last_place(self) -> int:
        """The newest session's place; 0 where there is none."""
        async with self._database.read() as connection:
            return (await connection.execute(select(func.max(tables.library_place.c.place)))).scalar() or 0

    async def places_of_ids(self, start: str, limit: int) -> list[int]:
        """The places of sessions whose id begins so."""
        place = tables.library_place.c
        query = select(place.place).where(place.session >= start, place.session < start + "\x7f").limit(limit)
        async with self._database.read() as connection:
            return list((await connection.execute(query)).scalars())

    async def written(self, places: Collection[int]) -> dict[int, tuple[str, list[bytes]]]:
        """For each of these places the session, and the journal entries that hold what people wrote."""
        place, journal = tables.library_place.c, tables.journal.c
        found: dict[int, tuple[str, list[bytes]]] = {}
        async with self._database.read() as connection:
            rows = (
                await connection.execute(
                    select(place.place, place.session, place.texts).where(place.place.in_(sorted(places)))
                )
            ).all()
            found = {number: (session, []) for number, session, _ in rows}
            wanted = [[session, seq, number] for number, session, texts in rows for seq in array("I", texts or b"")]
            # Pairs as a table: SQLite would read the whole journal for `(session, seq) IN (…)`.
            pairs = func.json_each(json.dumps(wanted)).table_valued("value", name="wanted")
            of_pair = [func.json_extract(pairs.c.value, f"$[{at}]") for at in range(3)]
            entries = select(of_pair[2], journal.payload).select_from(
                pairs.join(tables.journal, and_(journal.session == of_pair[0], journal.seq == of_pair[1]))
            )
            for number, payload in await connection.execute(entries) if wanted else ():
                found[number][1].append(payload)
        return found

    async def specialists(self, sessions: Sequence[str]) -> Mapping[str, Sequence[tuple[str, str]]]:
        """Everybody who answered each of these sessions: id and name."""
        async with self._database.read() as connection:
            return await _specialists(connection, sessions)

    async def add(self, sessions: Sequence[Indexed], key: PostingKey) -> None:
        """Index sessions, those that still wait for it. Of one whose key is destroyed meanwhile only `terms`."""
        pending, data_key = tables.library_pending.c, tables.data_key.c
        async with self._database.write() as connection:
            waiting = set(
                (
                    await connection.execute(
                        select(pending.place).where(pending.place.in_([one.place for one in sessions]))
                    )
                ).scalars()
            )
            destroyed = set(
                (
                    await connection.execute(
                        select(data_key.session).where(
                            data_key.session.in_([one.session for one in sessions]), data_key.destroyed_us.is_not(None)
                        )
                    )
                ).scalars()
            )
            new = [one for one in sessions if one.place in waiting]
            if not new:
                return
            sets = await asyncio.to_thread(_sets, new, destroyed, key)
            await _merge(connection, sets, key)
            for one in new:
                texts = array("I", () if one.session in destroyed else one.texts).tobytes()
                place = tables.library_place
                await connection.execute(update(place).where(place.c.place == one.place).values(texts=texts))
            places = [one.place for one in new]
            await connection.execute(delete(tables.library_pending).where(pending.place.in_(places)))

    async def renew(self, block: int, key: PostingKey) -> None:
        """Drop the postings of a block: its sessions are to be indexed again."""
        posting, place = tables.library_posting, tables.library_place
        first, beyond = key.of_block(block).span
        here = (place.c.place >= block * BLOCK, place.c.place < (block + 1) * BLOCK)
        async with self._database.write() as connection:
            await connection.execute(delete(posting).where(posting.c.id >= first, posting.c.id < beyond))
            await connection.execute(update(place).where(*here).values(texts=None))
            await connection.execute(delete(tables.library_pending).where(tables.library_pending.c.place.in_(
                select(place.c.place).where(*here))))  # fmt: skip
            pending = select(place.c.place).where(*here)
            await connection.execute(insert(tables.library_pending).from_select(["place"], pending))


@dataclass(frozen=True, slots=True)
class Trace:
    """Where a session is in the index: its place, whether it is indexed (`texts`), and the postings that have it."""

    place: int
    texts: bytes | None
    numbers: tuple[int, ...] = ()


async def trace(database: Database, session: str, key: PostingKey) -> Trace | None:
    """Find a session in every posting of its block; takes half a second. None for one that has no place."""
    place = tables.library_place.c
    async with database.read() as connection:
        row = (await connection.execute(select(place.place, place.texts).where(place.session == session))).first()
    if row is None:
        return None
    found = Trace(row.place, row.texts)
    if found.texts is None:
        return found
    numbers: list[int] = []
    offset, posting = found.place % BLOCK, tables.library_posting.c
    first, beyond = key.of_block(found.place // BLOCK).span
    after = first - 1
    while True:
        query = select(posting.id, posting.places).where(posting.id > after, posting.id < beyond)
        async with database.read() as connection:
            rows = [(row[0], row[1]) for row in await connection.execute(query.order_by(posting.id).limit(AT_ONCE))]
        if not rows:
            return replace(found, numbers=tuple(numbers))
        numbers += await asyncio.to_thread(_having, rows, offset, key)
        after = rows[-1][0]


async def still(connection: AsyncConnection, found: Trace) -> bool:
    """Whether the session is in the index as it was when it was traced."""
    texts = select(tables.library_place.c.texts).where(tables.library_place.c.place == found.place)
    return (await connection.execute(texts)).scalar() == found.texts


async def erase(connection: AsyncConnection, found: Trace, key: PostingKey) -> None:
    """Take a session out of the index, inside the transaction that destroys its key; it waits to be indexed again.

    By then nobody can read what was written in it, so it is found by its row only.
    """
    posting, place = tables.library_posting, tables.library_place
    mark = 1 << found.place % BLOCK
    for start in range(0, len(found.numbers), AT_ONCE):
        numbers = found.numbers[start : start + AT_ONCE]
        query = select(posting.c.id, posting.c.places).where(posting.c.id.in_(numbers))
        for number, content in (await connection.execute(query)).all():
            offsets = key.unseal(number, content) & ~mark
            here = posting.c.id == number
            if offsets:
                await connection.execute(update(posting).where(here).values(places=key.seal(number, offsets)))
            else:
                await connection.execute(delete(posting).where(here))
    await connection.execute(update(place).where(place.c.place == found.place).values(texts=None))
    pending = tables.library_pending
    await connection.execute(delete(pending).where(pending.c.place == found.place))
    await connection.execute(insert(pending).values(place=found.place))


def _having(rows: Iterable[tuple[int, bytes]], offset: int, key: PostingKey) -> list[int]:
    found = []
    for number, content in rows:
        try:
            if key.unseal(number, content) >> offset & 1:
                found.append(number)
        except BadPosting:
            continue  # nobody can read it, so it tells nothing
    return found


def _sets(sessions: Iterable[Indexed], destroyed: Collection[str], key: PostingKey) -> dict[int, int]:
    """The offsets that each posting is to have, by its number."""
    sets: defaultdict[int, int] = defaultdict(int)
    by_block: defaultdict[int, list[Indexed]] = defaultdict(list)
    for one in sessions:
        by_block[one.place // BLOCK].append(one)
    for block, members in by_block.items():
        terms = key.of_block(block)
        numbers: dict[str, int] = {}
        for one in members:
            mark = 1 << one.place % BLOCK
            for term in one.terms if one.session in destroyed else one.terms | one.wrote:
                number = numbers.get(term)
                if number is None:
                    number = numbers[term] = terms.number(term)
                sets[number] |= mark
    return sets


async def _merge(connection: AsyncConnection, sets: Mapping[int, int], key: PostingKey) -> None:
    table, numbers = tables.library_posting, sorted(sets)
    for start in range(0, len(numbers), AT_ONCE):
        some = numbers[start : start + AT_ONCE]
        query = select(table.c.id, table.c.places).where(table.c.id.in_(some))
        known = {row[0]: row[1] for row in await connection.execute(query)}
        rows = await asyncio.to_thread(_merged, some, sets, known, key)
        changed = [{"number": number, "content": content} for number, content in rows if number in known]
        made = [{"id": number, "places": content} for number, content in rows if number not in known]
        if changed:
            change = update(table).where(table.c.id == bindparam("number")).values(places=bindparam("content"))
            await connection.execute(change, changed)
        if made:
            await connection.execute(insert(table), made)


def _merged(
    numbers: Iterable[int], sets: Mapping[int, int], known: Mapping[int, bytes], key: PostingKey
) -> list[tuple[int, bytes]]:
    rows = []
    for number in numbers:
        before = key.unseal(number, known[number]) if number in known else 0
        if before | sets[number] != before:
            rows.append((number, key.seal(number, before | sets[number])))
    return rows


async def _specialists(connection: AsyncConnection, sessions: Sequence[str]) -> defaultdict[str, list[tuple[str, str]]]:
    table = tables.session_specialist.c
    found: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    if sessions:
        query = select(table.session, table.specialist, table.name).where(table.session.in_(sessions))
        for session, who, name in await connection.execute(query):
            found[session].append((who, name))
    return found
