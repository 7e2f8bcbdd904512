"""No record, no business: watches that what has to be recorded is, and says at once when it is not.

What counts is what the recorder has written to the disk, not what has come: a full disk, a recorder that hangs and a
camera that sends nothing look the same from here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from server.recording.account import TrackAccount
from server.recording.segment import COBROWSE
from server.session.missing import INTENDED

STALLED_MS: Final = 2000
"""A track of which nothing is written for so long has stopped."""
BEGIN_MS: Final = 5000
"""What has just become due has so long: a camera has to start, and a picture to begin with has to come."""


@dataclass(frozen=True, slots=True)
class Due:
    """A track that has to be recorded: what is written of it, and why it rightly is not now, or nothing."""

    account: TrackAccount | None
    excuse: str = ""


@dataclass(slots=True)
class _Mark:
    """When more of a track was seen to be written, and whether any was since it is due."""

    at_ms: int
    recorded_ms: int
    begun: bool = False


class RecordingWatch:
    """Looks at the tracks every now and then. Reads no clock; times are milliseconds of one timeline."""

    def __init__(self) -> None:
        self._marks: dict[str, _Mark] = {}

    def look(self, tracks: Mapping[str, Due], now_ms: int) -> dict[str, tuple[str, int]]:
        """The tracks that have stopped, why, and since when. What is not among `tracks` any more is forgotten."""
        self._marks = {name: mark for name, mark in self._marks.items() if name in tracks}
        stopped: dict[str, tuple[str, int]] = {}
        for name, due in tracks.items():
            mark = self._marks.get(name)
            recorded_ms = due.account.recorded_ms if due.account is not None else 0
            if mark is None or due.excuse:
                self._marks[name] = _Mark(now_ms, recorded_ms)
                continue
            if recorded_ms > mark.recorded_ms:
                mark.at_ms, mark.begun = now_ms, True
            if due.account is not None:
                mark.recorded_ms = recorded_ms  # less, where a recorder goes on with what another one left whole
            if now_ms - mark.at_ms >= (STALLED_MS if mark.begun else BEGIN_MS):
                stopped[name] = (_reason(due.account), mark.at_ms)
        return stopped


def due(required: Mapping[str, str], accounts: Mapping[str, TrackAccount], screen: str) -> dict[str, Due]:
    """What is to be watched: `required` tracks and the shared screen, with what is written of each.

    `screen` is why the customer's page is rightly not recorded. A kiosk whose page never came shares none.
    """
    tracks = {name: Due(accounts.get(name), excuse) for name, excuse in required.items()}
    if COBROWSE in accounts:
        tracks[COBROWSE] = Due(accounts[COBROWSE], screen)
    return tracks


def _reason(account: TrackAccount | None) -> str:
    """What the gap will be for. A reason that is over, such as hold, says nothing of now."""
    if account is None:
        return "write_error"  # there is no recorder
    return "no_media" if not account.reason or account.reason in INTENDED else account.reason
