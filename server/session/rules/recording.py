"""How far the recording is, as its journal entries say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from link.protocol.values import RecordedTrack, SessionState, WhenUnrecorded
from server.session import commands as c
from server.session import events as e
from server.session.errors import IllegalEvent
from server.session.missing import MissingParts
from server.session.state import OPEN, TALKING, Recording
from server.session.table import Step, on

if TYPE_CHECKING:
    from server.session.machine import Machine


@on(e.RecordingStarted, OPEN, SessionState.ENDED)
def started(m: Machine, _event: e.RecordingStarted) -> Step:
    if m.state.recording is not Recording.NONE or not m.state.answered:
        raise IllegalEvent("not the time to start recording")
    m.set(recording=Recording.ON)
    if m.state.phase is SessionState.ENDED:
        yield c.FinishRecording()


@on(e.TrackStarted, OPEN, SessionState.ENDED)
def track_started(m: Machine, event: e.TrackStarted) -> Step:
    _on(m)
    others = tuple(track for track in m.state.tracks if track.name != event.track)
    m.set(tracks=(*others, RecordedTrack(event.track, event.kind)))
    yield from ()


@on(e.SegmentSealed, OPEN, SessionState.ENDED)
@on(e.MediaAwaited, OPEN, SessionState.ENDED)
def sealed(m: Machine, _event: e.SegmentSealed | e.MediaAwaited) -> Step:
    _on(m)
    yield from ()


@on(e.GapDeclared, OPEN, SessionState.ENDED)
def gap_declared(m: Machine, event: e.GapDeclared) -> Step:
    _on(m)
    known = m.state.missing.get(event.track, MissingParts())
    m.set(missing=m.state.missing | {event.track: known.more(event)})
    yield from ()


@on(e.CopyIncomplete, OPEN, SessionState.ENDED)
def copy_incomplete(m: Machine, event: e.CopyIncomplete) -> Step:
    m.set(left_out={**m.state.left_out, **event.left_out})
    yield from ()


@on(e.RecordingStalled, TALKING)
def stalled(m: Machine, event: e.RecordingStalled) -> Step:
    _on(m)
    m.set(stalled=m.state.stalled | {event.track: event.reason})
    yield c.RaiseAlarm("not recorded")
    if event.policy == WhenUnrecorded.END:
        yield c.Follow(e.Ended(e.SYSTEM, "recording_failed"))


@on(e.RecordingResumed, OPEN)
def resumed(m: Machine, event: e.RecordingResumed) -> Step:
    m.set(stalled={track: reason for track, reason in m.state.stalled.items() if track != event.track})
    yield from ()


@on(e.RecordingCompleted, SessionState.ENDED)
def completed(m: Machine, event: e.RecordingCompleted) -> Step:
    _on(m)
    m.set(recording=Recording.COMPLETE, summaries=tuple(event.tracks))
    yield c.TellStatement()
    yield from m.close_if_finished()


def _on(m: Machine) -> None:
    if m.state.recording is not Recording.ON:
        raise IllegalEvent("nothing is being recorded")
