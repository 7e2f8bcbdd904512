"""Legal holds and retention over HTTP: who places and lifts, bounded bodies, and what a deleted session looks like."""

from __future__ import annotations

import json
from typing import Any

import pytest

from server.api.http.app_keys import AUDIT, BLOBS, BUNDLES, CONFIG, JOURNAL, RETENTION, SIGNING_KEY, STORE, VAULT
from server.evidence.certificate import check_file
from server.evidence.deletion import LegalDeletion
from server.store.people import Grant, Role
from server.store.retention import RetentionRule
from tests.server.api.conftest import World
from tests.server.evidence.recorded import SESSION, STARTED_US, Archive, record

YEAR_US = 366 * 86_400_000_000


@pytest.fixture
async def archive(world: World) -> Archive:
    app = world.app
    made = Archive(app[STORE], app[JOURNAL], app[BLOBS], app[VAULT], app[CONFIG].data)
    await record(made, seconds=1, branch="north")
    await world.opens("supervisor.north", SESSION)
    return made


async def asked(
    world: World, method: str, path: str, login: str | None = "supervisor.north", body: object = None
) -> tuple[int, Any]:
    given = await world.as_person(login) if login else {}
    sent = {} if body is None else {"data": body if isinstance(body, bytes) else json.dumps(body)}
    async with world.ask(method, path, headers=given, **sent) as response:
        data = await response.read()
        return response.status, json.loads(data) if data.startswith((b"{", b"[")) else data


async def place(world: World, *sessions: str, reason: str = "Case 7", login: str = "supervisor.north") -> Any:
    status, told = await asked(world, "POST", "/api/holds", login, {"sessions": sessions, "reason": reason})
    assert status == 200, told
    return told["results"]


async def kept(world: World) -> Any:
    status, told = await asked(world, "GET", f"/api/sessions/{SESSION}/retention")
    assert status == 200
    return told


async def test_a_supervisor_places_holds_and_the_list_and_player_show_them(world: World, archive: Archive) -> None:
    assert (await kept(world))["holds"] == []
    first = await place(world, SESSION, "nobody", SESSION)
    assert [(one["session"], one["problem"]) for one in first] == [(SESSION, ""), ("nobody", "not_found")]
    told = await kept(world)
    assert [(hold["reason"], hold["placed_by"], hold["lifted_ms"], hold["may_lift"]) for hold in told["holds"]] == [
        ("Case 7", "supervisor of north", None, False)
    ]
    assert told["keeps"] == {"reason": "no_rule", "until": None, "rule": None, "source": None}
    _, page = await asked(world, "GET", "/api/sessions")
    assert [(row["id"], row["held"], row["deleted"]) for row in page["sessions"]] == [(SESSION, True, False)]
    _, manifest = await asked(world, "GET", f"/api/sessions/{SESSION}/manifest")
    assert (manifest["session"]["held"], manifest["session"]["deleted"]) == (True, False)
    entries = [entry for entry in await world.app[AUDIT].read() if entry.action == "hold.place"]
    assert [json.loads(entry.detail)["session"] for entry in entries] == [SESSION]
    assert "signature" in json.loads(entries[0].detail)


async def test_holds_of_other_branches_are_placed_by_their_supervisors_only(world: World, archive: Archive) -> None:
    assert (await place(world, SESSION, login="supervisor.south"))[0]["problem"] == "not_found"
    assert (await kept(world))["holds"] == []
    for login in ("specialist.north", "guide.north", "administrator.north", "nobody", None):
        status, _ = await asked(world, "POST", "/api/holds", login, {"sessions": [SESSION], "reason": "x"})
        assert status in (401, 403), login
        assert (await asked(world, "GET", f"/api/sessions/{SESSION}/retention", login))[0] in (401, 403)
    assert (await asked(world, "GET", f"/api/sessions/{SESSION}/retention", "supervisor.south"))[0] == 404


async def test_an_administrator_lifts_what_somebody_else_placed(world: World, archive: Archive) -> None:
    (placed,) = await place(world, SESSION)
    path = f"/api/holds/{placed['hold']}/lift"
    for login, status in (
        ("supervisor.north", 403),
        ("administrator.south", 404),
        ("specialist.north", 403),
        (None, 401),
        ("administrator.north", 200),
        ("administrator.north", 409),
    ):
        assert (await asked(world, "POST", path, login, {"reason": "settled"}))[0] == status, login
    (hold,) = (await kept(world))["holds"]
    assert (hold["lifted_by"], hold["lifted_reason"]) == ("administrator of north", "settled")
    assert (await asked(world, "POST", "/api/holds/none/lift", "administrator.north", {"reason": "x"}))[0] == 404


