"""Bookmarks over HTTP: who reads and changes which, what is refused, what is audited, and that they go with the key."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from server.api.http.app_keys import AUDIT, STORE, VAULT
from server.store import bookmarks
from server.store.people import Grant, Role
from tests.server.api.conftest import World
from tests.server.api.test_library import archive, fetch
from tests.server.evidence.recorded import SESSION, Archive

__all__ = ["archive"]

MINE = "supervisor.north"
PATH = f"/api/sessions/{SESSION}/bookmarks"


async def send(world: World, login: str, method: str, path: str, body: object = None) -> tuple[int, Any]:
    headers = await world.as_person(login)
    async with world.ask(method, path, headers=headers, json=body) as response:
        text = await response.read()
        return response.status, json.loads(text) if text else None


async def known(world: World, login: str = MINE) -> list[dict[str, Any]]:
    status, body, headers = await fetch(world, login, PATH)
    assert (status, headers["Cache-Control"]) == (200, "no-store")
    return list(json.loads(body)["bookmarks"])


async def colleague(world: World) -> str:
    """Another supervisor of the same branch."""
    store = world.app[STORE]
    world.people["other"] = await store.people.add(
        login="other", name="Other of north", password_hash="-", languages=[], skills=[],
        grants=[Grant(Role.SUPERVISOR, "north")],
    )  # fmt: skip
    await world.opens("other", SESSION)
    return "other"


async def test_everybody_of_the_branch_reads_them_and_changes_only_their_own(world: World, archive: Archive) -> None:
    other = await colleague(world)
    status, made = await send(world, MINE, "POST", PATH, {"at_ms": 2500, "text": "风险测评未逐题宣读\n第二行"})
    assert status == 201
    assert (await send(world, other, "POST", PATH, {"at_ms": 100}))[0] == 201
    mine, theirs = await known(world), await known(world, other)
    assert [(one["at_ms"], one["text"], one["name"], one["own"]) for one in mine] == [
        (100, "", "Other of north", False),
        (2500, "风险测评未逐题宣读\n第二行", "supervisor of north", True),
    ]
    assert [one["own"] for one in theirs] == [True, False]
    own, foreign = f"{PATH}/{made['id']}", f"{PATH}/{mine[0]['id']}"
    assert (await send(world, MINE, "PUT", own, {"text": "已核实"}))[0] == 204
    for method, body in (("PUT", {"text": "x"}), ("DELETE", None)):
        assert (await send(world, MINE, method, foreign, body))[0] == 404
        assert (await send(world, MINE, method, f"{PATH}/nothing", body))[0] == 404
    assert [one["text"] for one in await known(world)] == ["", "已核实"]
    assert (await send(world, MINE, "DELETE", own))[0] == 204
    assert [one["text"] for one in await known(world)] == [""]
    rows = [(entry.action, json.loads(entry.detail)) for entry in await world.app[AUDIT].read()]
    done = [(action, detail) for action, detail in rows if action.startswith("bookmark.")]
    assert done == [
        ("bookmark.add", {"bookmark": made["id"], "at_ms": 2500}),
        ("bookmark.add", {"bookmark": mine[0]["id"], "at_ms": 100}),
        ("bookmark.change", {"bookmark": made["id"]}),
        ("bookmark.remove", {"bookmark": made["id"]}),
    ]
    assert any(action == "read.bookmarks" for action, _ in rows)


async def test_nobody_else_knows_of_them(world: World, archive: Archive) -> None:
    _, made = await send(world, MINE, "POST", PATH, {"at_ms": 1, "text": "x"})
    asked: list[tuple[str, str, object]] = [
        ("GET", PATH, None), ("POST", PATH, {"at_ms": 1}), ("PUT", f"{PATH}/{made['id']}", {"text": "y"}),
        ("DELETE", f"{PATH}/{made['id']}", None),
    ]  # fmt: skip
    for method, path, body in asked:
        for login in ("specialist.north", "guide.north", "administrator.north", "nobody"):
            assert (await send(world, login, method, path, body))[0] == 403, (method, login)
        assert (await send(world, "supervisor.south", method, path, body))[0] == 404
        assert (await send(world, MINE, method, path.replace(SESSION, "s-south"), body))[0] == 404
    assert [one["text"] for one in await known(world)] == ["x"]


@pytest.mark.parametrize(
    "body",
    [{}, {"at_ms": -1}, {"at_ms": 1.5}, {"at_ms": 1 << 40}, {"at_ms": "1"}, {"at_ms": 1, "text": "x" * 2001},
     {"at_ms": 1, "text": "\x00"}, {"at_ms": 1, "text": "\u202e"}, {"at_ms": 1, "text": None}, {"at_ms": 1, "id": "a"},
     []],
)  # fmt: skip
async def test_what_is_no_bookmark_is_refused(world: World, archive: Archive, body: object) -> None:
    status, told = await send(world, MINE, "POST", PATH, body)
    assert (status, told["error"]["code"]) == (400, "bad_message")
    assert await known(world) == []


async def test_a_recording_has_no_more_than_somebody_reads(
    world: World, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bookmarks, "MOST", 2)
    made = await asyncio.gather(*(send(world, MINE, "POST", PATH, {"at_ms": at}) for at in range(4)))
    assert sorted(status for status, _ in made) == [201, 201, 409, 409]
    added = [entry for entry in await world.app[AUDIT].read() if entry.action == "bookmark.add"]
    assert len(added) == 2, "what was not done is not said to be"


async def test_they_are_sealed_bound_to_their_id_and_gone_with_the_key(world: World, archive: Archive) -> None:
    await send(world, MINE, "POST", PATH, {"at_ms": 1, "text": "Okapi-7731"})
    store = world.app[STORE]
    (row,) = await store.bookmarks.of(SESSION)
    assert b"Okapi" not in row.sealed
    assert b"supervisor" not in row.sealed
    await store.bookmarks.add("another", SESSION, row.person, 5, row.sealed)
    assert [one["at_ms"] for one in await known(world)] == [1], "what is bound to another id is none"
    await world.app[VAULT].destroy(SESSION)
    assert await known(world) == []
    assert await store.bookmarks.of(SESSION) == []
    assert (await send(world, MINE, "POST", PATH, {"at_ms": 1}))[0] == 404
    assert await store.bookmarks.of(SESSION) == []
