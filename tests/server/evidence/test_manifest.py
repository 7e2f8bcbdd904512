"""The manifest tells a session from its journal, whole or from a number on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from link.protocol.errors import NotFound
from server.evidence.manifest import Manifest, tell
from server.evidence.reader import Damaged, Deleted, Reader
from server.journal import Journal
from server.session import events as e
from tests.server.evidence.recorded import SESSION, STARTED_US, Archive, record
from tests.server.recording import media


@pytest.fixture
async def archive(tmp_path: Path) -> AsyncIterator[Archive]:
    async with Archive.opened(tmp_path) as opened:
        await record(opened)
        yield opened


async def manifest(archive: Archive, after: int = 0) -> Manifest:
    entries = await archive.journal.read(SESSION, after)
    return tell(SESSION, entries, started_us=STARTED_US, after=after, live=False)


async def test_tracks_with_their_segments_and_gaps(archive: Archive) -> None:
    told = await manifest(archive)
    tracks = {track.name: track for track in told.tracks}
    assert set(tracks) == {
        *("kiosk.camera", "kiosk.microphone", "specialist.camera", "specialist.microphone", "cobrowse"),
    }
    camera = tracks["kiosk.camera"]
    assert (camera.kind, camera.codec, camera.width, camera.height, camera.first_ms) == ("video", "vp8", 320, 180, 1000)
    assert [(gap.start_ms, gap.end_ms, gap.reason) for gap in camera.gaps] == [(2600, 4000, "no_media")]
    assert [(part.start_ms, part.end_ms) for part in camera.segments] == [
        *((1000, 2000), (2000, 2600), (4000, 6000), (6000, 7000)),
    ]
    assert told.complete is not None
    assert 7000 <= told.length_ms < 7200
    assert not told.live


async def test_moments_are_what_people_understand(archive: Archive) -> None:
    told = await manifest(archive)
    kinds = [moment.kind for moment in told.moments]
    assert kinds[:4] == ["session_requested", "consent_given", "offered", "answered"]
    assert {"chat_sent", "document_stored", "ended", "rated", "disposed"} <= set(kinds)
    told_out = [moment.data for moment in told.moments if moment.kind == "copy_incomplete"]
    assert told_out[-1] == {"left_out": {"image": 2, "nodes": 1}}
    assert not {"segment_sealed", "timer_fired", "gap_declared"} & set(kinds)
    chat = next(moment for moment in told.moments if moment.kind == "chat_sent")
    assert chat.at_ms == 2500
    assert chat.data["text"].endswith("<b>")
    assert b"blob" not in msgspec.json.encode(told)
    assert b"sessions/" not in msgspec.json.encode(told)


async def test_only_what_is_new(archive: Archive) -> None:
    whole = await manifest(archive)
    rest = await manifest(archive, whole.seq - 4)
    assert rest.seq == whole.seq
    assert [moment.kind for moment in rest.moments] == ["rated", "disposed"]
    nothing = await manifest(archive, whole.seq)
    assert (nothing.seq, nothing.moments, nothing.tracks) == (whole.seq, [], [])


async def test_what_comes_after_the_end_makes_no_call_longer(tmp_path: Path) -> None:
    """A call that nobody rates or disposes of is closed by a timer ten minutes after its end."""
    async with Archive.opened(tmp_path) as archive:
        await record(archive, finished=False)
        await archive.add(SESSION, 7500, e.Ended("kiosk", "customer"))
        ended = await manifest(archive)
        await archive.add(SESSION, 7900, e.GapDeclared("kiosk.camera", 7000, 7600, "no_media"))
        sealed = await manifest(archive)
        await archive.add(SESSION, 607_500, e.NodeRestarted("n1"), e.TimerFired("close"), e.Closed())
        closed = await manifest(archive)
        news = tell(
            SESSION,
            await archive.journal.read(SESSION, sealed.seq),
            started_us=STARTED_US,
            after=sealed.seq,
            ended_us=STARTED_US + 7_500_000,
            live=False,
        )
    assert (ended.length_ms, sealed.length_ms, closed.length_ms, news.length_ms) == (7500, 7600, 7600, 0)


async def test_segments_are_read_and_play(archive: Archive) -> None:
    reader = Reader(archive.journal, archive.blobs, archive.vault)
    data = await reader.init(SESSION, "kiosk.camera")
    for index in range(4):
        event, part = await reader.segment(SESSION, "kiosk.camera", index)
        assert event.index == index
        data += part
    assert len(list(media.decoded(data, "video"))) == 115
    _, lines = await reader.lines(SESSION, 0)
    assert lines.count(b"\n") == 2


async def test_a_long_journal_is_looked_through_in_slices(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.journal.journal.PAGE", 3)
    monkeypatch.delattr(Journal, "read")
    reader = Reader(archive.journal, archive.blobs, archive.vault)
    assert (await reader.segment(SESSION, "specialist.microphone", 3))[0].index == 3
    assert await reader.init(SESSION, "specialist.camera")


async def test_what_is_not_there(archive: Archive) -> None:
    reader = Reader(archive.journal, archive.blobs, archive.vault)
    for track, index in (("kiosk.camera", 99), ("nobody", 0)):
        with pytest.raises(NotFound):
            await reader.segment(SESSION, track, index)
    for track in ("nobody", "cobrowse"):
        with pytest.raises(NotFound):
            await reader.init(SESSION, track)


async def test_damage_is_told_and_not_played(archive: Archive) -> None:
    reader = Reader(archive.journal, archive.blobs, archive.vault)
    event, _ = await reader.segment(SESSION, "kiosk.camera", 0)
    path = archive.folder / "blobs" / event.blob
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes((data[-1] ^ 1,)))
    with pytest.raises(Damaged):
        await reader.segment(SESSION, "kiosk.camera", 0)
    path.unlink()
    with pytest.raises(Damaged):
        await reader.segment(SESSION, "kiosk.camera", 0)
    await archive.vault.destroy(SESSION)
    with pytest.raises(Deleted):
        await reader.segment(SESSION, "kiosk.camera", 1)


async def test_a_segment_sealed_after_the_first_look_is_found(tmp_path: Path) -> None:
    async with Archive.opened(tmp_path) as archive:
        reader = Reader(archive.journal, archive.blobs, archive.vault)
        with pytest.raises(NotFound):
            await reader.segment(SESSION, "kiosk.camera", 0)
        await record(archive)
        assert (await reader.segment(SESSION, "kiosk.camera", 0))[0].index == 0
