"""The check against requests that another site makes with a person's cookie (RFC 6454, RFC 6455 §10.2)."""

from __future__ import annotations

from urllib.parse import urlsplit

from aiohttp import hdrs, web

from link.protocol.errors import NotAllowed
from server.api.http.app_keys import CONFIG

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def own_origins(request: web.Request) -> frozenset[str]:
    """The origins a page of this server can have: those configured, else the address that was asked for."""
    configured = request.app[CONFIG].origins
    if configured:
        return frozenset(origin.rstrip("/").lower() for origin in configured)
    return frozenset({f"{'https' if request.secure else 'http'}://{request.host}".lower()})


def is_upgrade(request: web.Request) -> bool:
    """True for a request that asks for a WebSocket."""
    return request.headers.get(hdrs.UPGRADE, "").lower() == "websocket"


def check_origin(request: web.Request, *, needed: bool) -> None:
    """Refuse an unsafe request or WebSocket whose Origin is not ours; a missing one too when it is `needed`.

    Raises:
        NotAllowed: it comes from somewhere else.
    """
    if request.method in SAFE and not is_upgrade(request):
        return
    origins = request.headers.getall(hdrs.ORIGIN, [])
    if not origins and not needed:
        return
    if len(origins) != 1 or normalised(origins[0]) not in own_origins(request):
        raise NotAllowed("the request comes from another origin")


def normalised(origin: str) -> str | None:
    """The origin in lower case, or None when it is not `scheme://host[:port]` exactly."""
    try:
        parts = urlsplit(origin)
    except ValueError:
        return None
    whole = f"{parts.scheme}://{parts.netloc}"
    return whole.lower() if parts.netloc and "@" not in parts.netloc and whole == origin else None
