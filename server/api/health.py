"""Liveness and readiness of this process, for load balancers, monitoring and supervisors."""

from __future__ import annotations

from typing import Any

from aiohttp import hdrs, web

from server.api.http.app_keys import READINESS, ROOMS, TIMESTAMPS
from server.api.http.error_responses import RETRY_S
from server.api.http.routes import PERSON, Allow, Route
from server.calls.readiness import REASONS
from server.calls.registry import ALARMS
from server.identity import Role


async def health(_request: web.Request) -> web.StreamResponse:
    """200 as long as the process answers at all; a restart helps against nothing else."""
    return web.json_response({"ok": True})


async def ready(request: web.Request) -> web.StreamResponse:
    """200 when new calls can be taken and kept; else 503 with the reasons, the keys of `REASONS`."""
    told = _told(request)
    if told["ready"]:
        return web.json_response(told)
    return web.json_response(told, status=503, headers={hdrs.RETRY_AFTER: str(RETRY_S)})


async def condition(request: web.Request) -> web.StreamResponse:
    """The same for the page of a supervisor, with what is wrong with calls of their branches; the page shows it."""
    told = _told(request)
    alarms = request.app[ROOMS].alarms(request[PERSON].branches(Role.SUPERVISOR, Role.ADMINISTRATOR))
    told["alarms"] = [{"code": code, "message": ALARMS[code]} for code in sorted(alarms)]
    stamps = request.app[TIMESTAMPS]
    if stamps is not None and stamps.alarm:
        told["alarms"].append({"code": "not_stamped", "message": "checkpoints are not time-stamped"})
    return web.json_response(told, headers={hdrs.CACHE_CONTROL: "no-store"})


def _told(request: web.Request) -> dict[str, Any]:
    reasons = sorted(request.app[READINESS].reasons)
    return {"ready": not reasons, "reasons": [{"code": code, "message": REASONS[code]} for code in reasons]}


ROUTES = [
    Route("GET", "/health", health, Allow.PUBLIC),
    Route("GET", "/ready", ready, Allow.PUBLIC),
    Route("GET", "/api/condition", condition, Allow.people(Role.SUPERVISOR, Role.ADMINISTRATOR)),
]
