"""`./dev bench replay`: how soon the player shows a long recording, or another moment of it, and how well in step.

A session of three hours (two cameras of 1280 × 720, two voices, the customer's page) is made once and kept in a cache
folder: some gigabytes, some minutes. It is opened in a real Chromium. What is measured is read from the pictures
themselves, which hold their own time of capture (`replay_data`): first picture after the page is asked for; seeks to
random moments, standing and playing, until everything is seen of the moment asked for; how far the videos and the
customer's page are from each other. Then a call is recorded in real time and followed at its edge.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from aiohttp import web
from aiohttp.test_utils import TestServer
from playwright.async_api import Browser, Page

from demo.browser import launched, profile
from link.protocol.values import Language
from link.tasks import cancel, spawn
from server.api.http import cookies
from server.api.http.app_keys import BLOBS, IDENTITY, JOURNAL, STORE, VAULT
from server.app import make_app
from server.config import Config
from server.recording.recorder import Recorder
from server.session import events as e
from server.store.branches import Branch, ServiceRow
from server.store.people import Grant, Person, Role
from server.store.sessions import Projection
from tests.bench import replay_data as data
from tests.server.evidence.recorded import Archive, requested

ROOT: Final = Path(__file__).parents[2]
SESSION: Final = "s-replay"
LIVE: Final = "s-live"
SCREEN: Final = {"width": 1920, "height": 1080}
GOALS: Final = {
    "first_picture_ms": 1000,
    "seek_p95_ms": 500,
    "skew_ms": 50,
    "cobrowse_skew_ms": 100,
    "live_edge_ms": 3000,
}
CHECKED: Final = "document.querySelector('library-player').recording.proof.report?.state === 'done'"
Loops = tuple[data.Loop, data.Loop]


@asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[tuple[web.Application, TestServer]]:
    """The whole application over `folder`, with a branch and a service."""
    app = make_app(Config(data=folder, minimum_free_mb=0))
    server = TestServer(app)
    await server.start_server()
    try:
        store = app[STORE]
        if not await store.branches.all():
            await store.branches.add(Branch("b1", "城中支行", "Downtown"))
            await store.services.add(ServiceRow("wealth", "理财咨询", "Wealth", "coins", "wealth", 1))
        yield app, server
    finally:
        await server.close()


async def supervisor(app: web.Application) -> Person:
    """The supervisor who looks at it."""
    people = app[STORE].people
    known = await people.by_login("supervisor")
    return known or await people.add(
        login="supervisor", name="-", password_hash="-", languages=[Language.EN], skills=[],
        grants=[Grant(Role.SUPERVISOR, "b1")],
    )  # fmt: skip


async def prepared(app: web.Application, folder: Path, cache: Path, hours: float, kbits: int) -> Loops:
    """The loop of media, and the long session in the application's store, made if it is not there."""
    pictures, sound = await asyncio.to_thread(data.loops, cache, 1280, 720, kbits)
    if await app[STORE].sessions.get(SESSION) is None:
        print(f"making a session of {hours:g} h in {folder} ...", flush=True)
        archive = Archive(app[STORE], app[JOURNAL], app[BLOBS], app[VAULT], folder)
        await data.long_call(
            archive, SESSION, hours, pictures, sound, lambda said: print(f"  {said}", end="\r", flush=True)
        )
        print()
    return pictures, sound


@asynccontextmanager
async def page_of(
    browser: Browser, app: web.Application, server: TestServer, session: str
) -> AsyncIterator[tuple[Page, str]]:
    """A page of the supervisor's that is about to open the player of `session`, at this address."""
    person = await supervisor(app)
    await app[STORE].viewing.state(person.id, session, "quality", minutes=600)
    begun = await app[STORE].logins.add(person.id, address="bench", hours=1)
    token = app[IDENTITY].tokens.issue(person.id, begun.id)
    base = str(server.make_url("")).rstrip("/")
    async with profile(browser, language="en-GB", screen=SCREEN) as context:  # type: ignore[arg-type]
        login = {"name": cookies.NAME, "value": token, "url": base.replace("http://", "https://")}
        kept: Any = {**login, "secure": True, "httpOnly": True, "sameSite": "Strict"}
        await context.add_cookies([kept])
        figures = {
            "RATE_MS": data.FRAME_MS, "LOOP": data.LOOP_FRAMES, "BEGUN": data.BEGUN_MS, "CHANGE": data.CHANGE_MS,
            "FIELDS": data.FIELDS, "FIELD": data.FIELD_PX,
        }  # fmt: skip
        script = await asyncio.to_thread(Path(__file__).with_suffix(".js").read_text)
        await context.add_init_script(f"window.__replay = {json.dumps(figures)};\n{script}")
        page = await context.new_page()
        page.set_default_timeout(60_000)
        yield page, f"{base}/library/{session}"


