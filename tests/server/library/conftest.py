"""A library of closed calls with what people wrote in them, made by the journal and the indexer as the server does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest_asyncio

from server.blobs.vault import Vault
from server.journal import Journal
from server.library.indexer import Indexer
from server.library.query import parse
from server.library.search import Found, LibrarySearch
from server.session import events as e
from server.session import private
from server.session.columns import row_of
from server.store import Store
from server.store.sessions import Projection

STARTED_US = 1_790_000_000_000_000
SITE_KEY = bytes(range(32))


@dataclass
class Shelf:
    """The parts of a library, and calls to put on it."""

    store: Store
    file: Path
    journal: Journal = field(init=False)
    vault: Vault = field(init=False)
    indexer: Indexer = field(init=False)
    search: LibrarySearch = field(init=False)

    def __post_init__(self) -> None:
        self.journal = Journal(self.store)
        self.vault = Vault(self.store.data_keys, SITE_KEY)
        self.indexer = Indexer(self.store.library, self.journal, self.vault)
        self.search = LibrarySearch(self.store.library, self.vault, clock=lambda: 0.0)

    async def call(
        self,
        session: str,
        *wrote: e.Event | str,
        at_s: float = 0,
        branch: str = "north",
        kiosk: str = "k1",
        service: str = "wealth",
        language: str = "zh-CN",
        specialists: tuple[tuple[str, str], ...] = (("p1", "陈静"),),
        minutes: float = 3,
        rating: int | None = 5,
        outcome: str | None = "resolved",
        state: str = "closed",
        elderly: bool = False,
    ) -> None:
        """A call; a string in `wrote` is a note. Without specialists nobody answered."""
        at_us = STARTED_US + int(at_s * 1_000_000)
        first = e.SessionRequested(
            *(session, kiosk, f"{kiosk}号机", branch, f"{branch}支行", f"Branch {branch}", service, f"{service}业务"),
            *(service.title(), "coins", service, language, f"r{session}"),
            elderly=elderly,
        )
        events: list[tuple[e.Event, int]] = [(first, at_us)]
        events += [(e.Answered(who, name), at_us + 10_000_000) for who, name in specialists]
        notes = [e.NoteSaved(one) if isinstance(one, str) else one for one in wrote]
        events += [(note, at_us + 11_000_000) for note in notes]
        end_us = at_us + 10_000_000 + int(minutes * 60_000_000)
        if state == "closed":
            events.append((e.Ended("customer-1", "customer" if specialists else "left"), end_us))
            events += [(e.Rated(rating), end_us)] if rating and specialists else []
            events += [(e.Disposed(outcome, "", "p1"), end_us)] if outcome and specialists else []
            events.append((e.Closed(), end_us))
        if any(private.has_text(event) for event, _ in events):
            key = await self.vault.create(session)
            events = [(private.sealed(event, key), when) for event, when in events]
        row, answered = row_of([events[0]])
        del answered
        await self._append(session, events[:1], Projection(state="waiting", **row))  # type: ignore[typeddict-item]
        for event, when in events[1:]:
            columns, _ = row_of([(event, when)])
            await self._append(session, [(event, when)], Projection(**columns))  # type: ignore[typeddict-item]
        await self.journal.append(session, [], projection=Projection(state=state))

    async def _append(self, session: str, events: list[tuple[e.Event, int]], row: Projection) -> None:
        records = [(e.kind(event), e.encode(event)) for event, _ in events]
        await self.journal.append(session, records, at_us=events[0][1], projection=row)

    async def find(self, branches: frozenset[str] | None = None, *, limit: int = 100, **asked: Any) -> Found:
        query = parse({name: str(value) for name, value in asked.items()}, branches)
        return await self.search.find(query, limit=limit)

    async def ids(self, branches: frozenset[str] | None = None, **asked: Any) -> list[str]:
        """The ids that a search finds, and a look at whether its count agrees with them."""
        found = await self.find(branches, **asked)
        assert found.after is None
        assert found.total == len(found.rows), "all on one page"
        assert found.exact
        return [row.id for row in found.rows]


@pytest_asyncio.fixture
async def shelf(store: Store, tmp_path: Path) -> AsyncIterator[Shelf]:
    yield Shelf(store, tmp_path / "visavis.sqlite3")
