"""Error responses: JSON for programs, a page for people, a redirect to the login page for those not logged in."""

from __future__ import annotations

import math
from dataclasses import dataclass
from urllib.parse import quote

from aiohttp import hdrs, web

from link.protocol.errors import ClockOff, NotAuthenticated, RateLimited, Unavailable, VisavisError
from link.protocol.frames import TIME_HEADER
from server.api.http.origin import SAFE, is_upgrade
from web.catalogs import msg
from web.pages import render

RETRY_S = 5
_TEXTS = {
    "not_found": msg("This page does not exist, or it is not for you."),
    "not_allowed": msg("You may not open this page."),
    "unavailable": msg("This is not possible just now. Please try again in a moment."),
    "rate_limited": msg("Too many attempts. Please wait a while."),
}
_OTHER = msg("Something went wrong. Please try again.")


@dataclass(frozen=True, slots=True)
class ErrorPage:
    """The context of `error.html`: the HTTP status, the stable code, and a sentence for people."""

    status: int
    code: str
    text: str


def refuse(request: web.Request, error: VisavisError) -> web.StreamResponse:
    """The answer for `error`; the caller has logged and audited what needs it."""
    if not wants_page(request):
        body = {"error": {"code": error.code, "message": error.message}}
        return web.json_response(body, status=error.status, headers=_headers(error))
    if isinstance(error, NotAuthenticated):
        return login_redirect(request)
    page = ErrorPage(error.status, error.code, _TEXTS.get(error.code, _OTHER))
    response = render(request, "error.html", page, status=error.status)
    response.headers.update(_headers(error))
    return response


def wants_page(request: web.Request) -> bool:
    """True when the response is shown to a person: a plain GET of something outside of `/api`."""
    html = "text/html" in request.headers.get(hdrs.ACCEPT, "")
    return html and request.method in SAFE and not is_upgrade(request) and not request.path.startswith("/api/")


def login_redirect(request: web.Request) -> web.Response:
    """Redirect to the login page, and from there back to the requested page."""
    return web.Response(status=303, headers={hdrs.LOCATION: f"/login?next={quote(request.path_qs, safe='')}"})


def _headers(error: VisavisError) -> dict[str, str]:
    if isinstance(error, RateLimited):
        return {hdrs.RETRY_AFTER: str(math.ceil(error.retry_after))}
    if isinstance(error, Unavailable):
        return {hdrs.RETRY_AFTER: str(math.ceil(error.retry_after or RETRY_S))}
    if isinstance(error, ClockOff):
        return {hdrs.WWW_AUTHENTICATE: "Bearer", TIME_HEADER: f"{error.server_time:.3f}"}
    if isinstance(error, NotAuthenticated):
        return {hdrs.WWW_AUTHENTICATE: "Bearer"}
    return {}
