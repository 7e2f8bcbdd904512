"""Reading a request's body whole, up to a limit of size and time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final, TypeVar
from urllib.parse import parse_qsl

import msgspec
from aiohttp import web

from link.protocol.errors import BadMessage, NotAuthenticated, TooLarge, Unavailable
from link.tasks import cancel, spawn
from server.api.http.routes import ENDED

S = TypeVar("S", bound=msgspec.Struct)
SMALL_S: Final = 10.0
"""Seconds within which a body of a few kilobytes must have arrived."""


async def read_body(request: web.Request, limit: int, *, within_s: float | None = None) -> bytes:
    """The body, read to its end.

    Raises:
        TooLarge: it has, or says that it has, more than `limit` bytes; what came is dropped.
        Unavailable: it did not come within `within_s` seconds, SMALL_S when None.
    """
    body = bytearray()

    async def add(chunk: bytes) -> None:
        body.extend(chunk)

    await hand_on(request, limit, add, within_s=SMALL_S if within_s is None else within_s)
    return bytes(body)


async def read_struct(request: web.Request, limit: int, kind: type[S]) -> S:
    """The body as this struct, which should forbid unknown fields.

    Raises:
        TooLarge: as `read_body`, and so `Unavailable`.
        BadMessage: it is no such JSON object.
    """
    body = await read_body(request, limit)
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BadMessage(f"a JSON object is expected: {error}"[:200]) from error


async def hand_on(
    request: web.Request, limit: int, take: Callable[[bytes], Awaitable[None]], *, within_s: float
) -> None:
    """Pass the body to `take` chunk by chunk, waiting for each.

    Raises:
        TooLarge: it has, or says that it has, more than `limit` bytes; `take` had at most that.
        Unavailable: it did not come within `within_s` seconds, or the client has gone.
        BadMessage: it is not what its headers say (RFC 9110 section 8.4, RFC 9112 section 7.1).
        NotAuthenticated: the access of who sends it ended meanwhile.
    """
    if (request.content_length or 0) > limit:
        raise TooLarge("the body is too large")
    size = 0
    try:
        async with asyncio.timeout(within_s) as scope, _ending(request.get(ENDED), scope):
            async for chunk in request.content.iter_any():
                size += len(chunk)
                if size > limit:
                    raise TooLarge("the body is too large")
                await take(chunk)
    except web.RequestPayloadError as error:
        raise BadMessage("the body cannot be read") from error
    except (ConnectionError, RuntimeError) as error:
        # aiohttp raises RuntimeError when the connection was lost while nobody read.
        if request.transport is not None:
            raise
        raise Unavailable("the client has gone") from error
    except TimeoutError as error:
        check_access(request)
        raise Unavailable("the body did not come in time") from error
    check_access(request)


def check_access(request: web.Request) -> None:
    """Raise `NotAuthenticated` if the access of who asks has ended since the request came."""
    ended = request.get(ENDED)
    if ended is not None and ended.is_set():
        raise NotAuthenticated("access ended")


@asynccontextmanager
async def _ending(ended: asyncio.Event | None, scope: asyncio.Timeout) -> AsyncIterator[None]:
    """Let the time of `scope` be over as soon as `ended` is set."""
    if ended is None:
        yield
        return
    watching = spawn(_end(ended, scope), name="access while a body comes")
    try:
        yield
    finally:
        await cancel(watching)


async def _end(ended: asyncio.Event, scope: asyncio.Timeout) -> None:
    await ended.wait()
    if not scope.expired():
        scope.reschedule(asyncio.get_running_loop().time())


async def read_form(request: web.Request, limit: int) -> dict[str, str]:
    """The fields of an HTML form (URL Standard §5, UTF-8); of a repeated field the last.

    Raises:
        TooLarge: the body is over `limit` bytes.
        BadMessage: it is no such form.
    """
    if request.content_type != "application/x-www-form-urlencoded":
        raise BadMessage("a form is expected")
    body = await read_body(request, limit)
    try:
        text = body.decode("ascii")
        return dict(parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=20))
    except ValueError as error:
        raise BadMessage("the form cannot be read") from error
