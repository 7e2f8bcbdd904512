"""The search: sets of places from the index, of which a page is read.

A search never looks at more than the sets of its terms, a page of rows, and, where a word is longer than what the
index knows, at what was written in as many sessions as `CHECKED` says: what is left is for the next request. Sessions
that are not indexed yet (running calls, and what has just ended) are compared one by one.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Collection, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
import structlog

from link.protocol.errors import Unavailable
from server.blobs.vault import SessionKey, Vault
from server.library import terms
from server.library.branch_sets import BranchSets
from server.library.query import Cursor, LibraryQuery
from server.library.terms import facet
from server.session import private
from server.session.events import decode
from server.store.library import LibraryRows, Placed
from server.store.postings import BLOCK, BadPosting, PostingKey, block_of, offsets_of
from server.store.sessions import SessionRow

log = structlog.get_logger()

PAGE: Final = 25
LOOKUPS: Final = 2_000
"""Postings that are fetched at once, and then opened in some 10 ms of a thread."""
FRESH: Final = 500
"""Sessions without index, the newest, that are compared one by one; more there are after an upgrade only."""
CHECKED: Final = 160
CHECKED_AT_ONCE: Final = 32
CHECKING_S: Final = 0.1
"""Seconds after which no more sessions are looked into in one request."""
_FULL: Final = (1 << BLOCK) - 1
_STEPS: Final = 12
"""Steps of an order that are looked up together."""
_SMALL: Final = 4
"""Terms of a group that are asked together with all others."""

UNREADABLE: Final = (msgspec.MsgspecError, UnicodeDecodeError, TypeError, RecursionError)
"""What decoding a damaged journal entry raises."""

Sets = dict[int, int]
"""The offsets that are meant, by block."""


@dataclass(frozen=True, slots=True)
class Found:
    """A page of a search. `first` is the number of its first row, from 1, where that is known.

    `total` is how many there are, or (`exact` is false) how many there are at most. `after` and `before` lead to the
    next page and the one before; with `partial` the page ends early, because that was as much as one request looks at.
    `pending` sessions wait to be indexed beyond those that were compared one by one.
    """

    rows: tuple[SessionRow, ...] = ()
    total: int = 0
    exact: bool = True
    first: int | None = None
    after: Cursor | None = None
    before: Cursor | None = None
    partial: bool = False
    pending: int = 0


@dataclass(slots=True)
class _Matches:
    """What a search has found: in the index, and of what is not in it (with its terms, for the order's sake)."""

    indexed: Sets
    fresh: dict[int, frozenset[str]] = field(default_factory=dict)
    sure: frozenset[int] = frozenset()
    """Places that need no look into them."""
    steps: dict[int, Sets] = field(default_factory=dict)
    """Those of each step of the order, as far as they were asked for."""

    def all(self) -> Sets:
        return _union(self.indexed, _sets(self.fresh))

    def fresh_with(self, term: str) -> Sets:
        return _sets([place for place, own in self.fresh.items() if term in own])


class LibrarySearch:
    """Searches the library."""

    def __init__(self, rows: LibraryRows, vault: Vault, clock: Callable[[], float] = time.monotonic) -> None:
        self._rows = rows
        self._vault = vault
        self._key = PostingKey(vault.index_key())
        self._clock = clock
        self._branches = BranchSets()

    async def find(self, query: LibraryQuery, *, limit: int = PAGE) -> Found:
        """A page of a search.

        Raises:
            Unavailable: the database is, or a part of the index was damaged and is now made anew.
        """
        if query.nothing or query.branches == frozenset():
            return Found()
        fresh = await self._rows.pending(FRESH)
        pending = await self._rows.count_pending() - len(fresh) if len(fresh) == FRESH else 0
        matches = await self._matches(query, fresh)
        total = _count(matches.all())
        if not total:
            return Found(pending=pending)
        backward = query.before is not None
        async with aclosing(self._ordered(query, matches)) as ordered:
            picked, rest = await self._pick(query, matches, ordered, limit)
        cursors = [cursor for cursor, _ in picked.rows]
        rows = [row for _, row in picked.rows]
        if backward:
            cursors, rows = cursors[::-1], rows[::-1]
        exact, start = query.exact, query.after is None and query.before is None
        if not exact and start and not rest:
            exact, total = True, len(rows)  # every one was looked into
        first = None
        if cursors and exact:
            first = await self._rank(query, matches, cursors[0]) if query.exact else 1
        ahead, behind = (rest, True) if backward else (not start, rest)
        edge = picked.last if picked.partial else None
        return Found(
            rows=tuple(rows),
            total=total,
            exact=exact,
            first=first,
            after=(edge if edge and not backward else cursors[-1] if cursors else None) if behind else None,
            before=(edge if edge and backward else cursors[0] if cursors else None) if ahead else None,
            partial=picked.partial,
            pending=pending,
        )

    # What matches.

    async def _matches(self, query: LibraryQuery, fresh: Sequence[Placed]) -> _Matches:
        begin, end = await self._span(query)
        groups = [tuple(group) for group in query.groups]
        mine = None if query.branches is None else tuple(facet("branch", name) for name in sorted(query.branches))
        if mine is not None and len(mine) <= _SMALL:
            groups.append(mine)
        worded = [(term,) for word in query.words for term in word.terms]
        blocks = [block for block in range((end - 1) // BLOCK, begin // BLOCK - 1, -1) if end > begin]
        limits = {block: _between(block, begin, end) for block in blocks}
        if query.places is not None:
            within = await asyncio.to_thread(_sets, query.places)
            limits = {block: limits[block] & within[block] for block in blocks if block in within}
        sets = await self._narrowed([*groups, *worded], limits)
        if mine is not None and len(mine) > _SMALL:
            groups.append(mine)
            sets = await self._of_branches(mine, sets, fresh)
        ids = frozenset(await self._rows.places_of_ids(query.start_of_id, PAGE)) if query.start_of_id else frozenset()
        if ids:
            named = {block: offsets & _marks(ids, block) for block, offsets in limits.items()}
            sets = _union(sets, await self._narrowed(groups, named))
        wanted = [*groups, *worded]

        def compare() -> dict[int, frozenset[str]]:
            own = {placed.place: terms.of_row(placed) for placed in fresh if begin <= placed.place < end}
            if query.places is not None:
                own = {place: has for place, has in own.items() if place in query.places}
            return {
                place: has
                for place, has in own.items()
                if all(not has.isdisjoint(group) for group in (groups if place in ids else wanted))
            }

        compared = await asyncio.to_thread(compare)
        return _Matches(sets, compared, ids)

    async def _span(self, query: LibraryQuery) -> tuple[int, int]:
        """The places of the searched time: the first, and one beyond the last."""
        begin = 1 if query.since_us is None else await self._rows.place_since(query.since_us)
        if query.until_us is None:
            return begin, await self._rows.last_place() + 1
        return begin, await self._rows.place_since(query.until_us)

    async def _narrowed(self, groups: Sequence[Sequence[str]], within: Sets) -> Sets:
        """As `_all_of`, also of no group; what has many terms (a supervisor's branches) is asked last."""
        small = [group for group in groups if len(group) <= _SMALL]
        sets = await self._all_of(small or [(terms.ALL,)], within)
        for group in groups:
            if len(group) > _SMALL:
                sets = await self._all_of([group], sets)
        return sets

    async def _of_branches(self, mine: Sequence[str], within: Sets, fresh: Sequence[Placed]) -> Sets:
        """Those of `within` that are of one of a supervisor's many branches; `fresh` was read before."""
        branches = frozenset(mine)
        kept = self._branches.of(branches)
        found = {block: offsets & kept[block] for block, offsets in within.items() if block in kept}
        others = {block: offsets for block, offsets in within.items() if block not in kept}
        # Complete is a block whose places are all given away, of which none waits to be indexed.
        growing = {placed.place // BLOCK for placed in fresh}
        complete = [] if len(fresh) == FRESH else [block for block in others if block not in growing]
        if complete:
            end = await self._rows.last_place() + 1
            whole = {block: _FULL for block in complete if (block + 1) * BLOCK <= end}
            all_of_them = await self._all_of([mine], whole)
            self._branches.keep(branches, {block: all_of_them.get(block, 0) for block in whole})
            found |= {block: others.pop(block) & all_of_them.get(block, 0) for block in whole}
        found |= await self._all_of([mine], others)
        return {block: offsets for block, offsets in found.items() if offsets}

    async def _all_of(self, groups: Sequence[Sequence[str]], within: Sets) -> Sets:
        """Those of `within` that have a term of every group."""
        each = sum(map(len, groups))
        found: Sets = {}
        blocks = [block for block, offsets in within.items() if offsets]
        at_once = max(1, LOOKUPS // each)
        for start in range(0, len(blocks), at_once):
            some = blocks[start : start + at_once]
            numbers = await asyncio.to_thread(self._numbers, some, groups)
            postings = await self._rows.postings([number for block in numbers for group in block for number in group])
            try:
                found |= await asyncio.to_thread(self._intersect, some, numbers, dict(postings), within)
            except BadPosting as error:
                raise await self._renewed(error.number) from error
        return found

    async def _each_of(self, wanted: Sequence[str], within: Sets) -> list[Sets]:
        """For each of these terms those of `within` that have it."""
        found: list[Sets] = [{} for _ in wanted]
        blocks = list(within)
        at_once = max(1, LOOKUPS // len(wanted))
        for start in range(0, len(blocks), at_once):
            some = blocks[start : start + at_once]
            numbers = await asyncio.to_thread(self._numbers, some, [wanted])
            postings = dict(await self._rows.postings([number for [group] in numbers for number in group]))

            def look(some: Sequence[int] = some, numbers: Any = numbers, postings: Any = postings) -> None:
                for block, [group] in zip(some, numbers, strict=True):
                    for sets, number in zip(found, group, strict=True):
                        content = postings.get(number)
                        if content is not None and (offsets := within[block] & self._key.unseal(number, content)):
                            sets[block] = offsets

            try:
                await asyncio.to_thread(look)
            except BadPosting as error:
                raise await self._renewed(error.number) from error
        return found

    def _numbers(self, blocks: Sequence[int], groups: Sequence[Sequence[str]]) -> list[list[list[int]]]:
        return [[self._key.of_block(block).numbers(group) for group in groups] for block in blocks]

    def _intersect(
        self, blocks: Sequence[int], numbers: Sequence[list[list[int]]], postings: dict[int, bytes], within: Sets
    ) -> Sets:
        found = {}
        for block, groups in zip(blocks, numbers, strict=True):
            offsets = within[block]
            for group in groups:
                any_of = 0
                for number in group:
                    content = postings.get(number)
                    if content is not None:
                        any_of |= self._key.unseal(number, content)
                offsets &= any_of
                if not offsets:
                    break
            if offsets:
                found[block] = offsets
        return found

    async def _renewed(self, number: int) -> Unavailable:
        """A posting that cannot be read: its block is indexed again from the journals."""
        block = block_of(number)
        log.error("a part of the library's index is damaged and is made anew", block=block)
        await self._rows.renew(block, self._key)
        return Unavailable("a part of the library's index is made anew")

    # In which order.

    async def _ordered(self, query: LibraryQuery, matches: _Matches) -> AsyncGenerator[Cursor, None]:
        """The places that match, from where the page begins, and backward from where it ends."""
        backward = query.before is not None
        cursor = query.before or query.after
        descending = (query.sort != "oldest") is not backward
        last = max(len(query.steps), 1) - 1
        begin = (last if backward else 0) if cursor is None else cursor.step
        for step in range(min(begin, last), -1, -1) if backward else range(begin, last + 1):
            edge = cursor.place if cursor is not None and cursor.step == step else None
            for place in _places(await self._step(query, matches, step), edge, descending=descending):
                yield Cursor(step, place)

    async def _step(self, query: LibraryQuery, matches: _Matches, step: int) -> Sets:
        """What matches in this step of the order."""
        if not query.steps:
            return matches.all()
        if step not in matches.steps:
            first = step // _STEPS * _STEPS
            wanted = query.steps[first : first + _STEPS]
            each = await self._each_of(wanted, matches.indexed)
            for at, (term, indexed) in enumerate(zip(wanted, each, strict=True)):
                matches.steps[first + at] = _union(indexed, matches.fresh_with(term))
        return matches.steps[step]

    async def _rank(self, query: LibraryQuery, matches: _Matches, first: Cursor) -> int:
        """The number of the page's first row in the whole order, from 1."""
        ahead = 0
        for step in range(first.step):
            ahead += _count(await self._step(query, matches, step))
        for block, offsets in (await self._step(query, matches, first.step)).items():
            begin, end = (0, first.place) if query.sort == "oldest" else (first.place + 1, (block + 1) * BLOCK)
            ahead += (offsets & _between(block, begin, end)).bit_count()
        return ahead + 1

    # Which of them are read.

    async def _pick(
        self, query: LibraryQuery, matches: _Matches, ordered: AsyncGenerator[Cursor, None], limit: int
    ) -> tuple[_Picked, bool]:
        """The first `limit` that hold, and whether more may follow."""
        picked = _Picked()
        began, checked = self._clock(), 0
        waiting: list[Cursor] = []
        at_once = limit + 1 if query.exact else CHECKED_AT_ONCE
        async for cursor in ordered:
            waiting.append(cursor)
            if len(waiting) < at_once:
                continue
            if await self._read(query, matches, waiting, picked, limit):
                return picked, True
            checked += len(waiting)
            waiting = []
            if not query.exact and (checked >= CHECKED or self._clock() - began > CHECKING_S):
                picked.partial = True
                return picked, True
        more = bool(waiting) and await self._read(query, matches, waiting, picked, limit)
        return picked, more

    async def _read(
        self, query: LibraryQuery, matches: _Matches, cursors: Sequence[Cursor], picked: _Picked, limit: int
    ) -> bool:
        """Read these rows, and keep those that hold up to `limit`; whether there are more."""
        rows = await self._rows.placed([cursor.place for cursor in cursors])
        sure = {cursor.place for cursor in cursors} if query.exact else set(matches.sure)
        unsure = [place for place in rows if place not in sure]
        if unsure:
            sure |= await self._holding(query, {place: rows[place] for place in unsure})
        for cursor in cursors:
            row = rows.get(cursor.place)
            if row is None or cursor.place not in sure or not _may(query, row):
                picked.last = cursor
                continue
            if len(picked.rows) == limit:
                return True
            picked.rows.append((cursor, row))
            picked.last = cursor
        return False

    async def _holding(self, query: LibraryQuery, rows: dict[int, SessionRow]) -> set[int]:
        """Those of these places in whose names or texts every word is."""
        written = await self._rows.written(rows)
        people = await self._rows.specialists([row.id for row in rows.values()])
        keys = await self._vault.open_several([session for session, payloads in written.values() if payloads])

        def look() -> set[int]:
            found = set()
            for place, row in rows.items():
                session, payloads = written.get(place, (row.id, []))
                names = terms.names_of(Placed(place, row, tuple(people.get(row.id, ()))))
                texts = [*names, *texts_of(payloads, keys.get(session))]
                normal = ["\n".join(terms.words(text)) for text in texts]
                if all(any(word.text in text for text in normal) for word in query.words):
                    found.add(place)
            return found

        return await asyncio.to_thread(look)


@dataclass(slots=True)
class _Picked:
    rows: list[tuple[Cursor, SessionRow]] = field(default_factory=list)
    last: Cursor | None = None
    partial: bool = False


def texts_of(payloads: Collection[bytes], key: SessionKey | None) -> list[str]:
    """What people wrote in these journal entries; what cannot be read is left out."""
    found = []
    for payload in payloads:
        try:
            event = private.unsealed(decode(payload), key)
        except UNREADABLE:
            continue
        name = private.FIELDS.get(type(event))
        if name is not None and getattr(event, name):
            found.append(getattr(event, name))
    return found


def _may(query: LibraryQuery, row: SessionRow) -> bool:
    """Whether the row itself is of a branch and a time that are searched: the index is not asked who may see what."""
    return (
        (query.branches is None or row.branch in query.branches)
        and (query.since_us is None or row.requested_us >= query.since_us)
        and (query.until_us is None or row.requested_us < query.until_us)
    )


def _count(sets: Sets) -> int:
    return sum(offsets.bit_count() for offsets in sets.values())


def _union(one: Sets, other: Sets) -> Sets:
    return {block: one.get(block, 0) | other.get(block, 0) for block in one.keys() | other.keys()}


def _between(block: int, begin: int, end: int) -> int:
    """The offsets of a block whose places are in `[begin, end)`."""
    low, high = max(0, begin - block * BLOCK), min(BLOCK, end - block * BLOCK)
    return ((1 << high) - 1) >> low << low if high > low else 0


def _sets(places: Collection[int]) -> Sets:
    sets: Sets = {}
    for place in places:
        sets[place // BLOCK] = sets.get(place // BLOCK, 0) | 1 << place % BLOCK
    return sets


def _marks(places: Collection[int], block: int) -> int:
    offsets = 0
    for place in places:
        if place // BLOCK == block:
            offsets |= 1 << place % BLOCK
    return offsets


def _places(sets: Sets, edge: int | None, *, descending: bool) -> Iterator[int]:
    """The places in order, those beyond `edge`."""
    for block in sorted(sets, reverse=descending):
        begin, end = (0, edge) if descending else ((edge or 0) + 1, (block + 1) * BLOCK)
        offsets = sets[block] & (_FULL if edge is None else _between(block, begin, end or 0))
        for offset in offsets_of(offsets, descending=descending):
            yield block * BLOCK + offset
