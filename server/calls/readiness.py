"""Whether new calls can be taken and recorded, checked twice a second: disk, database, folders, recorders.

Each change is logged once as a warning; `/ready` and the supervisors' page show the reasons.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

import structlog

from link.protocol.errors import CannotRecord, Unavailable, VisavisError
from link.tasks import cancel, spawn
from server.calls.recorder_factory import RecorderFactory
from server.recording.places import WritablePlaces
from server.store import Store

log = structlog.get_logger()

LOOK_S: Final = 0.5
PATIENCE_S: Final = 1.5
"""Seconds after which a database that has not granted the write lock counts as failed."""
TRY_S: Final = 2.0
"""Seconds between two trial writes to the folders of recordings."""
TRIAL_PATIENCE_S: Final = 4.0
FLOOR_S: Final = 2.0
"""A disk that does not say for so long how much room it has takes no new call."""
STOP_S: Final = 3.0
RECORDER_S: Final = 60.0
"""Seconds for which a recorder's failure is a reason."""
REASONS: Final = {
    "disk": "too little free disk space: no new call is taken",
    "database": "the database cannot be written",
    "storage": "the recordings' folders cannot be written",
    "recorder": "a recording failed within the last minute",
}


class Readiness:
    """Owns the checking task. `reasons` is empty while calls can be taken."""

    def __init__(
        self,
        store: Store,
        recordings: RecorderFactory,
        clock: Callable[[], float] = time.monotonic,
        places: WritablePlaces | None = None,
    ) -> None:
        self.reasons: frozenset[str] = frozenset()
        self._store = store
        self._recordings = recordings
        self._clock = clock
        self._task: asyncio.Task[None] | None = None
        self._probe: asyncio.Task[bool] | None = None
        self._probed_at = 0.0
        self._database_failed = False
        self._places = places
        self._trial: asyncio.Task[frozenset[str]] | None = None
        self._tried_at = 0.0
        self._failing: frozenset[str] = frozenset()
        self._measure: asyncio.Task[bool] | None = None
        self._low = False

    async def check_storage(self) -> None:
        """Raise `CannotRecord` when what is recorded would have no place: disk, folders, or the database's file."""
        if self._failing:
            raise CannotRecord(REASONS[min(self._failing)])
        try:
            async with asyncio.timeout(FLOOR_S):
                await self._recordings.floor.check()
        except TimeoutError:
            raise CannotRecord(REASONS["storage"]) from None

    async def check_call(self) -> None:
        """Raise `CannotRecord` when a call could not be recorded just now, for every reason that `/ready` has for it.

        A database that was slow a moment ago has another moment: many may want to write at once.
        """
        await self.check_storage()
        if "database" in self.reasons and not await self._answers():
            raise CannotRecord(REASONS["database"])

    async def _answers(self) -> bool:
        """Whether the question that the database was asked last has a good answer, or has one soon."""
        if self._probe is None:
            return True
        await asyncio.wait([self._probe], timeout=PATIENCE_S)
        return self._probe.done() and not self._probe.cancelled() and self._probe.result()

    def start(self) -> None:
        """Begin to look."""
        self._task = spawn(self._watch(), name="condition")

    async def stop(self) -> None:
        """Look no more."""
        await cancel(self._task)
        asked: list[asyncio.Task[bool] | asyncio.Task[frozenset[str]]]
        asked = [task for task in (self._probe, self._trial, self._measure) if task is not None]
        if asked:
            await asyncio.wait(asked, timeout=STOP_S)
        for task in asked:
            await cancel(task)

    def look(self) -> None:
        """Look once, and log what changed. A disk or database that says nothing is not waited for."""
        self._failing = self._places_failing()
        found = {
            "disk": self._disk_low(),
            "database": self._database_away() or "database" in self._failing,
            "storage": "storage" in self._failing,
            "recorder": self._recorder_failed(),
        }
        reasons = frozenset(reason for reason, is_so in found.items() if is_so)
        for reason in sorted(reasons - self.reasons):
            log.warning("not ready", reason=reason, what=REASONS[reason])
        for reason in sorted(self.reasons - reasons):
            log.warning("ready again", reason=reason)
        self.reasons = reasons

    async def _watch(self) -> None:
        while True:
            self.look()
            await asyncio.sleep(LOOK_S)

    def _disk_low(self) -> bool:
        """Never waits: what a disk does not say leaves it as it was, and is for `_places_failing` to tell."""
        if self._measure is None or self._measure.done():
            if self._measure is not None and not self._measure.cancelled():
                self._low = self._measure.result()
            self._measure = spawn(self._too_little(), name="room on the disk")
        return self._low

    async def _too_little(self) -> bool:
        try:
            await self._recordings.floor.check()
        except Unavailable:
            return True
        except OSError:
            return self._low
        return False

    def _database_away(self) -> bool:
        """Never waits: a query that has not been answered counts as failed after a while."""
        now = self._clock()
        if self._probe is not None and not self._probe.done():
            return self._database_failed or now - self._probed_at > PATIENCE_S
        if self._probe is not None and not self._probe.cancelled():
            self._database_failed = not self._probe.result()
        self._probed_at = now
        self._probe = spawn(self._may_write(), name="condition of the database")
        return self._database_failed

    def _places_failing(self) -> frozenset[str]:
        """Never waits: a trial write that takes too long counts as failed."""
        if self._places is None:
            return frozenset()
        now = self._clock()
        if self._trial is not None and not self._trial.done():
            return self._failing or frozenset(("storage",) if now - self._tried_at > TRIAL_PATIENCE_S else ())
        if self._trial is not None:
            self._failing = self._trial.result()
        if self._trial is None or now - self._tried_at >= TRY_S:
            self._tried_at = now
            self._trial = spawn(asyncio.to_thread(self._places.failing), name="trial of the disk")
        return self._failing

    async def _may_write(self) -> bool:
        try:
            async with self._store.database.write():
                return True  # the right to write was given; nothing is
        except VisavisError:
            return False

    def _recorder_failed(self) -> bool:
        failed_at = self._recordings.failed_at
        return failed_at is not None and self._clock() - failed_at < RECORDER_S
