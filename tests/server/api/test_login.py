from __future__ import annotations

import asyncio
import time
from http.cookies import SimpleCookie
from urllib.parse import quote

import pytest

from link.protocol.errors import Unavailable
from server.api.http import cookies
from server.api.http.app_keys import AUDIT, IDENTITY, STORE
from server.identity import Role
from tests.server.api.conftest import PASSWORD, World


def form(login: str = "specialist.north", password: str = PASSWORD, **more: str) -> dict[str, str]:
    return {"login": login, "password": password} | more


async def test_the_right_password_gives_a_cookie_that_only_this_host_sees(world: World) -> None:
    async with world.ask("POST", "/login", data=form()) as response:
        assert response.status == 303
        assert response.headers["Location"] == "/console"
        morsel = SimpleCookie(response.headers["Set-Cookie"])[cookies.NAME]
    assert morsel.key == "__Host-visavis"
    assert morsel["secure"]
    assert morsel["httponly"]
    assert (morsel["samesite"], morsel["path"], morsel["domain"], morsel["max-age"]) == ("Strict", "/", "", "900")
    async with world.ask("GET", "/api/me", headers={"Cookie": f"{cookies.NAME}={morsel.value}"}) as response:
        body = await response.json()
        assert response.headers["Cache-Control"] == "no-store"
    assert (body["login"], body["roles"], body["renew_s"]) == ("specialist.north", ["specialist"], 300)
    assert 12 * 3600 - 60 < body["ends_s"] <= 12 * 3600


@pytest.mark.parametrize(
    ("login", "password"),
    [
        ("specialist.north", "wrong"),
        ("unknown", PASSWORD),
        ("", ""),
        ("specialist.north", ""),
        ("x" * 5000, "long password"),
    ],
    ids=["wrong password", "unknown", "empty", "empty password", "long"],
)
async def test_a_refused_login_looks_the_same_whatever_was_wrong(world: World, login: str, password: str) -> None:
    async with world.ask("POST", "/login", data=form(login, password)) as response:
        page = await response.text()
        assert response.status == 401
        assert "Set-Cookie" not in response.headers
    assert 'id="login-error"' in page
    assert password == "" or password not in page


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/x-www-form-urlencoded; charset=nope", b"login=a&password=b"),
        ("application/x-www-form-urlencoded; charset=utf-16", b"login=a"),
        ("application/x-www-form-urlencoded", b"login=%ff%fe&password=\xff"),
        ("application/x-www-form-urlencoded", b"&".join(b"a%d=1" % number for number in range(600))),
        ("application/x-www-form-urlencoded", b"login=" + b"x" * 9000),
        ("multipart/form-data; boundary=x", b"--x\r\nnonsense"),
        ("multipart/form-data", b"--x--"),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="login"; filename="f"\r\n\r\nx\r\n--x--\r\n',
        ),
        ("application/json", b'{"login": "a"}'),
        ("text/plain", b""),
    ],
)
async def test_what_is_no_form_is_no_error_of_ours(world: World, content_type: str, body: bytes) -> None:
    async with world.ask("POST", "/login", data=body, headers={"Content-Type": content_type}) as response:
        assert response.status in (400, 401, 413)


async def test_many_attempts_have_to_wait(world: World) -> None:
    statuses = []
    for _ in range(8):
        async with world.ask("POST", "/login", data=form(password="guess")) as response:
            statuses.append(response.status)
            waits = response.headers.get("Retry-After")
    assert statuses[:5] == [401] * 5
    assert 429 in statuses
    assert waits is None or int(waits) >= 1
    async with world.ask("POST", "/login", data=form("supervisor.north")) as response:
        assert response.status == 303, "another person's login from the same address is free"


async def test_logging_out_ends_the_login_everywhere_at_once(world: World) -> None:
    identity = world.app[IDENTITY]
    headers = await world.as_person("specialist.north")
    other = await world.as_person("specialist.north")
    login = identity.tokens.read(headers["Cookie"].partition("=")[2]).login
    watching = identity.watch(world.people["specialist.north"].id, login)
    async with world.ask("POST", "/logout", headers=headers) as response:
        assert (response.status, response.headers["Location"]) == (303, "/login")
        assert SimpleCookie(response.headers["Set-Cookie"])[cookies.NAME]["max-age"] == "0"
    assert watching.is_set()
    async with world.ask("GET", "/api/me", headers=headers) as response:
        assert response.status == 401
    async with world.ask("GET", "/api/me", headers=other) as response:
        assert response.status == 200, "the same person's other login stays"


async def test_a_blocked_person_is_out_at_once(world: World) -> None:
    headers = await world.as_person("guide.north")
    await world.app[STORE].people.set_active(world.people["guide.north"].id, False)
    async with world.ask("GET", "/api/me", headers=headers) as response:
        assert response.status == 401
    async with world.ask("POST", "/login", data=form("guide.north")) as response:
        assert response.status == 401


async def test_another_process_that_revokes_is_heard_within_seconds(world: World) -> None:
    """What the command line does: it only writes to the database."""
    person = world.people["guide.north"].id
    watching = world.app[IDENTITY].watch(person)
    await world.app[STORE].logins.revoke_person(person)
    await asyncio.wait_for(watching.wait(), 30)


