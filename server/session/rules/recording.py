"""How far the recording is, as its journal entries say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from link.protocol.values import RecordedTrack, SessionState
from server.session import commands as c
from server.session import events as e
from server.session.errors import IllegalEvent
from server.session.state import OPEN, Recording
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
@on(e.GapDeclared, OPEN, SessionState.ENDED)
@on(e.MediaAwaited, OPEN, SessionState.ENDED)
def accounted_for(m: Machine, _event: e.SegmentSealed | e.GapDeclared | e.MediaAwaited) -> Step:
    _on(m)
    yield from ()


@on(e.CopyIncomplete, OPEN, SessionState.ENDED)
def copy_incomplete(m: Machine, event: e.CopyIncomplete) -> Step:
    m.set(left_out={**m.state.left_out, **event.left_out})
    yield from ()


@on(e.RecordingCompleted, SessionState.ENDED)
def completed(m: Machine, _event: e.RecordingCompleted) -> Step:
    _on(m)
    m.set(recording=Recording.COMPLETE)
    yield from m.close_if_finished()


def _on(m: Machine) -> None:
    if m.state.recording is not Recording.ON:
        raise IllegalEvent("nothing is being recorded")
