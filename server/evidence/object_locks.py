"""Locks the objects of each session for as long as the rules of retention keep it, where the bucket has Object Lock.

What is sealed is stored with a lock until the earliest day on which any rule could let it go. Once the call is over its
own day is known, and its objects are locked until then; when rules become longer, or a hold is placed, they are locked
again. S3 lets nobody shorten such a lock: a session that may be deleted earlier than it was locked for loses its key on
that day, and its objects, which nobody can read any more, when their lock ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import structlog

from server.blobs.blobs import Blobs
from server.blobs.object_lock import Locked, ObjectLock
from server.evidence.retention import decide, facts_of, least_us
from server.store import Store
from server.store.retention import KeptLock, RetentionRule
from server.store.sessions import SessionRow
from server.store.stamps import now_us

log = structlog.get_logger()

PAGE: Final = 100
_FOREVER_US: Final = 1 << 62


class ObjectLocks:
    """The locks of a site's objects. `once` brings all up to date."""

    def __init__(self, store: Store, blobs: Blobs, lock: ObjectLock, *, clock: Callable[[], int] = now_us) -> None:
        self._store = store
        self._blobs = blobs
        self._lock = lock
        self._clock = clock
        self._least_us: int | None = None

    async def start(self) -> None:
        """Find out until when what is sealed from now on is to be locked. Raises `Unavailable`."""
        self._least_us = least_us(await self._store.retention.rules())
        self._blobs.lock_with(self._lock, self.at_sealing)

    def at_sealing(self) -> int | None:
        """Until when an object that is stored now is locked (unix, µs); None while there is no rule."""
        return None if self._least_us is None else self._clock() + self._least_us

    async def once(self) -> int:
        """Lock what is not locked as it should be; return of how many sessions. Again is no error.

        Raises:
            Unavailable: the database or the bucket cannot be used; what was done is noted.
        """
        rules = await self._store.retention.rules()
        self._least_us = least_us(rules)
        changed, after = 0, ""
        while True:
            rows = await self._store.retention.candidates(_FOREVER_US, after, limit=PAGE, held=True)
            names = [row.id for row in rows]
            facts, held = await self._store.retention.facts(names), await self._store.holds.held(names)
            known = await self._store.retention.locks(names)
            for session, until_us in (await asyncio.to_thread(_days, rows, facts, rules)).items():
                wanted = KeptLock(until_us, session in held)
                if await self._change(session, known.get(session, KeptLock()), wanted):
                    changed += 1
            if len(rows) < PAGE:
                return changed
            after = rows[-1].id
            await asyncio.sleep(0)

    async def _change(self, session: str, known: KeptLock, wanted: KeptLock) -> bool:
        longer, hold = wanted.until_us > known.until_us, wanted.held != known.held
        if not longer and not hold:
            return False
        for stored in await self._lock.versions(f"sessions/{session}"):
            if stored.marker:
                continue
            if longer:
                try:
                    await self._lock.retain(stored, wanted.until_us)
                except Locked:  # for longer, by somebody else or an earlier rule: that keeps it as well
                    log.info("object is locked for longer", session=session)
            if hold:
                await self._lock.hold(stored, wanted.held)
        await self._store.retention.note_lock(session, KeptLock(max(known.until_us, wanted.until_us), wanted.held))
        return True


def _days(
    rows: Sequence[SessionRow], facts: Mapping[str, Mapping[str, str]], rules: Sequence[RetentionRule]
) -> dict[str, int]:
    """Until when each session is to be locked: the latest day that is known of it; 0 where none is."""
    decisions = {row.id: decide(facts_of(row, facts.get(row.id, {})), rules) for row in rows}
    return {
        session: max((one.due_us or 0 for one in decision.applied), default=0)
        for session, decision in decisions.items()
    }
