"""The audit log over HTTP: for administrators of every branch, and reading it is in it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from server.api.http.app_keys import AUDIT, STORE, TALLY
from server.store.people import EVERY_BRANCH, Grant, Role
from tests.server.api.conftest import World
from tests.server.api.test_library import fetch

AUDITOR = "auditor"


@pytest.fixture
async def auditor(world: World) -> World:
    world.people[AUDITOR] = await world.app[STORE].people.add(
        login=AUDITOR, name="Ada Reyes", password_hash="x", languages=[], skills=[],
        grants=[Grant(Role.ADMINISTRATOR, EVERY_BRANCH)],
    )  # fmt: skip
    return world


async def read(world: World, query: str = "") -> dict[str, Any]:
    status, body, headers = await fetch(world, AUDITOR, f"/api/audit?{query}")
    assert status == 200
    assert headers["Cache-Control"] == "no-store"
    return dict(json.loads(body))


async def test_only_administrators_of_every_branch_read_it(auditor: World) -> None:
    for path in ("/audit", "/api/audit"):
        assert (await fetch(auditor, AUDITOR, path))[0] == 200
        assert (await fetch(auditor, "administrator.north", path))[0] == 404
        assert (await fetch(auditor, "supervisor.north", path))[0] == 403
        assert (await fetch(auditor, None, path))[0] == 401
    told = await read(auditor, "actor=administrator.north")
    assert [(entry["action"], entry["object"]) for entry in told["entries"]] == [("refused.not_found", "audit")] * 2


async def test_reading_it_is_in_it_before_anything_is_shown(auditor: World, monkeypatch: pytest.MonkeyPatch) -> None:
    told = await read(auditor, "action=read.audit")
    [entry] = told["entries"]
    me = auditor.people[AUDITOR].id
    assert (entry["actor"], entry["actor_name"], entry["object"]) == (f"person:{me}", "Ada Reyes", "audit")
    for _ in range(4):
        await read(auditor)
    await auditor.app[TALLY].sweep(everything=True)
    newest = (await read(auditor))["entries"]
    assert {"more": 4} in [entry["detail"] for entry in newest if entry["action"] == "read.audit"]

    async def fail(*_: object) -> None:
        raise OSError

    await auditor.app[TALLY].sweep(everything=True)
    monkeypatch.setattr(auditor.app[AUDIT], "record", fail)
    assert (await fetch(auditor, AUDITOR, "/api/audit"))[0] >= 500


async def test_filters_and_pages(auditor: World) -> None:
    audit = auditor.app[AUDIT]
    me = auditor.people[AUDITOR].id
    for number in range(60):
        await audit.record("cli:root", "kiosk.add", f"kiosk:k{number}", {"branch": "north"})
    await audit.record("-", "refused.not_found", "session:s1/d1", {"address": "192.0.2.1"})
    await audit.record("cli:root", "person.block", f"person:{me}")
    first = await read(auditor, "actor=cli:root&action=kiosk.add")
    assert [entry["object"] for entry in first["entries"]] == [f"kiosk:k{n}" for n in range(59, 9, -1)]
    detail = first["entries"][0]["detail"]
    assert (detail["branch"], sorted(detail)) == ("north", ["branch", "rows", "signature"]), "a change is signed"
    rest = await read(auditor, f"actor=cli:root&action=kiosk.add&after={first['after']}")
    assert [entry["object"] for entry in rest["entries"]] == [f"kiosk:k{n}" for n in range(9, -1, -1)]
    assert (rest["after"], first["before"]) == (None, None)
    [refused] = (await read(auditor, "object=s1"))["entries"]
    assert (refused["actor"], refused["detail"]) == ("-", {"address": "192.0.2.1"})
    [blocked] = (await read(auditor, "action=person.block"))["entries"]
    assert (blocked["object"], blocked["object_name"]) == (f"person:{me}", "Ada Reyes")
    mine = (await read(auditor, f"actor={AUDITOR}"))["entries"]
    assert {entry["actor"] for entry in mine} == {f"person:{me}"}
    for query in ("actor=nobody.there", "object=s9", "action=kiosk", "since=4102444800000", "until=1"):
        assert (await read(auditor, query))["entries"] == [], query


async def test_what_is_no_filter_is_refused(auditor: World) -> None:
    for query in ("since=x", "after=-1", "actor=%00", "object=" + "x" * 129):
        assert (await fetch(auditor, AUDITOR, f"/api/audit?{query}"))[0] == 400, query


async def test_the_page(auditor: World) -> None:
    status, body, headers = await fetch(auditor, AUDITOR, "/audit", Accept="text/html")
    assert status == 200
    assert b"/static/src/audit/main.js" in body
    assert "unsafe" not in headers["Content-Security-Policy"]
