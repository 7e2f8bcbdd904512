"""Finds what the server asks for in what was kept, and puts it onto the session's timeline. Pure.

Both ends know some frames by the leg and the RTP timestamp with which they travelled: one before the hole, one behind
it, or both. What lies between was captured on this machine's clock, whose distance from the session's is known there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from kiosk_client.agent.kept_media import KeptFrame
from link.protocol.late_media import LEAST_STEP_MS, LateFrame
from link.protocol.server import MediaWanted
from link.protocol.values import MediaMark
from link.rtc.leg import MICROPHONE

SLEW_RATIO: Final = 0.1
"""How fast the distance between the clocks changes towards the frame behind the hole: as live media (docs/media.md)."""


def decodable(
    placed: Sequence[tuple[int, KeptFrame]], data: Sequence[bytes | None], wanted: MediaWanted
) -> list[LateFrame]:
    """The placed frames with their data, without those of a picture that cannot be seen: what they build on is gone.

    That is where nothing is kept of the frame before them, or something among them is not kept any more.
    """
    frames: list[LateFrame] = []
    whole = wanted.track == MICROPHONE or not (placed and placed[0][1].first)
    for (at_ms, _), content in zip(placed, data, strict=True):
        if content is None:
            frames.clear()
            whole = wanted.track == MICROPHONE
        elif whole or not content[0] & 1:
            whole = True
            frames.append(LateFrame(at_ms, content))
    return frames


def place(kept: Sequence[KeptFrame], wanted: MediaWanted) -> list[tuple[int, KeptFrame]]:
    """The kept frames that are asked for, in order, each with its time on the session's timeline in milliseconds."""
    after = _find(kept, wanted.after, from_end=True)
    before = _find(kept, wanted.before)
    if before is not None and after is not None and before <= after:
        return []
    if before is None and after is None:
        return []
    follows = wanted.follows and after is not None
    placed: list[tuple[int, KeptFrame]] = []
    least_ms = wanted.start_ms
    clock = _Clock(kept, after, wanted.after, before, wanted.before)
    for frame in kept[0 if after is None else after + 1 : before]:
        at_ms = clock.at_ms(frame.time_s)
        if at_ms < wanted.start_ms and not follows:
            continue  # before the hole: it came in time, was on hold, or was delivered already
        at_ms = max(at_ms, least_ms)
        if at_ms >= wanted.end_ms:
            break
        placed.append((at_ms, frame))
        least_ms = at_ms + LEAST_STEP_MS
    return placed


def _find(kept: Sequence[KeptFrame], mark: MediaMark | None, *, from_end: bool = False) -> int | None:
    if mark is None:
        return None
    places = range(len(kept) - 1, -1, -1) if from_end else range(len(kept))
    return next((n for n in places if kept[n].stamp == mark.stamp and kept[n].leg == mark.leg), None)


class _Clock:
    """From this machine's clock to the session's: with the distance before the hole, which becomes that behind it."""

    def __init__(
        self,
        kept: Sequence[KeptFrame],
        after: int | None,
        after_mark: MediaMark | None,
        before: int | None,
        before_mark: MediaMark | None,
    ) -> None:
        first = None if after is None or after_mark is None else after_mark.at_ms - kept[after].time_s * 1000
        last = None if before is None or before_mark is None else before_mark.at_ms - kept[before].time_s * 1000
        self._first = first if first is not None else last or 0.0
        self._change = 0.0 if first is None or last is None else last - first
        self._end_ms = 0.0 if before is None else kept[before].time_s * 1000
        self._during_ms = 0.0
        if after is not None and before is not None:
            whole = self._end_ms - kept[after].time_s * 1000
            self._during_ms = max(1.0, min(whole, abs(self._change) / SLEW_RATIO))

    def at_ms(self, time_s: float) -> int:
        """When something captured at this monotonic time was, on the session's timeline."""
        moved = 0.0
        if self._during_ms:
            moved = self._change * max(0.0, 1.0 - (self._end_ms - time_s * 1000) / self._during_ms)
        return round(time_s * 1000 + self._first + moved)
