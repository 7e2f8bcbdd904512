"""The indexer: gives every session that is closed its terms, a moment after it was, and all of an older database.

What a session is found by is read from its row and its journal. Each step is one transaction of a few sessions, so that
calls in progress hardly wait for it; what is not done yet is in the table of what is pending, also after a crash.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

import structlog

from link.protocol.errors import Unavailable
from link.tasks import cancel, spawn
from server.blobs.vault import SessionKey, Vault
from server.journal import Entry, Journal, Unreadable
from server.library import terms
from server.library.search import UNREADABLE, texts_of
from server.session import private
from server.session.events import Event, decode
from server.store.library import Indexed, LibraryRows, Placed
from server.store.postings import BadPosting, PostingKey, block_of

log = structlog.get_logger()

SESSIONS: Final = 16
"""Sessions in one transaction: with 150 terms each it holds the database for some 20 ms."""
EVERY_S: Final = 1.0
PAUSE_S: Final = 0.05
"""Between two steps while there is more to do."""


class Indexer:
    """Indexes closed sessions in the background, as a task from `start` to `close`."""

    def __init__(self, rows: LibraryRows, journal: Journal, vault: Vault) -> None:
        self._rows = rows
        self._journal = journal
        self._vault = vault
        self._key = PostingKey(vault.index_key())
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin, and go on for ever."""
        self._task = spawn(self._run(), name="library index")

    async def close(self) -> None:
        """Stop. What is not indexed is when it goes on."""
        await cancel(self._task)

    async def settle(self) -> None:
        """Index everything that is closed now. Raises `Unavailable`."""
        while await self.step():
            pass

    async def step(self) -> int:
        """Index the oldest few that wait for it; return how many.

        Raises:
            Unavailable: the database is not there; nothing is indexed.
        """
        waiting = await self._rows.pending(SESSIONS, closed=True)
        if not waiting:
            return 0
        keys = await self._vault.open_several([placed.row.id for placed in waiting])
        sessions = [await self._indexed(placed, keys.get(placed.row.id)) for placed in waiting]
        try:
            await self._rows.add(sessions, self._key)
        except BadPosting as error:
            block = block_of(error.number)
            log.error("a part of the library's index is damaged and is made anew", block=block)
            await self._rows.renew(block, self._key)
        return len(waiting)

    async def _indexed(self, placed: Placed, key: SessionKey | None) -> Indexed:
        entries: Sequence[Entry] = ()
        try:
            entries = await self._journal.read(placed.row.id, kinds=terms.TELLING)
        except Unreadable:
            log.error("a session is found by its row only: its journal is damaged", session=placed.row.id)
        return await asyncio.to_thread(index_of, placed, entries, key)

    async def _run(self) -> None:
        while True:
            try:
                more = await self.step() == SESSIONS
            except Unavailable:
                more = False
            except Exception:
                log.exception("the library's index does not go on")
                more = False
            await asyncio.sleep(PAUSE_S if more else EVERY_S)


def index_of(placed: Placed, entries: Sequence[Entry], key: SessionKey | None) -> Indexed:
    """What a session is found by; `entries` are those of its journal of the kinds `TELLING`."""
    events: list[tuple[int, bytes, Event]] = []
    for entry in entries:
        try:
            events.append((entry.seq, entry.payload, decode(entry.payload)))
        except UNREADABLE:
            continue  # verify says so; it is found by the rest
    texts = [(seq, payload) for seq, payload, event in events if private.is_sealed(event) or private.has_text(event)]
    wrote: set[str] = set()
    for text in texts_of([payload for _, payload in texts], key):
        wrote |= terms.grams(text)
    if wrote:
        wrote.add(terms.facet("flag", "written"))
    return Indexed(
        placed.place,
        placed.row.id,
        terms.of_row(placed) | terms.of_events([event for _, _, event in events]),
        frozenset(wrote),
        tuple(seq for seq, _ in texts),
    )
