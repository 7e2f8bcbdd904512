"""The library in a real Chromium: a supervisor finds a session and replays what the recorder wrote."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import msgspec
import pytest
from aiohttp.test_utils import TestServer
from playwright.async_api import Page, ViewportSize, expect

from demo.browser import CONSOLE_SCREEN, PHONE_SCREEN
from link.protocol.values import Language
from server.api.http import cookies
from server.api.http.app_keys import BLOBS, IDENTITY, JOURNAL, STORE, VAULT
from server.app import make_app
from server.cobrowse import sanitise
from server.config import Config
from server.session import events as e
from server.store.branches import Branch, ServiceRow
from server.store.people import Grant, Role
from tests.big import big, first_of
from tests.server.cobrowse.payloads import PAYLOADS, nodes, page
from tests.server.evidence.recorded import SESSION, Archive, customers_page, record, requested
from tests.web.audit import faults, faults_everywhere
from tests.web.people import at_desk

pytestmark = pytest.mark.chromium

STATE = """() => Object.fromEntries([...document.querySelectorAll("[data-track] video")].map((video) => [
  video.closest("[data-track]").dataset.track,
  { at: video.currentTime, paused: video.paused, frames: video.getVideoPlaybackQuality().totalVideoFrames },
]))"""


@dataclass
class Library:
    """A server with a recorded session of branch b1, and the login of its supervisor."""

    server: TestServer
    archive: Archive
    token: str

    @property
    def base(self) -> str:
        return str(self.server.make_url("")).rstrip("/")


@asynccontextmanager
async def library(
    folder: Path, *, purpose: bool = True, site: Mapping[str, Any] | None = None, **options: Any
) -> AsyncIterator[Library]:
    """`purpose`: what the supervisor opens recordings for is stated. `site`: further options of the server."""
    app = make_app(Config(data=folder / "data", minimum_free_mb=0, **(site or {})))
    server = TestServer(app)
    # A checkpoint follows each change: a recording of long ago is called added as long as none knows it.
    signs_at_once = patch.multiple("server.evidence.checkpoints", SETTLE_S=0.0, EVERY_S=0.2)
    signs_at_once.start()
    await server.start_server()
    try:
        store = app[STORE]
        await store.branches.add(Branch("b1", "城中支行", "Downtown"))
        await store.services.add(ServiceRow("wealth", "理财咨询", "Wealth", "coins", "wealth", 1))
        person = await store.people.add(
            login="supervisor",
            name="Li Zhu",
            password_hash="unused",
            languages=[Language.ZH],
            skills=[],
            grants=[Grant(Role.SUPERVISOR, "b1")],
        )
        archive = Archive(store, app[JOURNAL], app[BLOBS], app[VAULT], folder / "data")
        await record(archive, **options)
        if purpose:
            for session in (SESSION, "s-other", "s-told"):
                await store.viewing.state(person.id, session, "quality", minutes=60)
        begun = await store.logins.add(person.id, address="test", hours=1)
        yield Library(server, archive, app[IDENTITY].tokens.issue(person.id, begun.id))
    finally:
        await server.close()
        signs_at_once.stop()


@asynccontextmanager
async def looking_at(
    made: Library, path: str, folder: Path, *, screen: ViewportSize = CONSOLE_SCREEN
) -> AsyncIterator[tuple[Page, list[str]]]:
    """A page of the supervisor's, and everything its browser complains about or asks elsewhere."""
    async with at_desk(folder, screen=screen, devices=False) as person:
        login = {"name": cookies.NAME, "value": made.token, "url": made.base.replace("http://", "https://")}
        kept: Any = {**login, "secure": True, "httpOnly": True, "sameSite": "Strict"}
        await person.context.add_cookies([kept])
        ours = (made.base, "data:", "blob:", "about:")
        person.page.on(
            "request", lambda asked: None if asked.url.startswith(ours) else person.complaints.append(asked.url)
        )
        await person.page.goto(made.base + path)
        yield person.page, person.complaints


async def until(shown: Page, script: str, holds: Any, *, seconds: float = 30) -> Any:
    """Wait until what the script gives satisfies `holds`."""
    end = time.monotonic() + seconds
    while True:
        value = await shown.evaluate(script)
        if holds(value):
            return value
        assert time.monotonic() < end, value
        await asyncio.sleep(0.1)


async def test_a_supervisor_finds_a_session(tmp_path: Path) -> None:
    async with library(tmp_path) as made:
        other, row = requested("s-other")
        await made.archive.add("s-other", 0, other, projection=row)
        async with looking_at(made, "/library", tmp_path) as (shown, complaints):
            rows = shown.locator("tbody tr")
            await expect(rows).to_have_count(2)
            assert await faults_everywhere(shown, PHONE_SCREEN) == []
            await shown.get_by_label("Status").select_option("ended")
            await expect(rows).to_have_count(1)
            await expect(rows).to_contain_text("Chen Jing")
            await shown.get_by_label("From").fill("2026-12-31")
            await expect(shown.get_by_role("heading", name="No recordings found")).to_be_visible()
            assert await faults(shown) == []
            await shown.get_by_role("button", name="Clear").click()
            await expect(rows).to_have_count(2)
            await shown.get_by_label("Search", exact=True).fill("s-rec")
            await expect(rows).to_have_count(1)
            await shown.reload()
            await expect(rows).to_have_count(1)
            await made.server.app[STORE].logins.revoke_person((await made.archive.store.people.all())[0].id)
            await shown.get_by_role("link", name="Replay").click()
            await expect(shown).to_have_url(made.base + f"/login?next=%2Flibrary%2F{SESSION}")
            assert complaints == []


