"""The login cookie, `__Host-` prefixed: no other host and no plain-HTTP page can plant or read it (RFC 6265bis)."""

from __future__ import annotations

from aiohttp import web

NAME = "__Host-visavis"


def set_login(response: web.StreamResponse, token: str, *, max_age_s: int) -> None:
    """Give the browser the login token."""
    response.set_cookie(NAME, token, max_age=max_age_s, path="/", secure=True, httponly=True, samesite="Strict")


def clear_login(response: web.StreamResponse) -> None:
    """Take the login token from the browser."""
    response.del_cookie(NAME, path="/", secure=True, httponly=True, samesite="Strict")


def read_login(request: web.Request) -> str | None:
    """The login token the browser sent."""
    return request.cookies.get(NAME)
