"""Opening a recording: a stated purpose before anything is shown, and what was played, exactly, in the audit log."""

from __future__ import annotations

import json
from typing import Any

import pytest

from link.protocol.errors import Unavailable
from server.api import viewing
from server.api.http.app_keys import AUDIT, STORE, TALLY, WORDS
from server.api.http.routes import Kind
from server.session.events import SegmentSealed, decode
from server.store import viewing as stated_purposes
from server.store.people import EVERY_BRANCH, Grant, Role
from server.store.stamps import steady_us
from tests.server.api.conftest import World
from tests.server.api.http.test_middleware import ROUTES, add_session, filled, named
from tests.server.api.test_library import archive, fetch
from tests.server.evidence.recorded import SESSION, Archive, requested

__all__ = ["archive"]

SUPERVISOR = "supervisor.north"
TARGET = f"session:{SESSION}"
CAMERA = f"/api/sessions/{SESSION}/tracks/kiosk.camera/segments"
WITHOUT = {
    "GET /library/{session}": "the page, which asks; it shows what the list shows",
    "POST /api/sessions/{session}/purpose": "states it",
    "GET /api/sessions/{session}/bundle": "a bundle has a purpose of its own",
    "POST /api/sessions/{session}/bundle": "a bundle has a purpose of its own",
    "POST /api/sessions/{session}/bundle/stop": "a bundle has a purpose of its own",
    "DELETE /api/sessions/{session}/bundle": "a bundle has a purpose of its own",
    "GET /api/sessions/{session}/bundle/file": "a bundle has a purpose of its own",
    "POST /api/sessions/{session}/approvals": "shows nothing of a recording",
    "POST /api/sessions/{session}/approvals/{approval}": "shows nothing of a recording",
    "POST /api/sessions/{session}/review": "shows nothing of a recording",
    "GET /api/sessions/{session}/retention": "what keeps a recording, and nothing of it",
    "GET /api/sessions/{session}/certificate": "what was deleted, and nothing of it",
}
"""Routes of a session that need no stated purpose, and why."""


async def send(world: World, login: str, path: str, **body: object) -> tuple[int, Any]:
    async with world.ask("POST", path, headers=await world.as_person(login), json=body) as response:
        return response.status, await response.json() if response.content_length else None


async def say(world: World, login: str = SUPERVISOR, session: str = SESSION, **body: object) -> int:
    return (await send(world, login, f"/api/sessions/{session}/purpose", **body))[0]


async def rows(world: World, *actions: str) -> list[tuple[str, str, str, dict[str, Any]]]:
    """The entries of these actions (or that begin so), without what has no object of ours."""
    await world.app[TALLY].sweep(everything=True)
    return [
        (entry.actor, entry.action, entry.object, json.loads(entry.detail))
        for entry in await world.app[AUDIT].read(limit=10_000)
        if entry.action.startswith(actions)
    ]


@pytest.fixture
async def unopened(world: World, archive: Archive) -> World:
    """Nobody has stated anything; a second session of north that goes on."""
    event, row = requested("s-live", "north")
    await archive.add("s-live", 0, event, projection=row)
    async with world.app[STORE].database.write() as connection:
        await connection.exec_driver_sql("DELETE FROM viewing_purpose")
    return world


async def test_nothing_of_a_session_is_shown_before_it_is_said_what_for(unopened: World) -> None:
    """Of every route that the application has, for whichever session."""
    headers = await unopened.as_person(SUPERVISOR) | {"Accept": "application/json"}
    asked, wrong = 0, []
    for route in ROUTES:
        if "{session}" not in route.path or route.allow.kind is not Kind.PERSON or named(route) in WITHOUT:
            continue
        if Role.SUPERVISOR not in route.allow.roles:
            continue
        async with unopened.ask(route.method, filled(route.path, SESSION), headers=headers) as response:
            body = await response.json()
        asked += 1
        if (response.status, body.get("error", {}).get("code")) != (428, "purpose_required"):
            wrong.append((named(route), response.status))
    assert not wrong
    assert asked >= 8
    assert set(WITHOUT) <= {named(route) for route in ROUTES}
    refused = await rows(unopened, "refused")
    me = f"person:{unopened.people[SUPERVISOR].id}"
    assert refused == [(me, "refused.purpose_required", TARGET, {"address": "127.0.0.1"})] * asked
    assert await rows(unopened, "read", "recording") == []


