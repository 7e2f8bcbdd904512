"""The WebSockets of kiosks, consoles and guides' pages: each new stream gets a client session."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from link.protocol.values import Face
from server.api.calls.console import ConsoleSession
from server.api.calls.guide import GuideSession
from server.api.calls.kiosk import KioskSession
from server.api.http.app_keys import HOST, RATES, ROOMS
from server.api.http.kiosk_admission import ADMISSION
from server.api.http.routes import ENDED, KIOSK, LOGIN, LOGIN_ENDS_US, PERSON, Allow, Route
from server.identity import Role

CONNECTIONS_PER_S, CONNECTIONS_BURST = 5.0, 60.0  # who lost a line tries three times a second, over two lines at most


async def kiosk_socket(request: web.Request) -> web.StreamResponse:
    """A kiosk client's stream."""
    kiosk = request[KIOSK]
    _count(request, Face.KIOSK, kiosk.id)
    request.app[ADMISSION].enter(kiosk.id, urgent=request.app[ROOMS].of_kiosk(kiosk.id) is not None)
    return await request.app[HOST].serve(
        request, Face.KIOSK, kiosk.id, lambda channel: KioskSession(request.app, channel, kiosk).run(request[ENDED])
    )


async def console_socket(request: web.Request) -> web.StreamResponse:
    """A specialist's stream."""
    person, ends_us = request[PERSON], request[LOGIN_ENDS_US]
    _count(request, Face.CONSOLE, person.id)
    return await request.app[HOST].serve(
        request,
        Face.CONSOLE,
        person.id,
        lambda channel: ConsoleSession(request.app, channel, person).run(request[ENDED], ends_us),
        access=request[LOGIN],
    )


async def guide_socket(request: web.Request) -> web.StreamResponse:
    """A guide's stream."""
    person, ends_us = request[PERSON], request[LOGIN_ENDS_US]
    _count(request, Face.GUIDE, person.id)
    return await request.app[HOST].serve(
        request,
        Face.GUIDE,
        person.id,
        lambda channel: GuideSession(request.app, channel, person).run(request[ENDED], ends_us),
        access=request[LOGIN],
    )


def _count(request: web.Request, face: Face, key: str) -> None:
    """Raise `RateLimited` before the upgrade where one client opens WebSocket after WebSocket."""
    request.app[RATES].take(f"connections of {face}", key, CONNECTIONS_PER_S, CONNECTIONS_BURST)


ROUTES: Final = [
    Route("GET", "/ws/kiosk", kiosk_socket, Allow.device(), upgrade=True),
    Route("GET", "/ws/console", console_socket, Allow.people(Role.SPECIALIST), upgrade=True),
    Route("GET", "/ws/guide", guide_socket, Allow.people(Role.GUIDE), upgrade=True),
]
