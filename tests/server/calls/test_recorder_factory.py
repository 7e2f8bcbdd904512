"""What a process that died is found to have left, as its rooms ask for it."""

from __future__ import annotations

from pathlib import Path

from server.calls.recorder_factory import RecorderFactory
from server.recording.space import DiskFloor
from server.session import events as e
from tests.server.evidence.recorded import SESSION, Archive, requested


async def test_who_was_connected_is_missing_from_then_on(tmp_path: Path) -> None:
    """The process died before anything of it was journaled: the journal's own entries say since when."""
    async with Archive.opened(tmp_path) as archive:
        first, row = requested(SESSION)
        await archive.add(SESSION, 0, first, projection=row)
        key = await archive.vault.create(SESSION)
        await archive.add(SESSION, 900, e.LegConnected(e.KIOSK, "l1"))
        await archive.add(SESSION, 1000, e.RecordingStarted(key.suite.name, SESSION))
        await archive.add(SESSION, 2500, e.LegConnected(e.SPECIALIST, "l2"))
        await archive.add(SESSION, 3000, e.LegConnected(e.SPECIALIST, "l3"), e.LegConnected("guide", "l4"))
        spool = tmp_path / "spool"
        recordings = RecorderFactory(archive.journal, archive.vault, archive.blobs, spool, DiskFloor(spool, 0))
        found = await recordings.recover(SESSION, 4000)
    assert sorted((gap.track, gap.start_ms, gap.end_ms) for gap in found.events if isinstance(gap, e.GapDeclared)) == [
        ("kiosk.camera", 1000, 4000),
        ("kiosk.microphone", 1000, 4000),
        ("specialist.camera", 2500, 4000),
        ("specialist.microphone", 2500, 4000),
    ]