async def test_a_stated_purpose_opens_this_session_to_this_person_and_is_audited(unopened: World) -> None:
    status, told = await send(
        unopened, SUPERVISOR, f"/api/sessions/{SESSION}/purpose", purpose="complaint", words=" 工单 7731 "
    )
    assert (status, told["purpose"]) == (200, "complaint")
    assert 7190 < told["left_s"] <= 7200
    assert (await fetch(unopened, SUPERVISOR, f"{CAMERA}/0"))[0] == 200
    assert (await fetch(unopened, SUPERVISOR, "/api/sessions/s-live/manifest"))[0] == 428, "another session"
    other = await unopened.app[STORE].people.add(
        login="other", name="Other", password_hash="x", languages=[], skills=[],
        grants=[Grant(Role.SUPERVISOR, EVERY_BRANCH)],
    )  # fmt: skip
    unopened.people["other"] = other
    assert (await fetch(unopened, "other", f"{CAMERA}/0"))[0] == 428, "another person"
    [(actor, _, target, detail)] = await rows(unopened, "recording.purpose")
    assert (actor, target) == (f"person:{unopened.people[SUPERVISOR].id}", TARGET)
    sealed = detail.pop("words")
    assert detail == {"purpose": "complaint", "minutes": 120}
    assert "7731" not in sealed
    assert unopened.app[WORDS].open(TARGET, sealed) == "工单 7731"
    assert unopened.app[WORDS].open("session:other", sealed) is None, "words belong to their entry's object"
    # Of a running call it is said that it was one.
    assert await say(unopened, session="s-live", purpose="supervision") == 200
    assert (await fetch(unopened, SUPERVISOR, "/api/sessions/s-live/manifest"))[0] == 200
    assert (await rows(unopened, "recording.purpose"))[1][3] == {
        "purpose": "supervision", "minutes": 120, "running": True
    }  # fmt: skip
    # The page is told what holds, and what there is to choose.
    _, page, _ = await fetch(unopened, SUPERVISOR, f"/library/{SESSION}", Accept="text/html")
    data = json.loads(page.split(b'id="page-data">')[1].split(b"</script>")[0])
    assert data["purpose"]["purpose"] == "complaint"
    assert [one["code"] for one in data["purposes"]][-1] == "other"
    assert data["approval"] is False


@pytest.mark.parametrize(
    "body",
    [
        {}, {"purpose": ""}, {"purpose": "curiosity"}, {"purpose": "other"}, {"purpose": "other", "words": "x"},
        {"purpose": "quality", "words": "x" * 201}, {"purpose": "quality", "words": "a\nb"}, {"purpose": 1},
        {"purpose": "quality", "more": 1},
    ],
)  # fmt: skip
async def test_what_is_no_purpose_opens_nothing(unopened: World, body: dict[str, Any]) -> None:
    assert await say(unopened, **body) == 400
    assert (await fetch(unopened, SUPERVISOR, f"{CAMERA}/0"))[0] == 428
    assert await rows(unopened, "recording") == []


async def test_who_may_not_see_a_session_states_nothing(unopened: World) -> None:
    for login, status in (("supervisor.south", 404), ("specialist.north", 404), ("guide.north", 403)):
        assert await say(unopened, login, purpose="quality") == status, login
    assert await say(unopened, session="missing", purpose="quality") == 404
    assert await rows(unopened, "recording") == []


async def test_it_runs_out_and_can_be_said_again(unopened: World, monkeypatch: pytest.MonkeyPatch) -> None:
    assert await say(unopened, purpose="quality") == 200
    with monkeypatch.context() as later:
        later.setattr(stated_purposes, "steady_us", lambda: steady_us() + 120 * 60_000_000)
        assert (await fetch(unopened, SUPERVISOR, f"{CAMERA}/0"))[0] == 428
        assert await say(unopened, purpose="dispute") == 200
        assert (await fetch(unopened, SUPERVISOR, f"{CAMERA}/0"))[0] == 200
        assert await say(unopened, session="s-live", purpose="quality") == 200
    async with unopened.app[STORE].database.read() as connection:
        kept = (await connection.exec_driver_sql("SELECT session, purpose FROM viewing_purpose ORDER BY 1")).all()
    assert [tuple(row) for row in kept] == [("s-live", "quality"), (SESSION, "dispute")], "no more than holds"


