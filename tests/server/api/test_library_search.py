"""Searching the library over HTTP: whose sessions, what is audited, the table to take away, and kept searches."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest

from server.api import library_search
from server.api.http.app_keys import AUDIT, LIBRARY, STORE, VAULT
from server.session import events as e
from server.session import private
from server.store import saved_searches
from tests.server.api.conftest import World
from tests.server.api.test_library import archive, fetch
from tests.server.evidence.recorded import SESSION, STARTED_US, Archive, requested

__all__ = ["archive"]

SUPERVISOR = "supervisor.north"
KEPT = "/api/library/searches"


async def search(world: World, login: str, query: str) -> dict[str, Any]:
    status, body, headers = await fetch(world, login, f"/api/sessions?{query}")
    assert status == 200
    assert headers["Cache-Control"] == "no-store"
    return dict(json.loads(body))


async def found(world: World, login: str, query: str) -> list[str]:
    told = await search(world, login, query)
    assert told["total"] == len(told["sessions"])
    return [row["id"] for row in told["sessions"]]


@pytest.mark.parametrize("indexed", [False, True])
async def test_search(world: World, archive: Archive, indexed: bool) -> None:
    if indexed:
        await world.app[LIBRARY].indexer.settle()
    started = STARTED_US // 1000
    assert await found(world, SUPERVISOR, "") == [SESSION]
    assert await found(world, "supervisor.south", "") == ["s-south"]
    for query, hit in (
        (f"since={started}&until={started + 1}", True),
        (f"since={started + 1}", False),
        (f"until={started}", False),
        ("branch=north", True),
        ("branch=south", False),
        ("specialist=p1", True),
        ("specialist=p2", False),
        ("service=wealth", True),
        ("service=loans", False),
        ("status=ended", True),
        ("status=live", False),
        ("text=chen", True),
        ("text=s-rec", True),
        ("text=s-south", False),
        ("text=%25", False),
        ("rating=5&outcome=solved&language=zh-CN&kiosk=k1", True),
        ("abandoned=1", False),
        ("sort=longest", True),
        ("after=0-0", False),
    ):
        told = await search(world, SUPERVISOR, query)
        assert [row["id"] for row in told["sessions"]] == ([SESSION] if hit else []), query


async def test_what_was_written_is_found_and_a_page_says_where_it_is(world: World, archive: Archive) -> None:
    for number in range(30):
        session = f"s-{number:02}"
        event, row = requested(session, "north" if number else "south")
        key = await world.app[VAULT].create(session)
        note = private.sealed(e.NoteSaved("尾号七七三一的理财产品"), key)
        await archive.add(session, number * 1000, event, note, e.Closed(), projection=row | {"state": "closed"})
    await world.app[LIBRARY].indexer.settle()
    first = await search(world, SUPERVISOR, "text=%E7%90%86%E8%B4%A2%E4%BA%A7%E5%93%81")
    assert (len(first["sessions"]), first["exact"], first["partial"], first["pending"]) == (25, False, False, 0)
    assert first["before"] is None
    rest = await search(world, SUPERVISOR, f"text=%E7%90%86%E8%B4%A2%E4%BA%A7%E5%93%81&after={first['after']}")
    ids = [row["id"] for row in first["sessions"] + rest["sessions"]]
    assert ids == [f"s-{number:02}" for number in range(29, 0, -1)], "and not that of the south"
    second = await search(world, SUPERVISOR, f"after={(await search(world, SUPERVISOR, ''))['after']}")
    assert (second["first"], second["total"], second["exact"]) == (26, 30, True)
    assert second["sessions"][0]["requested_ms"] >= STARTED_US // 1000
    assert "requested_us" not in second["sessions"][0]


async def test_a_bad_search_is_refused(world: World) -> None:
    for query in ("since=x", "after=9999999999999999", "status=odd", "text=%00", "sort=price"):
        for path in ("/api/sessions", "/api/sessions.csv"):
            assert (await fetch(world, SUPERVISOR, f"{path}?{query}"))[0] == 400, query


async def table(world: World, login: str, query: str, **headers: str) -> list[list[str]]:
    status, body, answer = await fetch(world, login, f"/api/sessions.csv?{query}", **headers)
    assert status == 200
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert "attachment" in answer["Content-Disposition"]
    assert body.startswith(b"\xef\xbb\xbf")
    return list(csv.reader(io.StringIO(body.decode("utf-8-sig"))))


async def test_a_table_of_what_was_found(world: World, archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        event, row = requested(f"s-{number}", "north")
        row["kiosk_name"] = "=HYPERLINK(1)"
        await archive.add(f"s-{number}", number, event, projection=row)
    columns, *rows = await table(world, SUPERVISOR, "branch=north", **{"Accept-Language": "en"})
    assert columns[:3] == ["Number", "Time", "Branch"]
    assert len(rows) == 6
    by_id = {row[0]: dict(zip(columns, row, strict=True)) for row in rows}
    assert by_id[SESSION]["Specialist"] == "Chen Jing"
    assert (by_id[SESSION]["Length (s)"], by_id[SESSION]["Stars"]) == ("3", "5")
    assert by_id["s-1"]["Kiosk"] == "'=HYPERLINK(1)", "a spreadsheet computes nothing of it"
    columns, *_ = await table(world, SUPERVISOR, "", **{"Accept-Language": "zh-CN"})
    assert columns[1] == "时间"
    monkeypatch.setattr(library_search, "ROWS", 2)
    monkeypatch.setattr(library_search, "EXPORTED", 5)
    assert len(await table(world, SUPERVISOR, "after=0-1")) == 1 + 5, "the first ones, wherever the page was"
    assert [row[0] for row in await table(world, "supervisor.south", "")][1:] == ["s-south"]
    taken = [entry for entry in await world.app[AUDIT].read() if entry.action == "sessions.export"]
    assert len(taken) == 4
    assert {entry.object for entry in taken} == {"sessions"}


async def test_kiosks_of_a_branch_of_ones_own(world: World) -> None:
    status, body, _ = await fetch(world, SUPERVISOR, "/api/library/kiosks?branch=north")
    assert status == 200
    assert [kiosk["id"] for kiosk in json.loads(body)["kiosks"]] == ["north-1"]
    for branch in ("south", "", "nowhere"):
        assert (await fetch(world, SUPERVISOR, f"/api/library/kiosks?branch={branch}"))[0] == 404


async def keep(world: World, login: str, **body: object) -> tuple[int, Any]:
    async with world.ask("POST", KEPT, headers=await world.as_person(login), json=body) as response:
        return response.status, await response.json()


async def kept_by(world: World, login: str) -> list[tuple[str, str]]:
    _, body, _ = await fetch(world, login, KEPT)
    return [(one["name"], one["query"]) for one in json.loads(body)["searches"]]


async def test_searches_are_kept_by_each_person(world: World) -> None:
    status, made = await keep(
        world, SUPERVISOR, name="张三的电话", query="text=%E5%BC%A0%E4%B8%89&rating=1&from=2026-01-02"
    )
    assert status == 201
    await keep(world, SUPERVISOR, name="Abandoned", query="abandoned=1")
    assert [name for name, _ in await kept_by(world, SUPERVISOR)] == ["张三的电话", "Abandoned"]
    assert await kept_by(world, "supervisor.south") == []
    path = f"{KEPT}/{made['id']}"
    for login, status in (("supervisor.south", 404), (SUPERVISOR, 204), (SUPERVISOR, 404)):
        async with world.ask("DELETE", path, headers=await world.as_person(login)) as response:
            assert response.status == status
    assert await kept_by(world, SUPERVISOR) == [("Abandoned", "abandoned=1")]


async def test_what_is_no_search_is_not_kept(world: World) -> None:
    bodies: list[dict[str, object]] = [
        {}, {"name": "", "query": ""}, {"name": " ", "query": ""}, {"name": "x" * 61, "query": ""},
        {"name": "\n", "query": ""}, {"name": "a", "query": "status=odd"}, {"name": "a", "query": "x" * 1001},
        {"name": "a", "query": "text=%FF"}, {"name": "a", "query": "", "more": 1}, {"name": 1, "query": ""},
    ]  # fmt: skip
    for body in bodies:
        status, told = await keep(world, SUPERVISOR, **body)
        assert (status, told["error"]["code"]) == (400, "bad_message"), body
    assert await kept_by(world, SUPERVISOR) == []


async def test_nobody_keeps_more_than_a_person_overlooks(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saved_searches, "MOST", 2)
    answers = [(await keep(world, SUPERVISOR, name=str(number), query=""))[0] for number in range(3)]
    assert answers == [201, 201, 409]


async def test_kept_searches_are_sealed_and_one_that_cannot_be_read_is_left_out(world: World) -> None:
    await keep(world, SUPERVISOR, name="Zebra-7731", query="text=okapi")
    rows = await world.app[STORE].saved_searches.of(world.people[SUPERVISOR].id)
    assert not any(word in row.sealed for row in rows for word in (b"Zebra", b"okapi"))
    await world.app[STORE].saved_searches.add(world.people[SUPERVISOR].id, "other", rows[0].sealed)
    assert await kept_by(world, SUPERVISOR) == [("Zebra-7731", "text=okapi")], "what is bound to another id is none"
