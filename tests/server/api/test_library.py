"""The library over HTTP: supervisors of the branch and nobody else, and evidence exactly as it was recorded."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from sqlalchemy import select

from server.api.http.app_keys import AUDIT, BLOBS, CONFIG, JOURNAL, STORE, VAULT
from server.recording.webm import read_clusters
from server.session import events as e
from server.store import tables
from server.store.sessions import Projection
from tests.server.api.conftest import World
from tests.server.evidence.recorded import SESSION, STARTED_US, Archive, record, requested

PATHS = [
    f"/api/sessions/{SESSION}/manifest",
    f"/api/sessions/{SESSION}/tracks/kiosk.camera/init",
    f"/api/sessions/{SESSION}/tracks/kiosk.camera/segments/0",
    f"/api/sessions/{SESSION}/cobrowse/0",
    f"/api/sessions/{SESSION}/tracks/kiosk.camera/segments?index=0,1",
    f"/api/sessions/{SESSION}/cobrowse?index=0",
    f"/api/sessions/{SESSION}/bookmarks",
    f"/api/sessions/{SESSION}/proof",
    f"/library/{SESSION}",
]


pytestmark = pytest.mark.usefixtures("signs_at_once")


@pytest.fixture
async def archive(world: World) -> Archive:
    app = world.app
    made = Archive(app[STORE], app[JOURNAL], app[BLOBS], app[VAULT], app[CONFIG].data)
    await record(made, seconds=3, branch="north")
    event, row = requested("s-south", "south")
    await made.add("s-south", 5000, event, projection=row)
    await world.opens("supervisor.north", SESSION)
    return made


async def fetch(world: World, login: str | None, path: str, **headers: str) -> tuple[int, bytes, Any]:
    given = await world.as_person(login) if login else {}
    async with world.ask("GET", path, headers={**given, **headers}) as response:
        return response.status, await response.read(), response.headers


async def test_the_supervisor_of_the_branch_sees_everything(world: World, archive: Archive) -> None:
    for path in PATHS:
        status, body, headers = await fetch(world, "supervisor.north", path)
        assert status == 200, path
        assert body
        assert headers["Cache-Control"] == "no-store"
    _, body, _ = await fetch(world, "supervisor.north", PATHS[0])
    told = json.loads(body)
    assert told["session"]["id"] == SESSION
    assert told["at_us"] == STARTED_US
    assert {track["name"] for track in told["tracks"]} >= {"kiosk.camera", "kiosk.microphone", "cobrowse"}
    _, body, _ = await fetch(world, "supervisor.north", f"{PATHS[0]}?after={told['seq'] - 2}")
    assert [moment["kind"] for moment in json.loads(body)["moments"]] == ["disposed"]
    _, body, _ = await fetch(world, "supervisor.north", PATHS[2])
    assert [block.time_ms for block in read_clusters(body)][:2] == [1000, 1040]
    _, body, headers = await fetch(world, "supervisor.north", PATHS[3])
    assert headers["Content-Type"].startswith("application/x-ndjson")
    assert json.loads(body.splitlines()[0])["kind"] == "rrweb"


async def test_everybody_else_is_told_the_same(world: World, archive: Archive) -> None:
    for path in PATHS:
        nothing = await fetch(world, "supervisor.south", path.replace(SESSION, "nobody"))
        foreign = await fetch(world, "supervisor.south", path)
        assert foreign[0] == nothing[0] == 404
        assert foreign[1] == nothing[1]
        for login in ("specialist.north", "guide.north", "administrator.north", "nobody"):
            assert (await fetch(world, login, path))[0] == 403
        assert (await fetch(world, None, path))[0] == 401
    audited = [(entry.action, entry.object) for entry in await world.app[AUDIT].read()]
    assert any(target == f"session:{SESSION}" for _, target in audited)


async def test_every_look_is_audited_once(world: World, archive: Archive) -> None:
    await fetch(world, "supervisor.north", PATHS[0])
    await fetch(world, "supervisor.north", f"{PATHS[0]}?after=3")
    views = [entry for entry in await world.app[AUDIT].read() if entry.action == "recording.view"]
    assert [entry.object for entry in views] == [f"session:{SESSION}"]
    assert views[0].actor == f"person:{world.people['supervisor.north'].id}"
    assert json.loads(views[0].detail) == {"purpose": "quality"}


async def test_live_until_the_last_pieces_are_sealed(world: World, archive: Archive) -> None:
    """A player that stopped asking at the end itself would miss them."""
    session = "s-ending"
    event, row = requested(session, "north")
    answered = Projection(state="active", answered_us=STARTED_US + 1_000_000)
    ended = Projection(state="ended", ended_us=STARTED_US + 9_000_000)

    async def live() -> bool:
        _, body, _ = await fetch(world, "supervisor.north", f"/api/sessions/{session}/manifest?after=1")
        return bool(json.loads(body)["live"])

    await archive.add(session, 0, event, projection=row)
    await world.opens("supervisor.north", session)
    assert await live()
    await archive.add(session, 1000, e.RecordingStarted("aes-256-gcm", session), projection=answered)
    assert await live()
    await archive.add(session, 9000, e.Ended("kiosk", "customer"), projection=ended)
    assert await live()
    await archive.add(session, 9200, e.RecordingCompleted([]))
    assert not await live()
    # One that ended before anybody answered has nothing to wait for; one that is closed neither.
    event, row = requested("s-left", "north")
    await archive.add("s-left", 0, event, e.Ended("kiosk", "left"), projection=row | ended)
    session = "s-left"
    await world.opens("supervisor.north", session)
    assert not await live()


@pytest.mark.parametrize(
    "path",
    ["tracks/nobody/init", "tracks/cobrowse/init", "tracks/kiosk.camera/segments/99", "tracks/kiosk.camera/segments/-1",
     "tracks/kiosk.camera/segments/1e3", "tracks/kiosk.camera/segments/%31%30%30%30%30%30%30%30%30%30", "cobrowse/99",
     "tracks/..%2f..%2fkiosk.camera/segments/0", "tracks/kiosk.camera/segments/٣"],
)  # fmt: skip
async def test_what_is_not_there_is_not_found(world: World, archive: Archive, path: str) -> None:
    assert (await fetch(world, "supervisor.north", f"/api/sessions/{SESSION}/{path}"))[0] == 404


async def test_known_evidence_is_not_sent_again(world: World, archive: Archive) -> None:
    _, _, headers = await fetch(world, "supervisor.north", PATHS[2])
    status, body, _ = await fetch(world, "supervisor.north", PATHS[2], **{"If-None-Match": headers["ETag"]})
    assert (status, body) == (304, b"")


async def test_damage_and_deletion_are_told(world: World, archive: Archive) -> None:
    blob = archive.folder / "blobs" / f"sessions/{SESSION}/tracks/kiosk.camera/000000"
    blob.write_bytes(blob.read_bytes()[:-1])
    status, body, _ = await fetch(world, "supervisor.north", PATHS[2])
    assert (status, json.loads(body)["error"]["code"]) == (502, "damaged")
    await world.app[VAULT].destroy(SESSION)
    status, body, _ = await fetch(world, "supervisor.north", PATHS[2])
    assert (status, json.loads(body)["error"]["code"]) == (410, "deleted")


async def signed(world: World, session: str) -> None:
    """Wait for a checkpoint that knows the whole session."""
    entries, _ = await world.app[JOURNAL].whole(session)
    column = tables.session.c.signed_seq
    async with asyncio.timeout(300):
        while True:
            async with world.app[STORE].database.read() as connection:
                found = await connection.scalar(select(column).where(tables.session.c.id == session))
            if found == entries[-1].seq:
                return
            await asyncio.sleep(0.05)


async def proved(world: World, query: str = "") -> dict[str, Any]:
    """Ask for the proof, and wait until it is there: the check is a process that gives way to all other work."""
    path = f"/api/sessions/{SESSION}/proof"
    async with world.ask("POST", path + query, headers=await world.as_person("supervisor.north")) as response:
        assert response.status == 200
        told = await response.json()
    async with asyncio.timeout(300):
        while told["state"] in ("waiting", "running"):
            await asyncio.sleep(0.05)
            told = json.loads((await fetch(world, "supervisor.north", path))[1])
    return dict(told)


async def test_the_proof_is_that_of_the_command(world: World, archive: Archive) -> None:
    path = f"/api/sessions/{SESSION}/proof"
    assert json.loads((await fetch(world, "supervisor.north", path))[1]) == {"state": "none"}
    for login, status in (("supervisor.south", 404), ("specialist.north", 403), ("administrator.north", 403)):
        async with world.ask("POST", path, headers=await world.as_person(login)) as response:
            assert response.status == status
    async with world.ask(
        "POST", path, headers=await world.as_person("supervisor.north") | {"Origin": None}
    ) as response:
        assert response.status == 403, "no other site asks for it"
    await signed(world, SESSION)
    told = await proved(world)
    assert (told["state"], told["verdict"], told["findings"]) == ("done", "sound", [])
    assert told["total"] == told["done"] == told["segments"] + told["documents"] > 5
    assert told["at_ms"] > 0
    # It is kept for this journal: damage to a file is found when it is asked for again.
    blob = archive.folder / "blobs" / f"sessions/{SESSION}/tracks/kiosk.camera/000000"
    blob.write_bytes(blob.read_bytes()[:-1])
    assert (await proved(world))["verdict"] == "sound"
    told = await proved(world, "?again=1")
    assert told["verdict"] == "broken"
    found = told["findings"][0]
    assert (found["part"], found["track"], found["index"]) == ("track", "kiosk.camera", 0)
    # What is journaled later makes it another record.
    await archive.add(SESSION, 9000, e.NoteSaved("later"))
    assert json.loads((await fetch(world, "supervisor.north", path))[1]) == {"state": "none"}
    checks = [entry for entry in await world.app[AUDIT].read() if entry.action == "recording.verify"]
    assert [entry.object for entry in checks] == [f"session:{SESSION}"] * 2


async def test_pages(world: World, archive: Archive) -> None:
    for login in ("supervisor.north", "administrator.north"):
        status, body, headers = await fetch(world, login, "/library", Accept="text/html")
        assert status == 200
        assert b"/static/src/library/main.js" in body
        assert "unsafe" not in headers["Content-Security-Policy"]
    _, body, _ = await fetch(world, "supervisor.north", "/library", Accept="text/html")
    assert b'"north"' in body
    assert b'"south"' not in body
    status, body, _ = await fetch(world, "supervisor.north", f"/library/{SESSION}", Accept="text/html")
    assert status == 200
    assert b"library/session.js" in body
