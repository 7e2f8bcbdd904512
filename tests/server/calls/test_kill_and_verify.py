"""A server killed at any moment leaves a store that verifies, while it is down and when it is up again."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

from link.protocol import client as m
from link.protocol.server import SessionUpdate
from link.tasks import cancel, spawn
from server.blobs.blobs import Blobs
from server.blobs.vault import Vault, load_site_key
from server.evidence.second_place import second_place
from server.evidence.verify import Verdict
from server.evidence.verify_store import StoreReport, verify_store
from server.journal.signing_key import read_signing_key
from server.store import Store
from tests.server.calls.bank import call_request, enrol, eventually
from tests.server.calls.process import Process
from tests.server.calls.test_kill import patiently


async def verified(server: Process) -> StoreReport:
    """As `visavis verify`, in this process."""
    config = server.config
    store = await Store.open(config.database_url)
    try:
        return await verify_store(
            store=store,
            blobs=Blobs.at(config.blobs_location),
            vault=Vault(store.data_keys, await load_site_key(config.site_key_file)),
            place=second_place(config.checkpoints_location),
            trusted=[read_signing_key(config.signing_key_file).public],
        )
    finally:
        await store.close()


async def test_a_kill_between_two_checkpoints_is_no_fault(tmp_path: Path, no_task_left: None) -> None:
    server = Process(tmp_path / "data")
    await server.open()
    store = await Store.open(server.config.database_url)
    identity = await enrol(store, "k1")  # before the first start, which takes over who is there
    await store.close()
    await server.start()
    kiosk = server._party("/ws/kiosk", lambda: identity.headers())
    made: list[str] = []

    async def calls() -> None:
        while True:
            begun = await patiently(kiosk, call_request(request=f"r{len(made)}"))
            assert isinstance(begun, SessionUpdate)
            made.append(begun.session.id)
            await patiently(kiosk, m.CallEnd(begun.session.id))

    busy = spawn(calls(), name="calls")
    chance = random.Random(5)
    try:
        for turn in range(1, 3):
            await eventually(lambda turn=turn: len(made) >= 3 * turn)  # type: ignore[misc]
            await asyncio.sleep(chance.uniform(0.0, 0.5))
            assert (await verified(server)).findings == [], "while it runs"
            await server.kill()
            down = await verified(server)
            assert (down.verdict, down.findings) == (Verdict.SOUND, [])
            await server.start()
            assert (await verified(server)).findings == [], "taken up again"
    finally:
        await cancel(busy)
        await server.close()
    after = await verified(server)
    assert (after.verdict, after.findings) == (Verdict.SOUND, [])
    assert after.sessions >= len(made) >= 6
    assert after.checkpoints >= 3
