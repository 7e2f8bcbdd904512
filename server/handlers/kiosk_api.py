"""What kiosks do over plain HTTP: enrol, and deliver the papers that were asked for."""

from __future__ import annotations

import msgspec
from aiohttp import web

from link.messages.errors import BadMessage
from server.handlers.address import address
from server.handlers.body import read_body
from server.handlers.route import Allow, Route
from server.keys import IDENTITY

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
