"""Forty documents of 19 MB at once: most are told to come back, and what is taken lies on the disk, not in memory."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator

from kiosk_client.agent.upload import Uploader
from kiosk_client.devices.document_camera import Still
from link.tasks import spawn
from server.api.http.app_keys import DOCUMENTS, IDENTITY, STORE
from server.calls.room import Room
from server.documents.allowance import PER_DOCUMENT, PER_KIOSK
from server.documents.documents import Delivery, StoredDocument
from tests.server.api.conftest import World
from tests.server.api.test_documents import digest, files, in_call, put
from tests.server.documents.pictures import photograph

PIECE = os.urandom(1024 * 1024)


class Flood:
    """Uploads that begin, and go on only when they are let."""

    def __init__(self, world: World, room: Room) -> None:
        self.world, self.room = world, room
        self.go_on = asyncio.Event()
        self.refused = 0
        self.waits: list[str] = []
        self._answered = asyncio.Event()

    async def body(self) -> AsyncIterator[bytes]:
        for _ in range(3):
            yield PIECE
        await self.go_on.wait()
        for _ in range(16):
            yield PIECE

    async def upload(self, document: str) -> int:
        headers = {"Content-Type": "image/jpeg", "Content-Digest": digest(PIECE * 19), "Origin": None}
        path = f"/api/kiosk/sessions/{self.room.session}/documents/{document}"
        async with self.world.ask(
            "PUT", path, data=self.body(), headers=headers | self.world.as_kiosk("north-1")
        ) as response:
            if response.status == 429:
                self.refused += 1
                self.waits.append(response.headers["Retry-After"])
                self._answered.set()
            return int(response.status)

    async def all_but(self, uploads: int, of: int) -> None:
        async with asyncio.timeout(30):
            while self.refused < of - uploads:
                self._answered.clear()
                await self._answered.wait()


async def test_forty_uploads_of_one_document(world: World) -> None:
    room = await in_call(world, "d1")
    flood = Flood(world, room)
    uploads = [spawn(flood.upload("d1"), name="upload") for _ in range(40)]
    await flood.all_but(PER_DOCUMENT, 40)
    assert [int(wait) >= 1 for wait in flood.waits] == [True] * (40 - PER_DOCUMENT)
    assert files(world) == []
    flood.go_on.set()
    statuses = await asyncio.gather(*uploads)
    assert sorted(statuses) == [422] * PER_DOCUMENT + [429] * (40 - PER_DOCUMENT), "what was taken is no image"
    assert files(world) == []
    assert world.app[DOCUMENTS].allowance._bytes == 0


async def test_many_documents_of_one_kiosk_and_a_good_one_afterwards(world: World) -> None:
    names = [f"d{number}" for number in range(20)]
    room = await in_call(world, *names)
    flood = Flood(world, room)
    uploads = [spawn(flood.upload(name), name="upload") for name in names]
    await flood.all_but(PER_KIOSK, len(names))
    uploader = Uploader(world.origin, lambda: world.as_kiosk("north-1"), pauses_s=[0.2] * 100)
    good = spawn(uploader.put(room.session, "d0", Still(photograph(), "image/jpeg")), name="good")
    flood.go_on.set()
    await asyncio.gather(*uploads)
    await asyncio.wait_for(good, 30)
    assert room.state.stored["d0"].media_type == "image/jpeg"


async def test_an_upload_ends_with_the_access_of_its_kiosk(world: World) -> None:
    """Also one that comes no further, and one that is complete but not yet stored."""
    room = await in_call(world, "d1", "d2")
    flood = Flood(world, room)
    stalled = spawn(flood.upload("d1"), name="stalled")
    async with asyncio.timeout(30):
        while not world.app[DOCUMENTS].allowance._bytes:
            await asyncio.sleep(0)
    keep = world.app[DOCUMENTS].keep

    async def revoked_meanwhile(delivery: Delivery, sha256: str) -> StoredDocument:
        stored = await keep(delivery, sha256)
        await world.app[STORE].kiosks.revoke("north-1")
        await world.app[IDENTITY].access.announce("north-1")
        return stored

    world.app[DOCUMENTS].keep = revoked_meanwhile  # type: ignore[method-assign]
    assert (await put(world, room, photograph(), document="d2"))[0] == 401
    assert await asyncio.wait_for(stalled, 30) == 401
    assert files(world) == []
    assert room.state.stored == {}
