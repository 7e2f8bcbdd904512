"""What goes wrong in a call, and that both people come back into it by themselves."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable

import pytest
from playwright.async_api import Page

from demo.browser import CONSOLE_SCREEN, KIOSK_SCREEN, inbound, launched, profile
from demo.fixtures import SPECIALIST
from demo.page_objects import ConsolePage, KioskPage
from demo.processes import Stack
from demo.report import CONTINUOUS
from demo.synthetic_media import SyntheticMedia
from tests.big import big
from tests.end_to_end.conftest import Browsers, Faces, both_faces
from tests.machine import allow, slower

BACK_S = 30.0
FROZEN_S = 0.6
"""Between two new pictures, on a machine that has time for them."""
MOST_LOST_MS = 2000
TOLD_S, NOTICED_S = 2.0, 15.0


async def frames(page: Page) -> int:
    """Camera pictures decoded so far over the page's open peer connections."""
    rows = [row for row in await inbound(page) if row.get("kind") == "video"]
    return max((int(row.get("framesDecoded", 0)) for row in rows), default=0)


async def moving(page: Page, *, within: float = BACK_S) -> None:
    """Wait until new pictures are decoded three times, never so long apart that they count as frozen."""
    began = seen_at = time.monotonic()
    rising, last = 0, await frames(page)
    while rising < 3:
        await asyncio.sleep(0.3)
        number, now = await frames(page), time.monotonic()
        assert now - began < allow(within)
        if number > last:
            rising, seen_at = rising + 1, now
        elif number < last or now - seen_at > allow(FROZEN_S):  # another peer connection begins at 0
            rising = 0
        last = number


async def told(
    stack: Stack, session: str, condition: Callable[[list[str]], bool], *, within: float = BACK_S
) -> list[str]:
    """Wait until the journal's kinds satisfy `condition`; return them."""
    began = time.monotonic()
    while True:
        kinds = [kind for kind, _ in await stack.journal(session)]
        if condition(kinds):
            return kinds
        assert time.monotonic() - began < allow(within), kinds
        await asyncio.sleep(0.3)


async def test_a_killed_server_finds_the_call_again(call: Faces) -> None:
    await asyncio.sleep(3)  # so that segments are sealed, and others are open
    killed = await call.time_ms()
    await call.stack.kill_server()
    await call.stack.start_server()
    answering = await call.time_ms()
    kinds = await told(call.stack, call.session, lambda kinds: "node_restarted" in kinds)
    await asyncio.gather(moving(call.kiosk.page), moving(call.console.page))
    together = await call.time_ms()
    assert await call.stack.newest_session() == call.session, "both are back in the same session"
    assert kinds.count("answered") == 1
    await call.console.recording()
    await call.kiosk.hang_up()
    await told(call.stack, call.session, lambda kinds: "recording_completed" in kinds)
    entries = await call.stack.journal(call.session)
    restarted = [kind for kind, _ in entries].index("node_restarted")
    gaps = [event for kind, event in entries if kind == "gap_declared" and event["reason"] == "restart"]
    most_ms = MOST_LOST_MS * slower()
    for track in CONTINUOUS:
        sealed = [(at, event) for at, (kind, event) in enumerate(entries) if kind == "segment_sealed"]
        of_track = [(at, event) for at, event in sealed if event["track"] == track]
        before = max(event["end_ms"] for at, event in of_track if at < restarted or event["recovered"])
        assert killed - before <= most_ms, f"{track} lost {killed - before:.0f} ms of what it had"
        assert of_track[-1][1]["end_ms"] > answering, f"{track} goes on afterwards"
        # A disk that is behind may have kept the beginning of a segment and not the end of the one before: two gaps.
        declared = sorted((gap for gap in gaps if gap["track"] == track), key=lambda gap: gap["start_ms"])
        assert killed - declared[0]["start_ms"] <= most_ms, f"{track} lost more than it had not written yet"
        assert any(gap["start_ms"] == before for gap in declared), f"{track} declares everything from where it was cut"
        cut = next(gap for gap in declared if gap["start_ms"] == before)
        assert cut["end_ms"] - before - (answering - killed) <= most_ms, track
        missing = sum(gap["end_ms"] - gap["start_ms"] for gap in declared)
        assert missing - (together - killed) <= most_ms, f"{track} is recorded again once they see each other"
    code, output = await call.stack.run_command("verify", call.session)
    assert code == 0, output


