"""Assigning sessions for review over HTTP, many at once, and finding them again."""

from __future__ import annotations

import json
from typing import Any

import pytest

from server.api import reviews as api
from server.api.http.app_keys import AUDIT, LIBRARY, STORE
from server.store.people import Grant, Role
from tests.server.api.conftest import World
from tests.server.api.test_library import archive, fetch
from tests.server.api.test_viewing import send
from tests.server.evidence.recorded import SESSION, Archive, requested

__all__ = ["archive"]

ME = "supervisor.north"


@pytest.fixture
async def world_of_reviews(world: World, archive: Archive) -> World:
    """Three sessions of north, one of south, and a second reviewer of north."""
    for number in range(2):
        event, row = requested(f"s-{number}", "north")
        await archive.add(f"s-{number}", number, event, projection=row)
    world.people["reviewer"] = await world.app[STORE].people.add(
        login="reviewer", name="Ren Wei", password_hash="x", languages=[], skills=[],
        grants=[Grant(Role.SUPERVISOR, "north")],
    )  # fmt: skip
    return world


async def assign(world: World, sessions: list[str], reviewer: str | None, login: str = ME) -> dict[str, str]:
    person = None if reviewer is None else world.people[reviewer].id
    status, told = await send(world, login, "/api/reviews", sessions=sessions, reviewer=person)
    assert status == 200, told
    return {one["session"]: one["result"] for one in told["results"]}


async def found(world: World, which: str, login: str = ME) -> list[dict[str, Any]]:
    status, body, _ = await fetch(world, login, f"/api/sessions?review={which}")
    assert status == 200
    told = json.loads(body)
    assert told["total"] == len(told["sessions"])
    return list(told["sessions"])


async def audited(world: World) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (entry.action, entry.object, json.loads(entry.detail))
        for entry in await world.app[AUDIT].read(limit=1000)
        if entry.action.startswith(("review.", "refused."))
    ]


@pytest.mark.parametrize("indexed", [False, True])
async def test_sessions_are_assigned_found_and_done(world_of_reviews: World, indexed: bool) -> None:
    world = world_of_reviews
    if indexed:
        await world.app[LIBRARY].indexer.settle()
    assert await found(world, "mine", "reviewer") == []
    results = await assign(world, [SESSION, "s-0", "s-south", "missing", "s-0"], "reviewer")
    assert results == {SESSION: "assigned", "s-0": "assigned", "s-south": "not_found", "missing": "not_found"}
    reviewer = world.people["reviewer"].id
    rows = await found(world, "mine", "reviewer")
    assert {row["id"]: row["review"] for row in rows} == {
        key: {"reviewer": reviewer, "name": "Ren Wei", "done": False} for key in (SESSION, "s-0")
    }
    assert await found(world, "mine") == []
    assert {row["id"] for row in await found(world, "open")} == {SESSION, "s-0"}
    assert await found(world, "open", "supervisor.south") == [], "of one's own branches"
    assert (await send(world, "reviewer", f"/api/sessions/{SESSION}/review", done=True)) == (200, {"done": True})
    assert [row["id"] for row in await found(world, "mine", "reviewer")] == ["s-0"]
    assert [row["id"] for row in await found(world, "mine_done", "reviewer")] == [SESSION]
    assert [row["review"]["done"] for row in await found(world, "done")] == [True]
    assert (await send(world, ME, f"/api/sessions/{SESSION}/review", done=False))[0] == 200
    # Another takes over, and then nobody.
    assert await assign(world, [SESSION], ME) == {SESSION: "assigned"}
    assert [row["id"] for row in await found(world, "mine")] == [SESSION]
    assert await assign(world, [SESSION, "s-1"], None) == {SESSION: "withdrawn", "s-1": "withdrawn"}
    assert await found(world, "mine") == []
    assert (await send(world, ME, f"/api/sessions/{SESSION}/review", done=True))[0] == 404
    me = f"person:{world.people[ME].id}"
    session, theirs = f"session:{SESSION}", f"person:{reviewer}"
    refused = [row for row in await audited(world) if row[0].startswith("refused.")]
    assert [(action, target) for action, target, _ in refused[:2]] == [
        ("refused.not_found", "session:s-south"), ("refused.not_found", "session:missing"),
    ]  # fmt: skip
    assert [row for row in await audited(world) if row[0].startswith("review.")] == [
        ("review.assign", session, {"reviewer": theirs}),
        ("review.assign", "session:s-0", {"reviewer": theirs}),
        ("review.done", session, {}),
        ("review.open", session, {}),
        ("review.assign", session, {"reviewer": me}),
        ("review.assign", session, {"reviewer": None}),
    ]


async def test_a_reviewer_may_see_what_they_review(world_of_reviews: World) -> None:
    world = world_of_reviews
    assert await assign(world, [SESSION], "supervisor.south") == {SESSION: "reviewer_may_not"}
    for wrong in ("specialist.north", "nobody"):
        body = {"sessions": [SESSION], "reviewer": world.people[wrong].id}
        assert (await send(world, ME, "/api/reviews", **body))[0] == 400
    await world.app[STORE].people.set_active(world.people["reviewer"].id, False)
    body = {"sessions": [SESSION], "reviewer": world.people["reviewer"].id}
    assert (await send(world, ME, "/api/reviews", **body))[0] == 400
    assert await found(world, "open") == []


async def test_bad_requests_are_refused(world_of_reviews: World) -> None:
    me = world_of_reviews.people[ME].id
    bodies: list[dict[str, object]] = [
        {}, {"sessions": [], "reviewer": me}, {"sessions": ["x"] * (api.MOST + 1), "reviewer": me},
        {"sessions": "x", "reviewer": me}, {"sessions": ["x"]}, {"sessions": ["x"], "reviewer": ""},
        {"sessions": ["x" * 65], "reviewer": me}, {"sessions": ["x"], "reviewer": me, "more": 1},
    ]  # fmt: skip
    for body in bodies:
        assert (await send(world_of_reviews, ME, "/api/reviews", **body))[0] == 400, body
    assert (await send(world_of_reviews, ME, f"/api/sessions/{SESSION}/review", done="yes"))[0] == 400
    assert (await fetch(world_of_reviews, ME, "/api/sessions?review=odd"))[0] == 400


async def test_the_page_has_reviewers_and_says_whether_holds_are_there(world_of_reviews: World) -> None:
    world = world_of_reviews
    _, body, _ = await fetch(world, ME, "/library", Accept="text/html")
    data = json.loads(body.split(b'id="page-data">')[1].split(b"</script>")[0])
    assert sorted(one["login"] for one in data["reviewers"]) == ["reviewer", ME]
    assert data["approval"] is False
    assert isinstance(data["holds"], bool)
    await assign(world, [SESSION], "reviewer")
    _, body, _ = await fetch(world, ME, f"/library/{SESSION}", Accept="text/html")
    data = json.loads(body.split(b'id="page-data">')[1].split(b"</script>")[0])
    assert data["review"]["name"] == "Ren Wei"
