"""A route and its permission. The default is nobody: a route that declares nothing is refused to everyone."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum
from typing import ClassVar

from aiohttp import web

from link.protocol.errors import NotFound
from server.identity import Kiosk, Person, Role

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

PERSON: web.RequestKey[Person] = web.RequestKey("person", Person)
LOGIN: web.RequestKey[str] = web.RequestKey("login", str)
LOGIN_ENDS_US: web.RequestKey[int] = web.RequestKey("login_ends_us", int)
KIOSK: web.RequestKey[Kiosk] = web.RequestKey("kiosk", Kiosk)
ENDED: web.RequestKey[asyncio.Event] = web.RequestKey("ended", asyncio.Event)
"""Set when the requester's access ends or changes; registered before it was read."""


class Foreign(NotFound):
    """Something exists that this person may not know of: answered as `NotFound`, and audited with its `target`."""

    def __init__(self, target: str) -> None:
        super().__init__()
        self.target = target


class Kind(Enum):
    """How somebody proves who they are."""

    NOBODY = "nobody"
    ANYBODY = "anybody"
    MACHINE = "machine"
    PERSON = "person"
    DEVICE = "device"


@dataclass(frozen=True, slots=True)
class Allow:
    """Who may use a route.

    `PUBLIC` is anybody with a browser, `MACHINE` a program that has no identity yet (it sends no Origin), `NOBODY` what
    a route without a declaration gets. A handler for people finds `request[PERSON]` and `request[LOGIN]`, one for
    devices `request[KIOSK]`, both `request[ENDED]`; which branch's objects they may touch, the handler checks.
    """

    kind: Kind
    roles: frozenset[Role] = frozenset()

    PUBLIC: ClassVar[Allow]
    MACHINE: ClassVar[Allow]
    NOBODY: ClassVar[Allow]

    @staticmethod
    def people(*roles: Role) -> Allow:
        """People who have one of `roles` in some branch; without roles, everybody who is logged in."""
        return Allow(Kind.PERSON, frozenset(roles or Role))

    @staticmethod
    def device() -> Allow:
        """Enrolled kiosks, by an assertion made with the device's key."""
        return Allow(Kind.DEVICE)

    @property
    def needs_origin(self) -> bool:
        """True when unsafe requests and WebSockets must carry this server's own Origin."""
        return self.kind not in (Kind.DEVICE, Kind.MACHINE)


Allow.PUBLIC = Allow(Kind.ANYBODY)
Allow.MACHINE = Allow(Kind.MACHINE)
Allow.NOBODY = Allow(Kind.NOBODY)


@dataclass(frozen=True, slots=True)
class Route:
    """One method and path, its handler, and who may use it. `upgrade` marks a WebSocket."""

    method: str
    path: str
    handler: Handler
    allow: Allow
    upgrade: bool = False


class Permissions:
    """The declared permission of each method and path of an application."""

    def __init__(self) -> None:
        self._allowed: dict[tuple[str, str], Route] = {}

    def declare(self, route: Route) -> None:
        """Remember a route's permission; two declarations for one route are an error of ours."""
        key = (route.method, route.path)
        if key in self._allowed:
            raise ValueError(f"{route.method} {route.path} is declared twice")
        self._allowed[key] = route

    def of(self, method: str, path: str) -> Route | None:
        """The declared route, for HEAD that of GET; None when nobody declared it."""
        return self._allowed.get((method, path)) or (self._allowed.get(("GET", path)) if method == "HEAD" else None)


PERMISSIONS: web.AppKey[Permissions] = web.AppKey("permissions", Permissions)


def add_routes(app: web.Application, routes: list[Route]) -> None:
    """Register routes and their permissions."""
    for route in routes:
        app[PERMISSIONS].declare(route)
        if route.method == "GET" and not route.upgrade:
            app.router.add_get(route.path, route.handler)  # and HEAD
        else:
            app.router.add_route(route.method, route.path, route.handler)
