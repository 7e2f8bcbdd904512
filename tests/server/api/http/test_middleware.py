"""Every route × every kind of asker, generated from the router itself."""

from __future__ import annotations

import itertools

import aiohttp
import pytest
from aiohttp import web
from yarl import URL

from link.protocol.errors import Unavailable
from link.protocol.frames import SUBPROTOCOL
from server.api.http.app_keys import AUDIT, STORE
from server.api.http.routes import PERMISSIONS, Allow, Kind, Permissions, Route
from server.app import make_app
from server.config import Config
from server.identity import Role
from server.journal import Journal
from server.store.sessions import Projection
from tests.server.api.conftest import World
from tests.server.identity.test_assertions import ATTACKS as KIOSK_ATTACKS
from tests.server.identity.test_login_tokens import ATTACKS as LOGIN_ATTACKS

ASKERS = ("anonymous", "nobody", "kiosk", *Role)
FOREIGN_ORIGINS = (
    None,
    "null",
    "http://evil.example",
    "{origin}.evil.example",
    "{origin}@evil.example",
    "{origin}/",
    "{origin} {origin}",
    "https://127.0.0.1",
    "file://",
    "",
)


def declared() -> list[Route]:
    """Every route of the application, from its router, with its declaration."""
    app = make_app(Config())
    found = []
    for route in app.router.routes():
        assert route.resource is not None
        if route.method != "HEAD":
            declaration = app[PERMISSIONS].of(route.method, route.resource.canonical)
            assert declaration is not None, f"{route.method} {route.resource.canonical} declares no permission"
            found.append(declaration)
    return found


ROUTES = declared()


def named(route: Route) -> str:
    return f"{route.method} {route.path}"


def filled(path: str, session: str) -> str:
    values = {
        "session": session,
        "document": "d1",
        "wanted": "w1",
        "search": "x",
        "approval": "a1",
        "bookmark": "b1",
        "hold": "h1",
    }
    values |= {"path": "styles/base.css", "track": "kiosk.camera"}
    for name, value in values.items():
        path = path.replace("{" + name + "}", value)
    return path.replace("{index}", "0").replace("{n}", "0").replace("{kiosk}", "north-1")


def may(route: Route, asker: str) -> bool:
    kind = route.allow.kind
    if kind is Kind.PERSON:
        return asker in list(Role) and Role(asker) in route.allow.roles
    return kind in (Kind.ANYBODY, Kind.MACHINE) or (kind is Kind.DEVICE and asker == "kiosk")


async def identity(world: World, asker: str) -> dict[str, str]:
    if asker == "anonymous":
        return {}
    if asker == "kiosk":
        return world.as_kiosk("north-1")
    return await world.as_person(asker if asker == "nobody" else f"{asker}.north")


async def add_session(world: World, session: str, branch: str) -> None:
    start: Projection = {
        "state": "closed",
        "kiosk": f"{branch}-1",
        "kiosk_name": "一号机",
        "branch": branch,
        "branch_zh": "支行",
        "branch_en": branch,
        "service": "wealth",
        "service_zh": "理财",
        "service_en": "Wealth",
        "language": "zh-CN",
        "requested_us": 1,
        "specialist": world.people[f"specialist.{branch}"].id,
    }
    await Journal(world.app[STORE]).append(session, [("closed", b'{"event":"closed"}')], projection=start)
    for role in ("supervisor", "specialist"):
        await world.opens(f"{role}.{branch}", session)


async def status_of(world: World, route: Route, path: str, headers: dict[str, str]) -> int:
    if not route.upgrade:
        async with world.ask(route.method, path, headers=headers) as response:
            await response.read()
            return int(response.status)
    if route.allow.needs_origin:
        headers = {"Origin": world.origin} | headers
    try:
        async with world.http.ws_connect(
            world.server.make_url(path), headers=headers, protocols=(SUBPROTOCOL,)
        ) as socket:
            await socket.close()
            return 101
    except aiohttp.WSServerHandshakeError as error:
        return error.status


def test_there_are_routes_and_none_is_for_nobody() -> None:
    assert len(ROUTES) > 10
    assert all(route.allow.kind is not Kind.NOBODY for route in ROUTES)
    public = {named(route) for route in ROUTES if route.allow.kind in (Kind.ANYBODY, Kind.MACHINE)}
    pages = {"GET /login", "POST /login", "GET /cobrowse/frame", "GET /static/{path}"}
    assert public == pages | {"GET /health", "GET /ready", "POST /api/kiosk/enrol"}


