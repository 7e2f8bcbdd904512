"""A session that was deleted is missed by whatever still tells of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import text

from server.journal import Audit
from server.journal.lost import lost_sessions
from server.session import events as e
from server.store.sessions import Projection
from tests.server.evidence.recorded import Archive, requested


@pytest_asyncio.fixture
async def archive(tmp_path: Path) -> AsyncIterator[Archive]:
    """Three sessions: one looked at, one answered and recorded, one that nobody knows more of."""
    async with Archive.opened(tmp_path) as opened:
        for session in ("seen", "told", "quiet"):
            event, row = requested(session)
            await opened.add(session, 0, event, projection=row)
        answered = Projection(specialist="p1", specialist_name="Chen Jing")
        await opened.add("told", 1, e.Offered("p1", "Chen Jing"), e.Answered("p1", "Chen Jing"), projection=answered)
        await opened.blobs.put("sessions/told/tracks/kiosk.camera/000000", b"x")
        audit = Audit(opened.store)
        await audit.record("person:p1", "read.page", "session:seen")
        await audit.record("person:p1", "document.view", "session:seen/d1")
        await audit.record("person:p1", "read.search", "sessions")
        await audit.record("kiosk:k1", "refused.not_found", "session:guessed")
        yield opened


async def lost(archive: Archive) -> list[str]:
    return await lost_sessions(archive.store, await archive.blobs.folders("sessions"))


@pytest.mark.parametrize(
    ("session", "tables"),
    [
        ("quiet", ["session"]),
        ("quiet", ["journal"]),
        ("seen", ["session", "journal"]),
        ("told", ["session", "journal"]),
        ("told", ["session", "journal", "session_specialist"]),
    ],
)
async def test_a_deleted_session_is_named(archive: Archive, session: str, tables: list[str]) -> None:
    assert await lost(archive) == []
    async with archive.store.database.write() as connection:
        for table in tables:
            key = "id" if table == "session" else "session"
            await connection.execute(text(f"DELETE FROM {table} WHERE {key} = :session"), {"session": session})
    assert await lost(archive) == [session]


async def test_ids_that_were_exchanged_are_two_lost_sessions_or_two_broken_ones(archive: Archive) -> None:
    async with archive.store.database.write() as connection:
        await connection.execute(text("UPDATE journal SET session = 'other' WHERE session = 'quiet'"))
    assert await lost(archive) == ["other", "quiet"]
