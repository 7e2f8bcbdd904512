"""The player's copy of the customer's screen: what it fetches, keeps, and does without."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio
from playwright.async_api import Page, Route, expect

from server.cobrowse import sanitise
from tests.big import big
from tests.server.evidence.recorded import customers_page
from tests.web.test_library import library, looking_at, until

pytestmark = pytest.mark.chromium

SEGMENTS = 300
"""Of two seconds each; every 60th begins with a full picture."""
TRACK = """async (count) => {
  const { CobrowseTrack } = await import("/static/src/library/cobrowse-track.js");
  const { PlaybackClock } = await import("/static/src/library/clock.js");
  const segments = Array.from({ length: count }, (_, index) => (
    { index, start_ms: index * 2000, end_ms: index * 2000 + 2000, keyframe: index % 60 === 0, recovered: false }
  ));
  const box = document.createElement("div");
  Object.assign(box.style, { position: "fixed", inset: "0", background: "white", zIndex: 99 });
  document.body.append(box);
  window.clock = new PlaybackClock();
  window.clock.length = count * 2000;
  window.track = new CobrowseTrack("s", { name: "cobrowse", kind: "cobrowse", segments, gaps: [] }, window.clock, box);
  setInterval(() => window.track.tick(), 50);
}"""
AMOUNT = """() => {
  const { track, clock } = window;
  const copy = track.stage.replayer?.iframe.contentDocument;
  return track.missing(clock.now) ? null : copy?.querySelector("#amount")?.value ?? "";
}"""


@dataclass
class Segments:
    """What the server has, and what was asked of it."""

    asked: list[int] = field(default_factory=list)
    away: set[int] = field(default_factory=set)
    """Answered with 503, once each."""
    damaged: set[int] = field(default_factory=set)

    async def answer(self, route: Route) -> None:
        index = int(route.request.url.rpartition("/")[2])
        self.asked.append(index)
        if index in self.away:
            self.away.discard(index)
            await route.fulfill(status=503, json={"error": {"code": "unavailable", "message": ""}})
        elif index in self.damaged:
            await route.fulfill(status=502, json={"error": {"code": "damaged", "message": ""}})
        else:
            await route.fulfill(body="".join(json.dumps(line) + "\n" for line in lines(index)))


def lines(index: int) -> list[dict[str, Any]]:
    """The segment's number is typed half a second into it; a picture comes a little before."""
    typed = {"source": 5, "id": 108, "text": str(index), "isChecked": False}
    events: list[tuple[int, bool, Any]] = [(500, False, [{"type": 3, "timestamp": 1, "data": typed}])]
    if index % 60 == 0:
        events.insert(0, (400, True, msgspec.json.decode(sanitise(msgspec.json.encode(customers_page())))))
    return [
        {"at": index * 2000 + at, "kind": "rrweb", "epoch": "e", "keyframe": keyframe, "data": data}
        for at, keyframe, data in events
    ]


@pytest_asyncio.fixture(loop_scope="session")
async def replayed(tmp_path: Path) -> AsyncIterator[tuple[Page, Segments]]:
    segments = Segments()
    async with library(tmp_path, seconds=1) as made, looking_at(made, "/library", tmp_path) as (shown, _):
        await expect(shown.locator("tbody tr")).to_have_count(1)
        await shown.route("**/api/sessions/s/cobrowse/*", segments.answer)
        await shown.evaluate(TRACK, SEGMENTS)
        yield shown, segments


async def at(shown: Page, ms: int, typed: str) -> None:
    """Go to this moment, at which the copy shows what was typed."""
    await shown.evaluate(f"window.clock.seek({ms})")
    await until(shown, AMOUNT, lambda value: value == typed)


async def test_a_seek_loads_from_the_last_picture_only(replayed: tuple[Page, Segments]) -> None:
    shown, segments = replayed
    await at(shown, 500_700, "250")
    assert min(index for index in segments.asked if index > 10) == 240
    # The picture of the moment's own segment comes after it: the one before is needed.
    await at(shown, 480_100, "239")
    assert min(index for index in segments.asked if index > 10) == 180


@big
async def test_what_was_shown_is_followed_over_a_picture_and_forgotten_later(replayed: tuple[Page, Segments]) -> None:
    shown, segments = replayed
    await at(shown, 119_000, "59")
    copy = "window.track.stage.replayer.iframe.contentDocument.querySelector('h1')"
    await shown.evaluate(f"{copy}.kept = true")
    await at(shown, 122_900, "61")
    assert await shown.evaluate(f"{copy}.kept")
    for ms in range(140_000, 320_000, 15_000):
        await at(shown, ms + 900, str(ms // 2000))
    asked = len([index for index in segments.asked if index < 120])
    await at(shown, 280_900, "140")
    assert len([index for index in segments.asked if index < 120]) == asked, "a small step back fetches nothing"
    await at(shown, 20_900, "10")
    assert len([index for index in segments.asked if index < 120]) > asked, "a large one fetches what was forgotten"


async def test_one_failure_does_not_end_the_replay(replayed: tuple[Page, Segments]) -> None:
    shown, segments = replayed
    segments.away.add(3)
    segments.damaged.add(5)
    await at(shown, 6900, "3")
    assert segments.asked.count(3) == 2
    await shown.evaluate("window.clock.seek(10900)")
    await until(shown, "window.track.absence(window.clock.now)", lambda reason: reason == "damaged")
    await at(shown, 12_900, "6")
    assert await shown.evaluate("window.track.absence(12900)") is None