async def test_a_recording_plays_in_step(tmp_path: Path) -> None:
    async with (
        library(tmp_path, seconds=20) as made,
        looking_at(made, f"/library/{SESSION}", tmp_path) as (shown, complaints),
    ):
        copy = shown.frame_locator(".cobrowse-frame").frame_locator("iframe")
        await shown.get_by_role("button", name="Play", exact=True).click()
        await expect(copy.get_by_role("heading", name="Buy a product")).to_be_visible()
        playing = await until(shown, STATE, lambda state: min(track["frames"] for track in state.values()) > 40)
        assert len(playing) == 2
        # Seek by click, past the hole in the camera, and by keys. While it plays, where it is by the time that
        # somebody looks is the machine's: it is looked at standing, and then goes on from there.
        surface = shown.locator(".timeline-surface")
        await surface.press(" ")
        box = await surface.bounding_box()
        assert box
        await shown.mouse.click(box["x"] + box["width"] * 10 / 21, box["y"] + box["height"] / 2)
        await until(shown, STATE, lambda state: all(8.5 < track["at"] < 10.5 for track in state.values()), seconds=60)
        await surface.press(" ")
        await until(
            shown,
            STATE,
            lambda state: (
                all(track["at"] > 10.6 for track in state.values())
                and abs(state["kiosk.camera"]["at"] - state["specialist.camera"]["at"]) < 0.25
            ),
            seconds=60,
        )
        await expect(copy.locator("#amount")).to_have_value("5000000")
        await shown.locator(".timeline-surface").press(" ")
        await expect(shown.get_by_role("button", name="Play", exact=True)).to_be_visible()
        await shown.locator(".timeline-surface").press("Home")
        await expect(shown.locator(".time-now")).to_have_text("0:00")
        for _ in range(2):
            await shown.locator(".timeline-surface").press("ArrowRight")
        await expect(shown.locator(".time-now")).to_have_text("0:10")
        await shown.locator(".timeline-surface").press("End")
        await expect(shown.locator(".time-now")).to_have_text("0:21")
        # Back in time: the page is drawn anew as it was, and the hole says why nothing is shown.
        await shown.locator(".events li", has_text="Chat from").get_by_role("button").click()
        await expect(copy.locator("#amount")).to_have_value("500")
        await shown.locator(".events li", has_text="Asked for a paper").get_by_role("button").click()
        await expect(shown.locator("[data-track='kiosk.camera'] .absent")).to_have_text("Nothing was received")
        await expect(shown.locator("[data-track='specialist.camera'] .absent")).to_be_empty()
        await shown.get_by_role("tab", name="Chat").click()
        await expect(shown.locator(".chat li")).to_contain_text("<b>")
        await shown.get_by_role("tab", name="Proof").click()
        await expect(shown.locator(".complete tr", has_text="Customer's camera")).to_contain_text("1.4 s")
        await shown.get_by_role("tab", name="Papers").click()
        await until(shown, "document.querySelector('.document-list img')?.naturalWidth", lambda width: width == 860)
        await expect(shown.locator(".document-list .incomplete")).to_have_text("Incomplete picture")
        assert await faults_everywhere(shown, PHONE_SCREEN) == []
        await shown.emulate_media(forced_colors="active")
        colours = (
            "[...document.querySelectorAll('.lane .span, .lane')].map((one) => getComputedStyle(one).backgroundColor)"
        )
        assert len(set(await shown.evaluate(colours))) > 2, "what was recorded stands out in forced colours too"
        await shown.get_by_role("button", name="中文").click()
        await expect(shown.get_by_role("tab", name="客户材料")).to_be_visible()
        assert complaints == []


async def test_a_running_call_is_followed(tmp_path: Path) -> None:
    async with library(tmp_path, seconds=8, finished=False) as made:
        path = f"/library/{SESSION}"
        async with looking_at(made, path, tmp_path, screen=PHONE_SCREEN) as (shown, complaints):
            await expect(shown.get_by_role("button", name="Following live")).to_be_visible()
            await made.archive.add(SESSION, 9000, e.ChatSent("c2", "kiosk", "还在吗？"))
            await shown.get_by_role("tab", name="Chat").click()
            await expect(shown.locator(".chat li")).to_have_count(2)
            await expect(shown.locator(".time")).to_contain_text("0:09")
            assert await faults_everywhere(shown) == []
            assert complaints == []


