"""A full disk, a locked database and a failing recorder are seen, told once, and over when they are over."""

from __future__ import annotations

import asyncio
import os
import re
import threading
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from structlog.testing import capture_logs

from link.protocol import client as m
from link.protocol.errors import CannotRecord, Unavailable
from link.protocol.server import Ring
from link.protocol.values import SessionState
from link.signaling.client import Refused
from link.tasks import cancel
from server.api.http.app_keys import READINESS
from server.calls import readiness
from server.calls.readiness import LOOK_S, RECORDER_S, TRIAL_PATIENCE_S, Readiness
from server.recording.places import WritablePlaces
from server.recording.space import DiskFloor
from server.store.database import sqlite_file
from tests.big import first_of
from tests.server.calls.bank import Bank, Party, eventually, locked
from tests.server.calls.conftest import OpenBank


async def answer(bank: Bank, path: str) -> tuple[int, Any]:
    async with aiohttp.ClientSession() as http, http.get(f"http://127.0.0.1:{bank.port}{path}") as response:
        return response.status, await response.json()


def reasons(bank: Bank) -> frozenset[str]:
    return bank.app[READINESS].reasons


def told(lines: list[Any], event: str) -> list[tuple[str, str]]:
    return [(line["log_level"], line["reason"]) for line in lines if line["event"] == event]


async def test_all_is_well_at_first(bank: Bank) -> None:
    assert await answer(bank, "/ready") == (200, {"ready": True, "reasons": []})
    assert await answer(bank, "/health") == (200, {"ok": True})


async def test_a_disk_below_the_floor_takes_no_new_call_and_says_so(
    open_bank: OpenBank, monkeypatch: pytest.MonkeyPatch
) -> None:
    bank = await open_bank(minimum_free_mb=1)
    kiosk = await bank.kiosk("k1")
    room = os.statvfs_result((4096, 4096, 100_000, 40, 40, 0, 0, 0, 0, 255))
    with capture_logs() as lines:
        with monkeypatch.context() as full:
            full.setattr(os, "statvfs", lambda _: room)
            await eventually(lambda: reasons(bank) == {"disk"}, 20)
            status, body = await answer(bank, "/ready")
            assert (status, [one["code"] for one in body["reasons"]]) == (503, ["disk"])
            assert (await answer(bank, "/health"))[0] == 200
            with pytest.raises(Refused) as caught:
                await kiosk.call()
            assert caught.value.code == "cannot_record"
            for _ in range(5):
                bank.app[READINESS].look()
        await eventually(lambda: not reasons(bank), 20)
    assert told(lines, "not ready") == [("warning", "disk")]
    assert told(lines, "ready again") == [("warning", "disk")]
    assert (await answer(bank, "/ready"))[0] == 200
    await kiosk.call()


async def test_a_locked_database_is_a_reason_while_it_is_locked(bank: Bank) -> None:
    file = sqlite_file(bank.config.database_url)
    assert file is not None
    with capture_logs() as lines:
        other = await locked(file, "EXCLUSIVE")
        try:
            await eventually(lambda: reasons(bank) == {"database"}, 20)
            status, body = await answer(bank, "/ready")
            assert (status, [one["code"] for one in body["reasons"]]) == (503, ["database"])
            assert (await answer(bank, "/health"))[0] == 200
            other.execute("ROLLBACK")
            await eventually(lambda: not reasons(bank), 20)
        finally:
            other.close()
    assert told(lines, "not ready") == [("warning", "database")]
    assert told(lines, "ready again") == [("warning", "database")]


def page_asks_every() -> float:
    """Seconds, as the page of a supervisor has it."""
    source = Path(__file__).parents[3] / "web" / "src" / "library" / "condition.js"
    found = re.search(r"EVERY_MS = (\d+)", source.read_text())
    assert found is not None
    return int(found[1]) / 1000


@pytest.mark.parametrize("since_look", first_of(0.49, 0.0, 0.2))
@pytest.mark.parametrize("harm", ["disk", "database"])
async def test_whatever_happens_is_on_the_page_within_five_seconds(
    bank: Bank, monkeypatch: pytest.MonkeyPatch, harm: str, since_look: float
) -> None:
    """In made-up time, however the harm falls between two looks and two questions of the page."""
    now = 1000.0
    condition = Readiness(bank.store, bank.rooms._recordings, lambda: now)
    harmed = asyncio.Event()

    async def writes() -> bool:
        if harmed.is_set():
            await asyncio.Event().wait()  # a locked database says nothing for a long time
        return True

    async def too_little(_floor: DiskFloor) -> None:
        raise Unavailable("too little free disk space")

    monkeypatch.setattr(condition, "_may_write", writes)
    for _ in range(3):
        condition.look()
        assert condition._measure is not None
        await asyncio.wait([condition._measure])
        now += LOOK_S
    assert not condition.reasons
    since = now - LOOK_S + since_look
    if harm == "database":
        harmed.set()
    else:
        monkeypatch.setattr(DiskFloor, "check", too_little)
    while harm not in condition.reasons:
        condition.look()
        await asyncio.sleep(0)
        now += LOOK_S
    assert now - LOOK_S - since + page_asks_every() <= 5.0
    await cancel(condition._probe)  # what never answers need not be waited for
    await condition.stop()


