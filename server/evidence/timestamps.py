"""Has checkpoints time-stamped while the server runs, now and then, and never in anybody's way.

The newest checkpoint stands for all before it, so one stamp each few minutes is enough. While the authority is away, or
its answers do not count, nothing else waits: it is asked again each minute, and that is an alarm.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable
from typing import Final

import structlog
from sqlalchemy.exc import IntegrityError

from link.protocol.errors import Unavailable
from link.tasks import cancel, spawn
from server.evidence.checkpoint import Checkpoint, moment
from server.evidence.second_place import SecondPlace
from server.evidence.timestamp import BadTimeStamp, TimestampAuthority
from server.store import Store

log = structlog.get_logger()

RETRY_S: Final = 60.0
FIRST_S: Final = 5.0
"""Seconds after the start of a server until the first is asked for."""
ALARM_S: Final = 600.0
"""Seconds without an answer that counts after which supervisors and administrators are told."""


class Timestamps:
    """The time stamps of a running server: `start` begins, `close` ends. `failing` says why there are none just now."""

    def __init__(
        self,
        *,
        store: Store,
        place: SecondPlace,
        authority: TimestampAuthority,
        every_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.failing = ""
        self._store = store
        self._place = place
        self._authority = authority
        self._every_s = every_s
        self._clock = clock
        self._since = 0.0
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to ask."""
        self._task = spawn(self._run(), name="time stamps")

    async def close(self) -> None:
        """Ask no more; what is under way is given up."""
        await cancel(self._task)

    @property
    def alarm(self) -> bool:
        """Whether there have been none for so long that somebody should look."""
        return bool(self.failing) and self._clock() - self._since >= ALARM_S

    async def stamp(self) -> bool:
        """Have the newest checkpoint stamped, unless it is; whether it is now. What fails is logged once."""
        try:
            done = await self._stamp()
            await self._copy()
        except (Unavailable, BadTimeStamp) as error:
            self._fails(str(error))
            return False
        except Exception:  # whatever others wrote into the database must not end it
            log.exception("time stamp failed")
            self._fails("it failed; see the log")
            return False
        if self.failing:
            log.info("checkpoints are time-stamped again", after_s=round(self._clock() - self._since))
            self.failing = ""
        return done

    async def _run(self) -> None:
        await asyncio.sleep(FIRST_S)
        while True:
            await self.stamp()
            await asyncio.sleep(min(RETRY_S, self._every_s) if self.failing else self._every_s)

    async def _stamp(self) -> bool:
        kept, stamped = await self._store.checkpoints.newest(), await self._store.timestamps.newest()
        if kept is None:
            return False
        if stamped is not None and stamped.number >= kept.number:
            return True
        newest = Checkpoint(kept.number, kept.body, kept.signature)
        found = await self._authority.stamp(newest.message)
        try:
            await self._store.timestamps.add(newest.number, found.token)
        except IntegrityError as error:
            raise Unavailable("somebody else wrote a time stamp into the database") from error
        log.info("checkpoint time-stamped", number=newest.number, at=moment(found.at_us))
        return True

    async def _copy(self) -> None:
        for kept in await self._store.timestamps.not_copied():
            await self._place.add_token(kept.number, kept.token)
            await self._store.timestamps.mark_copied(kept.number)

    def _fails(self, why: str) -> None:
        if not self.failing:
            self._since = self._clock()
            log.error("checkpoints are not time-stamped", reason=why)
        self.failing = why


def token_hash(token: bytes) -> str:
    """What a checkpoint names a time stamp by: SHA-256, hexadecimal."""
    return hashlib.sha256(token).hexdigest()
