from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import msgspec
import pytest

from link.protocol.errors import Unavailable
from server.journal import Audit
from server.journal import tally as module
from server.journal.tally import NAMED, READING_S, REFUSALS_S, ROWS_EACH, ROWS_IN_ALL, Tally
from server.store import Store


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


class Book:
    """A tally over a real audit log, with a clock that a test moves."""

    def __init__(self, store: Store) -> None:
        self.clock = Clock()
        self.audit = Audit(store)
        self.tally = Tally(self.audit, self.clock)

    async def rows(self) -> list[tuple[str, str, str, Mapping[str, Any]]]:
        entries = await self.audit.read()
        return [(entry.actor, entry.action, entry.object, msgspec.json.decode(entry.detail)) for entry in entries]

    async def later(self, seconds: float) -> None:
        self.clock.now += seconds
        await self.tally.sweep()


@pytest.fixture
def book(store: Store) -> Book:
    return Book(store)


async def test_the_first_reading_is_a_row_and_the_rest_a_sum(book: Book) -> None:
    for number in range(500):
        await book.tally.read("person:p", "session:s", "media", "kiosk.camera" if number % 5 else "kiosk.microphone")
    assert await book.rows() == [("person:p", "read.media", "session:s", {})]
    await book.later(READING_S - 1)
    assert len(await book.rows()) == 1
    await book.later(1)
    summed = {"more": 499, "parts": {"kiosk.camera": 400, "kiosk.microphone": 100}}
    assert (await book.rows())[1:] == [("person:p", "read.media", "session:s", summed)]
    await book.tally.read("person:p", "session:s", "media", "kiosk.camera")
    assert len(await book.rows()) == 3, "a new window is a new row at once"
    await book.later(READING_S)
    assert len(await book.rows()) == 3, "a single reading needs no sum"


async def test_what_was_read_and_searched_for_is_named(book: Book) -> None:
    async def media(track: str, start_ms: int) -> None:
        await book.tally.read("person:p", "session:s", "media", track, span=(start_ms, start_ms + 2000))

    for at in (0, 2000, 60_000, 4000):
        await media("camera", at)
    await media("microphone", 0)
    await book.later(READING_S)
    first, summed = await book.rows()
    assert first[3] == {"spans": {"camera": [[0, 2000]]}}
    spans = {"camera": [[0, 6000], [60_000, 62_000]], "microphone": [[0, 2000]]}
    assert summed[3] == {"more": 4, "parts": {"camera": 4, "microphone": 1}, "spans": spans}
    await media("camera", 8000)
    await book.later(READING_S)
    assert (await book.rows())[2:] == [("person:p", "read.media", "session:s", {"spans": {"camera": [[8000, 10_000]]}})]
    for at in range(200):
        await media("camera", at * 10_000)
    for number in range(100):
        await book.tally.read("person:p", "sessions", "search", noted=(f"text={number % 70}", f"sealed {number}"))
    await book.tally.close()
    *_, media_sum, search_sum = await book.rows()
    assert (len(media_sum[3]["spans"]["camera"]), media_sum[3]["joined"]) == (40, True)
    assert search_sum[3]["more"] == 99
    assert search_sum[3]["searches"] == [f"sealed {number}" for number in range(50)], "each once, and not without bound"


async def test_viewers_sessions_and_kinds_are_apart(book: Book) -> None:
    for viewer in ("person:p", "person:q"):
        for session in ("session:s", "session:t"):
            for kind in ("media", "cobrowse"):
                for _ in range(3):
                    await book.tally.read(viewer, session, kind)
    assert len(await book.rows()) == 8
    await book.tally.close()
    assert len(await book.rows()) == 16
    assert all(detail == {"more": 2} for _, _, _, detail in (await book.rows())[8:])


