"""Ends a call at once for the customer, and retries until the server knows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

import structlog

from link.protocol.client import CallEnd, ClientMessage, Rate
from link.protocol.errors import NotAllowed, NotFound, Unavailable, VisavisError, WrongState
from link.protocol.server import ServerMessage
from link.tasks import cancel, spawn

log = structlog.get_logger()

LEAVE_S = 1.5  # how long the customer waits for the server's reply
ANSWER_S = 10.0
RETRY_S = (1.0, 2.0, 4.0, 8.0)
# Replies after which no retry is needed: the server has no such session, or it is over.
SETTLED = frozenset({NotFound.code, NotAllowed.code, WrongState.code})


class Request(Protocol):
    """`Client.request`."""

    async def __call__(self, body: ClientMessage, timeout: float) -> ServerMessage: ...


class CallEndRetry:
    """Sessions that the customer has left and the server does not know of yet; kept until it does."""

    def __init__(self, request: Request, post: Callable[[ClientMessage], None], connected: Callable[[], bool]) -> None:
        self._request, self._post, self._connected = request, post, connected
        self._owed: dict[str, CallEnd] = {}
        self._online = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def say(self, body: CallEnd) -> bool:
        """Tell the server that the customer leaves; False after 1.5 s or an error, and it is then told later."""
        try:
            if not self._connected():
                raise Unavailable("the server is not reached")
            await self._request(body, LEAVE_S)
        except VisavisError as error:
            log.info("left without the server", session=body.session, code=error.code)
            if error.code not in SETTLED:
                self._owed[body.session] = body
                if self._task is None or self._task.done():
                    self._task = spawn(self._repeat(), name="farewell")
            return False
        return True

    async def settle(self) -> None:
        """Send the ends that are still outstanding. Raises Unavailable when that is not possible just now."""
        for session, body in list(self._owed.items()):
            if not self._connected():
                raise Unavailable("the server is not reached")
            try:
                await self._request(body, ANSWER_S)
            except VisavisError as error:
                if error.code not in SETTLED:
                    raise Unavailable("an older call is not over at the server") from error
            else:
                # A customer who left gives no rating; tell the server not to wait for it.
                self._post(Rate(session, None))
            self._owed.pop(session, None)

    def online(self) -> None:
        """The server is reached again: try at once."""
        self._online.set()

    async def stop(self) -> None:
        """Stop retrying. Idempotent."""
        await cancel(self._task)

    async def _repeat(self) -> None:
        failures = 0
        while self._owed:
            self._online.clear()
            try:
                async with asyncio.timeout(RETRY_S[min(failures, len(RETRY_S) - 1)]):
                    await self._online.wait()
            except TimeoutError:
                failures += 1
            try:
                await self.settle()
            except Unavailable as error:
                log.info("farewell will be said again", reason=error.message)
