"""What a kiosk's network lost for good, delivered over HTTP for the recorder (link/protocol/PROTOCOL.md)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from aiohttp import web

from link.protocol.errors import BadMessage, RateLimited
from link.protocol.late_media import CONTENT_TYPE, MAX_BYTES
from server.api.http.app_keys import ROOMS
from server.api.http.body import read_body
from server.api.http.routes import KIOSK, Allow, Route

DELIVERY_S: Final = 60.0  # for four megabytes: a line of half a megabit a second
AT_ONCE: Final = 8
"""Deliveries that are read at a time, of all kiosks: together 128 MiB at most."""
RETRY_S: Final = 5


class Intake:
    """Counts the deliveries that are on their way."""

    def __init__(self, most: int = AT_ONCE) -> None:
        self._left = most

    @contextmanager
    def one(self) -> Iterator[None]:
        """One more. Raises `RateLimited` where there are too many."""
        if not self._left:
            raise RateLimited("too much is delivered at once", retry_after=RETRY_S)
        self._left -= 1
        try:
            yield
        finally:
            self._left += 1


INTAKE: web.AppKey[Intake] = web.AppKey("late_media_intake", Intake)


async def deliver(request: web.Request) -> web.StreamResponse:
    """Take the piece that this kiosk is asked for by this name: 204.

    Raises:
        NotFound: the session is not this kiosk's, or nothing is asked for by this name, or it was delivered.
        BadMessage: the body is none.
        TooLarge: it has over 16 MiB.
        RateLimited: too many are on their way.
        NotAuthenticated: the kiosk was revoked meanwhile.
    """
    room = request.app[ROOMS].kiosks_room(request[KIOSK].id, request.match_info["session"])
    if request.content_type != CONTENT_TYPE:
        raise BadMessage("media is delivered as application/octet-stream")
    async with room.late_delivery(request.match_info["wanted"]) as asked:
        with request.app[INTAKE].one():
            await asked.take(await read_body(request, MAX_BYTES, within_s=DELIVERY_S))
    return web.Response(status=204)


ROUTES = [Route("PUT", "/api/kiosk/sessions/{session}/media/{wanted}", deliver, Allow.device())]
