"""The recording of a session by itself: what it keeps of the shared screen while the call is held."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, cast

from server.calls.recorder_factory import RecorderFactory
from server.calls.session_clock import Clock
from server.calls.session_recording import SessionRecording
from server.recording.recorder import Recorder
from server.recording.segment import COBROWSE
from server.session.events import GapDeclared
from server.session.media_gate import MediaGate
from tests.server.calls.test_session_media import Bench


class Journaled:
    """Of a room what is needed here."""

    def __init__(self, clock: Clock) -> None:
        self.session, self.clock = "s1", clock


async def test_a_recorder_that_is_replaced_on_hold_records_no_screen(tmp_path: Path, no_task_left: None) -> None:
    bench, told = Bench(tmp_path), list[Recorder | None]()
    room = cast("Any", Journaled(bench.clock))
    recording = SessionRecording(room, cast("RecorderFactory", None), told.append)
    recording.obey(MediaGate(recorded=True, screen=True))
    recording._listen(bench.recorder)
    recording.cobrowse("rrweb", b"[]", epoch="a", keyframe=True)
    recording.obey(MediaGate(recorded=True, held="hold"))
    recording._listen(None)
    bench.recorder.track(COBROWSE, COBROWSE).resume()  # a new recorder's track begins unpaused
    recording._listen(bench.recorder)
    recording.cobrowse("rrweb", b"[]", epoch="b", keyframe=True)
    await asyncio.sleep(0.3)
    recording.obey(MediaGate(recorded=True, screen=True))
    recording.cobrowse("rrweb", b"[]", epoch="c", keyframe=True)
    await bench.recorder.finish()
    await bench.stage.stop()
    gaps = [event for event in bench.events if isinstance(event, GapDeclared) and event.track == COBROWSE]
    assert [gap.reason for gap in gaps] == ["hold"]
    assert gaps[0].end_ms - gaps[0].start_ms > 250
    assert told == [bench.recorder, None, bench.recorder]
