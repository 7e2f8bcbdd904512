"""After a crash: seal what the spool holds, find what was stored but not journaled, declare what is missing."""

from __future__ import annotations

import asyncio
import bisect
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import structlog

from server.blobs.blobs import Blobs
from server.blobs.container import HEADER_BYTES, Broken
from server.blobs.vault import SessionKey
from server.recording.segment import (
    COBROWSE,
    CODECS,
    OPEN_SUFFIX,
    SEGMENT_MS,
    Complete,
    Facts,
    SegmentName,
    complete,
    facts,
    kind_of,
    mended,
)
from server.recording.track import HOLE_MS, TrackState
from server.session.events import Event, GapDeclared, MediaAwaited, RecordingCompleted, SegmentSealed, TrackStarted

log = structlog.get_logger()

RETRY_S = (0.1, 0.5, 1.0)
SLACK_MS = 100  # how far a segment's first and last frame may lie outside of its span
NEVER, FOREVER = -1, 1 << 60


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
    expected: Mapping[str, int] | None = None,
) -> Recovered:
    """Bring a session's recording in order after its process died.

    `history` are the session's journaled events. `until_ms` is the session's time up to which what is missing is
    declared as a gap with `reason`: now, or when the call ended. Idempotent: what it did is found done the next time.
    Of a completed recording nothing is changed; its spool is emptied if everything in it is journaled. `key` is None
    when it was destroyed: nobody can read what is not journaled yet, so it is part of the gap. `begun_ms` is when
    recording began, for a track of which nothing can be read. `expected` says since when each track was to be heard or
    seen, for those of which the journal knows nothing yet: what the recorder knew of that died with it.
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
    tracks.expect(expected or {})
    tracks.declare_up_to(until_ms, reason)
    return Recovered(tracks.events, tracks.states, reason)


async def discard_spool(session: str, spool: Path) -> None:
    """Remove the session's spool folder, once the events of `recover` are journaled."""
    await asyncio.to_thread(shutil.rmtree, spool / session, ignore_errors=True)


async def _save(name: SegmentName, tracks: _Tracks, *, spool: Path, blobs: Blobs, key: SessionKey) -> None:
    kind = tracks.kind(name.track)
    try:
        blob = await _get(name, spool, blobs)
        if len(blob) < HEADER_BYTES or not blob.strip(b"\0"):
            return  # nothing of it had reached the disk: it is part of the gap
        done, found = await asyncio.to_thread(_read, key, name, kind, blob)
    except (Broken, OSError) as error:
        where = {"session": name.session, "track": name.track, "index": name.index}
        log.error("segment is damaged", **where, error=str(error))
        tracks.skip(name)
        return
    if found is None:
        return
    if not tracks.fits(name, found):
        log.error("segment lies in what was declared", session=name.session, track=name.track, index=name.index)
        return
    await blobs.put(name.blob, done.blob)
    tracks.add(name, found, done)


async def _get(name: SegmentName, spool: Path, blobs: Blobs) -> bytes:
    """Read the remains of a segment. A failed read is repeated a few times; raises `OSError` in the end."""
    path = name.spool(spool)
    for pause in RETRY_S:
        try:
            return await asyncio.to_thread(path.read_bytes)
        except FileNotFoundError:
            return await blobs.get(name.blob)
        except OSError as error:
            log.warning("segment not read yet", session=name.session, track=name.track, error=str(error))
        await asyncio.sleep(pause)
    return await asyncio.to_thread(path.read_bytes)


