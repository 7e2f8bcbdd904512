"""Judges the network of each leg of a session once a second."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Final, Protocol

from link.rtc.leg import Leg, LegState
from link.rtc.quality import Judge, Judgement

EVERY_S: Final = 1.0
_JUDGED: Final = (LegState.CONNECTED, LegState.DOUBTFUL, LegState.SILENT)


class OnQuality(Protocol):
    """Called when the judgement of a leg changes."""

    def __call__(self, participant: str, leg: str, judgement: Judgement) -> None: ...


@dataclass(slots=True)
class _Watched:
    id: str
    leg: Leg
    judge: Judge = field(default_factory=Judge)


class QualityMonitor:
    """Judges legs while there are any; all methods are called on the event loop."""

    def __init__(self, on_quality: OnQuality) -> None:
        self._on_quality = on_quality
        self._watched: dict[str, _Watched] = {}
        self._timer: asyncio.TimerHandle | None = None

    def add(self, participant: str, leg_id: str, leg: Leg) -> None:
        """Judge this leg of the participant, instead of any earlier one, from when it is connected."""
        self._watched[participant] = _Watched(leg_id, leg)
        if self._timer is None:
            self._wait()

    def remove(self, participant: str, leg_id: str) -> None:
        """Stop judging this leg. Does nothing if it is not watched."""
        watched = self._watched.get(participant)
        if watched is not None and watched.id == leg_id:
            del self._watched[participant]
        if not self._watched and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _wait(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(EVERY_S, self._look)

    def _look(self) -> None:
        self._wait()
        for participant in list(self._watched):
            self.look(participant)

    def look(self, participant: str) -> None:
        """Judge the participant's leg now; does nothing if none is watched."""
        watched = self._watched.get(participant)
        if watched is None or watched.leg.state not in _JUDGED:
            return
        judgement = watched.judge.observe(watched.leg.statistics(), time.monotonic())
        if judgement is not None:
            self._on_quality(participant, watched.id, judgement)
