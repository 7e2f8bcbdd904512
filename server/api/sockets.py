"""The WebSockets of kiosks, consoles and guides' pages: each new stream gets a client session."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from link.protocol.values import Face
from server.api.calls.console import ConsoleSession
from server.api.calls.guide import GuideSession
from server.api.calls.kiosk import KioskSession
from server.api.http.app_keys import HOST, ROOMS
from server.api.http.kiosk_admission import ADMISSION
from server.api.http.routes import ENDED, KIOSK, LOGIN, LOGIN_ENDS_US, PERSON, Allow, Route
from server.identity import Role


async def kiosk_socket(request: web.Request) -> web.StreamResponse:
    """A kiosk client's stream."""
    kiosk = request[KIOSK]
    request.app[ADMISSION].enter(kiosk.id, urgent=request.app[ROOMS].of_kiosk(kiosk.id) is not None)
    return await request.app[HOST].serve(
        request, Face.KIOSK, kiosk.id, lambda channel: KioskSession(request.app, channel, kiosk).run(request[ENDED])
    )


async def console_socket(request: web.Request) -> web.StreamResponse:
    """A specialist's stream."""
    person, ends_us = request[PERSON], request[LOGIN_ENDS_US]
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
    return await request.app[HOST].serve(
        request,
        Face.GUIDE,
        person.id,
        lambda channel: GuideSession(request.app, channel, person).run(request[ENDED], ends_us),
        access=request[LOGIN],
    )


ROUTES: Final = [
    Route("GET", "/ws/kiosk", kiosk_socket, Allow.device(), upgrade=True),
    Route("GET", "/ws/console", console_socket, Allow.people(Role.SPECIALIST), upgrade=True),
    Route("GET", "/ws/guide", guide_socket, Allow.people(Role.GUIDE), upgrade=True),
]