async def test_what_is_not_audited_opens_nothing(unopened: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise Unavailable("locked")

    with monkeypatch.context() as patched:
        patched.setattr(unopened.app[AUDIT], "record", fail)
        assert await say(unopened, purpose="quality") == 503
    assert await unopened.app[STORE].viewing.stated(unopened.people[SUPERVISOR].id, SESSION) is None


async def spans_of(made: Archive, track: str) -> list[tuple[int, int, int]]:
    events = [decode(entry.payload) for entry in await made.journal.read(SESSION)]
    sealed = [one for one in events if isinstance(one, SegmentSealed) and one.track == track]
    return sorted((one.index, one.start_ms, one.end_ms) for one in sealed)


async def test_a_play_leaves_exactly_the_rows_that_name_it(world: World, archive: Archive) -> None:
    """The first piece is a row before it is shown; what was fetched and what was played are one row more each."""
    before = len(await world.app[AUDIT].read())
    tracks = {track: await spans_of(archive, track) for track in ("kiosk.camera", "kiosk.microphone", "cobrowse")}
    first, last = tracks["kiosk.camera"][0], tracks["kiosk.camera"][-1]
    for track, pieces in tracks.items():
        for index, _, _ in pieces:
            path = f"cobrowse/{index}" if track == "cobrowse" else f"tracks/{track}/segments/{index}"
            assert (await fetch(world, SUPERVISOR, f"/api/sessions/{SESSION}/{path}"))[0] == 200
    assert (await send(world, SUPERVISOR, f"/api/sessions/{SESSION}/played", ranges=[[1000, 1800]]))[0] == 204
    assert (await send(world, SUPERVISOR, f"/api/sessions/{SESSION}/played", ranges=[[1800, 2500], [3000, 3500]]))[
        0
    ] == 204
    await world.app[TALLY].sweep(everything=True)
    found = [(e.actor, e.action, e.object, json.loads(e.detail)) for e in await world.app[AUDIT].read(before)]
    me = f"person:{world.people[SUPERVISOR].id}"
    assert {(actor, target) for actor, _, target, _ in found} == {(me, TARGET)}

    def whole(track: str) -> list[list[int]]:
        """The spans of all pieces, as the log joins them: nearer than a quarter of a second is one."""
        joined: list[list[int]] = []
        for _, start_ms, end_ms in tracks[track]:
            if joined and start_ms - joined[-1][1] < 250:
                joined[-1][1] = end_ms
            else:
                joined.append([start_ms, end_ms])
        return joined

    media = len(tracks["kiosk.camera"]) + len(tracks["kiosk.microphone"])
    expected = [
        ("read.media", {"spans": {"kiosk.camera": [list(first[1:])]}}),
        ("read.cobrowse", {"spans": {"cobrowse": [list(tracks["cobrowse"][0][1:])]}}),
        ("read.played", {"spans": {"timeline": [[1000, 1800]]}}),
        ("read.media", {
            "more": media - 1,
            "parts": {track: len(tracks[track]) for track in ("kiosk.camera", "kiosk.microphone")},
            "spans": {track: whole(track) for track in ("kiosk.camera", "kiosk.microphone")},
        }),
        ("read.played", {"more": 2, "parts": {"timeline": 3}, "spans": {"timeline": [[1000, 2500], [3000, 3500]]}}),
    ]  # fmt: skip
    if len(tracks["cobrowse"]) > 1:
        counted = {"cobrowse": len(tracks["cobrowse"])}
        spans = {"cobrowse": whole("cobrowse")}
        expected.append(("read.cobrowse", {"more": len(tracks["cobrowse"]) - 1, "parts": counted, "spans": spans}))
    assert sorted((action, json.dumps(detail)) for _, action, _, detail in found) == sorted(
        (action, json.dumps(detail)) for action, detail in expected
    )
    assert last[2] == whole("kiosk.camera")[-1][1]
    assert len(found) == len(expected)


async def test_a_report_of_what_was_played_is_bounded_and_checked(world: World, archive: Archive) -> None:
    path = f"/api/sessions/{SESSION}/played"
    for ranges in (
        [], [[2, 1]], [[-1, 5]], [[0, 10**12]], [[0]], [[0, 1, 2]], [["a", 1]], [[0.5, 1]], "x",
        [[0, 1]] * (viewing.RANGES + 1), [[80_000_000, 80_000_001]],
    ):  # fmt: skip
        assert (await send(world, SUPERVISOR, path, ranges=ranges))[0] == 400, ranges
    assert await rows(world, "read.played") == []
    assert (await send(world, SUPERVISOR, path, ranges=[[0, 86_400_000]]))[0] == 204
    [(_, _, _, detail)] = await rows(world, "read.played")
    assert detail["spans"]["timeline"][0][1] < 4_000_000, "no more than the session and an hour"
    assert (await send(world, "supervisor.south", path, ranges=[[0, 1]]))[0] == 404


async def test_every_search_is_in_the_log_sealed_and_read_by_the_auditor(world: World, archive: Archive) -> None:
    world.people["auditor"] = await world.app[STORE].people.add(
        login="auditor", name="Ada", password_hash="x", languages=[], skills=[],
        grants=[Grant(Role.ADMINISTRATOR, EVERY_BRANCH)],
    )  # fmt: skip
    searches = ["text=%E5%BC%A0%E4%B8%89", "branch=north&rating=1", "branch=north&rating=1", "", "after=0-9&text=x"]
    for query in searches:
        assert (await fetch(world, SUPERVISOR, f"/api/sessions?{query}"))[0] == 200
    assert (await fetch(world, SUPERVISOR, "/api/sessions.csv?text=%E6%9D%8E"))[0] == 200
    first, summed = await rows(world, "read.search")
    assert (len(first[3]["searches"]), summed[3]["more"], len(summed[3]["searches"])) == (1, 4, 4)
    assert "张" not in json.dumps([first, summed], ensure_ascii=False)
    _, body, _ = await fetch(world, "auditor", "/api/audit?object=sessions")
    told = {entry["action"]: entry["detail"] for entry in json.loads(body)["entries"]}
    assert told["read.search"]["searches"][0] == "text=张三"
    assert told["sessions.export"]["searches"] == ["text=李"]
    newest = next(one for one in json.loads(body)["entries"] if one["action"] == "read.search")
    assert newest["detail"]["searches"] == ["text=张三", "branch=north&rating=1", "", "text=x"]


async def test_words_that_cannot_be_read_are_a_question_mark(world: World, archive: Archive) -> None:
    world.people["auditor"] = await world.app[STORE].people.add(
        login="auditor", name="Ada", password_hash="x", languages=[], skills=[],
        grants=[Grant(Role.ADMINISTRATOR, EVERY_BRANCH)],
    )  # fmt: skip
    sealed = world.app[WORDS].seal("session:other", "x")
    await world.app[AUDIT].record("person:p", "recording.purpose", TARGET, {"words": sealed, "searches": ["?", 5]})
    _, body, _ = await fetch(world, "auditor", f"/api/audit?object={SESSION}")
    [entry] = [one for one in json.loads(body)["entries"] if one["action"] == "recording.purpose"]
    assert entry["detail"] == {"words": "?", "searches": ["?", "?"]}


async def test_a_specialist_says_what_for_only_once_their_call_is_closed(unopened: World) -> None:
    await add_session(unopened, "own", "north")
    async with unopened.app[STORE].database.write() as connection:
        await connection.exec_driver_sql("DELETE FROM viewing_purpose")
    path = "/api/sessions/own/documents/d1"
    assert (await fetch(unopened, "specialist.north", path))[0] == 428
    assert await say(unopened, "specialist.north", "own", purpose="complaint") == 200
    assert (await fetch(unopened, "specialist.north", path))[0] == 404, "there is no such paper"
    async with unopened.app[STORE].database.write() as connection:
        await connection.exec_driver_sql("DELETE FROM viewing_purpose")
        await connection.exec_driver_sql("UPDATE session SET state = 'ended' WHERE id = 'own'")
    assert (await fetch(unopened, "specialist.north", path))[0] == 404, "wrap-up belongs to the call"
    assert (await fetch(unopened, SUPERVISOR, path))[0] == 428
