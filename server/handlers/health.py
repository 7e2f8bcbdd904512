"""Whether this process works, for load balancers and supervisors of processes."""

from __future__ import annotations

from aiohttp import web

from server.handlers.route import Allow, Route
from server.keys import STORE


async def health(request: web.Request) -> web.StreamResponse:
    """200 when the database answers; 503 (by `Unavailable`) when it does not."""
    await request.app[STORE].logins.last_change()
    return web.json_response({"ok": True})


ROUTES = [Route("GET", "/health", health, Allow.PUBLIC)]
