"""The middleware of every request: permission, identity, origin, and errors in one form.

Refusals look alike: what does not exist and what the client may not know of are both 404 with the same body.
"""

from __future__ import annotations

import structlog
from aiohttp import hdrs, web

from link.protocol.errors import BadMessage, NotAllowed, NotAuthenticated, NotFound, TooLarge, VisavisError
from server.api.http import cookies
from server.api.http.access_audit import refuses
from server.api.http.app_keys import IDENTITY
from server.api.http.connection_guard import CONNECTION_GUARD
from server.api.http.error_responses import refuse, wants_page
from server.api.http.origin import check_origin, is_upgrade
from server.api.http.routes import ENDED, KIOSK, LOGIN, LOGIN_ENDS_US, PERMISSIONS, PERSON, Allow, Handler, Kind

log = structlog.get_logger()

RENEWED: web.RequestKey[str] = web.RequestKey("renewed", str)
_STATUS: dict[int, type[VisavisError]] = {404: NotFound, 405: NotFound, 413: TooLarge}


@web.middleware
async def gate(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Pass a request to its handler if its route's permission allows it; turn every error into a response."""
    guard = request.app[CONNECTION_GUARD]
    guard.heard(request)
    try:
        return await _answer(request, handler)
    finally:
        guard.done(request)


async def _answer(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        await _admit(request)
        response = await handler(request)
    except web.HTTPException as answer:
        if answer.status < 400:
            raise
        return refuse(request, _STATUS.get(answer.status, BadMessage)())
    except VisavisError as error:
        return await _refused(request, error)
    except (ConnectionError, TimeoutError):
        raise
    except Exception:
        log.exception("request failed", method=request.method, route=pattern(request))
        return refuse(request, VisavisError())
    token = request.get(RENEWED)
    if token is not None and not response.prepared and cookies.NAME not in response.cookies:
        cookies.set_login(response, token, max_age_s=request.app[IDENTITY].tokens.life_s)
    return response


def pattern(request: web.Request) -> str:
    """The path of the request's route as declared (`/api/sessions/{session}`), empty when there is no such route."""
    resource = request.match_info.route.resource
    return "" if resource is None else resource.canonical


async def _admit(request: web.Request) -> None:
    path = pattern(request)
    if not path or request.match_info.http_exception is not None:
        raise NotFound
    route = request.app[PERMISSIONS].of(request.method, path)
    allow = route.allow if route is not None else Allow.NOBODY
    if allow.kind is Kind.NOBODY:
        log.error("route without a declared permission", method=request.method, route=path)
        raise NotAllowed
    if is_upgrade(request) and (route is None or not route.upgrade):
        raise BadMessage("no WebSocket here")
    check_origin(request, needed=allow.needs_origin)
    if allow.kind is Kind.DEVICE:
        request[KIOSK], request[ENDED] = await request.app[IDENTITY].device(_bearer(request))
    elif allow.kind is Kind.PERSON:
        await _admit_person(request, allow)
    if allow.kind is Kind.DEVICE:
        request.app[CONNECTION_GUARD].known(request, f"kiosk:{request[KIOSK].id}")
    elif allow.kind is Kind.PERSON:
        request.app[CONNECTION_GUARD].known(request, f"person:{request[PERSON].id}")


async def _admit_person(request: web.Request, allow: Allow) -> None:
    token = cookies.read_login(request)
    if token is None:
        raise NotAuthenticated("no login")
    authenticated = await request.app[IDENTITY].authenticate(token)
    request[PERSON], request[LOGIN] = authenticated.person, authenticated.login
    request[LOGIN_ENDS_US], request[ENDED] = authenticated.ends_us, authenticated.ended
    if authenticated.renewed is not None:
        request[RENEWED] = authenticated.renewed
    if not authenticated.person.roles & allow.roles:
        raise NotAllowed("none of your roles may use this")


def _bearer(request: web.Request) -> str:
    scheme, _, token = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise NotAuthenticated("no device assertion")
    return token.strip()


async def _refused(request: web.Request, error: VisavisError) -> web.StreamResponse:
    # A visitor without a login is redirected to the login page; that is no refusal and is not audited.
    if not (isinstance(error, NotAuthenticated) and wants_page(request) and cookies.read_login(request) is None):
        try:
            await refuses(request, error, f"{request.method} {pattern(request)}")
        except VisavisError as failure:
            error = failure
    if isinstance(error, NotFound):
        error = NotFound()
    return refuse(request, error)
