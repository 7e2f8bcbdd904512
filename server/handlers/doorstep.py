"""Connections that do not say what they want: they cost a file descriptor each, so they do not stay.

aiohttp bounds neither the TLS handshake of its sites nor the wait for the first request (RFC 9110 §15.5.9 names the
right to give up).
"""

from __future__ import annotations

import asyncio
import ssl
from typing import Final

from aiohttp import web

FIRST_REQUEST_S: Final = 5.0
"""Within which a new connection must have sent a whole request head; the TLS handshake has as long before that."""
KEEP_ALIVE_S: Final = 75.0
"""How long a connection is kept between requests, also with a part of the next one."""


class Doorstep:
    """The connections that have not asked for anything yet."""

    def __init__(self, within_s: float = FIRST_REQUEST_S) -> None:
        self._within_s = within_s
        self._silent: dict[object, asyncio.TimerHandle] = {}

    async def listen(
        self, server: web.Server, host: str, port: int, context: ssl.SSLContext | None = None
    ) -> asyncio.Server:
        """Listen for `server`; close what this returns before the server's runner is cleaned up.

        Raises:
            OSError: the address is taken or is none of this machine.
        """
        loop = asyncio.get_running_loop()

        def admit() -> web.RequestHandler:
            protocol = server()
            wait_s = self._within_s if context is None else 2 * self._within_s
            self._silent[protocol] = loop.call_later(wait_s, self._cut, protocol)
            return protocol

        handshake_s = None if context is None else self._within_s
        return await loop.create_server(admit, host, port, ssl=context, ssl_handshake_timeout=handshake_s)

    def heard(self, request: web.Request) -> None:
        """A request came on this connection: from now on it may be kept."""
        timer = self._silent.pop(request.protocol, None)
        if timer is not None:
            timer.cancel()

    def _cut(self, protocol: web.RequestHandler) -> None:
        del self._silent[protocol]
        if protocol.transport is not None:
            protocol.transport.abort()


DOORSTEP: web.AppKey[Doorstep] = web.AppKey("doorstep", Doorstep)
