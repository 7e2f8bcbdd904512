"""Logging in and out, and who one is."""

from __future__ import annotations

import math
from dataclasses import dataclass

from aiohttp import hdrs, web

from link.protocol.errors import NotAuthenticated, RateLimited, Unavailable
from server.api.http import cookies
from server.api.http.access_audit import refuses
from server.api.http.app_keys import CONFIG, IDENTITY
from server.api.http.body import read_form
from server.api.http.client_address import address
from server.api.http.error_responses import RETRY_S
from server.api.http.routes import LOGIN, LOGIN_ENDS_US, PERSON, Allow, Route
from server.identity import Person, Role
from server.identity.devices import LIFE_S
from server.store.stamps import steady_us
from web.pages import render

FORM_BYTES = 8192
HOMES = (
    (Role.SPECIALIST, "/console"),
    (Role.SUPERVISOR, "/library"),
    (Role.GUIDE, "/guide"),
    (Role.ADMINISTRATOR, "/library"),
)


@dataclass(frozen=True, slots=True)
class LoginPage:
    """The context of `login.html`: `failed` after a wrong attempt, `wait_s` seconds after too many (else 0)."""

    next: str = ""
    login: str = ""
    failed: bool = False
    wait_s: int = 0


async def login_page(request: web.Request) -> web.StreamResponse:
    """The login form; somebody who is logged in is redirected to their page."""
    target = _next(request.query.get("next", ""))
    token = cookies.read_login(request)
    if token is not None:
        try:
            authenticated = await request.app[IDENTITY].authenticate(token)
        except NotAuthenticated:
            pass
        else:
            return _see_other(target or home(authenticated.person))
    return render(request, "login.html", LoginPage(target))


async def log_in(request: web.Request) -> web.StreamResponse:
    """Check login and password; set the cookie and redirect, or show the form again."""
    form = await read_form(request, FORM_BYTES)
    login, password, target = form.get("login", ""), form.get("password", ""), _next(form.get("next", ""))
    identity = request.app[IDENTITY]
    try:
        person, token = await identity.log_in(
            login.strip()[:64],
            password,
            address(request),
            device=cookies.read_device(request),
            gone=lambda: request.transport is None or request.transport.is_closing(),
        )
    except NotAuthenticated as error:
        return render(request, "login.html", LoginPage(target, login[:64], failed=True), status=error.status)
    except (RateLimited, Unavailable) as error:
        await refuses(request, error, "POST /login")
        wait_s = error.retry_after if isinstance(error, RateLimited) else RETRY_S
        page = LoginPage(target, login[:64], wait_s=max(1, math.ceil(wait_s)))
        response = render(request, "login.html", page, status=error.status)
        response.headers[hdrs.RETRY_AFTER] = str(page.wait_s)
        return response
    response = _see_other(target or home(person))
    cookies.set_login(response, token, max_age_s=identity.tokens.life_s)
    cookies.set_device(response, identity.devices.issue(person.id), max_age_s=LIFE_S)
    return response


async def log_out(request: web.Request) -> web.StreamResponse:
    """End this login and every live connection made with it."""
    await request.app[IDENTITY].log_out(request[PERSON], request[LOGIN])
    response = _see_other("/login")
    cookies.clear_login(response)
    return response


async def me(request: web.Request) -> web.StreamResponse:
    """The person who is logged in. Pages poll it, which also renews the login cookie."""
    person = request[PERSON]
    return web.json_response(
        {
            "id": person.id,
            "login": person.login,
            "name": person.name,
            "roles": sorted(person.roles),
            "grants": [{"role": grant.role, "branch": grant.branch} for grant in sorted(person.grants)],
            "renew_s": request.app[CONFIG].login_minutes * 20,
            "ends_s": ends_s(request),
        }
    )


def ends_s(request: web.Request) -> int:
    """Seconds until this login ends, whatever its person does."""
    return max(0, (request[LOGIN_ENDS_US] - steady_us()) // 1_000_000)


def home(person: Person) -> str:
    """The page a person of these roles works on."""
    return next((path for role, path in HOMES if role in person.roles), "/login")


def _next(target: str) -> str:
    # Only a path of ours: `//host`, `/\host` and control characters would lead elsewhere.
    plain = target.startswith("/") and target[1:2] not in ("/", "\\") and target.isprintable() and len(target) < 1000
    return target if plain and not target.startswith("/login") else ""


def _see_other(target: str) -> web.Response:
    return web.Response(status=303, headers={hdrs.LOCATION: target})


ROUTES = [
    Route("GET", "/login", login_page, Allow.PUBLIC),
    Route("POST", "/login", log_in, Allow.PUBLIC),
    Route("POST", "/logout", log_out, Allow.people()),
    Route("GET", "/api/me", me, Allow.people()),
]
