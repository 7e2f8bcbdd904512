from __future__ import annotations

import asyncio
import base64
import hashlib
import io
import os
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from kiosk_client.agent.upload import Uploader, UploadFailed
from kiosk_client.devices.document_camera import Still
from link.protocol.client import CallRequest
from link.protocol.errors import Unavailable
from link.protocol.values import Consent, DocumentState, Language
from server.api.documents import may_look
from server.api.http.app_keys import AUDIT, CONFIG, JOURNAL, NOTICE, ROOMS, STORE, VAULT
from server.calls.room import Room
from server.session import events as e
from server.store.people import Grant, Person, Role
from tests.server.api.conftest import World
from tests.server.documents.pictures import photograph, png_of_size


async def in_call(world: World, *documents: str) -> Room:
    """A call of north's kiosk, answered by north's specialist; the customer agreed to `documents`."""
    rooms = world.app[ROOMS]
    kiosk = await world.app[STORE].kiosks.get("north-1")
    assert kiosk is not None
    consent = Consent(world.app[NOTICE].notice.version, Language.ZH)
    view = await rooms.request_call(kiosk, CallRequest("r1", "wealth", Language.ZH, consent))
    room = rooms.get(view.id)
    assert room is not None
    specialist = world.people["specialist.north"]
    await room.submit(e.Offered(specialist.id, specialist.name))
    await room.submit(e.Answered(specialist.id, specialist.name))
    for document in documents:
        await room.submit(e.DocumentRequested(document, "identity_card"))
        await room.submit(e.DocumentAnswered(document, True))
    return room


def digest(content: bytes) -> str:
    return f"sha-256=:{base64.b64encode(hashlib.sha256(content).digest()).decode()}:"


async def put(
    world: World, room: Room, content: bytes, *, document: str = "d1", kiosk: str = "north-1", **headers: str | None
) -> tuple[int, dict[str, Any]]:
    sent = {"Content-Type": "image/jpeg", "Content-Digest": digest(content), "Origin": None}
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    path = f"/api/kiosk/sessions/{room.session}/documents/{document}"
    async with world.ask("PUT", path, data=io.BytesIO(content), headers=sent | world.as_kiosk(kiosk)) as response:
        return response.status, await response.json()


def files(world: World) -> list[Path]:
    """Everything of documents that lies in the blobs."""
    root = Path(world.app[CONFIG].blobs_location)
    return sorted(path for path in root.rglob("*documents/*") if path.is_file())


async def look(
    world: World, room: Room, asker: str, *, document: str = "d1", query: str = ""
) -> tuple[int, bytes, Any]:
    path = f"/api/sessions/{room.session}/documents/{document}{query}"
    async with world.ask("GET", path, headers=await world.as_person(asker)) as response:
        return response.status, await response.read(), response.headers


async def test_a_document_goes_from_the_kiosk_to_the_specialist(world: World) -> None:
    room, content = await in_call(world, "d1"), photograph(orientation=6)
    status, receipt = await put(world, room, content)
    assert status == 201
    sha256 = hashlib.sha256(content).hexdigest()
    assert receipt == {"document": "d1", "sha256": sha256, "width": 800, "height": 1200}
    assert room.state.documents[0].state is DocumentState.STORED
    [entry] = await world.app[JOURNAL].read(room.session, kinds={"document_stored"})
    event = e.decode(entry.payload)
    assert isinstance(event, e.DocumentStored)
    assert (event.sha256, event.size) == (sha256, len(content))

    status, view, headers = await look(world, room, "specialist.north")
    assert status == 200
    assert headers["Content-Type"] == "image/jpeg"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert hashlib.sha256(view).hexdigest() == event.view_sha256
    assert Image.open(io.BytesIO(view)).size == (800, 1200)
    assert (await look(world, room, "supervisor.north"))[0] == 428, "who is not in the call says what for"
    await world.opens("supervisor.north", room.session)
    status, original, headers = await look(world, room, "supervisor.north", query="?original=1")
    assert (status, original) == (200, content)
    assert headers["Content-Disposition"].startswith("attachment")
    looks = [entry.actor for entry in await world.app[AUDIT].read() if entry.action == "document.view"]
    assert looks == [f"person:{world.people[who].id}" for who in ("specialist.north", "supervisor.north")]


