"""The player in a real Chromium: keys, frames, bookmarks, links to a moment, waveforms; and in step, by the bench."""

from __future__ import annotations

import argparse
import asyncio
import os
import re
from pathlib import Path

import pytest
from playwright.async_api import Route, expect

from demo.browser import PHONE_SCREEN
from server.api.http.app_keys import AUDIT
from tests.bench import replay
from tests.big import big
from tests.server.evidence.recorded import SESSION
from tests.web.audit import faults, faults_everywhere
from tests.web.test_library import library, looking_at, until

pytestmark = pytest.mark.chromium

RECORDING = "document.querySelector('library-player').recording"
NOW = f"{RECORDING}.clock.now"
LOUD = f"[...{RECORDING}.levels.voices.values()].map((voice) => voice.loudest(1500, 6000))"


async def test_the_player_by_its_keys(tmp_path: Path) -> None:
    async with (
        library(tmp_path, seconds=8) as made,
        looking_at(made, f"/library/{SESSION}#t=6.02", tmp_path) as (shown, complaints),
    ):
        await expect(shown.locator(".time-now")).to_have_text("0:06")
        await until(shown, NOW, lambda now: now == 6020)
        lanes = shown.locator(".timeline-labels span")
        for words in ("Papers", "Chat", "Consent"):
            await expect(lanes.filter(has_text=words)).to_have_count(1)
        # The second picture has 15 frames in a second: those beside 6.02 s are at 6.067 and 6.000 s.
        await shown.keyboard.press("2")
        await expect(shown.locator("[data-track='specialist.camera'].large")).to_be_visible()
        here = f"{RECORDING}.tracks.every((track) => !track.missing({NOW}) && track.settled({NOW}))"
        await until(shown, here, bool)
        await shown.keyboard.press(".")
        await until(shown, NOW, lambda now: now == 6067)
        await shown.keyboard.press(",")
        await until(shown, NOW, lambda now: now == 6000)
        await shown.keyboard.press("+")
        await expect(shown.get_by_role("button", name="1.5×")).to_have_attribute("aria-pressed", "true")
        await shown.keyboard.press("b")
        await expect(shown.locator(".mark.bookmark")).to_have_count(1)
        await shown.keyboard.press("p")
        await until(shown, NOW, lambda now: now < 5000)
        await shown.get_by_role("tab", name="Bookmarks").click()
        await shown.get_by_role("textbox", name="Note at").fill("风险等级未说明")
        await shown.get_by_role("button", name="Bookmark", exact=True).click()
        await expect(shown.locator(".bookmark-list li")).to_have_count(2)
        await expect(shown.locator(".bookmark-list")).to_contain_text("风险等级未说明")
        await expect(shown.locator(".bookmark-list")).to_contain_text("Li Zhu")
        await until(shown, LOUD, lambda loud: len(loud) == 2 and min(loud) > 150)
        assert await faults_everywhere(shown, PHONE_SCREEN) == []
        await shown.locator(".timeline-surface").press("l")
        await until(shown, "location.hash", lambda hash_: hash_.startswith("#t="))
        await shown.keyboard.press("?")
        await expect(shown.get_by_role("dialog")).to_contain_text("Bookmark this moment")
        assert await faults(shown) == []
        await shown.get_by_label("Letters, digits and signs work as keys").uncheck()
        await shown.keyboard.press("Escape")
        await shown.locator(".timeline-surface").press("m")
        await expect(shown.get_by_role("button", name="Mute", exact=True)).to_be_visible()
        if folder := os.environ.get("VISAVIS_SCREENSHOTS"):
            await shown.screenshot(path=Path(folder) / "player.png")
        assert complaints == []
        done = [entry.action for entry in await made.server.app[AUDIT].read()]
        assert done.count("bookmark.add") == 2


def _segments(asked: list[str], track: str) -> list[int]:
    """The segments of a track that these addresses ask for, in order."""
    found: list[int] = []
    for address in asked:
        where, _, query = address.partition("?index=")
        if f"/tracks/{track}/segments" in where:
            found += [int(index) for index in (query or where.rpartition("/")[2]).split(",")]
    return found


async def test_a_moment_is_fetched_before_anything_else(tmp_path: Path) -> None:
    """While a picture is waited for nothing ahead of it is asked for, and then nothing twice."""
    async with (
        library(tmp_path, seconds=16) as made,
        looking_at(made, "/library", tmp_path) as (shown, complaints),
    ):
        here = f"{RECORDING}.tracks.every((track) => !track.missing({NOW}) && track.settled({NOW}))"
        held: list[Route] = []
        asked: list[str] = []
        came: list[str] = []
        shown.on("request", lambda request: asked.append(request.url))
        shown.on("requestfinished", lambda request: came.append(request.url))
        waiting = True

        async def hold(route: Route) -> None:
            if waiting:
                held.append(route)
            else:
                await route.continue_()

        await shown.route(re.compile("/tracks/specialist.camera/segments"), hold)
        await shown.goto(f"{made.base}/library/{SESSION}")
        await until(
            shown,
            f"document.querySelector('library-player')?.recording?.media.size === 4 && {RECORDING}.clock.held",
            bool,
        )
        async with asyncio.timeout(60):
            while not held or not _segments(came, "kiosk.camera"):
                await shown.evaluate("new Promise(requestAnimationFrame)")
        first = _segments(asked, "specialist.camera")
        assert len(held) == 1
        assert max(first + _segments(asked, "kiosk.camera") + _segments(asked, "kiosk.microphone")) <= 1
        # Somebody goes elsewhere meanwhile: it is not waited for.
        await shown.evaluate(f"{RECORDING}.seek(14_500)")
        async with asyncio.timeout(60):
            while len(held) < 2:
                await shown.evaluate("new Promise(requestAnimationFrame)")
        assert set(_segments(asked, "specialist.camera")) - set(first) >= {7}
        waiting = False
        await held[1].continue_()
        await until(shown, f"!{RECORDING}.clock.held && {here}", bool)
        for track in ("kiosk.camera", "specialist.camera", "kiosk.microphone"):
            fetched = _segments(came, track)
            assert len(fetched) == len(set(fetched)), track
        assert complaints == []


@big
async def test_pictures_and_page_are_of_the_moment_that_was_asked_for(tmp_path: Path) -> None:
    """As `./dev bench replay`, of a short session: read from the pictures, after every seek and while they play."""
    options = argparse.Namespace(
        hours=0.2, kbits=300, seeks=12, opens=2, play=6, live=10, only=None, cache=tmp_path, screenshot=None
    )
    found = await replay.run(options)
    assert found["late_seeks"] == 0
    assert found["frame_is_of_its_time_ms"] <= 2
    # Bounds of a machine on which others run as well; the bench says what it is alone.
    assert found["skew_ms"] <= 100
    assert found["cobrowse_skew_ms"] <= 200
    assert found["live_edge_ms"] <= 5000
