"""After a crash: seal what the spool holds, find what was stored but not journaled, declare what is missing."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import structlog

from server.blobs.blobs import Blobs
from server.blobs.container import Broken
from server.blobs.vault import SessionKey
from server.recording.segment import (
    CODECS,
    OPEN_SUFFIX,
    SEGMENT_MS,
    Complete,
    Facts,
    SegmentName,
    complete,
    facts,
    kind_of,
)
from server.recording.track import HOLE_MS, MIN_GAP_MS, TrackState
from server.session.events import Event, GapDeclared, RecordingCompleted, SegmentSealed, TrackStarted

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Recovered:
    """`events` are to be journaled, in order; `tracks` and `reason` are what a new `Recorder` takes to go on."""

    events: list[Event]
    tracks: dict[str, TrackState]
    reason: str = "restart"

    def completed(self) -> RecordingCompleted:
        """Return the completeness statement of a session that is not recorded any further."""
        return RecordingCompleted([state.summary(name) for name, state in sorted(self.tracks.items())])


async def recover(
    session: str,
    history: Iterable[Event],
    *,
    spool: Path,
    blobs: Blobs,
    key: SessionKey | None,
    until_ms: int,
    reason: str = "restart",
    begun_ms: int = 0,
) -> Recovered:
    """Bring a session's recording in order after its process died.

    `history` are the session's journaled events. `until_ms` is the session's time up to which what is missing is
    declared as a gap with `reason`: now, or when the call ended. Idempotent: what it did is found done the next time.
    Of a completed recording nothing is changed; its spool is emptied if everything in it is journaled. `key` is None
    when it was destroyed: nobody can read what is not journaled yet, so it is part of the gap. `begun_ms` is when
    recording began, for a track of which nothing can be read.
    """
    tracks = _Tracks.of(history, begun_ms)
    spooled = await asyncio.to_thread(_in_spool, session, spool)
    if tracks.finished:
        if spooled - tracks.known:
            log.error("completed without what the spool holds", session=session, segments=len(spooled - tracks.known))
        else:
            await discard_spool(session, spool)
        return Recovered([], tracks.states)
    if key is not None:
        found = spooled | await _in_blobs(session, blobs)
        for name in sorted(found - tracks.known, key=lambda name: (name.track, name.index)):
            await _save(name, tracks, spool=spool, blobs=blobs, key=key)
    tracks.declare_up_to(until_ms, reason)
    return Recovered(tracks.events, tracks.states, reason)


async def discard_spool(session: str, spool: Path) -> None:
    """Remove the session's spool folder, once the events of `recover` are journaled."""
    await asyncio.to_thread(shutil.rmtree, spool / session, ignore_errors=True)


async def _save(name: SegmentName, tracks: _Tracks, *, spool: Path, blobs: Blobs, key: SessionKey) -> None:
    kind = tracks.kind(name.track)
    path = name.spool(spool)
    try:
        blob = await asyncio.to_thread(path.read_bytes) if path.exists() else await blobs.get(name.blob)
        done, found = await asyncio.to_thread(_read, key, name, kind, blob)
    except Broken as error:
        where = {"session": name.session, "track": name.track, "index": name.index}
        log.error("segment is damaged", **where, error=str(error))
        tracks.skip(name)
        return
    if found is None:
        return
    await blobs.put(name.blob, done.blob)
    tracks.add(name, found, done)


def _read(key: SessionKey, name: SegmentName, kind: str, blob: bytes) -> tuple[Complete, Facts | None]:
    done = complete(key, name, blob)
    return done, facts(kind, done.data)


def _in_spool(session: str, spool: Path) -> set[SegmentName]:
    return {
        SegmentName(session, path.parent.name, int(path.stem))
        for path in (spool / session).glob(f"*/*{OPEN_SUFFIX}")
        if path.stem.isdecimal()
    }


async def _in_blobs(session: str, blobs: Blobs) -> set[SegmentName]:
    names = await blobs.names(f"sessions/{session}/tracks")
    parts = [name.split("/") for name in names]
    return {SegmentName(session, part[3], int(part[4])) for part in parts if len(part) == 5 and part[4].isdecimal()}


