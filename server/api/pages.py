"""The pages of console and guide, filled by scripts, and the frame of co-browsing."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import hdrs, web

from server.api.http.app_keys import CONFIG
from server.api.http.routes import PERSON, Allow, Route
from server.api.login import ends_s, home
from server.identity import Person, Role
from web.cobrowse_frame import FRAME, FRAME_POLICY
from web.pages import render
from web.security import use_policy


@dataclass(frozen=True, slots=True)
class Shell:
    """The context of a page's template. `page_data` is embedded as JSON, for its script."""

    person: Person
    page_data: dict[str, object]


async def index(request: web.Request) -> web.StreamResponse:
    """Redirect to the page that this person works on."""
    return web.Response(status=303, headers={hdrs.LOCATION: home(request[PERSON])})


async def console(request: web.Request) -> web.StreamResponse:
    """The specialist's console."""
    return render(request, "console.html", shell(request))


async def guide(request: web.Request) -> web.StreamResponse:
    """The page of the branch's lobby staff."""
    return render(request, "guide.html", shell(request))


async def cobrowse_frame(request: web.Request) -> web.StreamResponse:
    """The empty document in which the copy of the customer's page is drawn; its policy allows no requests at all.

    Public, because the browser requests it without cookies, as it would anything that the copy refers to.
    """
    use_policy(request, FRAME_POLICY)
    return web.Response(text=FRAME, content_type="text/html", charset="utf-8")


def shell(request: web.Request, **more: object) -> Shell:
    """The context of a face's template; `more` goes to its script too."""
    person = request[PERSON]
    data: dict[str, object] = {
        "person": person.id,
        "name": person.name,
        "login": person.login,
        "roles": sorted(person.roles),
        "renew_s": request.app[CONFIG].login_minutes * 20,
        "ends_s": ends_s(request),
    }
    return Shell(person, data | more)


ROUTES = [
    Route("GET", "/", index, Allow.people()),
    Route("GET", "/console", console, Allow.people(Role.SPECIALIST)),
    Route("GET", "/cobrowse/frame", cobrowse_frame, Allow.PUBLIC),
    Route("GET", "/guide", guide, Allow.people(Role.GUIDE)),
]
