"""A fair, bounded queue for scarce work: few at once, round robin between sources, ended when the client has gone."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from link.protocol.errors import RateLimited, Unavailable

AT_ONCE: Final = 2
WAITING: Final = 32
PER_SOURCE: Final = 8
PATIENCE_S: Final = 10.0
RETRY_S: Final = 2.0


@dataclass(slots=True, eq=False)
class _Waiter:
    gone: Callable[[], bool]
    turn: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Turns:
    """At most `at_once` have their turn; up to `waiting` wait for one, `per_source` of them of one source.

    Sources take turns, however many requests each has. Known sources have a queue of their own that is served first, so
    a flood from unknown ones does not delay them. A waiter whose client has gone leaves the queue.
    """

    def __init__(
        self,
        at_once: int = AT_ONCE,
        *,
        waiting: int = WAITING,
        per_source: int = PER_SOURCE,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._free = at_once
        self._waiting = waiting
        self._per_source = per_source
        self._patience_s = patience_s
        self._known: OrderedDict[str, deque[_Waiter]] = OrderedDict()
        self._others: OrderedDict[str, deque[_Waiter]] = OrderedDict()

    async def take(
        self, source: str, *, known: bool = False, gone: Callable[[], bool] = lambda: False
    ) -> Callable[[], None]:
        """Wait for a turn; call the result, once, when it is over. `gone` says whether the client still waits.

        Raises:
            RateLimited: as many of this source wait as may.
            Unavailable: as many wait as may, or it took too long, or the client has gone.
        """
        if not self._free:
            await self._queue(self._known if known else self._others, source, gone)
        else:
            self._free -= 1
        return self._release

    async def _queue(self, queue: OrderedDict[str, deque[_Waiter]], source: str, gone: Callable[[], bool]) -> None:
        self._leave(queue)
        if len(queue.get(source, ())) >= self._per_source:
            raise RateLimited("too many at once", retry_after=RETRY_S)
        if sum(map(len, queue.values())) >= self._waiting:
            raise Unavailable("too many wait")
        waiter = _Waiter(gone)
        queue.setdefault(source, deque()).append(waiter)
        try:
            async with asyncio.timeout(self._patience_s):
                await waiter.turn
        except (TimeoutError, asyncio.CancelledError) as error:
            if waiter.turn.done() and not waiter.turn.cancelled() and waiter.turn.exception() is None:
                self._release()  # the turn was granted in the same moment, and nobody is left to use it
            if isinstance(error, TimeoutError):
                raise Unavailable("it took too long") from None
            raise
        finally:
            self._remove(queue, source, waiter)

    def _leave(self, queue: OrderedDict[str, deque[_Waiter]]) -> None:
        """Send away those whose clients have gone."""
        for waiters in queue.values():
            for waiter in waiters:
                if waiter.gone() and not waiter.turn.done():
                    waiter.turn.set_exception(Unavailable("the client has gone"))
        for source in list(queue):
            kept = deque(waiter for waiter in queue[source] if not waiter.turn.done())
            if kept:
                queue[source] = kept
            else:
                del queue[source]

    def _remove(self, queue: OrderedDict[str, deque[_Waiter]], source: str, waiter: _Waiter) -> None:
        waiters = queue.get(source)
        if waiters is not None and waiter in waiters:
            waiters.remove(waiter)
            if not waiters:
                del queue[source]

    def _release(self) -> None:
        """Give the turn to the source that has waited longest; if nobody waits, it is free."""
        for queue in (self._known, self._others):
            self._leave(queue)
            if queue:
                source, waiters = queue.popitem(last=False)
                waiter = waiters.popleft()
                if waiters:
                    queue[source] = waiters
                waiter.turn.set_result(None)
                return
        self._free += 1