async def test_nothing_is_read_that_was_not_recorded(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    record, started = book.audit.record, asyncio.Event()

    async def fail(*_: object) -> None:
        started.set()
        await asyncio.sleep(0)
        raise Unavailable("locked")

    monkeypatch.setattr(book.audit, "record", fail)
    readings = [book.tally.read("person:p", "session:s", "media") for _ in range(5)]
    outcomes = await asyncio.gather(*readings, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [Unavailable] * 5, "nor what came at the same time"
    monkeypatch.setattr(book.audit, "record", record)
    await book.tally.read("person:p", "session:s", "media")
    assert len(await book.rows()) == 1


async def test_many_readers_are_bounded_and_none_is_forgotten(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "READERS", 5)
    for viewer in range(20):
        for _ in range(3):
            await book.tally.read(f"person:{viewer}", "session:s", "media")
    assert len(book.tally._readings) == 5
    await book.tally.close()
    rows = await book.rows()
    assert sum(1 for row in rows if not row[3]) == 20
    assert sum(detail.get("more", 0) for *_, detail in rows) == 40


async def test_refusals_are_rows_and_then_a_sum(book: Book) -> None:
    for number in range(1000):
        await book.tally.refuse("192.0.2.1", "-", "not_authenticated", f"GET /{number}", address="192.0.2.1")
    assert len(await book.rows()) == ROWS_EACH
    assert (await book.rows())[7] == ("-", "refused.not_authenticated", "GET /7", {"address": "192.0.2.1"})
    await book.tally.refuse("192.0.2.2", "-", "not_authenticated", "GET /")
    assert len(await book.rows()) == ROWS_EACH + 1, "another source has its own"
    await book.later(REFUSALS_S)
    *_, last = await book.rows()
    assert last == ("-", "refused.not_authenticated", "", {"more": 1000 - ROWS_EACH, "source": "192.0.2.1"})
    assert await book.audit.verify() is None


async def test_very_many_sources_are_bounded_and_every_refusal_is_counted(
    book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SOURCES", 1000)
    for number in range(1500):
        for _ in range(2):
            book.tally.refuse_soon(f"source{number}", "-", "not_authenticated", "GET /")
    assert len(book.tally._sources) <= 1001
    await book.later(REFUSALS_S)
    rows = await book.rows()
    assert len(rows) <= ROWS_IN_ALL + NAMED + 2
    assert sum(1 for *_, detail in rows if not detail) + sum(detail.get("more", 0) for *_, detail in rows) == 3000
    assert not book.tally._sources


async def test_what_the_database_does_not_take_is_written_later(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object) -> None:
        raise Unavailable("locked")

    with monkeypatch.context() as patched:
        patched.setattr(book.audit, "record", fail)
        for _ in range(50):
            book.tally.refuse_soon("kiosk:k", "kiosk:k", "not_allowed", "kiosk answer")
        await book.later(REFUSALS_S)
    assert await book.rows() == []
    book.tally.start()
    await book.tally.close()
    rows = await book.rows()
    assert len(rows) == ROWS_EACH + 1
    assert rows[-1] == ("kiosk:k", "refused.not_allowed", "", {"more": 20, "source": "kiosk:k"})


async def test_a_flood_that_keeps_the_database_busy_does_not_hide_itself(
    book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise Unavailable("busy")

    with monkeypatch.context() as patched:
        patched.setattr(book.audit, "record", fail)
        for _ in range(ROWS_EACH + 5):
            with suppress(Unavailable):
                await book.tally.refuse("10.0.0.1", "-", "rate_limited", "POST /login", address="10.0.0.1")
    await book.later(REFUSALS_S)
    one = ("-", "refused.rate_limited", "POST /login", {"address": "10.0.0.1"})
    rest = ("-", "refused.rate_limited", "", {"more": 5, "source": "10.0.0.1"})
    assert await book.rows() == [one] * ROWS_EACH + [rest]


async def test_it_writes_by_itself(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SWEEP_S", 0.01)
    book.tally.start()
    book.tally.refuse_soon("kiosk:k", "kiosk:k", "not_allowed", "kiosk answer")
    async with asyncio.timeout(20):
        while not await book.rows():
            await asyncio.sleep(0.01)
    await book.tally.close()
