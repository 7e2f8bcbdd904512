"""Audit rows of requests and messages: evidence that was read, and what was refused to whom."""

from __future__ import annotations

from aiohttp import web

from link.protocol.errors import NotAllowed, NotAuthenticated, NotFound, RateLimited, Unavailable, VisavisError
from link.protocol.values import Face
from server.api.http.app_keys import TALLY
from server.api.http.client_address import address
from server.api.http.routes import KIOSK, PERSON, Foreign
from server.evidence.purposes import PurposeRequired
from server.journal.audit import NOBODY

AUDITED = (NotAuthenticated, NotAllowed, RateLimited, Foreign, PurposeRequired)


async def reads(
    request: web.Request,
    session: str,
    kind: str,
    part: str = "",
    *,
    span: tuple[int, int] | None = None,
    noted: tuple[str, str] | None = None,
) -> None:
    """This person reads `kind` of `session` ("" for the list of them), as `Tally.read` has it.

    Raises:
        Unavailable: it was not recorded.
    """
    target = f"session:{session}" if session else "sessions"
    await request.app[TALLY].read(f"person:{request[PERSON].id}", target, kind, part, span=span, noted=noted)


async def refuses(request: web.Request, error: VisavisError, target: str) -> None:
    """This request is refused; `target` is its method and route.

    Raises:
        Unavailable: it was somebody known, and it was not recorded.
    """
    person, kiosk = request.get(PERSON), request.get(KIOSK)
    actor = f"person:{person.id}" if person else f"kiosk:{kiosk.id}" if kiosk else NOBODY
    # An authenticated client that asks for sessions that do not exist or are not its own may be guessing ids.
    guessed = isinstance(error, NotFound) and actor != NOBODY and "session" in request.match_info
    if not (guessed or isinstance(error, AUDITED)):
        return
    if isinstance(error, Foreign | PurposeRequired):
        target = error.target
    source = address(request)
    try:
        await request.app[TALLY].refuse(source if actor == NOBODY else actor, actor, error.code, target, address=source)
    except Unavailable:
        if actor != NOBODY:
            raise


def refuses_message(app: web.Application, face: Face, key: str, kind: str, error: VisavisError) -> None:
    """A message of a connected client is refused for lack of permission."""
    if isinstance(error, NotAllowed | NotAuthenticated | NotFound | RateLimited):
        actor = f"{'kiosk' if face is Face.KIOSK else 'person'}:{key}"
        app[TALLY].refuse_soon(actor, actor, error.code, f"{face} {kind}")