async def test_what_lies_on_the_disk_is_sealed(world: World) -> None:
    room, content = await in_call(world, "d1"), photograph()
    await put(world, room, content)
    stored = files(world)
    assert len(stored) == 2
    for path in stored:
        assert b"JFIF" not in path.read_bytes()
        assert content[500:600] not in path.read_bytes()


async def test_the_same_document_again_changes_nothing(world: World) -> None:
    room, content = await in_call(world, "d1"), photograph()
    assert (await put(world, room, content))[0] == 201
    before = files(world)
    status, receipt = await put(world, room, content)
    assert status == 200
    assert receipt["sha256"] == hashlib.sha256(content).hexdigest()
    await room.submit(e.DocumentDecided("d1", True))
    assert (await put(world, room, content))[0] == 200, "even when its first answer was lost and it is decided by now"
    assert files(world) == before
    assert len(await world.app[JOURNAL].read(room.session, kinds={"document_stored"})) == 1


async def test_the_same_document_twice_at_once_is_stored_once(world: World) -> None:
    room, content = await in_call(world, "d1"), photograph()
    results = await asyncio.gather(*(put(world, room, content) for _ in range(3)))
    assert sorted(status for status, _ in results) == [200, 200, 201]
    assert len(files(world)) == 2
    assert (await look(world, room, "specialist.north"))[0] == 200


async def test_another_document_for_the_same_request_is_refused(world: World) -> None:
    room = await in_call(world, "d1")
    await put(world, room, photograph())
    status, body = await put(world, room, photograph(640, 480))
    assert (status, body["error"]["code"]) == (409, "wrong_state")


async def test_refused_documents_leave_nothing_behind(world: World) -> None:
    room, good = await in_call(world, "d1"), photograph()
    for content, headers, expected in (
        (b"not an image", {}, (422, "unprocessable")),
        (good[:4000], {}, (422, "unprocessable")),
        (png_of_size(30_000, 30_000), {"Content_Type": "image/png"}, (422, "unprocessable")),
        (good, {"Content_Digest": digest(b"other")}, (422, "unprocessable")),
        (good, {"Content_Digest": ""}, (400, "bad_message")),
        (good, {"Content_Digest": None}, (400, "bad_message")),
        (good, {"Content_Digest": "md5=:AAAA:"}, (400, "bad_message")),
        (good, {"Content_Type": "text/html"}, (400, "bad_message")),
    ):
        status, body = await put(world, room, content, **headers)
        assert (status, body["error"]["code"]) == expected, headers
    assert files(world) == []
    assert room.state.documents[0].state is DocumentState.AGREED
    assert (await put(world, room, good))[0] == 201, "a good one is still taken"


async def test_a_document_over_the_limit_is_refused_whether_or_not_it_says_so(world: World) -> None:
    room = await in_call(world, "d1")
    status, body = await put(world, room, b"\xff\xd8\xff" + bytes(20 * 1024 * 1024))
    assert (status, body["error"]["code"]) == (413, "too_large")

    async def chunks() -> Any:
        for _ in range(25):
            yield os.urandom(1024 * 1024)

    headers = world.as_kiosk("north-1") | {"Content-Digest": digest(b""), "Content-Type": "image/jpeg", "Origin": None}
    path = f"/api/kiosk/sessions/{room.session}/documents/d1"
    async with world.ask("PUT", path, data=chunks(), headers=headers) as response:
        assert response.status == 413
    assert files(world) == []


async def test_only_what_was_agreed_to_is_taken(world: World) -> None:
    room = await in_call(world, "d1")
    await room.submit(e.DocumentRequested("d2", "bank_card"))
    await room.submit(e.DocumentRequested("d3", "bank_card"))
    await room.submit(e.DocumentAnswered("d3", False))
    for document, expected in (("d2", 409), ("d3", 409), ("d4", 404)):
        status, _ = await put(world, room, photograph(), document=document)
        assert status == expected, document
    await room.submit(e.Ended(e.KIOSK, "customer"))
    assert (await put(world, room, photograph()))[0] == 409
    assert files(world) == []


