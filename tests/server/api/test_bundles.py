"""Evidence bundles over HTTP: for supervisors of the branch, for a purpose, audited, and downloaded in parts."""

from __future__ import annotations

import asyncio
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from server.api.http.app_keys import AUDIT, BLOBS, BUNDLES, CONFIG, IDENTITY, JOURNAL, STORE, VAULT
from server.evidence.bundle_verifier import check_bundle
from tests.machine import allow
from tests.server.api.conftest import World
from tests.server.evidence.recorded import SESSION, Archive, record, requested

PATH = f"/api/sessions/{SESSION}/bundle"


@pytest.fixture
async def archive(world: World) -> Archive:
    app = world.app
    made = Archive(app[STORE], app[JOURNAL], app[BLOBS], app[VAULT], app[CONFIG].data)
    await record(made, seconds=2, branch="north")
    return made


async def asked(
    world: World, method: str, path: str = PATH, login: str | None = "supervisor.north", **headers: str | None
) -> tuple[int, bytes, Any]:
    given = await world.as_person(login) if login else {}
    async with world.ask(method, path, headers={**given, **headers}) as response:
        return response.status, await response.read(), response.headers


async def made(world: World) -> dict[str, Any]:
    """Have a bundle made, and wait until it is."""
    status, body, _ = await asked(world, "POST", f"{PATH}?purpose=court")
    assert status == 200, body
    async with asyncio.timeout(allow(60)):
        while (told := json.loads((await asked(world, "GET"))[1]))["state"] in ("waiting", "running"):
            await asyncio.sleep(0.05)
    return dict(told)


async def test_a_bundle_is_made_downloaded_and_removed(world: World, archive: Archive, tmp_path: Path) -> None:
    assert json.loads((await asked(world, "GET"))[1]) == {"state": "none"}
    assert (await asked(world, "GET", f"{PATH}/file"))[0] == 404
    told = await made(world)
    assert (told["state"], told["verdict"], told["purpose"], told["missing"]) == ("done", "sound", "court", 0)
    assert told["done"] == told["total"] == 2 * (told["segments"] + told["documents"])
    status, data, headers = await asked(world, "GET", f"{PATH}/file")
    assert status == 200
    assert int(headers["Content-Length"]) == len(data)
    assert headers["Content-Type"] == "application/x-tar"
    assert headers["Content-Disposition"] == f'attachment; filename="visavis-{SESSION}.tar"'
    assert headers["Cache-Control"] == "no-store"
    (tmp_path / "bundle.tar").write_bytes(data)
    unpacking = ["tar", "-x", "-f", str(tmp_path / "bundle.tar"), "-C", str(tmp_path)]
    await asyncio.to_thread(lambda: subprocess.run(unpacking, check=True))
    folder = tmp_path / f"visavis-{SESSION}"
    assert check_bundle(folder).exit_code == 0
    about = json.loads((folder / "bundle.json").read_text("utf-8"))
    person = f"person:{world.people['supervisor.north'].id}"
    assert (about["wished_by"], about["purpose"]) == (person, "court")
    # A download that broke off goes on where it stopped, of these very bytes.
    half = len(data) // 2
    status, rest, more = await asked(
        world, "GET", f"{PATH}/file", Range=f"bytes={half}-", **{"If-Range": headers["ETag"]}
    )
    assert (status, rest) == (206, data[half:])
    assert more["Content-Range"] == f"bytes {half}-{len(data) - 1}/{len(data)}"
    status, part, _ = await asked(world, "GET", f"{PATH}/file", Range="bytes=10-19")
    assert (status, part) == (206, data[10:20])
    assert (await asked(world, "GET", f"{PATH}/file", Range=f"bytes={len(data)}-"))[0] == 416
    status, whole, _ = await asked(world, "GET", f"{PATH}/file", Range="bytes=5-", **{"If-Range": '"other"'})
    assert (status, whole) == (200, data)
    status, nothing, head = await asked(world, "HEAD", f"{PATH}/file")
    assert (status, nothing, head["Content-Length"]) == (200, b"", str(len(data)))
    exports = world.app[CONFIG].data / "exports"
    assert len(list(exports.iterdir())) == 1
    assert json.loads((await asked(world, "DELETE"))[1]) == {"state": "none"}
    assert list(exports.iterdir()) == []
    assert (await asked(world, "DELETE"))[0] == 404
    rows = [(entry.actor, entry.action, json.loads(entry.detail)) for entry in await world.app[AUDIT].read()]
    assert (person, "recording.export", {"bundle": True, "purpose": "court"}) in rows
    command = next(detail for actor, action, detail in rows if action == "recording.export" and actor != person)
    assert command == {"bundle": True, "purpose": "court", "wished_by": person}
    assert [actor for actor, action, _ in rows if action == "read.bundle"] == [person]


