"""Nobody reads evidence, and nobody is refused anything, without a trace; and nobody floods the log."""

from __future__ import annotations

import base64

import msgspec
import pytest
from structlog.testing import capture_logs

from link.protocol.errors import Unavailable
from server.api.http import cookies
from server.api.http.app_keys import AUDIT, TALLY
from server.journal.audit import AuditEntry
from server.journal.tally import ROWS_EACH
from tests.server.api.conftest import World
from tests.server.api.test_library import archive, fetch
from tests.server.api.test_login import form
from tests.server.evidence.recorded import SESSION, Archive
from tests.server.identity.test_assertions import ATTACKS as KIOSK_ATTACKS
from tests.server.identity.test_login_tokens import ATTACKS as LOGIN_ATTACKS

__all__ = ["archive"]


async def rows(world: World, kind: str) -> list[AuditEntry]:
    return [entry for entry in await world.app[AUDIT].read(limit=10_000) if entry.action.startswith(kind)]


@pytest.mark.parametrize(
    ("path", "action"),
    [
        (f"/api/sessions/{SESSION}/manifest?after=1", "read.manifest"),
        (f"/api/sessions/{SESSION}/tracks/kiosk.camera/init", "read.media"),
        (f"/api/sessions/{SESSION}/tracks/kiosk.camera/segments/0", "read.media"),
        (f"/api/sessions/{SESSION}/cobrowse/0", "read.cobrowse"),
        (f"/library/{SESSION}", "read.page"),
        ("/api/sessions?text=%E5%BC%A0", "read.search"),
    ],
)
async def test_each_way_to_read_is_recorded_before_anything_is_shown(
    world: World, archive: Archive, path: str, action: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise Unavailable("locked")

    with monkeypatch.context() as patched:
        patched.setattr(world.app[AUDIT], "record", fail)
        assert (await fetch(world, "supervisor.north", path))[0] == 503
    for _ in range(20):
        assert (await fetch(world, "supervisor.north", path))[0] == 200
    [entry] = await rows(world, "read")
    said = msgspec.json.decode(entry.detail)
    assert (entry.actor, entry.action) == (f"person:{world.people['supervisor.north'].id}", action)
    assert entry.object == ("sessions" if "search" in action else f"session:{SESSION}")
    await world.app[TALLY].sweep(everything=True)
    _, summed = await rows(world, "read")
    assert msgspec.json.decode(summed.detail).pop("more") == 19
    assert {name: value for name, value in msgspec.json.decode(summed.detail).items() if name in said} == said
    assert "张" not in entry.detail + summed.detail


async def test_what_was_read_of_which_track_is_summed(world: World, archive: Archive) -> None:
    for track, times in (("kiosk.camera", 3), ("kiosk.microphone", 2)):
        for _ in range(times):
            await fetch(world, "supervisor.north", f"/api/sessions/{SESSION}/tracks/{track}/segments/0")
    await world.app[TALLY].sweep(everything=True)
    _, summed = await rows(world, "read.media")
    parts = {"kiosk.camera": 3, "kiosk.microphone": 2}
    spans = {"kiosk.camera": [[1000, 2000]], "kiosk.microphone": [[1000, 2000]]}
    assert msgspec.json.decode(summed.detail) == {"more": 4, "parts": parts, "spans": spans}


async def test_forged_logins_and_assertions_leave_a_row_and_a_line_each_and_then_a_sum(world: World) -> None:
    with capture_logs() as lines:
        for token in LOGIN_ATTACKS.values():
            if token.isascii() and token.isprintable() and len(token) < 4000:
                async with world.ask("GET", "/api/me", headers={"Cookie": f"{cookies.NAME}={token}"}) as response:
                    assert response.status == 401
        async with world.ask(
            "GET", "/console", headers={"Accept": "text/html", "Cookie": f"{cookies.NAME}=x"}
        ) as response:
            assert response.status == 303, "a forged one, not none"
    found = await rows(world, "refused.not_authenticated")
    assert len(found) == ROWS_EACH
    assert {entry.object for entry in found} == {"GET /api/me"}
    assert all(entry.actor == "-" and "127.0.0.1" in entry.detail for entry in found)
    assert len([line for line in lines if line["event"] == "refused"]) == ROWS_EACH
    for token in list(KIOSK_ATTACKS.values())[:20]:
        if token.isascii() and token.isprintable() and token.strip():
            headers = {"Authorization": f"Bearer {token}", "Origin": None}
            async with world.ask("PUT", "/api/kiosk/sessions/s/documents/d", headers=headers) as response:
                assert response.status == 401
    await world.app[TALLY].sweep(everything=True)
    everything = await rows(world, "refused.not_authenticated")
    assert len(everything) == ROWS_EACH + 1
    assert msgspec.json.decode(everything[-1].detail)["more"] > 20
    assert all("eyJ" not in entry.detail + entry.object for entry in everything), "no token"


async def test_who_is_shown_the_way_to_the_login_was_refused_nothing(world: World) -> None:
    async with world.ask("GET", "/console", headers={"Accept": "text/html"}) as response:
        assert response.status == 303
    assert await rows(world, "refused") == []


async def test_what_a_role_or_an_origin_may_not_is_recorded_with_who_it_was(world: World) -> None:
    guide = await world.as_person("guide.north")
    async with world.ask("GET", "/api/sessions", headers=guide) as response:
        assert response.status == 403
    async with world.ask("POST", "/logout", headers=guide | {"Origin": "http://evil.example"}) as response:
        assert response.status == 403
    for _ in range(60):  # what is allowed comes back with time: a slow machine is refused later
        async with world.ask("POST", "/login", data=form(password="guess")) as response:
            if response.status == 429:
                break
    assert response.status == 429
    found = [(entry.actor, entry.action, entry.object) for entry in await rows(world, "refused")]
    person = f"person:{world.people['guide.north'].id}"
    assert found[:2] == [
        (person, "refused.not_allowed", "GET /api/sessions"),
        ("-", "refused.not_allowed", "POST /logout"),
    ]
    assert set(found[2:]) == {("-", "refused.rate_limited", "POST /login")}


async def test_guessing_sessions_leaves_a_row_of_who_guessed(world: World, archive: Archive) -> None:
    """What is not there and what is another's look alike to whoever asks, and are in the log alike."""
    digest = {"Content-Digest": f"sha-256=:{base64.b64encode(bytes(32)).decode()}:", "Content-Type": "image/jpeg"}
    for session in (SESSION, "nobodys"):
        path = f"/api/kiosk/sessions/{session}/documents/d1"
        headers = world.as_kiosk("south-1") | digest | {"Origin": None}
        async with world.ask("PUT", path, headers=headers, data=b"x") as response:
            assert response.status == 404
    assert (await fetch(world, "supervisor.north", "/api/sessions/nobodys/manifest"))[0] == 404
    assert (await fetch(world, "supervisor.north", "/no/such/page"))[0] == 404
    found = [(entry.actor, entry.object) for entry in await rows(world, "refused.not_found")]
    assert found == [
        *[("kiosk:south-1", "PUT /api/kiosk/sessions/{session}/documents/{document}")] * 2,
        (f"person:{world.people['supervisor.north'].id}", "GET /api/sessions/{session}/manifest"),
    ]
