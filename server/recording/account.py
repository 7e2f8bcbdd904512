"""How much of a running track is written: what the recorder says of itself while the call goes on."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TrackAccount:
    """How far a track is. Milliseconds, `first_ms` and `until_ms` on the session's timeline.

    Everything before `until_ms` is on the disk or missing for good; `recorded_ms` and `gap_ms` say how much of it.
    `reason` is why nothing of what comes now is kept, and empty while all of it is.
    """

    kind: str
    first_ms: int
    until_ms: int
    recorded_ms: int
    gap_ms: int
    reason: str = ""