async def until(page: Page, script: str, *, seconds: float = 90) -> None:
    """Wait until the script says so: the page's policy lets Playwright evaluate nothing by itself."""
    end = time.monotonic() + seconds
    while not await page.evaluate(script):
        if time.monotonic() > end:
            raise TimeoutError(f"not within {seconds:g} s: {script}")
        await asyncio.sleep(0.05)


async def first_pictures(
    browser: Browser, app: web.Application, server: TestServer, times: int
) -> tuple[list[float], list[float]]:
    """Milliseconds from asking for the page to its first picture, and to all of them, with nothing in any cache."""
    first, whole = [], []
    for _ in range(times):
        async with page_of(browser, app, server, SESSION) as (page, address):
            await page.goto(address, wait_until="commit")
            await until(page, "window.__replay.all !== null")
            first.append(await page.evaluate("window.__replay.first"))
            whole.append(await page.evaluate("window.__replay.all"))
    return first, whole


async def seeks(page: Page, hours: float, times: int, *, playing: bool) -> list[dict[str, Any]]:
    """Go to random moments of the whole session, from one to the next."""
    chance = random.Random(f"{times} {playing}")
    done = []
    await page.evaluate(f"document.querySelector('library-player').recording.clock.{'play' if playing else 'pause'}()")
    for _ in range(times):
        ms = round(chance.uniform(5000, hours * 3_600_000 - 20_000))  # a frame's time is in whole milliseconds as well
        done.append(await page.evaluate("(ms) => window.__replay.seek(ms)", ms))
        done[-1]["ms"] = ms
        if playing:
            await page.evaluate("window.__replay.forget()")
            await page.wait_for_timeout(1200)
            done[-1]["skews"] = await page.evaluate("window.__replay.skews(1)")
    return done


