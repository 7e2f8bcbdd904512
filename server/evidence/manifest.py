"""The manifest of a session for the player, built from its journal: tracks, gaps and events on the timeline."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
from msgspec import Struct

from server.journal import Entry
from server.session import events as e
from server.session import private

# Events that are part of tracks, or that nobody needs to see; all others are shown on the timeline.
_SILENT = (
    *(e.SegmentSealed, e.GapDeclared, e.MediaAwaited, e.TrackStarted, e.TimerFired, e.LegOpened, e.Closed),
    *(e.RecordingCompleted, e.RatingSkipped),
)


class Segment(Struct, frozen=True):
    """A sealed segment, in milliseconds of the session; `keyframe`: replay can begin in it.

    `arrived_ms`: when it had been delivered afterwards, 0 for what came in time.
    """

    index: int
    start_ms: int
    end_ms: int
    keyframe: bool
    recovered: bool
    arrived_ms: int = 0


class Gap(Struct, frozen=True):
    """A span that is not recorded, and why."""

    start_ms: int
    end_ms: int
    reason: str


class Track(Struct):
    """One track as far as it is known. `first_ms` is where its first segment begins, null before there is one."""

    name: str
    kind: str
    codec: str
    width: int = 0
    height: int = 0
    first_ms: int | None = None
    segments: list[Segment] = msgspec.field(default_factory=list)
    gaps: list[Gap] = msgspec.field(default_factory=list)


class Moment(Struct, frozen=True):
    """Something that happened, as a mark on the timeline: its journal number, time, kind and the event's fields."""

    seq: int
    at_ms: int
    kind: str
    data: dict[str, Any]


class Manifest(Struct):
    """A session for a player, or what is new of it after an earlier `seq`.

    `live` is true while more may be recorded. `length_ms` is the last moment known: once the call has ended, its end or
    that of the last piece or gap, whichever is later. `at_us` is when the session began. `more` is true where it is not
    told to its end: what follows `seq` is to be asked for. `now_ms` is the server's time in a session that is `live`.
    """

    session: str
    seq: int
    at_us: int
    live: bool
    length_ms: int
    tracks: list[Track]
    moments: list[Moment]
    complete: list[e.TrackSummary] | None = None
    more: bool = False
    now_ms: int | None = None


def events_of(
    entries: Iterable[Entry], started_us: int, box: private.Box | None = None
) -> Iterator[tuple[Entry, int, e.Event]]:
    """Yield each entry with its time on the session's timeline and its event, whose texts `box` opens."""
    for entry in entries:
        event = private.unsealed(e.decode(entry.payload), box)
        yield entry, max(0, (entry.at_us - started_us) // 1000), event


def tell(
    session: str,
    entries: list[Entry],
    *,
    started_us: int,
    after: int = 0,
    ended_us: int | None = None,
    live: bool,
    box: private.Box | None = None,
) -> Manifest:
    """Return the manifest of these entries, which are those with numbers above `after`.

    `ended_us` is when the call ended, where that may be told by an entry that is not among them. `box` is the session's
    key; without it what people wrote is empty.
    """
    manifest = Manifest(session, after, started_us, live, 0, [], [])
    tracks: dict[str, Track] = {}
    for entry, at_ms, event in events_of(entries, started_us, box):
        manifest.seq = entry.seq
        # A rating, or a timer ten minutes after the call, makes it no longer.
        end_ms = at_ms if ended_us is None or entry.at_us <= ended_us else 0
        match event:
            case e.Ended():
                ended_us = entry.at_us
            case e.TrackStarted():
                track = _track(tracks, event.track)
                track.kind, track.codec, track.width, track.height = event.kind, event.codec, event.width, event.height
            case e.SegmentSealed():
                track = _track(tracks, event.track)
                times = event.start_ms, event.end_ms
                span = Segment(event.index, *times, event.keyframe, event.recovered, event.arrived_ms)
                track.segments.append(span)
                track.first_ms = span.start_ms if track.first_ms is None else min(track.first_ms, span.start_ms)
                end_ms = event.end_ms
            case e.GapDeclared():
                _track(tracks, event.track).gaps.append(Gap(event.start_ms, event.end_ms, event.reason))
                end_ms = event.end_ms
            case e.RecordingCompleted():
                manifest.complete = event.tracks
            case _:
                pass
        manifest.length_ms = max(manifest.length_ms, end_ms)
        if not isinstance(event, _SILENT):
            manifest.moments.append(Moment(entry.seq, at_ms, entry.kind, _shown(event)))
    for track in tracks.values():  # what came late is journaled behind what follows it
        track.segments.sort(key=lambda segment: segment.start_ms)
        track.gaps.sort(key=lambda gap: gap.start_ms)
    manifest.tracks = list(tracks.values())
    return manifest


def _track(tracks: dict[str, Track], name: str) -> Track:
    return tracks.setdefault(name, Track(name, "", ""))


def _shown(event: e.Event) -> dict[str, Any]:
    fields: dict[str, Any] = msgspec.to_builtins(event)
    hidden = ("event", "blob", "original_blob", "view_sha256", "request", "key", "text_sha256", "sealed")
    return {name: value for name, value in fields.items() if name not in hidden}
