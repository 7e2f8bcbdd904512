"""What a kill or a loss of power leaves of a write of several chunks is an honest end; a flipped byte is damage."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from server.blobs.blobs import Blobs
from server.blobs.container import CHUNK_BYTES, HEADER_BYTES
from server.evidence.integrity_checks import check_accounts, check_segment
from server.recording.recovery import Recovered, recover
from server.recording.segment import CODECS, SegmentName, pack_lines
from server.recording.webm import Block, clusters
from server.session.events import Event, GapDeclared, SegmentSealed, TrackStarted
from tests.server.recording.live import KEY

CHANCE = random.Random(5)
FRAMES = 60  # of 40 ms and 50 KB: almost three chunks
TRACKS = {"video": "kiosk.camera", "cobrowse": "cobrowse"}
CONTENTS = {
    "video": clusters([Block(40 * n, n == 0, CHANCE.randbytes(50_000)) for n in range(FRAMES)]),
    "cobrowse": pack_lines(
        b'{"at":%d,"kind":"rrweb","data":"%s"}' % (40 * n, CHANCE.randbytes(50_000).hex().encode())
        for n in range(FRAMES)
    ),
}


def written(kind: str) -> bytes:
    """An open file after one write."""
    writer = KEY.writer(SegmentName("s1", TRACKS[kind], 0).container)
    return writer.header + writer.chunk(CONTENTS[kind])


async def found(folder: Path, kind: str, blob: bytes) -> tuple[Recovered, list[SegmentSealed], Blobs]:
    name = SegmentName("s1", TRACKS[kind], 0)
    name.spool(folder / "spool").parent.mkdir(parents=True)
    name.spool(folder / "spool").write_bytes(blob)
    blobs, history = Blobs.at(str(folder / "blobs")), list[Event]([TrackStarted(TRACKS[kind], kind, CODECS[kind])])
    result = await recover("s1", history, spool=folder / "spool", blobs=blobs, key=KEY, until_ms=9000)
    assert list(check_accounts([*history, *result.events, result.completed()])) == []
    return result, [event for event in result.events if isinstance(event, SegmentSealed)], blobs


@pytest.mark.parametrize(("kept", "zeros"), [(1, 0), (1.5, 0), (2.000001, 0), (1, 5000)])
@pytest.mark.parametrize("kind", ["video", "cobrowse"])
async def test_a_write_that_is_torn_is_kept_as_far_as_it_is_whole(
    kind: str, kept: float, zeros: int, tmp_path: Path
) -> None:
    """`kept` chunks of it are on the disk; with no power any more, zeros follow."""
    torn = written(kind)[: HEADER_BYTES + round(kept * (CHUNK_BYTES + 20))]
    result, sealed, blobs = await found(tmp_path, kind, torn + bytes(zeros))
    (segment,) = sealed
    assert check_segment(KEY, kind, segment, await blobs.get(segment.blob)) is None
    # Chunks are whole or not there, and so are frames in them.
    share = int(kept) * CHUNK_BYTES / len(CONTENTS[kind])
    assert share * FRAMES - 2 < segment.frames <= share * FRAMES
    gaps = [(event.start_ms, event.end_ms, event.reason) for event in result.events if isinstance(event, GapDeclared)]
    assert gaps == [(segment.end_ms, 9000, "restart")]


async def test_a_write_of_which_no_frame_is_whole_is_none(tmp_path: Path) -> None:
    name = SegmentName("s1", "kiosk.camera", 0)
    writer = KEY.writer(name.container)
    blob = writer.header + writer.chunk(clusters([Block(0, True, bytes(2 * CHUNK_BYTES))]))
    result, sealed, _ = await found(tmp_path, "video", blob[: CHUNK_BYTES + 100])
    assert sealed == []
    assert result.events == []


@pytest.mark.parametrize("kind", ["video", "cobrowse"])
async def test_a_flipped_byte_in_what_is_there_is_damage(kind: str, tmp_path: Path) -> None:
    blob = bytearray(written(kind)[: HEADER_BYTES + 2 * (CHUNK_BYTES + 20) + 99])
    blob[CHUNK_BYTES // 2] ^= 4
    result, sealed, _ = await found(tmp_path, kind, bytes(blob))
    assert sealed == []
    assert {event.reason for event in result.events if isinstance(event, GapDeclared)} == {"damaged", "restart"}


async def test_what_is_authentic_and_no_segment_is_damage(tmp_path: Path) -> None:
    writer = KEY.writer(SegmentName("s1", "kiosk.camera", 0).container)
    _, sealed, _ = await found(tmp_path, "video", writer.header + writer.chunk(b"no cluster"))
    assert sealed == []