async def measure(app: web.Application, server: TestServer, options: argparse.Namespace) -> dict[str, Any]:
    """Everything of the long session."""
    hours, times = options.hours, max(2, options.seeks)
    with tempfile.TemporaryDirectory() as name:
        silent = Path(name) / "none"
        async with launched(video=silent, audio=silent) as browser:
            first, whole = await first_pictures(browser, app, server, options.opens)
            print(f"first picture {told(first)}, all of them {told(whole)}", flush=True)
            async with page_of(browser, app, server, SESSION) as (page, address):
                await page.goto(address, wait_until="commit")
                await until(page, "window.__replay.all !== null")
                await until(page, "!document.querySelector('library-player').recording.loading")
                loaded = await page.evaluate("performance.now()")
                print(f"the whole manifest after {loaded:.0f} ms", flush=True)
                # The first page that is opened has the record checked, by a process of the same machine.
                await until(page, CHECKED, seconds=600)
                standing = await seeks(page, hours, times, playing=False)
                print(f"seek, standing {told([one['took'] for one in standing])}", flush=True)
                running = await seeks(page, hours, max(2, times // 2), playing=True)
                print(f"seek, playing {told([one['took'] for one in running])}", flush=True)
                await page.evaluate("window.__replay.forget()")
                await page.wait_for_timeout(options.play * 1000)
                steady = await page.evaluate("window.__replay.skews(1)")
                unread = await page.evaluate("window.__replay.unread / window.__replay.read")
                if options.screenshot:
                    await page.screenshot(path=options.screenshot)
    after = [one["skews"] for one in running]
    stood = [abs(one["shown"][0] - one["shown"][1]) for one in standing if not one.get("late")]
    videos = {"playing": steady["videos"], "after_seeks": [value for one in after for value in one["videos"]]}
    pages = {"playing": steady["page"], "after_seeks": [value for one in after for value in one["page"]]}
    for what, values in (("videos", videos), ("page", pages)):
        for when, each in values.items():
            print(f"skew of {what}, {when}: {spread(each)}", flush=True)
    print(f"pictures apart, standing after a seek: {spread(stood)}; not read {unread:.2%}", flush=True)
    took = [one["took"] for one in (*standing, *running)]
    return {
        "hours": hours,
        "first_picture_ms": round(statistics.median(first)),
        "first_picture_worst_ms": round(max(first)),
        "all_pictures_ms": round(statistics.median(whole)),
        "manifest_ms": round(loaded),
        "seeks": len(took),
        "seek_p50_ms": round(statistics.median(took)),
        "seek_p95_ms": p95(took),
        "seek_standing_p95_ms": p95([one["took"] for one in standing]),
        "seek_playing_p95_ms": p95([one["took"] for one in running]),
        "skew_ms": max(p99(each) for each in (*videos.values(), stood)),
        "skew_playing_ms": p99(videos["playing"]),
        "skew_after_seeks_ms": p99(videos["after_seeks"]),
        "skew_worst_ms": round(max(abs(value) for each in videos.values() for value in each)),
        "cobrowse_skew_ms": max(p99(each) for each in pages.values()),
        # Not the worst: where the page is late, the picture that is read is the next one already.
        "frame_is_of_its_time_ms": p95([abs(value) for value in steady["codes"]]),
        "late_seeks": sum(bool(one.get("late")) for one in (*standing, *running)),
    }


async def live(app: web.Application, server: TestServer, folder: Path, loops: Loops, seconds: int) -> dict[str, Any]:
    """Record a call in real time and follow it in a page; milliseconds from a picture's capture to its being seen."""
    archive = Archive(app[STORE], app[JOURNAL], app[BLOBS], app[VAULT], folder)
    session = f"{LIVE}-{time.time_ns() // 1_000_000_000}"
    begun_us = time.time_ns() // 1000
    first, row = requested(session)
    row["requested_us"] = begun_us
    journal = app[JOURNAL]

    async def add(*events: e.Event, projection: Projection | None = None) -> None:
        await journal.append(session, [(e.kind(event), e.encode(event)) for event in events], projection=projection)

    await add(first, e.ConsentGiven("2026-01", "zh-CN", "00"), projection=row)
    await add(e.Answered("p1", "Chen Jing"), projection=Projection(state="active", answered_us=begun_us))
    key = await archive.vault.create(session)
    await add(e.RecordingStarted(key.suite.name, session))

    def now_ms() -> int:
        return (time.time_ns() // 1000 - begun_us) // 1000

    posted: asyncio.Queue[e.Event] = asyncio.Queue(1000)
    origin = time.monotonic() - now_ms() / 1000
    recorder = Recorder(
        session, spool=folder / "spool", blobs=archive.blobs, key=key, now_ms=now_ms, post=posted.put_nowait, keep=add
    )

    async def journaling() -> None:
        while True:
            await add(await posted.get())

    async def capturing() -> None:
        at = data.BEGUN_MS
        while True:
            until = now_ms()
            for name in data.CAMERAS:
                for frame in data.frames(loops[0], "video", at, until):
                    recorder.track(name, "video").frame(_moved(frame, origin))
            for name in data.MICROPHONES:
                for frame in data.frames(loops[1], "audio", at, until):
                    recorder.track(name, "audio").frame(_moved(frame, origin))
            for _, keyframe, line in data.page_lines(at, until):
                body = json.loads(line)["data"]
                recorder.cobrowse("rrweb", json.dumps(body), epoch="e1", keyframe=keyframe)
            at = max(at, until)
            await asyncio.sleep(0.02)

    tasks = [spawn(journaling(), name="bench journal"), spawn(capturing(), name="bench capture")]
    try:
        await asyncio.sleep(8)
        with tempfile.TemporaryDirectory() as name:
            silent = Path(name) / "none"
            async with (
                launched(video=silent, audio=silent) as browser,
                page_of(browser, app, server, session) as (page, address),
            ):
                await page.goto(address, wait_until="commit")
                await until(page, "window.__replay.all !== null")
                await page.wait_for_timeout(10_000)
                await page.evaluate("window.__replay.forget()")
                await page.wait_for_timeout(seconds * 1000)
                lags = await page.evaluate("(begun) => window.__replay.lags(begun)", begun_us / 1000)
                said = await page.evaluate("document.querySelector('library-player').recording.lag")
                skews = await page.evaluate("window.__replay.skews(1)")
    finally:
        for task in tasks:
            await cancel(task)
        await recorder.end_live()
        await recorder.finish()
    print(
        f"live edge {told(lags)}, the page says {said:.0f} ms; videos {spread([abs(one) for one in skews['videos']])}",
        flush=True,
    )
    return {
        "live_edge_ms": p95(lags),
        "live_edge_p50_ms": round(statistics.median(lags)),
        "live_skew_ms": p99(skews["videos"]),
    }


def _moved(frame: Any, origin: float) -> Any:
    """The frame as captured on this process's monotonic clock."""
    return type(frame)(frame.data, frame.keyframe, frame.time + origin, 0, frame.width, frame.height, frame.duration)


def told(values: Sequence[float]) -> str:
    """Median, 95th percentile and worst, in milliseconds."""
    return f"{statistics.median(values):.0f} ms (95 %: {p95(values)}, worst {max(values):.0f}, of {len(values)})"


def spread(values: Sequence[float]) -> str:
    """Median, 99th percentile and worst of what the values are without their signs, in milliseconds."""
    values = [abs(value) for value in values]
    return f"{statistics.median(values):.0f} ms (99 %: {p99(values)}, worst {max(values):.0f}, of {len(values)})"


def p95(values: Sequence[float]) -> int:
    """The 95th percentile."""
    return round(statistics.quantiles(values, n=20, method="inclusive")[18])


def p99(values: Sequence[float]) -> int:
    """The 99th percentile of what the values are without their signs."""
    return round(statistics.quantiles([abs(value) for value in values], n=100, method="inclusive")[98])


async def run(options: argparse.Namespace) -> dict[str, Any]:
    """Make what is missing, and measure."""
    folder = options.cache / f"replay-{data.FORM}-{options.hours:g}-{options.kbits}"
    result: dict[str, Any] = {}
    async with serving(folder) as (app, _):
        loops = await prepared(app, folder, options.cache, options.hours, options.kbits)
    async with serving(folder) as (app, server):  # a server that has seen nothing of it
        if not options.only or options.only == "long":
            result |= await measure(app, server, options)
    if not options.only or options.only == "live":
        with tempfile.TemporaryDirectory() as name:
            async with serving(Path(name)) as (app, server):
                result |= await live(app, server, Path(name), loops, options.live)
    return result


def main(arguments: Sequence[str]) -> int:
    """Measure and print; with --json the last line is one object."""
    parser = argparse.ArgumentParser("./dev bench replay", description="The player, with a long recording.")
    parser.add_argument("--hours", type=float, default=3.0, help="length of the recording (default: 3)")
    parser.add_argument("--kbits", type=int, default=600, help="kbit/s of each camera (default: 600)")
    parser.add_argument("--seeks", type=int, default=60, help="seeks standing; half as many playing (default: 60)")
    parser.add_argument("--opens", type=int, default=8, help="times that the page is opened (default: 8)")
    parser.add_argument("--play", type=int, default=20, help="seconds that are played for the skew (default: 20)")
    parser.add_argument("--live", type=int, default=30, help="seconds that a running call is followed (default: 30)")
    parser.add_argument("--only", choices=("long", "live"), help="only this part")
    parser.add_argument("--cache", type=Path, default=ROOT / ".cache" / "bench", help="where recordings are kept")
    parser.add_argument("--screenshot", type=Path, help="a picture of the page at the end")
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    options = parser.parse_args(arguments)
    result = asyncio.run(run(options))
    over = [name for name, goal in GOALS.items() if result.get(name, 0) > goal]
    if over:
        print(f"over the bar: {', '.join(f'{name} {result[name]} > {GOALS[name]}' for name in over)}", file=sys.stderr)
    if options.json:
        print(json.dumps(result))
    return 0