async def test_only_for_supervisors_of_the_branch_and_for_a_purpose(world: World, archive: Archive) -> None:
    ways = [
        ("GET", PATH),
        ("POST", f"{PATH}?purpose=court"),
        ("POST", f"{PATH}/stop"),
        ("DELETE", PATH),
        ("GET", f"{PATH}/file"),
    ]
    for method, path in ways:
        foreign = await asked(world, method, path, "supervisor.south")
        nothing = await asked(world, method, path.replace(SESSION, "nobody"), "supervisor.south")
        assert foreign[0] == nothing[0] == 404, path
        assert foreign[1] == nothing[1]
        for login in ("specialist.north", "guide.north", "administrator.north", "nobody"):
            assert (await asked(world, method, path, login))[0] == 403, path
        assert (await asked(world, method, path, None))[0] == 401
        if method != "GET":
            assert (await asked(world, method, path, Origin=None))[0] == 403, "no other site asks for it"
    for purpose in ("", "curiosity", "Court"):
        assert (await asked(world, "POST", f"{PATH}?purpose={purpose}"))[0] == 400
    assert world.app[BUNDLES].known(SESSION, world.people["supervisor.north"].id) is None
    actions = [entry.action for entry in await world.app[AUDIT].read()]
    assert "recording.export" not in actions
    assert "refused.not_found" in actions


async def test_a_call_that_goes_on_has_none_yet(world: World, archive: Archive) -> None:
    event, row = requested("s-live", "north")
    await archive.add("s-live", 0, event, projection=row)
    assert (await asked(world, "POST", "/api/sessions/s-live/bundle?purpose=court"))[0] == 409


async def test_somebody_elses_bundle_is_nobodys(world: World, archive: Archive) -> None:
    """Who downloads has said what for: a second supervisor of the branch asks for one of their own."""
    await made(world)
    bundles = world.app[BUNDLES]
    run = bundles.known(SESSION, world.people["supervisor.north"].id)
    assert run is not None
    run.person = "another"
    bundles._runs[SESSION, "another"] = bundles._runs.pop((SESSION, world.people["supervisor.north"].id))
    assert json.loads((await asked(world, "GET"))[1]) == {"state": "none"}
    assert (await asked(world, "GET", f"{PATH}/file"))[0] == 404


async def test_whose_login_ends_gets_no_more_of_it(world: World, archive: Archive) -> None:
    await made(world)
    run = world.app[BUNDLES].known(SESSION, world.people["supervisor.north"].id)
    assert run is not None
    (run.folder / "large").write_bytes(bytes(64 << 20))
    headers = await world.as_person("supervisor.north")
    async with world.ask("GET", f"{PATH}/file", headers=headers) as response:
        await response.content.readexactly(1000)
        person = world.people["supervisor.north"].id
        await world.app[STORE].logins.revoke_person(person)
        world.app[IDENTITY].access.changed(person)
        with pytest.raises(Exception, match=r"payload|closed|reset|Not enough"):
            await response.read()
    async with asyncio.timeout(allow(30)):
        while run.readers:
            await asyncio.sleep(0)


async def test_one_that_cannot_be_made_is_said(world: World, archive: Archive) -> None:
    await archive.vault.destroy(SESSION)
    assert (await made(world))["state"] == "failed"
