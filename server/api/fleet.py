"""Enrolment of kiosks over HTTP."""

from __future__ import annotations

import msgspec
from aiohttp import web

from link.protocol.errors import BadMessage
from server.api.http.app_keys import IDENTITY
from server.api.http.body import read_body
from server.api.http.client_address import address
from server.api.http.routes import Allow, Route

ENROL_BYTES = 4096


class _Enrol(msgspec.Struct, forbid_unknown_fields=True):
    code: str
    public_key: str


async def enrol(request: web.Request) -> web.StreamResponse:
    """Make a kiosk known by its key: `{code, public_key}` gives `{kiosk, name, branch}`."""
    body = await read_body(request, ENROL_BYTES)
    try:
        wanted = msgspec.json.decode(body, type=_Enrol)
    except msgspec.MsgspecError as error:
        raise BadMessage("a JSON object with code and public_key is expected") from error
    kiosk = await request.app[IDENTITY].enrol(wanted.code, wanted.public_key, address(request))
    return web.json_response({"kiosk": kiosk.id, "name": kiosk.name, "branch": kiosk.branch}, status=201)


ROUTES = [Route("POST", "/api/kiosk/enrol", enrol, Allow.MACHINE)]
