"""Responses on their way: who does not read what was asked for is cut off, so that nothing waits in memory for ever.

aiohttp hands a response to the transport as a whole and waits however long for the other end to take it. An end that
keeps its window closed, or takes a byte a second, would hold a document or a manifest for as long as it likes.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

import structlog

log = structlog.get_logger()

LOOK_S: Final = 1.0
PATIENCE_S: Final = 20.0
"""Within which an end has to take RATE times as many bytes, again and again until it has all."""
RATE: Final = 4096
"""Bytes a second that the slowest line is good for: a document of 20 MiB comes at this rate for an hour and a half."""
MOST: Final = 256 * 1024 * 1024
"""Bytes that may wait for all ends together; beyond that those go that have been at it for longest."""
QUIET_S: Final = 5.0
"""For so long after its request a response may still be on its way into the transport (it may be compressed first)."""
REPORT_S: Final = 10.0


class Outgoing(Protocol):
    """What is asked of a transport (asyncio's, uvloop's, with and without TLS)."""

    def get_write_buffer_size(self) -> int: ...

    def is_closing(self) -> bool: ...

    def abort(self) -> None: ...


@dataclass(slots=True)
class _Delivery:
    address: str
    begun: float
    since: float
    waiting: int = 0
    taken: int = 0


class Deliveries:
    """The connections on which a response was given lately, or still waits to be read."""

    def __init__(
        self, *, patience_s: float = PATIENCE_S, most: int = MOST, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._patience_s = patience_s
        self._most = most
        self._clock = clock
        self._of: dict[Outgoing, _Delivery] = {}
        self._cut = 0
        self._reported = clock() - REPORT_S

    def begin(self, transport: Outgoing, address: str) -> None:
        """A response is given to this connection now; one that it has not read yet goes on being looked at."""
        now, known = self._clock(), self._of.pop(transport, None)
        self._of[transport] = known if known is not None and known.waiting else _Delivery(address, now, now)

    async def watch(self) -> None:
        """Look until cancelled."""
        while True:
            await asyncio.sleep(LOOK_S)
            self.look()

    def look(self) -> None:
        """Forget what was read, cut off who does not read."""
        now, waiting = self._clock(), 0
        for transport, delivery in list(self._of.items()):
            if transport.is_closing() or self._read(transport, delivery, now):
                del self._of[transport]
            elif now - delivery.since >= self._patience_s and self._too_slow(delivery, now):
                self._end(transport, delivery)
            else:
                waiting += delivery.waiting
        for transport, delivery in sorted(self._of.items(), key=lambda item: item[1].begun):
            if waiting <= self._most:
                break
            waiting -= delivery.waiting
            if delivery.waiting:
                self._end(transport, delivery)

    def _read(self, transport: Outgoing, delivery: _Delivery, now: float) -> bool:
        """Count what was taken since the last look; whether nothing waits and nothing is to come."""
        left = transport.get_write_buffer_size()
        delivery.taken += max(0, delivery.waiting - left)
        begins, delivery.waiting = not delivery.waiting, left
        if begins or not left:
            delivery.since, delivery.taken = now, 0
        if left:
            return False
        return now - delivery.begun >= QUIET_S

    def _too_slow(self, delivery: _Delivery, now: float) -> bool:
        taken, wanted = delivery.taken, RATE * (now - delivery.since)
        delivery.since, delivery.taken = now, 0
        return taken < wanted

    def _end(self, transport: Outgoing, delivery: _Delivery) -> None:
        del self._of[transport]
        transport.abort()
        self._cut += 1
        now = self._clock()
        if now - self._reported >= REPORT_S:
            log.warning("response not read", address=delivery.address, waiting=delivery.waiting, cut=self._cut)
            self._cut, self._reported = 0, now