async def test_a_stale_cookie_is_renewed_by_any_request(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    identity = world.app[IDENTITY]
    headers = await world.as_person("guide.north")
    async with world.ask("GET", "/api/me", headers=headers) as response:
        assert "Set-Cookie" not in response.headers
    real = identity.tokens._clock
    monkeypatch.setattr(identity.tokens, "_clock", lambda: real() + 301)
    async with world.ask("GET", "/guide", headers=headers) as response:
        renewed = SimpleCookie(response.headers["Set-Cookie"])[cookies.NAME].value
    assert identity.tokens.read(renewed).expires > identity.tokens.read(headers["Cookie"].partition("=")[2]).expires
    monkeypatch.setattr(identity.tokens, "_clock", lambda: real() + 901)
    async with world.ask("GET", "/api/me", headers=headers) as response:
        assert response.status == 401


async def test_a_login_lasts_as_long_whatever_the_wall_clock_is_set_to(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    headers, wall_ns = await world.as_person("guide.north"), time.time_ns
    for jump_s in (3600, -3600, 3 * 86_400):
        monkeypatch.setattr("time.time_ns", lambda jump_s=jump_s: wall_ns() + jump_s * 10**9)
        monkeypatch.setattr("time.time", lambda jump_s=jump_s: wall_ns() / 1e9 + jump_s)
        async with world.ask("GET", "/api/me", headers=headers) as response:
            assert response.status == 200
            assert 3500 < (await response.json())["ends_s"] <= 3600


@pytest.mark.parametrize("role", list(Role))
async def test_everybody_lands_on_the_page_of_their_work(world: World, role: Role) -> None:
    headers = await world.as_person(f"{role}.north")
    async with world.ask("GET", "/", headers=headers) as response:
        assert response.status == 303
        home = response.headers["Location"]
    expected = {Role.SPECIALIST: "/console", Role.GUIDE: "/guide"}.get(role, "/library")
    assert home == expected


@pytest.mark.parametrize(
    ("target", "lands"),
    [
        ("/library/abc?at=3", "/library/abc?at=3"),
        ("//evil.example/x", "/console"),
        ("/\\evil.example", "/console"),
        ("https://evil.example", "/console"),
        ("javascript:alert(1)", "/console"),
        ("/x\r\nSet-Cookie: a=b", "/console"),
        ("/login?next=/login", "/console"),
        ("", "/console"),
    ],
)
async def test_logging_in_leads_on_but_never_elsewhere(world: World, target: str, lands: str) -> None:
    async with world.ask("POST", "/login", data=form(next=target)) as response:
        assert (response.status, response.headers["Location"]) == (303, lands)


async def test_a_page_without_login_leads_to_the_form_and_back(world: World) -> None:
    async with world.ask("GET", "/console?a=b", headers={"Accept": "text/html"}) as response:
        assert response.status == 303
        assert response.headers["Location"] == "/login?next=" + quote("/console?a=b", safe="")
    async with world.ask("GET", "/login?next=%2Fconsole%3Fa%3Db") as response:
        assert 'value="/console?a=b"' in await response.text()
    headers = await world.as_person("specialist.north")
    async with world.ask("GET", "/login?next=%2Fconsole", headers=headers) as response:
        assert (response.status, response.headers["Location"]) == (303, "/console")


async def test_logins_are_audited_without_names_or_passwords(world: World) -> None:
    for password in (PASSWORD, "wrong"):
        async with world.ask("POST", "/login", data=form(password=password)):
            pass
    entries = [entry for entry in await world.app[AUDIT].read() if entry.action.startswith("login")]
    person = world.people["specialist.north"]
    assert [(entry.actor, entry.action) for entry in entries] == [
        (f"person:{person.id}", "login"),
        (f"person:{person.id}", "login.refused"),
    ]
    assert all(person.login not in entry.detail and "wrong" not in entry.detail for entry in entries)


async def test_the_browser_is_remembered_and_knows_nobody_else(world: World) -> None:
    async with world.ask("POST", "/login", data=form()) as response:
        jars = [SimpleCookie(header) for header in response.headers.getall("Set-Cookie")]
    morsel = next(jar[cookies.DEVICE] for jar in jars if cookies.DEVICE in jar)
    assert morsel["secure"]
    assert morsel["httponly"]
    assert (morsel["samesite"], morsel["path"], morsel["domain"]) == ("Strict", "/", "")
    device = {"Cookie": f"{cookies.DEVICE}={morsel.value}"}
    for _ in range(8):
        async with world.ask("POST", "/login", data=form(password="guess")) as response:
            pass
    assert response.status == 429
    async with world.ask("POST", "/login", data=form(), headers=device) as response:
        assert response.status == 303, "strangers' guesses at the same address do not count here"
    async with world.ask("GET", "/api/me", headers=device) as response:
        assert response.status == 401, "it lets nobody in"


async def test_too_many_at_once_are_told_when_to_come_back(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def full(*_: object, **__: object) -> bool:
        raise Unavailable("too many wait")

    monkeypatch.setattr(world.app[IDENTITY]._passwords, "verify", full)
    async with world.ask("POST", "/login", data=form()) as response:
        assert response.status == 503
        assert int(response.headers["Retry-After"]) >= 1
        assert 'id="login-error"' in await response.text()
