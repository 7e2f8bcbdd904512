"""Reading a request's body whole, up to a limit, however slowly it comes."""

from __future__ import annotations

from aiohttp import web

from link.messages.errors import TooLarge


async def read_body(request: web.Request, limit: int) -> bytes:
    """The body, read to its end.

    Raises:
        TooLarge: it has, or says that it has, more than `limit` bytes; what came is dropped.
    """
    if (request.content_length or 0) > limit:
        raise TooLarge("the body is too large")
    body = bytearray()
    async for chunk in request.content.iter_any():
        body += chunk
        if len(body) > limit:
            raise TooLarge("the body is too large")
    return bytes(body)
