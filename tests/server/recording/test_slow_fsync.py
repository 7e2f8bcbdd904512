"""A disk on which every fsync takes 120 ms longer, that of the journal too: what is behind when the call ends is waited
for, and nothing is missing in the record.
"""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import pytest

from server.evidence.verify import verify_session
from server.recording.recorder import Kept, Recorder
from server.session import events as e
from tests.server.evidence.recorded import SESSION, Archive, requested
from tests.server.recording import media

SLOW_S = 0.12
CALL_S = 4
TRACKS = ("kiosk.camera", "kiosk.microphone", "specialist.camera", "specialist.microphone")


async def test_what_is_behind_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fsync, count, now = os.fsync, 0, 0.2

    def slowly(descriptor: int) -> None:
        nonlocal count
        count += 1
        fsync(descriptor)
        time.sleep(SLOW_S)

    async with Archive.opened(tmp_path) as archive:
        first, row = requested(SESSION)
        await archive.add(SESSION, 0, first, projection=row)
        key = await archive.vault.create(SESSION)
        await archive.add(SESSION, 100, e.RecordingStarted(key.suite.name, SESSION))
        posted: list[e.Event] = []

        async def keep(*events: Kept) -> None:
            waiting, posted[:] = posted[:], []
            await asyncio.sleep(SLOW_S)  # SQLite syncs in C when it commits
            await archive.add(SESSION, round(now * 1000), *waiting, *events)

        monkeypatch.setattr(os, "fsync", slowly)
        monkeypatch.setattr("server.recording.recorder.FINISH_S", 10 * SLOW_S)  # less than all of it takes
        recorder = Recorder(
            SESSION, spool=tmp_path / "spool", blobs=archive.blobs, key=key, now_ms=lambda: round(now * 1000),
            post=posted.append, keep=keep, monotonic=lambda: now,
        )  # fmt: skip
        for track in TRACKS:
            kind = "video" if "camera" in track else "audio"
            recorder.track(track, kind).expect(200)
            for frame in (media.vp8 if kind == "video" else media.opus)(CALL_S, start=0.2):
                recorder.track(track, kind).frame(frame)
        now = 0.2 + CALL_S
        completed = await recorder.finish()
        await archive.add(SESSION, round(now * 1000), *posted, completed)
        report = await verify_session(SESSION, journal=archive.journal, blobs=archive.blobs, vault=archive.vault)
    assert (report.findings, report.exit_code) == ([], 0)
    assert report.segments == len(TRACKS) * (CALL_S // 2 + 1)
    assert count >= report.segments, "each is on the disk before it is journaled"
    assert {line.gap_ms for line in completed.tracks} == {0}
    assert {line.recorded_ms for line in completed.tracks} <= set(range(CALL_S * 1000 - 25, CALL_S * 1000 + 25))