class _Tracks:
    """The tracks of a session as its journal tells them, and what recovery adds."""

    def __init__(self, begun_ms: int) -> None:
        self.states: dict[str, TrackState] = {}
        self.known: set[SegmentName] = set()
        self.events: list[Event] = []
        self.finished = False
        self._begun_ms = begun_ms
        self._kinds: dict[str, str] = {}
        self._damaged: set[str] = set()  # tracks whose last segment so far cannot be read

    @classmethod
    def of(cls, history: Iterable[Event], begun_ms: int) -> _Tracks:
        tracks = cls(begun_ms)
        for event in history:
            match event:
                case TrackStarted():
                    tracks._started(event)
                case SegmentSealed():
                    tracks._sealed(event)
                case GapDeclared():
                    tracks._gap(event)
                case RecordingCompleted():
                    tracks.finished = True
                case _:
                    pass
        return tracks

    def kind(self, track: str) -> str:
        return self._kinds.get(track) or kind_of(track)

    def add(self, name: SegmentName, found: Facts, done: Complete) -> None:
        """Count a segment that was saved."""
        kind = self.kind(name.track)
        state = self.states.get(name.track)
        if name.track not in self._kinds:
            started = TrackStarted(name.track, kind, CODECS[kind])
            self._started(started)
            self.events.append(started)
            state = self.states.get(name.track)
        start = found.start_ms
        if state is not None:
            hole = start - state.edge_ms
            damaged = name.track in self._damaged
            self._damaged.discard(name.track)
            # Far before the edge it lies before a gap that was journaled sooner than the segment.
            if not damaged and -MIN_GAP_MS <= hole <= HOLE_MS.get(kind, hole):
                start = state.edge_ms
            if damaged or start - state.edge_ms > MIN_GAP_MS:
                self._declare(name.track, start, "damaged" if damaged else "restart")
        sealed = SegmentSealed(
            track=name.track,
            index=name.index,
            start_ms=start,
            end_ms=max(found.end_ms, start),
            frames=found.frames,
            size=len(done.blob),
            sha256=done.sha256,
            blob=name.blob,
            keyframe=found.keyframe,
            recovered=True,
            digest=done.digest,
        )
        self._sealed(sealed)
        self.events.append(sealed)

    def skip(self, name: SegmentName) -> None:
        """Leave out a damaged segment: a gap up to the next one. Its number is not used again."""
        kind, begun = self.kind(name.track), self._begun_ms
        state = self.states.get(name.track) or TrackState(kind, begun, begun, started=name.track in self._kinds)
        if name.index >= state.next_index:  # otherwise what is missing was declared when the later ones were sealed
            self._damaged.add(name.track)
            self.states[name.track] = replace(state, next_index=name.index + 1)

    def declare_up_to(self, until_ms: int, reason: str) -> None:
        """Declare what is missing at the end of each track: a damaged segment as far as it can have reached."""
        for track, state in list(self.states.items()):
            if track in self._damaged:
                self._declare(track, min(until_ms, (state.edge_ms // SEGMENT_MS + 1) * SEGMENT_MS), "damaged")
            self._declare(track, until_ms, reason)

    def _declare(self, track: str, until_ms: int, reason: str) -> None:
        edge = self.states[track].edge_ms
        if until_ms > edge:
            gap = GapDeclared(track, edge, until_ms, reason)
            self._gap(gap)
            self.events.append(gap)

    def _started(self, event: TrackStarted) -> None:
        self._kinds[event.track] = event.kind
        state = self.states.get(event.track)
        if state is not None:
            self.states[event.track] = replace(state, started=True)

    def _sealed(self, event: SegmentSealed) -> None:
        self.known.add(SegmentName(event.blob.split("/")[1], event.track, event.index))
        state = self.states.get(event.track) or TrackState(self.kind(event.track), event.start_ms, event.start_ms)
        self.states[event.track] = replace(
            state,
            first_ms=min(state.first_ms, event.start_ms),
            edge_ms=max(state.edge_ms, event.end_ms),
            next_index=max(state.next_index, event.index + 1),
            recorded_ms=state.recorded_ms + event.end_ms - event.start_ms - event.lost_ms,
            gap_ms=state.gap_ms + event.lost_ms,
            segments=state.segments + 1,
        )

    def _gap(self, event: GapDeclared) -> None:
        state = self.states.get(event.track)
        if state is None:
            # A gap may be journaled sooner than the track's first segment, which takes time to be stored; and a track
            # that was expected and has never delivered has nothing else.
            started = event.track in self._kinds
            state = TrackState(self.kind(event.track), event.start_ms, event.start_ms, started=started)
        self.states[event.track] = replace(
            state, edge_ms=max(state.edge_ms, event.end_ms), gap_ms=state.gap_ms + event.end_ms - event.start_ms
        )
