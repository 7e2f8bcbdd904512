"""Only this machine's own page may talk to the kiosk client.

The port is bound to 127.0.0.1, but every page in the browser can reach it: names that resolve to 127.0.0.1 (DNS
rebinding) are refused by the Host header, foreign pages by the Origin header, and other programs because they do not
have the key of the link by which the kiosk's browser opened the page.
"""

from __future__ import annotations

import structlog
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from kiosk_client.page.key import has_key

log = structlog.get_logger()

HOSTS = ("127.0.0.1", "localhost")
SAFE = frozenset({"GET", "HEAD"})
OPEN = "/static/"
"""Static files, which are the same in every installation and need no key."""
KEY = web.AppKey("key", str)
NO_KEY = """\
本页面只能由本机的启动程序打开。请重新启动自助终端，或联系大堂经理。
This page opens only by the link that the kiosk was started with. Restart the kiosk, or ask the branch staff.
"""


def allowed_host(host: str, port: int) -> bool:
    """Whether a Host header names this machine and this very port."""
    return host in {f"{name}:{port}" for name in HOSTS}


def allowed_origin(origin: str | None, host: str) -> bool:
    """Whether an Origin header is that of the page served under `host`; absent and `null` are not."""
    return origin == f"http://{host}"


@web.middleware
async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse with 403 requests that do not come from this kiosk's page."""
    socket = request.get_extra_info("sockname")
    port = socket[1] if socket else 0
    host = request.headers.get(hdrs.HOST, "")
    if not allowed_host(host, port):
        raise web.HTTPForbidden(text="wrong host")
    upgrade = request.headers.get(hdrs.UPGRADE, "").lower() == "websocket"
    if (upgrade or request.method not in SAFE) and not allowed_origin(request.headers.get(hdrs.ORIGIN), host):
        raise web.HTTPForbidden(text="wrong origin")
    if not request.path.startswith(OPEN) and not has_key(request, request.app[KEY]):
        log.warning("refused: no key of the page", path=request.path)
        raise web.HTTPForbidden(text=NO_KEY)
    return await handler(request)