def _read(key: SessionKey, name: SegmentName, kind: str, blob: bytes) -> tuple[Complete, Facts | None]:
    done = complete(key, name, mended(key, name, kind, blob))
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
        self._spans: dict[str, list[tuple[int, int]]] = {}  # recorded or declared, in order
        self._accounted: set[str] = set()  # tracks of which the journal tells where they begin
        self._damaged: set[str] = set()  # tracks whose last segment so far cannot be read
        self._awaited: dict[str, list[MediaAwaited]] = {}  # lost on the way; what did not come since is a gap for that

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
                case MediaAwaited():
                    tracks._awaited.setdefault(event.track, []).append(event)
                case RecordingCompleted():
                    tracks.finished = True
                case _:
                    pass
        tracks._accounted = set(tracks._spans)
        for awaited in tracks._awaited.values():
            awaited.sort(key=lambda event: event.start_ms)
        return tracks

    def kind(self, track: str) -> str:
        return self._kinds.get(track) or kind_of(track)

    def fits(self, name: SegmentName, found: Facts) -> bool:
        """Whether there is room for a segment between what is accounted for already."""
        start, end = self._room(name.track, found)
        return start - SLACK_MS <= found.start_ms and found.end_ms <= end + SLACK_MS and start < end

    def add(self, name: SegmentName, found: Facts, done: Complete) -> None:
        """Count a segment that was saved, with the small holes on both sides of it."""
        kind = self.kind(name.track)
        if name.track not in self._kinds:
            started = TrackStarted(name.track, kind, CODECS[kind])
            self._started(started)
            self.events.append(started)
        begin, until = self._room(name.track, found)
        start, end = max(found.start_ms, begin), min(max(found.end_ms, begin), until)
        tolerated = HOLE_MS.get(kind, 1 << 40)
        damaged = name.track in self._damaged
        if begin > NEVER and not damaged and start - begin <= tolerated:
            start = begin
        if damaged:
            self._damaged.discard(name.track)
            self._fill(name.track, start, "damaged")
        if until < FOREVER and until - end <= tolerated and kind != COBROWSE:
            end = until
        sealed = SegmentSealed(
            track=name.track,
            index=name.index,
            start_ms=start,
            end_ms=end,
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

    def expect(self, expected: Mapping[str, int]) -> None:
        """Let the tracks that the journal does not account for begin when they were expected, at the latest."""
        for track, at_ms in sorted(expected.items()):
            if track in self._accounted:
                continue
            state = self.states.get(track)
            if state is None:
                self.states[track] = TrackState(self.kind(track), at_ms, at_ms, started=track in self._kinds)
            else:
                self._declare(track, at_ms, state.first_ms, "no_media")

    def declare_up_to(self, until_ms: int, reason: str) -> None:
        """Declare what is missing between and after the segments: a damaged one as far as it can have reached."""
        for track, awaited in self._awaited.items():
            self._begin_with(track, min(event.start_ms for event in awaited), reason)
        for track, state in list(self.states.items()):
            if track in self._damaged:
                self._fill(track, min(until_ms, (state.edge_ms // SEGMENT_MS + 1) * SEGMENT_MS), "damaged")
            if self.kind(track) != COBROWSE:  # between the pieces of the shared screen there is nothing to count
                self._fill(track, self.states[track].edge_ms, reason)
            self._declare(track, self.states[track].edge_ms, until_ms, reason)

    def _begin_with(self, track: str, at_ms: int, reason: str) -> None:
        """Let a track begin then at the latest: what was awaited there may be all that is known of it."""
        state = self.states.get(track)
        if state is None:
            self.states[track] = TrackState(self.kind(track), at_ms, at_ms, started=track in self._kinds)
        else:
            self._declare(track, at_ms, state.first_ms, reason)

    def _fill(self, track: str, until_ms: int, reason: str) -> None:
        """Declare every hole up to then."""
        edge = self.states[track].first_ms
        for start, end in [*self._spans.get(track, []), (until_ms, until_ms)]:
            self._declare(track, edge, min(start, until_ms), reason)
            edge = max(edge, end)

    def _declare(self, track: str, start_ms: int, until_ms: int, reason: str) -> None:
        """Declare a span in which there is nothing; where it was awaited, for the reason for which it was."""
        if until_ms <= start_ms:
            return
        known = self._awaited.get(track, [])
        first = bisect.bisect_right(known, start_ms, key=lambda awaited: awaited.start_ms)
        for awaited in known[max(0, first - 1) :]:
            begin, end = max(start_ms, awaited.start_ms), min(until_ms, awaited.end_ms)
            if awaited.start_ms >= until_ms:
                break
            if begin < end:
                self._declare_one(track, start_ms, begin, reason)
                self._declare_one(track, begin, end, awaited.reason)
                start_ms = end
        self._declare_one(track, start_ms, until_ms, reason)

    def _declare_one(self, track: str, start_ms: int, until_ms: int, reason: str) -> None:
        if until_ms > start_ms:
            gap = GapDeclared(track, start_ms, until_ms, reason)
            self._gap(gap)
            self.events.append(gap)

    def _room(self, track: str, found: Facts) -> tuple[int, int]:
        """The hole in the track's accounts that has most of these contents; before and behind them there are holes."""
        edge, holes = NEVER, []
        for start, end in self._spans.get(track, []):
            holes.append((edge, start))
            edge = max(edge, end)
        holes.append((edge, FOREVER))
        return max(holes, key=lambda hole: min(hole[1], found.end_ms) - max(hole[0], found.start_ms))

    def _account(self, track: str, start_ms: int, end_ms: int) -> None:
        bisect.insort(self._spans.setdefault(track, []), (start_ms, end_ms))

    def _started(self, event: TrackStarted) -> None:
        self._kinds[event.track] = event.kind
        state = self.states.get(event.track)
        if state is not None:
            self.states[event.track] = replace(state, started=True)

    def _sealed(self, event: SegmentSealed) -> None:
        self.known.add(SegmentName(event.blob.split("/")[1], event.track, event.index))
        self._account(event.track, event.start_ms, event.end_ms)
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
        self._account(event.track, event.start_ms, event.end_ms)
        state = self.states.get(event.track)
        if state is None:
            # A gap may be journaled sooner than the track's first segment, which takes time to be stored; and a track
            # that was expected and has never delivered has nothing else.
            started = event.track in self._kinds
            state = TrackState(self.kind(event.track), event.start_ms, event.start_ms, started=started)
        self.states[event.track] = replace(
            state,
            first_ms=min(state.first_ms, event.start_ms),
            edge_ms=max(state.edge_ms, event.end_ms),
            gap_ms=state.gap_ms + event.end_ms - event.start_ms,
        )