async def test_who_placed_a_hold_does_not_lift_it(world: World, archive: Archive) -> None:
    person = world.people["supervisor.north"]
    both = [Grant(Role.SUPERVISOR, "north"), Grant(Role.ADMINISTRATOR, "north")]
    await world.app[STORE].people.set_grants(person.id, both)
    (mine,) = await place(world, SESSION)
    status, _ = await asked(world, "POST", f"/api/holds/{mine['hold']}/lift", "supervisor.north", {"reason": "x"})
    assert status == 403
    assert [hold["may_lift"] for hold in (await kept(world))["holds"]] == [False]
    await world.app[STORE].holds.place(SESSION, reason="theirs", by="cli:root")
    assert [hold["may_lift"] for hold in (await kept(world))["holds"]] == [False, True]


NO_BODIES = (
    b"",
    b"[]",
    b"{",
    b'{"sessions": [], "reason": "x"}',
    b'{"sessions": "s", "reason": "x"}',
    b'{"sessions": ["s"], "reason": ""}',
    b'{"sessions": ["s"], "reason": "two\\nlines"}',
    b'{"sessions": ["s"], "reason": "x", "more": 1}',
    json.dumps({"sessions": ["s"], "reason": "x" * 201}).encode(),
    json.dumps({"sessions": [f"s{n}" for n in range(201)], "reason": "x"}).encode(),
    b"\xff" * 10,
    b"[" * 30_000,
)


async def test_a_body_that_is_none_is_refused_and_one_has_an_end(world: World) -> None:
    for body in NO_BODIES:
        assert (await asked(world, "POST", "/api/holds", body=body))[0] == 400, body[:80]
    assert (await asked(world, "POST", "/api/holds", body=b" " * 40_000))[0] == 413


async def test_a_deleted_session_shows_its_certificate_and_gives_nothing_else(world: World, archive: Archive) -> None:
    app, store = world.app, world.app[STORE]
    async with store.database.write():
        await store.retention.add_rule(RetentionRule("claims", "call_ended", "P1Y", "民法典 188"))
        await app[AUDIT].record("cli:root", "retention.add", "retention_rule:claims")
    assert (await kept(world))["keeps"]["rule"] == "claims"
    bundles = app[BUNDLES]
    assert (await asked(world, "POST", f"/api/sessions/{SESSION}/bundle?purpose=court"))[0] == 200
    deletion = LegalDeletion(
        store=store, journal=app[JOURNAL], vault=app[VAULT], blobs=app[BLOBS], audit=app[AUDIT], key=app[SIGNING_KEY],
        clock=lambda: STARTED_US + 2 * YEAR_US,
    )  # fmt: skip
    await deletion.delete(SESSION, "cli:root")
    told = await kept(world)
    assert (told["deletion"]["rule"], told["deletion"]["by"]) == ("claims", "cli:root")
    _, page = await asked(world, "GET", "/api/sessions")
    assert [row["deleted"] for row in page["sessions"]] == [True]
    _, manifest = await asked(world, "GET", f"/api/sessions/{SESSION}/manifest")
    assert manifest["session"]["deleted"]
    assert [moment["data"]["text"] for moment in manifest["moments"] if moment["kind"] == "chat_sent"] != []
    track = manifest["tracks"][0]["name"]
    assert (await asked(world, "GET", f"/api/sessions/{SESSION}/tracks/{track}/segments/0"))[0] == 410
    # A bundle holds the key: the one that was made is gone with it, whoever deleted the session.
    assert (await asked(world, "GET", f"/api/sessions/{SESSION}/bundle/file"))[0] == 410
    assert bundles.known(SESSION, world.people["supervisor.north"].id) is None
    assert (await place(world, SESSION))[0]["problem"] == "wrong_state"
    async with world.ask(
        "GET", f"/api/sessions/{SESSION}/certificate", headers=await world.as_person("supervisor.north")
    ) as response:
        assert response.headers["Content-Disposition"].endswith(f'"visavis-deletion-{SESSION}.json"')
        assert check_file(await response.read(), [app[SIGNING_KEY].public]).session == SESSION


async def test_there_is_no_certificate_of_what_was_not_deleted(world: World, archive: Archive) -> None:
    assert (await asked(world, "GET", f"/api/sessions/{SESSION}/certificate"))[0] == 404
    assert (await asked(world, "GET", "/api/sessions/nobody/certificate"))[0] == 404


async def test_a_server_deletes_nothing_by_itself_unless_it_is_told(world: World, archive: Archive) -> None:
    await world.app[STORE].retention.add_rule(RetentionRule("claims", "call_ended", "P0D", "x"))
    assert world.app[RETENTION]._hours == 0
    assert await world.app[STORE].retention.deletion(SESSION) is None