async def test_every_route_admits_whom_it_declares_and_nobody_else(world: World) -> None:
    await add_session(world, "own", "north")
    wrong = []
    for route, asker in itertools.product(ROUTES, ASKERS):
        status = await status_of(world, route, filled(route.path, "own"), await identity(world, asker))
        if may(route, asker):
            admitted = status not in (401, 403) or (named(route) == "POST /api/kiosk/enrol" and status != 403)
            admitted = admitted or (named(route) == "POST /login" and status == 401)
        else:
            unknown = asker in ("anonymous", "kiosk") if route.allow.kind is Kind.PERSON else True
            admitted = status != (401 if unknown else 403)
        if admitted is not may(route, asker):
            wrong.append((named(route), asker, status))
    assert not wrong


async def test_objects_of_another_branch_do_not_exist_and_asking_is_audited(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.journal.tally.ROWS_EACH", 1000)  # there are more routes than rows a minute
    await add_session(world, "other", "south")
    checked = 0
    for route in ROUTES:
        if "{session}" not in route.path or route.allow.kind is not Kind.PERSON:
            continue
        for role in sorted(route.allow.roles):
            headers = await world.as_person(f"{role}.north") | {"Accept": "application/json"}
            before = len(await world.app[AUDIT].read())
            bodies = []
            for session in ("other", "missing"):
                async with world.ask(route.method, filled(route.path, session), headers=headers) as response:
                    bodies.append((response.status, await response.text(), dict(response.headers) | {"Date": ""}))
            assert bodies[0] == bodies[1], named(route)
            assert bodies[0][0] == 404, named(route)
            after = await world.app[AUDIT].read(before)
            refused = [entry for entry in after if entry.action.startswith("refused")]
            assert len(refused) == 2, named(route)
            assert "other" in refused[0].object
            assert refused[1].action == "refused.not_found"
            assert {entry.actor for entry in refused} == {f"person:{world.people[f'{role}.north'].id}"}
            checked += 1
    assert checked


@pytest.mark.parametrize("given", FOREIGN_ORIGINS, ids=str)
async def test_other_origins_are_refused_on_every_unsafe_route_and_websocket(world: World, given: str | None) -> None:
    origin = None if given is None else given.format(origin=world.origin)
    checked = 0
    for route in ROUTES:
        if route.method == "GET" and not route.upgrade:
            continue
        if origin is None and not route.allow.needs_origin:
            continue
        roles = sorted(route.allow.roles)
        asker = roles[0] if roles else "kiosk" if route.allow.kind is Kind.DEVICE else "anonymous"
        headers = await identity(world, asker) | {"Origin": origin}
        if route.upgrade:
            headers |= {
                "Upgrade": "websocket",
                "Connection": "Upgrade",
                "Sec-WebSocket-Version": "13",
                "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
            }
        async with world.ask(route.method, filled(route.path, "own"), headers=headers) as response:
            assert response.status == 403, (named(route), given)
        checked += 1
    assert checked >= 4


async def test_two_origins_are_refused(world: World) -> None:
    headers = [("Origin", world.origin), ("Origin", "http://evil.example")]
    async with world.http.post(world.server.make_url("/login"), headers=headers, data={}) as response:
        assert response.status == 403


async def test_configured_origins_replace_the_address_asked_for(world: World) -> None:
    from server.api.http.app_keys import CONFIG

    config = Config(data=world.app[CONFIG].data, origins=("https://expert.bank.example/",))
    object.__setattr__(world.app[CONFIG], "origins", config.origins)
    for origin, status in (
        (world.origin, 403),
        ("https://expert.bank.example", 401),
        ("https://EXPERT.bank.example", 401),
    ):
        async with world.ask(
            "POST", "/login", data={"login": "x", "password": "y"}, headers={"Origin": origin}
        ) as response:
            assert response.status == status, origin


async def test_a_websocket_is_not_opened_elsewhere(world: World) -> None:
    headers = {"Upgrade": "websocket", "Connection": "Upgrade", "Origin": world.origin}
    async with world.ask("GET", "/login", headers=headers) as response:
        assert response.status == 400


async def test_a_route_that_declares_nothing_is_for_nobody(world: World) -> None:
    async def secret(_request: web.Request) -> web.Response:
        return web.Response(text="secret")

    world.app.router._frozen = False
    world.app.router.add_get("/undeclared", secret)
    for asker in ASKERS:
        async with world.ask("GET", "/undeclared", headers=await identity(world, asker)) as response:
            assert response.status == 403
            assert "secret" not in await response.text()


def test_a_route_is_declared_once() -> None:
    permissions = Permissions()
    route = ROUTES[0]
    permissions.declare(route)
    with pytest.raises(ValueError, match="twice"):
        permissions.declare(route)


def test_the_default_is_nobody() -> None:
    assert Allow.NOBODY.kind is Kind.NOBODY
    assert Permissions().of("GET", "/") is None


async def test_hostile_tokens_are_401_on_a_real_socket(world: World) -> None:
    """All of them, for people and for devices; those with bytes that no client sends are tested below the socket."""
    sent = 0
    for name, attack in LOGIN_ATTACKS.items():
        if attack.isascii():
            async with world.ask("GET", "/api/me", headers={"Cookie": f"__Host-visavis={attack}"}) as response:
                assert response.status == 401, name
            sent += 1
    for name, attack in KIOSK_ATTACKS.items():
        if attack.isascii():
            headers = {"Authorization": f"Bearer {attack}", "Content-Digest": "x"}
            path = "/api/kiosk/sessions/s1/documents/d1"
            async with world.ask("PUT", path, headers=headers | {"Origin": None}) as response:
                assert response.status == 401, name
            sent += 1
    assert sent >= 80


HOSTILE_VALUES = (
    "%00",
    "..%2f..%2fetc",
    "%ff%fe",
    "x" * 3000,
    "'; DROP TABLE session;--",
    "-1",
    "9" * 30,
    "%F0%9F%98%80",
)
HOSTILE_QUERIES = (
    "?after=-1",
    "?after=" + "9" * 30,
    "?original=%00",
    "?offset=1e9&since=x",
    "?text=%25&status=%00",
    "?a=%ff",
)


async def test_hostile_paths_and_queries_are_no_errors_of_ours(world: World) -> None:
    await add_session(world, "own", "north")
    wrong = []
    for route in ROUTES:
        if route.method != "GET" or route.upgrade or route.allow.kind is not Kind.PERSON:
            continue
        headers = await identity(world, sorted(route.allow.roles)[0])
        names = [part[1:-1] for part in route.path.split("/") if part.startswith("{")]
        paths = [filled(route.path, "own") + query for query in HOSTILE_QUERIES]
        for name, value in itertools.product(names, HOSTILE_VALUES):
            paths.append(filled(route.path.replace("{" + name + "}", value), "own"))
        for path in paths:
            url = URL(world.origin + path.replace(" ", "%20"), encoded=True)
            async with world.http.get(url, headers=headers, allow_redirects=False) as response:
                if response.status >= 500:
                    wrong.append((path, response.status))
    assert not wrong


async def test_every_error_has_one_form(world: World) -> None:
    async with world.ask("GET", "/nowhere") as response:
        assert response.status == 404
        assert await response.json() == {"error": {"code": "not_found", "message": "not_found"}}
    async with world.ask("DELETE", "/api/me") as response:
        assert response.status == 404
    async with world.ask("GET", "/nowhere", headers={"Accept": "text/html", "Accept-Language": "en"}) as response:
        page = await response.text()
        assert response.status == 404
        assert "does not exist" in page
    for path in ("/static/..%2f..%2fserver%2fapp.py", "/static/../server/app.py", "/static/%00", "/static//etc/passwd"):
        async with world.ask("GET", path) as response:
            assert response.status in (400, 404), path


async def test_a_database_that_is_away_is_503_and_says_when_to_come_back(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(_login: str) -> None:
        raise Unavailable("the database is not available")

    headers = await world.as_person("guide.north")
    monkeypatch.setattr(world.app[STORE].logins, "get", away)
    async with world.ask("GET", "/api/me", headers=headers) as response:
        assert response.status == 503
        assert int(response.headers["Retry-After"]) > 0


async def test_an_error_of_ours_tells_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(_login: str) -> None:
        raise RuntimeError("6222 0000 secret")

    headers = await world.as_person("guide.north")
    monkeypatch.setattr(world.app[STORE].logins, "get", broken)
    async with world.ask("GET", "/api/me", headers=headers) as response:
        assert response.status == 500
        assert "6222" not in await response.text()


async def test_every_answer_carries_the_security_headers(world: World) -> None:
    for path in ("/login", "/nowhere", "/health", "/static/styles/base.css", "/api/me"):
        async with world.ask("GET", path) as response:
            assert "script-src 'self'" in response.headers["Content-Security-Policy"], path
            assert response.headers["X-Content-Type-Options"] == "nosniff", path
            assert response.headers["Server"] == "Visavis"


async def test_the_frame_for_copies_of_pages_runs_no_script_and_loads_nothing(world: World) -> None:
    async with world.ask("GET", "/cobrowse/frame") as response:
        assert response.status == 200
        directives = [each.split() for each in response.headers["Content-Security-Policy"].split(";")]
        assert "<script" not in await response.text()
        assert "src=" not in await response.text()
    policy = {name: set(values) for name, *values in directives}
    assert policy["default-src"] == {"'none'"}
    assert policy["sandbox"] == {"allow-same-origin"}
    assert policy["frame-ancestors"] == {"'self'"}
    inline = {"'none'", "'unsafe-inline'", "data:", "blob:"}
    for name in policy.keys() - {"sandbox", "frame-ancestors"}:
        assert policy[name] <= inline, name