async def test_another_kiosk_has_no_such_session(world: World) -> None:
    room = await in_call(world, "d1")
    mine = await put(world, room, photograph(), kiosk="south-1")
    room.session, session = "nosuchsession", room.session
    missing = await put(world, room, photograph(), kiosk="south-1")
    room.session = session
    assert mine == missing
    assert mine[0] == 404


async def test_others_do_not_see_the_document(world: World) -> None:
    room = await in_call(world, "d1")
    await put(world, room, photograph())
    for asker, expected in (
        ("specialist.south", 404),
        ("supervisor.south", 404),
        ("guide.north", 403),
        ("administrator.north", 403),
        ("nobody", 403),
        ("specialist.north", 200),
    ):
        assert (await look(world, room, asker))[0] == expected, asker
    assert (await look(world, room, "specialist.north", document="d9"))[0] == 404


async def test_who_takes_part_sees_the_document_while_they_do(world: World) -> None:
    room = await in_call(world, "d1")
    await put(world, room, photograph())
    guest = world.people["supervisor.south"]
    assert (await look(world, room, "supervisor.south"))[0] == 404
    for number, (role, expected) in enumerate((("interpreter", 404), ("consultant", 200))):
        me = f"{role}-{number + 1}"
        await room.submit(e.ParticipantInvited(me, role, guest.id, guest.name, by="specialist"))
        assert (await look(world, room, "supervisor.south"))[0] == 404, "invited is not there"
        await room.submit(e.ParticipantJoined(me))
        assert (await look(world, room, "supervisor.south"))[0] == expected, role
        await room.submit(e.ParticipantLeft(me, "left"))
        assert (await look(world, room, "supervisor.south"))[0] == 404


async def test_a_document_without_a_journal_entry_leaves_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    room = await in_call(world, "d1")

    async def fail(*_arguments: object) -> None:
        raise Unavailable("the database is locked")

    with monkeypatch.context() as patched:
        patched.setattr(world.app[ROOMS], "document_stored", fail)
        status, _ = await put(world, room, photograph())
    assert status == 503
    assert files(world) == []
    assert (await put(world, room, photograph()))[0] == 201


async def test_a_damaged_document_is_not_shown(world: World) -> None:
    room = await in_call(world, "d1")
    await put(world, room, photograph())
    for path in files(world):
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(bytes(content))
    status, body, _ = await look(world, room, "specialist.north")
    assert status == 500
    assert b"JFIF" not in body


async def test_a_document_of_a_deleted_session_is_gone(world: World) -> None:
    room = await in_call(world, "d1")
    await put(world, room, photograph())
    await world.app[VAULT].destroy(room.session)
    assert (await look(world, room, "specialist.north"))[0] == 404


async def test_the_kiosk_clients_uploader_delivers_and_understands_refusals(world: World) -> None:
    room = await in_call(world, "d1", "d2")
    uploader = Uploader(world.origin, lambda: world.as_kiosk("north-1"), pauses_s=(0.05,))
    good = photograph()
    await uploader.put(room.session, "d1", Still(good, "image/jpeg"))
    assert room.state.stored["d1"].sha256 == hashlib.sha256(good).hexdigest()
    with pytest.raises(UploadFailed, match="unprocessable"):
        await uploader.put(room.session, "d2", Still(b"no image", "image/jpeg"))


def test_a_specialist_looks_only_as_long_as_the_branch_is_theirs() -> None:
    def specialist(*branches: str) -> Person:
        grants = frozenset(Grant(Role.SPECIALIST, branch) for branch in branches)
        return Person("p1", "ann", "Ann", (), (), grants, active=True)

    for branches, may in ((("east",), True), (("west", "east"), True), (("*",), True), (("west",), False), ((), False)):
        assert may_look(specialist(*branches), "east", "p1") is may
    assert not may_look(specialist("east"), "east", "p2")
