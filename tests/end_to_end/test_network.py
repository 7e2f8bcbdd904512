"""Calls over a bad line: packets are lost, connections are cut, and nobody notices but the statistics."""

from __future__ import annotations

import asyncio
import os
import time
from typing import Any

import pytest
from playwright.async_api import expect

from demo.processes import Stack
from demo.report import CONTINUOUS
from tests.big import big
from tests.end_to_end.conftest import Faces
from tests.end_to_end.pictures import Pictures
from tests.end_to_end.wire import Wire
from tests.machine import allow, slower

LOSS = 0.03
SETTLING_S = 4.0
TALK_S = 12.0
LONGEST_FREEZE_S = 1.0


async def completed(stack: Stack, session: str) -> list[tuple[str, dict[str, Any]]]:
    """Wait until the recording is complete; the whole journal."""
    async with asyncio.timeout(30):
        while True:
            entries = await stack.journal(session)
            if "recording_completed" in dict(entries):
                return entries
            await asyncio.sleep(0.2)


async def whole(stack: Stack, session: str) -> dict[str, list[dict[str, Any]]]:
    """The finished session's events by kind, after checking that its recording has everything or says what it lacks."""
    entries = await completed(stack, session)
    events: dict[str, list[dict[str, Any]]] = {}
    for kind, event in entries:
        events.setdefault(kind, []).append(event)
    tracks = {track["track"]: track for track in events["recording_completed"][0]["tracks"]}
    for name in CONTINUOUS:
        track = tracks[name]
        assert abs(track["expected_ms"] - track["recorded_ms"] - track["gap_ms"]) <= 500, name
        declared = sum(
            gap["end_ms"] - gap["start_ms"] for gap in events.get("gap_declared", []) if gap["track"] == name
        )
        assert declared <= track["gap_ms"], name
    code, output = await stack.run_command("verify", session)
    assert code == 0, output
    return events


async def test_three_percent_loss_freezes_nothing_and_is_recorded(wire: Wire, faces: Faces) -> None:
    wire.loss = LOSS
    await faces.begin_call()
    await asyncio.sleep(SETTLING_S)
    begun = await faces.time_ms()
    async with Pictures(faces.kiosk.page, faces.console.page) as pictures:
        since = time.monotonic()
        await asyncio.sleep(TALK_S)
        freezes = pictures.pauses(since, time.monotonic())
    over = await faces.time_ms() - 1000  # what was lost in the last moment may still be missing when it ends
    assert max(freezes) <= allow(LONGEST_FREEZE_S), freezes
    await faces.kiosk.hang_up()
    events = await whole(faces.stack, faces.session)
    assert len(events["leg_opened"]) == 2, "nobody needed another leg"
    assert len(wire.paths) == 2, "the kiosk client's media and the console's both ran through here"
    for path in wire.paths:
        assert path.carried > 2000
        assert path.dropped / path.carried > LOSS / 2
    # The first picture takes its time, and what is lost at the very end is not asked for again;
    # between them all is there.
    # A browser that is starved makes no sound for a moment, which is a gap too, but not one of the network's.
    gaps = [gap for gap in events.get("gap_declared", []) if gap["reason"] != "no_media"]
    # Nor does a repair come in time to a browser that is starved for a second: then the next keyframe ends the gap.
    late_ms = 0 if slower() < 1.5 else allow(1) * 1000
    between = [gap for gap in gaps if gap["start_ms"] < over and gap["end_ms"] > begun]
    assert [gap for gap in between if gap["end_ms"] - gap["start_ms"] > late_ms] == []


@pytest.mark.skipif(not os.environ.get("VISAVIS_BIG_TESTS"), reason="half a minute: set VISAVIS_BIG_TESTS=1")
async def test_both_pages_say_that_the_customers_network_is_weak(wire: Wire, faces: Faces) -> None:
    await faces.begin_call()
    await asyncio.sleep(SETTLING_S)
    note = faces.kiosk.page.locator("kiosk-call .note.network")
    said = faces.console.page.locator(".quality:is(.weak, .bad) p").first
    await expect(note).to_have_count(0)
    loop = asyncio.get_running_loop()
    begun = loop.time()
    path = wire._newest["/ws/kiosk"]
    path.loss = 0.08
    await expect(note).to_contain_text("网络", timeout=30_000)
    told = loop.time() - begun
    await expect(said).to_contain_text("客户网络", timeout=30_000)
    path.loss = 0.0
    begun = loop.time()
    await expect(note).to_have_count(0, timeout=30_000)
    await expect(said).to_have_count(0, timeout=30_000)
    print(f"said after {told:.1f} s, over after {loop.time() - begun:.1f} s")
    await faces.kiosk.hang_up()
    events = await whole(faces.stack, faces.session)
    changes = [(event["participant"], event["quality"]) for event in events["quality_changed"]]
    assert changes[0][0] == "customer-1"
    assert changes[0][1] in ("weak", "bad")
    assert ("customer-1", "good") in changes


@big
async def test_a_cut_connection_of_the_kiosk_loses_and_repeats_nothing(wire: Wire, faces: Faces) -> None:
    await faces.begin_call()
    await faces.console.say("一")
    await faces.kiosk.hears("一")
    before = [kind for kind, _ in await faces.stack.journal(faces.session)].count("leg_opened")
    cut = await faces.time_ms()
    wire.cut("/ws/kiosk")
    await faces.console.say("二")
    await faces.kiosk.reply(0)
    await faces.kiosk.hears("二")
    await faces.console.page.locator("console-chat .line:not(.own)").wait_for()
    async with Pictures(faces.kiosk.page) as pictures:
        since = time.monotonic()
        await asyncio.sleep(3.0)
        assert max(pictures.pauses(since, time.monotonic())) <= allow(LONGEST_FREEZE_S)
    assert await faces.stack.newest_session() == faces.session
    over = await faces.time_ms()
    await faces.kiosk.hang_up()
    events = await whole(faces.stack, faces.session)
    assert sorted(event["sender"] for event in events["chat_sent"]) == ["customer-1", "specialist-1", "specialist-1"]
    assert len(events["leg_opened"]) == before, "media goes on meanwhile"
    assert len(events["answered"]) == 1
    assert "requeued" not in events
    declared = [gap for gap in events.get("gap_declared", []) if gap["track"] in CONTINUOUS]
    gaps = [gap for gap in declared if gap["reason"] != "no_media"]  # a starved browser sends nothing for a while
    assert not [gap for gap in gaps if gap["end_ms"] > cut and gap["start_ms"] < over - 500]
