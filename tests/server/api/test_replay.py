"""What a player fetches of a long or running session: manifests in parts, news at once, several segments together."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import pytest

from link.tasks import spawn
from server.api import library
from server.api.http.app_keys import JOURNAL, READER
from server.evidence.reader import KnownSegments
from server.journal import Entry, Journal
from server.recording.webm import read_clusters
from server.session import events as e
from server.store.sessions import Projection
from tests.server.api.conftest import World
from tests.server.api.test_library import archive, fetch
from tests.server.evidence.recorded import SESSION, STARTED_US, Archive, requested

__all__ = ["archive"]

MINE = "supervisor.north"
MANIFEST = f"/api/sessions/{SESSION}/manifest"
CAMERA = f"/api/sessions/{SESSION}/tracks/kiosk.camera/segments"
SCREEN = f"/api/sessions/{SESSION}/cobrowse"


async def told(world: World, path: str) -> dict[str, Any]:
    status, body, _ = await fetch(world, MINE, path)
    assert status == 200
    return dict(json.loads(body))


async def test_a_manifest_in_parts_is_the_whole_one(world: World, archive: Archive) -> None:
    whole = await told(world, MANIFEST)
    assert (whole["more"], whole["now_ms"]) == (False, None)
    parts, after = [], 0
    while True:
        part = await told(world, f"{MANIFEST}?most=7&after={after}")
        parts.append(part)
        after = part["seq"]
        if not part["more"]:
            break
        assert part["length_ms"] >= 4000, "how long the call was is known from the first"
    assert len(parts) > 3
    assert parts[-1]["seq"] == whole["seq"]
    assert [one for part in parts for one in part["moments"]] == whole["moments"]
    for track in whole["tracks"]:
        found = [one for part in parts for one in part["tracks"] if one["name"] == track["name"]]
        segments = sorted((one for part in found for one in part["segments"]), key=lambda one: one["start_ms"])
        assert segments == track["segments"]
    assert (await told(world, f"{MANIFEST}?most=0"))["more"], "at least one entry"


async def test_what_the_manifest_told_is_found_without_the_journal(
    world: World, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    await told(world, MANIFEST)
    monkeypatch.delattr(Journal, "pages")
    assert (await fetch(world, MINE, f"{CAMERA}/0"))[0] == 200


def test_a_page_beyond_a_hole_is_looked_up_again() -> None:
    def entry(seq: int, event: e.Event) -> Entry:
        return Entry("s", seq, 0, e.kind(event), e.encode(event), b"", b"")

    known = KnownSegments()
    known.learn([entry(5, e.TrackStarted("a", "audio", "opus"))], after=4)
    assert (known.seq, list(known.tracks)) == (0, ["a"])
    known.learn([entry(1, e.Held())], after=0)
    assert known.seq == 1


async def test_several_segments_are_those_one_by_one(world: World, archive: Archive) -> None:
    single = [(await fetch(world, MINE, f"{CAMERA}/{index}"))[1] for index in (0, 1)]
    status, body, headers = await fetch(world, MINE, f"{CAMERA}?index=0,1")
    assert (status, headers["Cache-Control"]) == (200, "no-store")
    assert body == b"".join(single)
    assert (await fetch(world, MINE, f"{CAMERA}?index=1"))[1] == single[1]
    times = [block.time_ms for block in read_clusters(body)]
    assert times == sorted(times)
    _, first, _ = await fetch(world, MINE, f"{SCREEN}/0")
    _, second, _ = await fetch(world, MINE, f"{SCREEN}/1")
    _, both, headers = await fetch(world, MINE, f"{SCREEN}?index=0,1")
    assert both == first + b"\n" + second
    assert headers["Content-Type"].startswith("application/x-ndjson")


@pytest.mark.parametrize("query", ["", "index=", "index=a", "index=-1", "index=1,", "index=٣", "index=1e3",
                                   "index=" + ",".join("0" * 65), "index=1000000000"])  # fmt: skip
async def test_what_are_no_segments_is_refused(world: World, archive: Archive, query: str) -> None:
    for path in (CAMERA, SCREEN):
        assert (await fetch(world, MINE, f"{path}?{query}"))[0] == 400


async def test_who_may_fetch_several(world: World, archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in (f"{CAMERA}?index=0,1", f"{SCREEN}?index=0,1"):
        for login, status in ((None, 401), ("specialist.north", 403), ("supervisor.south", 404)):
            assert (await fetch(world, login, path))[0] == status
    assert (await fetch(world, MINE, f"{CAMERA}?index=0,99"))[0] == 404
    monkeypatch.setattr("server.api.replay.MOST_BYTES", 10)
    assert (await fetch(world, MINE, f"{CAMERA}?index=0,1"))[0] == 413
    monkeypatch.undo()
    blob = archive.folder / "blobs" / f"sessions/{SESSION}/tracks/kiosk.camera/000001"
    blob.write_bytes(blob.read_bytes()[:-1])
    assert (await fetch(world, MINE, f"{CAMERA}?index=0,1"))[0] == 502
    assert (await fetch(world, MINE, f"{CAMERA}?index=0"))[0] == 200


async def test_news_of_a_running_call_come_at_once(
    world: World, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = "s-running"
    event, row = requested(session, "north")
    now_us = time.time_ns() // 1000
    row["requested_us"] = now_us - 60_000_000
    running = Projection(state="active", answered_us=STARTED_US + 1_000_000)
    await archive.add(session, 0, event, projection=row | running)
    await world.opens(MINE, session)
    path = f"/api/sessions/{session}/manifest"
    first = await told(world, path)
    assert first["live"]
    assert 60_000 <= first["now_ms"] < 120_000
    monkeypatch.setattr(library, "NEWS_S", 30.0)
    asked = spawn(told(world, f"{path}?after={first['seq']}&wait=1"), name="waiting player")
    journal = world.app[JOURNAL]
    async with asyncio.timeout(20):
        while not journal._waiting:
            await asyncio.sleep(0.01)
    assert not asked.done()
    await archive.add(session, 2000, e.Held("specialist-1"))
    news = await asked
    assert [one["kind"] for one in news["moments"]] == ["held"]
    assert not journal._waiting, "nobody waits any more"
    assert (await told(world, f"{path}?after={first['seq']}&wait=1"))["seq"] == news["seq"], "what is there is told"
    monkeypatch.setattr(library, "NEWS_S", 0.01)
    assert (await told(world, f"{path}?after={news['seq']}&wait=1"))["moments"] == []


async def test_a_closed_session_is_not_waited_for(world: World, archive: Archive) -> None:
    whole = await told(world, MANIFEST)
    async with asyncio.timeout(20):
        assert (await told(world, f"{MANIFEST}?after={whole['seq']}&wait=1"))["moments"] == []
    assert world.app[READER].index(SESSION).segments