async def test_a_recorder_that_failed_is_a_reason_for_a_minute(bank: Bank) -> None:
    now = 1000.0

    def clock() -> float:
        return now

    recordings = bank.rooms._recordings
    condition = Readiness(bank.store, recordings, clock)
    condition.look()
    assert not condition.reasons
    recordings.failed_at = now
    condition.look()
    assert condition.reasons == {"recorder"}
    now += RECORDER_S
    condition.look()
    assert "recorder" not in condition.reasons
    await condition.stop()


@pytest.mark.parametrize(
    ("gone", "reason"), first_of(("visavis.sqlite3", "database"), ("blobs", "storage"), ("spool", "storage"))
)
async def test_a_file_or_folder_that_was_moved_away_is_a_reason(bank: Bank, gone: str, reason: str) -> None:
    """SQLite goes on writing into a file that has no name any more, and what it says is kept is lost with it."""
    place = bank.config.data / gone
    away = place.rename(place.with_name("away"))
    await eventually(lambda: reasons(bank) == {reason})
    place.write_bytes(b"another's") if reason == "database" else None
    condition = bank.app[READINESS]
    before = condition._trial
    await eventually(lambda: condition._trial is not before)
    assert reasons(bank) == {reason}, "another file of that name is not ours"
    away.rename(place)
    await eventually(lambda: not reasons(bank))


async def may_call(kiosk: Party) -> str:
    """What a kiosk is told that asks before it shows anybody the recording notice."""
    try:
        await kiosk.ask(m.CallCheck())
    except Refused as error:
        return error.code
    return "yes"


@pytest.mark.parametrize("gone", first_of("blobs", "spool", "visavis.sqlite3"))
async def test_nobody_is_asked_to_agree_to_a_call_for_which_there_is_no_place(bank: Bank, gone: str) -> None:
    kiosk = await bank.kiosk("k1")
    assert await may_call(kiosk) == "yes"
    place = bank.config.data / gone
    away = place.rename(place.with_name("away"))
    await eventually(lambda: bool(reasons(bank)))
    assert await may_call(kiosk) == "cannot_record"
    with pytest.raises(Refused) as caught:
        await kiosk.call()
    assert caught.value.code == "cannot_record", "nor is one begun that somebody agreed to before"
    away.rename(place)
    await eventually(lambda: not reasons(bank))
    assert await may_call(kiosk) == "yes"
    await kiosk.call()


async def test_nobody_is_asked_to_agree_while_the_database_is_locked(bank: Bank) -> None:
    kiosk = await bank.kiosk("k1")
    assert await may_call(kiosk) == "yes"
    other = await locked(bank.config.data / "visavis.sqlite3", "IMMEDIATE")
    try:
        await eventually(lambda: reasons(bank) == {"database"})
        assert await may_call(kiosk) == "cannot_record"
        other.execute("ROLLBACK")
        await eventually(lambda: not reasons(bank))
        assert await may_call(kiosk) == "yes"
    finally:
        other.close()


class Hung(WritablePlaces):
    """A disk that answers nothing."""

    def __init__(self) -> None:
        super().__init__(None, [])
        self.freed = threading.Event()

    def failing(self) -> frozenset[str]:
        self.freed.wait()
        return frozenset()


async def test_a_disk_that_answers_nothing_holds_up_no_look(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where every thread waits for it, and nobody can even ask how much room there is."""
    now = 1000.0
    places = Hung()
    condition = Readiness(bank.store, bank.rooms._recordings, lambda: now, places)

    async def no_answer(_floor: DiskFloor) -> None:
        await asyncio.to_thread(places.freed.wait)

    monkeypatch.setattr(DiskFloor, "check", no_answer)
    monkeypatch.setattr(readiness, "FLOOR_S", 0.05)
    try:
        condition.look()
        with pytest.raises(CannotRecord):
            await condition.check_call()
        now += TRIAL_PATIENCE_S + LOOK_S
        condition.look()
        assert "storage" in condition.reasons
        with pytest.raises(CannotRecord):
            await condition.check_call()
    finally:
        places.freed.set()
    measured, trial = condition._measure, condition._trial
    assert measured is not None
    assert trial is not None
    await asyncio.wait([measured, trial])

    def well() -> bool:
        condition.look()
        return not condition.reasons

    await eventually(well)
    await condition.check_call()
    await condition.stop()


async def test_a_call_that_waited_is_not_put_through_where_it_cannot_be_recorded_any_more(
    bank: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    kiosk, ann = await bank.kiosk("k1"), await bank.specialist("ann")
    session = (await kiosk.call()).id
    ring = await ann.hear(Ring)

    async def too_little(_floor: DiskFloor) -> None:
        raise CannotRecord("too little free disk space")

    with monkeypatch.context() as full:
        full.setattr(DiskFloor, "check", too_little)
        with pytest.raises(Refused) as refused:
            await ann.ask(m.Answer(ring.session.id))
        assert refused.value.code == "cannot_record"
        told = await kiosk.state(SessionState.CLOSED)
        assert (told.end_reason, told.specialist) == ("recording_failed", None)
    kinds = await bank.kinds(session)
    assert "answered" not in kinds
    assert (await kiosk.call()).state is SessionState.WAITING, "a moment later there is room again"
