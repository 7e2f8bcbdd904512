"""A cache of kiosks that connect, read in batches: a thousand that connect at once cost a few reads.

It is used only while changes of access are followed, and an entry is dropped when its kiosk changes: a revoked key is
refused as soon as the revocation is known here.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection

from link.protocol.errors import Unavailable
from link.tasks import cancel, spawn
from server.store.kiosks import Kiosk

KEEP_S = 30.0
"""Seconds after which a change of name or branch is seen that was not announced."""
TOGETHER = 500
"""Most kiosks of one read."""
WAITING = 20_000
"""Most that wait to be read; further ones are refused."""

Load = Callable[[Collection[str]], Awaitable[list[Kiosk]]]


class KnownKiosks:
    """Kiosks by id. `load` reads several at once; `followed` says whether changes of access reach `changed` now."""

    def __init__(self, load: Load, followed: Callable[[], bool], clock: Callable[[], float] = time.monotonic) -> None:
        self._load = load
        self._followed = followed
        self._clock = clock
        self._known: dict[str, tuple[float, Kiosk]] = {}
        self._wanted: dict[str, asyncio.Future[Kiosk | None]] = {}
        self._changed_while_reading: set[str] = set()
        self._task: asyncio.Task[None] | None = None

    async def get(self, kiosk: str) -> Kiosk | None:
        """The kiosk with this id, revoked or not.

        Raises:
            Unavailable: the database does not answer, or too many wait for it.
        """
        known = self._known.get(kiosk)
        if known is not None and self._clock() - known[0] < KEEP_S and self._followed():
            return known[1]
        future = self._wanted.get(kiosk)
        if future is None:
            if len(self._wanted) >= WAITING:
                raise Unavailable("too many kiosks come at once")
            future = self._wanted[kiosk] = asyncio.get_running_loop().create_future()
        if self._task is None or self._task.done():
            self._task = spawn(self._read(), name="reading kiosks")
        return await asyncio.shield(future)

    def changed(self, subject: str) -> None:
        """Forget what is known of `subject`, also what is being read now."""
        self._known.pop(subject, None)
        if self._task is not None and not self._task.done():
            self._changed_while_reading.add(subject)

    async def close(self) -> None:
        """Stop reading; who waits is refused."""
        await cancel(self._task)
        self._refuse(self._wanted, Unavailable("restarting"))
        self._wanted = {}

    async def _read(self) -> None:
        while self._wanted:
            batch = dict(list(self._wanted.items())[:TOGETHER])
            for kiosk in batch:
                del self._wanted[kiosk]
            self._changed_while_reading.clear()
            try:
                found = {kiosk.id: kiosk for kiosk in await self._load(batch)}
            except Unavailable as error:
                self._refuse(batch, error)
                continue
            except BaseException:
                self._refuse(batch, Unavailable("restarting"))
                raise
            self._answer(batch, found)

    def _answer(self, batch: dict[str, asyncio.Future[Kiosk | None]], found: dict[str, Kiosk]) -> None:
        now = self._clock()
        for kiosk, future in batch.items():
            if kiosk in self._changed_while_reading:
                self._again(kiosk, future)
                continue
            if kiosk in found:
                self._known[kiosk] = (now, found[kiosk])
            else:
                self._known.pop(kiosk, None)
            if not future.done():
                future.set_result(found.get(kiosk))

    def _again(self, kiosk: str, future: asyncio.Future[Kiosk | None]) -> None:
        """Read this kiosk again: the row that was read may be from before the change."""
        later = self._wanted.setdefault(kiosk, future)
        if later is not future:
            later.add_done_callback(lambda done: _pass_on(done, future))

    @staticmethod
    def _refuse(batch: dict[str, asyncio.Future[Kiosk | None]], error: Unavailable) -> None:
        for future in batch.values():
            if not future.done():
                future.set_exception(error)
                future.exception()  # retrieve the exception, also where nobody waits any more


def _pass_on(done: asyncio.Future[Kiosk | None], future: asyncio.Future[Kiosk | None]) -> None:
    if future.done():
        return
    error = done.exception()
    if error is None:
        future.set_result(done.result())
    else:
        future.set_exception(error)
