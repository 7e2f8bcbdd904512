"""What the console says of the recording: what is missing while the customer is there, and pauses."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import expect

from link.protocol import client as c
from link.protocol import server as s
from link.protocol.values import MissingPiece, SensitivePause, StalledTrack, TrackStatement
from tests.web.audit import faults, faults_everywhere
from tests.web.console_rig import console, into_call

pytestmark = pytest.mark.chromium
VOICE, CAMERA = "customer-1.microphone", "specialist-1.camera"


def statement(
    recorded_s: int, *missing: MissingPiece, final: bool = False, reason: str | None = None
) -> s.RecordingStatement:
    expected_ms = 1000 * recorded_s + sum(piece.end_ms - piece.start_ms for piece in missing)
    tracks = [
        TrackStatement(VOICE, "audio", expected_ms, 1000 * recorded_s, list(missing), reason),
        TrackStatement(CAMERA, "video", 1000 * recorded_s + 900, 1000 * recorded_s),
    ]
    return s.RecordingStatement("session-1", tracks, not missing, final)


async def test_what_is_recorded_and_what_is_missing_is_seen_during_the_call_and_after_it(tmp_path: Path) -> None:
    async with console(tmp_path) as (desk, person, _):
        page = person.page
        await into_call(desk, page)
        desk.post(statement(192))
        panel = page.locator(".recorded")
        await expect(panel.locator(".chip")).to_have_text("Complete so far")
        row = panel.locator("li", has_text="Customer's voice")
        await expect(row.locator(".number")).to_have_text("3:12 / 3:12")
        await expect(row.locator(".number")).to_have_attribute("aria-label", "3:12 of 3:12 recorded")
        assert await faults_everywhere(page) == []
        # 42 seconds of waiting came first: the piece begins 1:10 into the call.
        desk.post(statement(192, MissingPiece(112_000, 118_000, "no_media"), reason="no_media"))
        await expect(panel.locator(".chip")).to_have_text("Parts missing")
        await expect(row.locator(".number").first).to_have_text("3:12 / 3:18")
        await expect(panel.locator(".missing")).to_contain_text("Customer's voice: 6 s at 1:10")
        await expect(panel.locator(".missing")).to_contain_text("Nothing was received")
        assert await faults_everywhere(page) == []
        desk.end("specialist")
        on_record = page.locator(".wrapup .on-record")
        await expect(on_record).to_contain_text("being completed")
        desk.post(statement(200, MissingPiece(112_000, 118_000, "no_media"), final=True))
        await expect(on_record).to_contain_text("Parts of this call are not on record")
        await expect(on_record).to_contain_text("Customer's voice: 6 s at 1:10")
        assert await faults(page) == []
        desk.post(statement(200, final=True))
        await expect(on_record).to_have_text("The recording is complete.")
        assert person.complaints == []


async def test_what_stops_is_said_at_once_with_track_and_reason(tmp_path: Path) -> None:
    async with console(tmp_path) as (desk, person, _):
        page = person.page
        await into_call(desk, page)
        banner = page.locator(".edges .banner.danger")
        desk.update(stalled=[StalledTrack(VOICE, "disk_full"), StalledTrack("cobrowse", "refused")])
        await expect(banner).to_have_attribute("role", "alert")
        await expect(banner).to_contain_text("Customer's voice (The disk was full), Customer's screen (What came")
        await expect(banner).to_contain_text("The customer has been told")
        await expect(page.locator(".call-state")).to_have_text("Not all is recorded")
        assert await faults_everywhere(page) == []
        desk.update(stopped=True)
        await expect(banner).to_contain_text("Nobody hears or sees anybody")
        desk.update(stalled=[], stopped=False)
        await expect(banner).to_have_count(0)
        assert person.complaints == []


async def test_one_key_pauses_the_recording_and_ends_the_pause(tmp_path: Path) -> None:
    async with console(tmp_path) as (desk, person, _):
        page = person.page
        await into_call(desk, page)
        await page.keyboard.press("s")
        assert await desk.until(c.RecordPause) == c.RecordPause("session-1", True, "password")
        banner = page.locator(".edges .banner.pausing")
        await expect(banner).to_contain_text("You and the customer still hear and see each other")
        await expect(page.locator(".call-state")).to_have_text("Recording paused")
        await expect(banner.get_by_role("button", name="A password or code")).to_have_attribute("aria-pressed", "true")
        await banner.get_by_role("button", name="A card's number").click()
        assert await desk.until(c.RecordPause, 2) == c.RecordPause("session-1", True, "card")
        await expect(banner.get_by_role("button", name="A card's number")).to_have_attribute("aria-pressed", "true")
        assert await faults_everywhere(page) == []
        desk.update(pauses=[SensitivePause("specialist-1", "card", paused_s=300, overdue=True)])
        await expect(banner).to_have_attribute("role", "alert")
        await expect(banner).to_contain_text("more than five minutes")
        assert await faults_everywhere(page) == []
        await page.keyboard.press("s")
        assert await desk.until(c.RecordPause, 3) == c.RecordPause("session-1", False, "password")
        await expect(banner).to_have_count(0)
        desk.update(pauses=[SensitivePause("customer-1", "secret_field", automatic=True)])
        await expect(banner).to_contain_text("their screen stands still")
        await expect(banner.get_by_role("button")).to_have_count(0)
        assert await faults_everywhere(page) == []
        assert person.complaints == []
