"""The pass in the background: off unless wanted, a little at a time, and what an earlier server left."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from link.protocol.errors import Unavailable
from server.evidence import retention_pass as module
from server.evidence.holds import place_hold
from server.evidence.retention_pass import RetentionPass
from tests.server.evidence.recorded import SESSION, record
from tests.server.evidence.test_deletion import Desk, desk, recording

__all__ = ["desk", "recording"]


async def ran(desk: Desk, hours: float) -> list[str]:
    """What a server tells of as deleted until its pass has nothing more to do."""
    told: list[str] = []
    done = asyncio.Event()

    async def deleted(session: str) -> None:
        told.append(session)
        done.set()

    passing = RetentionPass(desk.deletion, hours=hours, on_deleted=deleted, pause_s=0)
    passing.start()
    if hours:
        async with asyncio.timeout(30):
            await done.wait()
    else:
        await asyncio.wait(passing._tasks)
    await passing.close()
    return told


async def test_without_hours_nothing_is_deleted_and_with_them_what_the_rules_let_go(desk: Desk) -> None:
    assert await ran(desk, 0) == []
    assert await desk.store.retention.deletion(SESSION) is None
    assert await ran(desk, 1) == [SESSION]
    kept = await desk.store.retention.deletion(SESSION)
    assert kept is not None
    assert (await desk.actions("recording.delete", "recording.erased")) == ["recording.delete", "recording.erased"]


async def test_what_an_earlier_server_began_is_finished_even_where_passes_are_off(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(_prefix: str) -> int:
        raise Unavailable("no room")

    with monkeypatch.context() as patch:
        patch.setattr(desk.archive.blobs, "remove_all", full)
        with pytest.raises(Unavailable):
            await desk.deletion.delete(SESSION, "cli:root")
        passing = RetentionPass(desk.deletion)
        assert await passing.finish() == 1, "it is tried again, and said"
    assert await ran(desk, 0) == [SESSION]
    assert not desk.folder.exists()


async def test_a_pass_is_bounded_and_passes_over_what_is_kept_meanwhile(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST", 1)
    await record(desk.archive, session="s-second", seconds=1)
    passing = RetentionPass(desk.deletion, hours=1, pause_s=0)
    delete = desk.deletion.delete
    held: list[str] = []

    async def held_meanwhile(session: str, by: str) -> Any:
        if not held:
            held.append(session)
            await place_hold(desk.store, desk.audit, session, reason="Case 7", by="cli:a")
        return await delete(session, by)

    monkeypatch.setattr(desk.deletion, "delete", held_meanwhile)
    assert await passing.once() == 1
    assert await desk.store.retention.deletion(held[0]) is None
    assert await passing.once() == 0
