"""Deletes in the background of a running server what the rules let go, a little at a time.

At every start it sees earlier deletions to their end, and locks objects for as long as the rules say where the store
can (`server.evidence.object_locks`). New deletions it begins only where the site wants that (`retention_hours`).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from link.protocol.errors import Unavailable
from link.tasks import cancel, spawn
from server.evidence.deletion import LegalDeletion, NotDue
from server.evidence.object_locks import ObjectLocks
from server.journal.audit import SERVER
from server.store.errors import Conflict, UnderHold

log = structlog.get_logger()

MOST: Final = 500
"""Deletions of one pass: each reads a block of the library's index, which takes half a second."""
PAUSE_S: Final = 1.0
"""Between two deletions, in which calls have the database for themselves."""
AGAIN_HOURS: Final = 1.0
"""Until what could not be removed is tried again, and between two looks at what objects are to be locked."""


class RetentionPass:
    """The passes of a running server. `start` begins; what `close` cuts off is done at the next start."""

    def __init__(
        self,
        deletion: LegalDeletion,
        *,
        locks: ObjectLocks | None = None,
        hours: float = 0,
        on_deleted: Callable[[str], Awaitable[None]] | None = None,
        pause_s: float = PAUSE_S,
    ) -> None:
        """`hours` are those between two passes, 0: no session is deleted. `on_deleted` is told of each that was."""
        self._deletion = deletion
        self._locks = locks
        self._hours = hours
        self._on_deleted = on_deleted
        self._pause_s = pause_s
        self._tasks: list[asyncio.Task[None]] = []
        self._woken = asyncio.Event()

    def start(self) -> None:
        """Begin."""
        self._tasks.append(spawn(self._run(), name="retention"))
        if self._locks is not None:
            self._tasks.append(spawn(self._lock(self._locks), name="object locks"))

    def holds_changed(self) -> None:
        """A hold was placed or lifted: objects are to be held, or not, at once."""
        self._woken.set()

    async def close(self) -> None:
        """End."""
        for task in self._tasks:
            await cancel(task)

    async def finish(self) -> int:
        """See earlier deletions to their end; return how many still are not."""
        left = 0
        async for session in self._deletion.unfinished():
            try:
                await self._deletion.finish(session)
                await self._tell(session)
            except Unavailable as error:
                log.warning("a deleted recording is not removed yet", session=session, error=error.message)
                left += 1
            except (Conflict, UnderHold) as error:  # somebody else wrote that it was deleted
                log.error("a recording is not removed", session=session, error=str(error))
            await asyncio.sleep(0)
        return left

    async def once(self) -> int:
        """One pass: delete at most MOST sessions; return how many."""
        done = 0
        async for decided in self._deletion.due():
            session = decided.row.id
            try:
                await self._deletion.delete(session, SERVER)
            except (NotDue, UnderHold) as error:  # a rule or a hold came between
                log.info("recording not deleted", session=session, error=str(error))
                continue
            await self._tell(session)
            done += 1
            if done >= MOST:
                break
            await asyncio.sleep(self._pause_s)
        return done

    async def _tell(self, session: str) -> None:
        if self._on_deleted is not None:
            await self._on_deleted(session)

    async def _run(self) -> None:
        while True:
            left = 1
            try:
                left = await self.finish()
                if self._hours:
                    done = await self.once()
                    log.info("retention", deleted=done)
            except Unavailable as error:
                log.warning("retention waits", error=error.message)
            except Exception:  # whatever others wrote into the database must not end it
                log.exception("retention failed")
            if not self._hours and not left:
                return
            await asyncio.sleep((self._hours or AGAIN_HOURS) * 3600)

    async def _lock(self, locks: ObjectLocks) -> None:
        while True:
            try:
                await locks.once()
            except Unavailable as error:
                log.warning("objects are not locked", error=error.message)
            except Exception:
                log.exception("locking failed")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(AGAIN_HOURS * 3600):
                    await self._woken.wait()
            self._woken.clear()
