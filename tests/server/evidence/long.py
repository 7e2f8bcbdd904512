"""A session of many segments, made without a recorder: what exports of it cost is a matter of their number."""

from __future__ import annotations

import hashlib

from server.recording.segment import SEGMENT_MS, SegmentName
from server.recording.webm import Block, clusters
from server.session import events as e
from server.store.sessions import Projection
from tests.server.evidence.recorded import Archive, requested

TRACKS = (
    ("customer-1.camera", "video"),
    ("customer-1.microphone", "audio"),
    ("specialist-1.camera", "video"),
    ("specialist-1.microphone", "audio"),
    ("customer-1.auxiliary", "video"),
)
BATCH = 500
FRAME_BYTES = 200


async def long_session(archive: Archive, session: str, *, segments: int) -> None:
    """A call of five tracks with so many segments each, of two seconds; what is in their frames nobody can decode."""
    first, row = requested(session)
    await archive.add(session, 0, first, e.ConsentGiven("2026-01", "zh-CN", "00"), projection=row)
    key = await archive.vault.create(session)
    await archive.add(session, 0, e.RecordingStarted(key.suite.name, session))
    events: list[e.Event] = [e.TrackStarted(name, kind, "x", 320, 180) for name, kind in TRACKS]
    root = archive.folder / "blobs"
    for index in range(segments):
        start = index * SEGMENT_MS
        frames = [Block(start + at, at == 0, b"\x00" * FRAME_BYTES) for at in range(0, SEGMENT_MS, 500)]
        data = clusters(frames)
        for name, _ in TRACKS:
            known = SegmentName(session, name, index)
            blob = key.seal(known.container, data)
            path = root / known.blob
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(blob)
            span = (index, start, start + SEGMENT_MS, len(frames), len(blob), hashlib.sha256(blob).hexdigest())
            events.append(e.SegmentSealed(name, *span, known.blob, keyframe=True))
        if len(events) >= BATCH or index == segments - 1:
            await archive.add(session, start + SEGMENT_MS, *events)
            events = []
    length = segments * SEGMENT_MS
    completed = e.RecordingCompleted([e.TrackSummary(name, kind, length, length, 0, segments) for name, kind in TRACKS])
    ended = Projection(state="closed", ended_us=1, closed_us=1, end_reason="customer")
    await archive.add(session, length, e.Ended("kiosk", "customer"), completed, e.Closed(), projection=ended)
