"""Looks after the recording of a session while people talk: journals what stops, and tells how complete it is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

from link.protocol.server import RecordingStatement
from server.calls.recording_watch import RecordingWatch, due
from server.calls.session_clock import Clock
from server.calls.statement import live
from server.recording.account import TrackAccount
from server.session import events as e
from server.session.media_gate import MediaGate
from server.session.state import TALKING, State

LOOK_S: Final = 0.25
TELL_MS: Final = 2000


class WatchedRoom(Protocol):
    """What is needed of a room."""

    clock: Clock

    @property
    def state(self) -> State: ...

    def post(self, *events: e.Event) -> None: ...


class WatchedRecording(Protocol):
    """What is needed of its recording."""

    @property
    def accounts(self) -> Mapping[str, TrackAccount]: ...

    @property
    def unsealed_gaps(self) -> Sequence[e.GapDeclared]: ...


class RecordingMonitor:
    """Owned by a room; all methods are called on the event loop."""

    def __init__(
        self,
        room: WatchedRoom,
        recording: WatchedRecording,
        required: Callable[[], dict[str, str]],
        tell: Callable[[RecordingStatement], None],
    ) -> None:
        """`required` says which tracks have to be recorded; `tell` is told how complete the recording is."""
        self._room = room
        self._recording = recording
        self._required = required
        self._tell = tell
        self._watch = RecordingWatch()
        self._gate = MediaGate()
        self._stalled: dict[str, str] = {}
        self._told_ms = -TELL_MS
        self._told: object = None
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Look from now on, until `stop`."""
        if self._timer is None:
            self._wait()

    def stop(self) -> None:
        """Look no more. Idempotent."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def obey(self, gate: MediaGate) -> None:
        """What this gate says is not recorded has not stopped."""
        self._gate = gate

    def look(self) -> None:
        """Look once."""
        state, now_ms = self._room.state, self._room.clock.now_ms()
        if state.phase not in TALKING:
            self._watch, self._stalled = RecordingWatch(), {}
            return
        accounts = self._recording.accounts
        tracks = due(self._required(), accounts, self._screen())
        found = self._watch.look(tracks, now_ms)
        for track, (reason, since_ms) in found.items():
            if self._stalled.get(track) != reason:
                self._room.post(e.RecordingStalled(track, reason, since_ms, state.when_unrecorded))
        for track in self._stalled.keys() - found.keys():
            excuse = tracks[track].excuse if track in tracks else "left"
            self._room.post(e.RecordingResumed(track, excuse))
        self._stalled = {track: reason for track, (reason, _) in found.items()}
        self._say(live(state, accounts, self._recording.unsealed_gaps, tracks, now_ms), now_ms)

    def _say(self, statement: RecordingStatement, now_ms: int) -> None:
        """Tell it when it is time again, and at once when it is another one than told before, figures aside."""
        gist = [(track.track, track.reason, len(track.missing)) for track in statement.tracks], statement.complete
        if statement.tracks and (gist != self._told or now_ms - self._told_ms >= TELL_MS):
            self._told, self._told_ms = gist, now_ms
            self._tell(statement)

    def _wait(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(LOOK_S, self._tick)

    def _tick(self) -> None:
        self._wait()
        self.look()

    def _screen(self) -> str:
        """Why the customer's page is rightly not recorded now."""
        if self._gate.screen_unrecorded:
            return self._gate.screen_unrecorded
        state = self._room.state
        return "disconnected" if state.customer in state.lost else ""
