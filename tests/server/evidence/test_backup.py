"""A backup made while calls go on is complete: restored, every session of it verifies, and a server takes it up."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path

import pytest

from link.protocol import client as m
from link.tasks import cancel, spawn
from server.api.http.app_keys import BLOBS as OPEN_BLOBS
from server.api.http.app_keys import JOURNAL, VAULT
from server.config import Config
from server.evidence.backup import BLOBS, DATABASE, backup
from server.evidence.verify import Verdict, verify_session
from tests.big import BIG
from tests.server.calls.bank import Bank, Party
from tests.server.calls.conftest import OpenBank, open_bank
from tests.server.cli.test_commands import good, visavis
from tests.server.evidence.recorded import Archive, record

__all__ = ["open_bank"]


async def keep_talking(kiosk: Party, specialist: Party) -> None:
    """One call after the other, for ever."""
    while True:
        await kiosk.call()
        active = await specialist.answer(30)
        for number in range(5):
            await kiosk.ask(m.ChatSend(active.id, f"c{number}", "hello"))
        await kiosk.ask(m.CallEnd(active.id))
        await kiosk.ask(m.Rate(active.id, 5))
        await specialist.ask(m.Dispose(active.id, "resolved", ""))


async def keep_recording(archive: Archive) -> None:
    """Sessions with segments, documents and pages, one after the other, for ever."""
    number = 0
    while True:
        number += 1
        await record(archive, session=f"s-recorded-{number}", seconds=4)


def restore(copy: Path, original: Path, data: Path) -> None:
    """As docs/operate.md says."""
    shutil.copytree(copy, data)
    (data / "keys").mkdir(mode=0o700)
    for name in ("site.key", "signing.key"):
        shutil.copy2(original / "keys" / name, data / "keys" / name)


async def test_a_backup_under_load_restores_whole(tmp_path: Path, open_bank: OpenBank) -> None:
    bank = await open_bank()
    app, data = bank.app, bank.config.data
    archive = Archive(bank.store, app[JOURNAL], app[OPEN_BLOBS], app[VAULT], data)
    await record(archive, session="s-first", seconds=4)
    kiosk, ann = await bank.kiosk("k1"), await bank.specialist("ann")
    waiting = await bank.kiosk("k2")
    await waiting.call("loans")
    busy = [
        spawn(keep_talking(kiosk, ann), name="calls"),
        spawn(keep_recording(archive), name="recordings"),
    ]
    try:
        copies = [tmp_path / "one", tmp_path / "two"] if BIG else [tmp_path / "one"]
        for copy in copies:
            told = await good(data, "backup", str(copy))
            assert told["blobs"] == told["new"] > 0
            again = await good(data, "backup", str(copy))
            assert again["blobs"] >= told["blobs"]
            assert again["new"] == again["blobs"] - told["blobs"]
    finally:
        for task in busy:
            await cancel(task)
    for number, copy in enumerate(copies):
        restored = tmp_path / f"restored-{number}"
        restore(copy, data, restored)
        await everything_verifies(restored)
    assert await bank.store.sessions.get("s-first") is not None


async def everything_verifies(data: Path) -> None:
    bank = Bank(data, {})
    await bank.start()
    try:
        store, app = bank.store, bank.app
        listed = await good(data, "sessions", "--limit", "200")
        sessions = [row["session"] for row in listed]
        assert "s-first" in sessions
        assert len(sessions) >= 3
        for session in sessions:
            report = await verify_session(session, journal=app[JOURNAL], blobs=app[OPEN_BLOBS], vault=app[VAULT])
            assert report.verdict is Verdict.SOUND, report.as_text()
        assert (await visavis(data, "audit")).code == 0
        assert await store.kiosks.get("k1") is not None
        kept = [session for session in sessions if bank.rooms.get(session) is not None]
        assert kept, "the call that waited is taken up"
    finally:
        await bank.close()


async def test_what_is_no_backup_is_left_alone(tmp_path: Path) -> None:
    data, other = tmp_path / "data", tmp_path / "other"
    await good(data, "admin", "migrate")
    other.mkdir()
    (other / "letters.txt").write_text("mine")
    for folder, reason in ((other, "something else"), (data, "something else")):
        if folder is data:
            (data / "keys").mkdir(exist_ok=True)
        result = await visavis(data, "backup", str(folder))
        assert (result.code, "Traceback" in result.err) == (1, False)
        assert reason in result.err
    assert [path.name for path in other.iterdir()] == ["letters.txt"]


@pytest.mark.parametrize("database", ["gone", "no database"])
async def test_a_database_that_is_none_is_told(tmp_path: Path, database: str) -> None:
    data = tmp_path / "data"
    data.mkdir()
    if database != "gone":
        (data / "visavis.sqlite3").write_bytes(b"this is no database at all" * 100)
    result = await visavis(data, "backup", str(tmp_path / "copy"))
    assert (result.code, "Traceback" in result.err) == (1, False)
    assert not (tmp_path / "copy" / DATABASE).exists()


async def test_a_copy_that_was_cut_off_is_brought_to_an_end(tmp_path: Path) -> None:
    data, copy = tmp_path / "data", tmp_path / "copy"
    await good(data, "admin", "migrate")
    pieces = data / "blobs" / "sessions" / "s1"
    pieces.mkdir(parents=True)
    for number in range(3):
        (pieces / f"{number}").write_bytes(b"x" * 100)
    config = Config(data=data)
    await asyncio.to_thread(backup, config, copy)
    (copy / BLOBS / "sessions" / "s1" / "1").write_bytes(b"x" * 40)
    (copy / BLOBS / "sessions" / "s1" / "2").unlink()
    (copy / BLOBS / "sessions" / "s1" / "2.part").write_bytes(b"x")
    done = await asyncio.to_thread(backup, config, copy)
    assert (done.blobs, done.new) == (3, 2)
    assert {path.name: path.stat().st_size for path in (copy / BLOBS / "sessions" / "s1").iterdir()} == {
        "0": 100,
        "1": 100,
        "2": 100,
    }
    assert (copy / DATABASE).stat().st_mode & 0o077 == 0
    assert json.loads((await visavis(data, "backup", str(copy), "--json")).out)["new"] == 0