@big
async def test_a_returning_specialist_page_is_back_in_the_call(call: Faces) -> None:
    await call.console.page.close(run_before_unload=False)
    await told(call.stack, call.session, lambda kinds: "participant_lost" in kinds)
    page = await call.specialists.new_page()
    await page.goto(f"{call.stack.server_url}{SPECIALIST.face}")
    await ConsolePage(page).in_call()
    await asyncio.gather(moving(page), moving(call.kiosk.page))
    kinds = await told(call.stack, call.session, lambda kinds: "participant_returned" in kinds)
    assert "requeued" not in kinds
    assert "ended" not in kinds
    lost = [event for kind, event in await call.stack.journal(call.session) if kind == "participant_lost"]
    assert not lost[0]["cut"], "a page that is closed says goodbye"


@pytest.mark.skipif(not os.environ.get("VISAVIS_BIG_TESTS"), reason="half a minute: VISAVIS_BIG_TESTS=1")
async def test_a_dead_specialist_page_gives_the_customer_back_to_the_queue(call: Faces) -> None:
    await call.console.page.close(run_before_unload=False)
    await call.kiosk.page.locator("kiosk-waiting, kiosk-call .veil").first.wait_for()
    kinds = await told(call.stack, call.session, lambda kinds: "requeued" in kinds)
    assert "ended" not in kinds
    await call.kiosk.page.locator("kiosk-waiting").wait_for()
    await call.kiosk.stop_waiting()


# On a starved machine a kiosk client takes longer to start than a lost kiosk has.
@pytest.mark.server_options("--kiosk-grace-s", 300)
async def test_a_killed_kiosk_client_comes_back_into_the_call(call: Faces) -> None:
    await call.stack.kill_kiosk()
    await call.stack.start_kiosk()
    await call.kiosk.in_call()
    await asyncio.gather(moving(call.kiosk.page), moving(call.console.page))
    kinds = await told(call.stack, call.session, lambda kinds: kinds.count("leg_connected") >= 3)
    assert "ended" not in kinds


@big
async def test_a_reloaded_kiosk_page_is_still_in_the_call(call: Faces) -> None:
    await call.kiosk.page.reload()
    await call.kiosk.in_call()
    await asyncio.gather(moving(call.kiosk.page), moving(call.console.page))
    await call.kiosk.hang_up()


@big
async def test_a_kiosk_without_its_server_says_so_and_recovers(faces: Faces) -> None:
    await faces.stack.kill_server()
    await faces.kiosk.page.locator("kiosk-home button.expert:disabled").wait_for()
    await faces.stack.start_server()
    await faces.kiosk.home()
    await faces.console.presence("available")
    await faces.begin_call()


@big
async def test_two_kiosk_pages_do_not_share_a_call(call: Faces) -> None:
    """The newest page of a kiosk is the one that counts; the call goes on there."""
    second = await call.customers.new_page()
    second.set_default_timeout(20_000)
    await second.goto(call.stack.kiosk_url)
    await KioskPage(second).in_call()
    await moving(second)
    await moving(call.console.page)


async def test_a_crashed_browser_of_the_specialist_is_not_waited_for_long(
    stack: Stack, browsers: Browsers, media: SyntheticMedia
) -> None:
    """Noticed at once, because the dead process's connection ends; back at the head of the queue 8 s later."""
    async with (
        launched(video=media.specialist_video, audio=media.specialist_audio) as doomed,
        profile(doomed, screen=CONSOLE_SCREEN) as specialists,
        profile(browsers.customer, screen=KIOSK_SCREEN) as customers,
    ):
        faces = await both_faces(stack, customers, specialists)
        kiosk = faces.kiosk
        await faces.begin_call()
        control = await doomed.new_browser_cdp_session()
        processes = (await control.send("SystemInfo.getProcessInfo"))["processInfo"]
        killed = time.monotonic()
        os.kill(next(process["id"] for process in processes if process["type"] == "browser"), signal.SIGKILL)
        await kiosk.page.locator("kiosk-call .veil").first.wait_for(timeout=30_000)
        told_s = time.monotonic() - killed
        await kiosk.page.locator("kiosk-waiting").wait_for(timeout=30_000)
        requeued_s = time.monotonic() - killed
        print(f"told after {told_s:.2f} s, back in the queue after {requeued_s:.2f} s")
        assert told_s <= allow(TOLD_S)
        assert requeued_s <= allow(NOTICED_S)
        lost = [event for kind, event in await stack.journal(faces.session) if kind == "participant_lost"]
        assert lost[-1]["cut"]
        await kiosk.stop_waiting()
