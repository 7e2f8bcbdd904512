"""The cookies, `__Host-` prefixed: no other host and no plain-HTTP page can plant or read them (RFC 6265bis)."""

from __future__ import annotations

from aiohttp import web

NAME = "__Host-visavis"
DEVICE = "__Host-visavis-device"


def set_login(response: web.StreamResponse, token: str, *, max_age_s: int) -> None:
    """Give the browser the login token."""
    response.set_cookie(NAME, token, max_age=max_age_s, path="/", secure=True, httponly=True, samesite="Strict")


def clear_login(response: web.StreamResponse) -> None:
    """Take the login token from the browser."""
    response.del_cookie(NAME, path="/", secure=True, httponly=True, samesite="Strict")


def read_login(request: web.Request) -> str | None:
    """The login token the browser sent."""
    return request.cookies.get(NAME)


def set_device(response: web.StreamResponse, token: str, *, max_age_s: int) -> None:
    """Remember that somebody has logged in on this browser."""
    response.set_cookie(DEVICE, token, max_age=max_age_s, path="/", secure=True, httponly=True, samesite="Strict")


def read_device(request: web.Request) -> str | None:
    """The device token the browser sent."""
    return request.cookies.get(DEVICE)
