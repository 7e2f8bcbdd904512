"""Only this machine's own page may talk to the kiosk client.

The port is bound to 127.0.0.1, but every page in the browser can reach it: names that resolve to 127.0.0.1 (DNS
rebinding) are refused by the Host header, foreign pages by the Origin header.
"""

from __future__ import annotations

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

HOSTS = ("127.0.0.1", "localhost")
SAFE = frozenset({"GET", "HEAD"})


def allowed_host(host: str, port: int) -> bool:
    """Whether a Host header names this machine and this very port."""
    return host in {f"{name}:{port}" for name in HOSTS}


def allowed_origin(origin: str | None, host: str) -> bool:
    """Whether an Origin header is that of the page served under `host`; absent and `null` are not."""
    return origin == f"http://{host}"


@web.middleware
async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse with 403 whatever does not come from this kiosk's page."""
    socket = request.get_extra_info("sockname")
    port = socket[1] if socket else 0
    host = request.headers.get(hdrs.HOST, "")
    if not allowed_host(host, port):
        raise web.HTTPForbidden(text="wrong host")
    upgrade = request.headers.get(hdrs.UPGRADE, "").lower() == "websocket"
    if (upgrade or request.method not in SAFE) and not allowed_origin(request.headers.get(hdrs.ORIGIN), host):
        raise web.HTTPForbidden(text="wrong origin")
    return await handler(request)
