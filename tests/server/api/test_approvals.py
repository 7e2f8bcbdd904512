"""The two-person rule over HTTP: asked, decided by somebody else, used once, for what it was asked for, and audited."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from server.api import approvals as api
from server.api.http.app_keys import AUDIT, BUNDLES, CONFIG, STORE
from server.evidence import bundle_runs
from server.store import approvals
from server.store.people import EVERY_BRANCH, Grant, Role
from server.store.stamps import steady_us
from tests.machine import allow
from tests.server.api.conftest import World
from tests.server.api.test_bundles import archive, asked
from tests.server.api.test_viewing import send
from tests.server.evidence.recorded import SESSION, Archive, requested

__all__ = ["archive"]

ME, OTHER = "supervisor.north", "second"
PATH = f"/api/sessions/{SESSION}/approvals"
BUNDLE = f"/api/sessions/{SESSION}/bundle"


@pytest.fixture
async def ruled(world: World, archive: Archive) -> World:
    """A site with the rule, and a second supervisor of every branch."""
    object.__setattr__(world.app[CONFIG], "export_approval", "required")
    world.people[OTHER] = await world.app[STORE].people.add(
        login=OTHER, name="Second Person", password_hash="x", languages=[], skills=[],
        grants=[Grant(Role.SUPERVISOR, EVERY_BRANCH)],
    )  # fmt: skip
    return world


async def ask(world: World, login: str = ME, *, purpose: str = "court", status: int = 201) -> dict[str, Any]:
    got, told = await send(world, login, PATH, kind="bundle", purpose=purpose)
    assert got == status, told
    return dict(told)


async def decide(world: World, approval: str, login: str = OTHER, *, approve: bool = True) -> int:
    return (await send(world, login, f"{PATH}/{approval}", approve=approve))[0]


async def make(world: World, purpose: str = "court", login: str = ME) -> tuple[int, dict[str, Any]]:
    status, body, _ = await asked(world, "POST", f"{BUNDLE}?purpose={purpose}", login)
    return status, json.loads(body)


async def actions(world: World) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (entry.actor, entry.action, json.loads(entry.detail))
        for entry in await world.app[AUDIT].read(limit=1000)
        if entry.action.startswith(("export.", "recording.export"))
    ]


async def test_an_export_is_approved_by_another_and_made_once(ruled: World) -> None:
    me, other = (f"person:{ruled.people[login].id}" for login in (ME, OTHER))
    status, told = await make(ruled)
    assert (status, told["error"]["code"]) == (409, "approval_required")
    assert json.loads((await asked(ruled, "GET", BUNDLE))[1])["approval"] == {"state": "none"}
    wished = await ask(ruled)
    assert (wished["state"], wished["kind"], wished["purpose"]) == ("pending", "bundle", "court")
    assert 86_300 < wished["left_s"] <= 86_400
    assert (await ask(ruled, status=200))["id"] == wished["id"], "it is asked once"
    assert (await make(ruled))[0] == 409, "nobody has decided"
    assert await decide(ruled, wished["id"], ME) == 403, "never oneself"
    assert await decide(ruled, wished["id"], "supervisor.south") == 404
    assert await decide(ruled, wished["id"], "specialist.north") == 403
    assert await decide(ruled, wished["id"]) == 200
    assert await decide(ruled, wished["id"], approve=False) == 409, "decided once"
    assert (await make(ruled, login=OTHER))[0] == 409, "who approved has no approval"
    assert (await make(ruled, "regulator"))[0] == 409, "for what it was asked for"
    state = json.loads((await asked(ruled, "GET", BUNDLE))[1])["approval"]
    assert (state["state"], state["decided_by"]) == ("approved", "Second Person")
    status, told = await make(ruled)
    assert (status, told["approval"]["state"]) == (200, "used")
    async with asyncio.timeout(allow(60)):
        while (told := json.loads((await asked(ruled, "GET", BUNDLE))[1]))["state"] in ("waiting", "running"):
            await asyncio.sleep(0.05)
    assert told["state"] == "done"
    run = ruled.app[BUNDLES].known(SESSION, ruled.people[ME].id)
    assert run is not None
    about = json.loads((run.folder / "bundle.json").read_text("utf-8"))
    assert (about["wished_by"], about["approved_by"]) == (me, other)
    assert other in (run.folder / "report.html").read_text("utf-8")
    assert (await make(ruled))[0] == 200, "what is made stays"
    assert (await asked(ruled, "GET", f"{BUNDLE}/file"))[0] == 200
    assert json.loads((await asked(ruled, "GET", BUNDLE))[1])["taken"] is True
    await asked(ruled, "DELETE", BUNDLE)
    assert (await make(ruled))[0] == 409, "it was used"
    approval = {"approval": wished["id"], "kind": "bundle", "purpose": "court"}
    found = await actions(ruled)
    assert found[:3] == [
        (me, "export.ask", approval),
        (other, "export.approve", {**approval, "asked_by": me}),
        (me, "recording.export", {
            "bundle": True, "purpose": "court", "approval": wished["id"], "approved_by": other
        }),
    ]  # fmt: skip
    [command] = found[3:]
    assert command[1:] == (
        "recording.export", {"bundle": True, "purpose": "court", "wished_by": me, "approved_by": other}
    )  # fmt: skip


async def test_a_refusal_and_time_end_a_request(ruled: World, monkeypatch: pytest.MonkeyPatch) -> None:
    first = await ask(ruled)
    assert await decide(ruled, first["id"], approve=False) == 200
    assert json.loads((await asked(ruled, "GET", BUNDLE))[1])["approval"]["state"] == "refused"
    assert (await make(ruled))[0] == 409
    second = await ask(ruled)
    assert second["id"] != first["id"]
    day = 24 * 3_600_000_000
    with monkeypatch.context() as later:
        for module in (approvals, api):
            later.setattr(module, "steady_us", lambda: steady_us() + day + 1)
        assert json.loads((await asked(ruled, "GET", BUNDLE))[1])["approval"]["state"] == "expired"
        assert await decide(ruled, second["id"]) == 409
        third = await ask(ruled)
        assert third["id"] != second["id"]
        assert await decide(ruled, third["id"]) == 200
    with monkeypatch.context() as later:
        for module in (approvals, api):
            later.setattr(module, "steady_us", lambda: steady_us() + 2 * day + 10_000_000)
        assert (await make(ruled))[0] == 409, "an approval is used in time or never"
    assert [action for _, action, _ in await actions(ruled)] == [
        "export.ask", "export.refuse", "export.ask", "export.ask", "export.approve"
    ]  # fmt: skip


async def test_what_was_begun_goes_on_and_what_had_no_room_is_not_used_up(
    ruled: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundles = ruled.app[BUNDLES]

    async def never(*_: object) -> dict[str, Any]:
        await asyncio.Event().wait()
        return {}

    monkeypatch.setattr(bundles, "_make", never)
    wished = await ask(ruled)
    await decide(ruled, wished["id"])
    with monkeypatch.context() as patched:
        patched.setattr(bundle_runs, "BUNDLES", 0)
        assert (await make(ruled))[0] == 429
    with monkeypatch.context() as patched:
        patched.setattr(bundles, "full", lambda: False)
        patched.setattr(bundles, "want", lambda *_: bundles.refuse())
        assert (await make(ruled))[0] == 429
    assert (await make(ruled))[0] == 200
    assert (await asked(ruled, "POST", f"{BUNDLE}/stop"))[0] == 200
    assert (await make(ruled))[0] == 200, "it was approved when it was begun"
    await asked(ruled, "POST", f"{BUNDLE}/stop")
    assert (await make(ruled, "complaint"))[0] == 409, "and for nothing else"


async def test_requests_are_listed_for_whom_they_concern(ruled: World, archive: Archive) -> None:
    event, row = requested("s-south", "south")
    await archive.add("s-south", 0, event, projection=row)
    await send(ruled, "supervisor.south", "/api/sessions/s-south/approvals", kind="viewing_copy", purpose="review")
    wished = await ask(ruled)

    async def listed(login: str) -> dict[str, Any]:
        return dict(json.loads((await asked(ruled, "GET", "/api/approvals", login))[1]))

    mine = await listed(ME)
    assert (mine["to_decide"], [one["id"] for one in mine["mine"]]) == ([], [wished["id"]])
    theirs = await listed(OTHER)
    assert [(one["session"], one["kind"]) for one in theirs["to_decide"]] == [
        ("s-south", "viewing_copy"), (SESSION, "bundle")
    ]  # fmt: skip
    assert theirs["to_decide"][1]["asked_by"] == "supervisor of north"
    assert theirs["to_decide"][1]["branch_en"] == "Downtown"
    assert (await listed("supervisor.south"))["to_decide"] == []
    await decide(ruled, wished["id"])
    assert [(one["state"], one["decided_by"]) for one in (await listed(ME))["mine"]] == [("approved", "Second Person")]
    assert len((await listed(OTHER))["to_decide"]) == 1


async def test_bad_requests_and_too_many_are_refused(ruled: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for body in (
        {}, {"kind": "bundle"}, {"kind": "csv", "purpose": "court"}, {"kind": "bundle", "purpose": "curiosity"},
        {"kind": "bundle", "purpose": "court", "more": 1},
    ):  # fmt: skip
        assert (await send(ruled, ME, PATH, **body))[0] == 400, body
    wished = await ask(ruled)
    assert (await send(ruled, OTHER, f"{PATH}/{wished['id']}", approve="yes"))[0] == 400
    assert await decide(ruled, "other") == 404
    monkeypatch.setattr(approvals, "OPEN_EACH", 1)
    await ask(ruled, purpose="regulator", status=429)


async def test_without_the_rule_nothing_needs_approval(world: World, archive: Archive) -> None:
    assert (await send(world, ME, PATH, kind="bundle", purpose="court"))[0] == 409
    assert "approval" not in json.loads((await asked(world, "GET", BUNDLE))[1])
    assert json.loads((await asked(world, "GET", "/api/approvals"))[1]) == {
        "required": False, "to_decide": [], "mine": []
    }  # fmt: skip