@big
async def test_a_damaged_segment_is_said_and_passed_over(tmp_path: Path) -> None:
    async with library(tmp_path, seconds=10) as made:
        events = [e.decode(entry.payload) for entry in await made.archive.journal.read(SESSION)]
        victim = next(
            event
            for event in events
            if isinstance(event, e.SegmentSealed) and event.track == "specialist.camera" and event.index == 1
        )
        path = made.archive.folder / "blobs" / victim.blob
        path.write_bytes(path.read_bytes()[:-1] + b"?")
        async with looking_at(made, f"/library/{SESSION}", tmp_path) as (shown, complaints):
            await shown.locator(".events li", has_text="Chat from").get_by_role("button").click()
            notice = shown.locator("[data-track='specialist.camera'] .absent")
            await expect(notice).to_have_text("The recording is damaged here")
            await shown.locator(".timeline-surface").press("ArrowRight")
            await expect(notice).to_be_empty()
            await until(shown, STATE, lambda state: abs(state["specialist.camera"]["at"] - 7.5) < 0.2)
            assert [complaint for complaint in complaints if "502" not in complaint] == []


SHOW = """async (batches) => {
  const { CobrowseView } = await import("/static/src/cobrowse/view.js");
  const box = document.createElement("div");
  Object.assign(box.style, { position: "fixed", inset: "0", background: "white", zIndex: 99 });
  document.body.append(box);
  const view = new CobrowseView(box);
  window.view = view;
  const shown = new Promise((resolve) => view.addEventListener("shown", resolve, { once: true }));
  batches.forEach((data, batch) => view.piece({ epoch: "e", batch, part: 0, parts: 1, data }));
  await Promise.race([shown, new Promise((resolve) => setTimeout(resolve, 5000))]);
  await new Promise((resolve) => setTimeout(resolve, 1500));
  const inner = view.stage.replayer.iframe;
  return {
    outer: view.stage.frame.getAttribute("sandbox"), inner: inner.getAttribute("sandbox"),
    hits: [window.__hit, view.stage.frame.contentWindow.__hit, inner.contentWindow.__hit],
    nodes: inner.contentDocument.querySelectorAll("*").length,
    scripts: inner.contentDocument.querySelectorAll("script, iframe, object, embed").length,
  };
}"""


@pytest.mark.parametrize("sanitised", first_of(True, False), ids=["sanitised", "raw"])
async def test_hostile_pages_run_nothing_and_ask_nobody(tmp_path: Path, sanitised: bool) -> None:
    """Every payload at once, in a snapshot and as later changes; even raw, as if the sanitiser were not there."""
    body = [node for number, payload in enumerate(PAYLOADS) for node in nodes(payload, 1000 + number * 50)]
    adds = [
        {"parentId": 5, "nextId": None, "node": node}
        for number, payload in enumerate(PAYLOADS)
        for node in nodes(payload, 100_000 + number * 50)
    ]
    change = {"source": 0, "texts": [], "attributes": [], "removes": [], "adds": adds}
    batches = [msgspec.json.encode(page(body)), msgspec.json.encode([{"type": 3, "timestamp": 1050, "data": change}])]
    if sanitised:
        batches = [sanitise(batch) for batch in batches]
    async with library(tmp_path, seconds=1) as made, looking_at(made, "/library", tmp_path) as (shown, complaints):
        await expect(shown.locator("tbody tr")).to_have_count(1)
        result = await shown.evaluate(SHOW, [batch.decode() for batch in batches])
        assert (result["outer"], result["inner"]) == ("allow-same-origin", "allow-same-origin")
        assert result["hits"] == [None, None, None]
        assert result["nodes"] > len(PAYLOADS)
        if sanitised:
            assert result["scripts"] == 0
            # rrweb says so when a style sheet is not well formed.
            assert [complaint for complaint in complaints if "adapt css" not in complaint] == []
        assert await shown.evaluate("window.__hit") is None
        assert shown.url == made.base + "/library"


async def test_the_live_view_points_and_asks_for_what_it_lacks(tmp_path: Path) -> None:
    async with library(tmp_path, seconds=1) as made, looking_at(made, "/library", tmp_path) as (shown, complaints):
        await shown.evaluate(SHOW, [sanitise(msgspec.json.encode(customers_page())).decode()])
        found = await shown.evaluate(
            """async () => {
              const { view } = window;
              const frame = view.stage.frame.getBoundingClientRect();
              const middle = view.toPage(frame.left + frame.width / 2, frame.top + frame.height / 4);
              const heading = view.nodeAt(frame.left + frame.width * 0.1, frame.top + frame.height * 0.04);
              let asked = 0;
              view.addEventListener("need-snapshot", () => asked++);
              view.piece({ epoch: "e", batch: 7, part: 0, parts: 1, data: "[]" });
              view.piece({ epoch: "e", batch: 8, part: 0, parts: 1, data: "[]" });
              return { middle, heading, asked, outside: view.toPage(frame.left - 5, frame.top) };
            }"""
        )
        assert found["middle"] == {"x": pytest.approx(0.5), "y": pytest.approx(0.25)}
        assert found["heading"] in (101, 102)
        assert found["outside"] is None
        assert found["asked"] == 1
        assert complaints == []
