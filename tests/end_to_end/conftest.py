"""The whole of Visavis for one test: server and kiosk client as processes, both pages in real Chromium.

A test asks for `stack` (processes only), `faces` (both pages open and ready) or `call` (a call that both sides are in).
When it fails, pictures of the pages and the processes' logs are left in `.cache/failures/<test>/`.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import time
from collections.abc import AsyncIterator, Generator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext
from playwright.async_api import Error as PlaywrightError

from demo.browser import CONSOLE_SCREEN, KIOSK_SCREEN, first_frame_at, launched, profile
from demo.fixtures import SPECIALIST, SUPERVISOR
from demo.page_objects import ConsolePage, KioskPage, LibraryPage, log_in
from demo.processes import ROOT, Stack, free_port, running
from demo.synthetic_media import SyntheticMedia, prepare
from server.journal import Journal
from server.store import Store
from tests.end_to_end.wire import Wire

FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed:
        item.stash[FAILED] = True
    return report


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.chromium)
            item.add_marker(pytest.mark.alone)
            # One event loop for all of them, so that they share two browsers; each has profiles of its own.
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest.fixture(scope="session")
def media() -> SyntheticMedia:
    """Moving pictures, voices and documents, made once on this machine."""
    return prepare(ROOT / ".cache" / "demo")


@dataclass(frozen=True)
class Browsers:
    """Two browsers with different cameras and microphones."""

    customer: Browser
    specialist: Browser


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browsers(media: SyntheticMedia) -> AsyncIterator[Browsers]:
    async with (
        launched(video=media.small.customer_video, audio=media.customer_audio) as customer,
        launched(video=media.small.specialist_video, audio=media.specialist_audio) as specialist,
    ):
        yield Browsers(customer, specialist)


@dataclass
class Faces:
    """Both pages of one stack, in two browsers. `session` is the id of the newest call."""

    stack: Stack
    kiosk: KioskPage
    console: ConsolePage
    customers: BrowserContext
    specialists: BrowserContext
    session: str = ""

    async def begin_call(self, service: int = 0) -> None:
        """Button, consent, ring, answer; returns when both sides see moving pictures and it is recorded."""
        await self.kiosk.want_expert(service)
        await self.kiosk.agree()
        await self.console.answer()
        await asyncio.gather(first_frame_at(self.kiosk.page), first_frame_at(self.console.page))
        await self.console.recording()
        self.session = await self.stack.newest_session()

    async def time_ms(self) -> float:
        """Now, in milliseconds of the newest call's timeline."""
        store = await Store.open(self.stack.config.database_url)
        try:
            entries = await Journal(store).read(self.session)
        finally:
            await store.close()
        return time.time() * 1000 - entries[0].at_us / 1000

    async def library(self) -> LibraryPage:
        """The library, where the supervisor is logged in, in the specialist's browser (which is logged out)."""
        await self.specialists.clear_cookies()
        page = await log_in(
            self.specialists, self.stack.server_url, SUPERVISOR.face, SUPERVISOR.login, self.stack.password
        )
        return LibraryPage(page)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def template(tmp_path_factory: pytest.TempPathFactory) -> Stack:
    """A stack that is down, with demonstration data and an enrolled kiosk; each test gets a copy of its data."""
    made = Stack(tmp_path_factory.mktemp("template") / "data", free_port(), free_port())
    async with running(made):
        pass
    shutil.rmtree(made.data / "logs")
    return made


@pytest_asyncio.fixture(loop_scope="session")
async def stack(
    tmp_path: Path, template: Stack, media: SyntheticMedia, request: pytest.FixtureRequest
) -> AsyncIterator[Stack]:
    """Server and kiosk client on free ports, with demonstration data in a directory of their own."""
    shutil.copytree(template.data, tmp_path / "data")
    marker = request.node.get_closest_marker("server_options")
    options = [str(argument) for argument in marker.args] if marker else []
    made = Stack(
        tmp_path / "data", template.port, template.page_port, documents=media.documents, server_options=options
    )
    try:
        async with running(made):
            yield made
    finally:
        if request.node.stash.get(FAILED, False):
            folder = failure_folder(request)
            for log in (made.data / "logs").glob("*.log"):
                shutil.copy(log, folder)


@pytest_asyncio.fixture(loop_scope="session")
async def wire(stack: Stack) -> AsyncIterator[Wire]:
    """The network that kiosk client and browsers have to the server. A test names it before `faces`."""
    async with Wire(stack.server_url) as made:
        assert stack.kiosk is not None
        await stack.kiosk.stop()
        stack.front = made.url
        await stack.enrol_kiosk()
        await stack.start_kiosk()
        yield made


@pytest_asyncio.fixture(loop_scope="session")
async def faces(stack: Stack, browsers: Browsers, request: pytest.FixtureRequest) -> AsyncIterator[Faces]:
    """The kiosk page on its idle screen and a console that takes calls."""
    async with (
        profile(browsers.customer, screen=KIOSK_SCREEN) as customers,
        profile(browsers.specialist, screen=CONSOLE_SCREEN) as specialists,
    ):
        try:
            yield await both_faces(stack, customers, specialists)
        finally:
            if request.node.stash.get(FAILED, False):
                await keep_screens(failure_folder(request), customers, specialists)


async def both_faces(stack: Stack, customers: BrowserContext, specialists: BrowserContext) -> Faces:
    """The kiosk page on its idle screen, and meanwhile a console that takes calls."""

    async def log_specialist_in() -> ConsolePage:
        page = await log_in(specialists, stack.server_url, SPECIALIST.face, SPECIALIST.login, stack.password)
        console = ConsolePage(page)
        await console.make_available()
        return console

    kiosk, console = await asyncio.gather(KioskPage.open(customers, stack.kiosk_url), log_specialist_in())
    return Faces(stack, kiosk, console, customers, specialists)


@pytest_asyncio.fixture(loop_scope="session")
async def call(faces: Faces) -> Faces:
    """A call that both sides are in, with moving pictures both ways."""
    await faces.begin_call()
    return faces


def failure_folder(request: pytest.FixtureRequest) -> Path:
    folder = ROOT / ".cache" / "failures" / str(request.node.name)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


async def keep_screens(folder: Path, *contexts: BrowserContext) -> None:
    for number, context in enumerate(contexts):
        for index, page in enumerate(context.pages):
            with contextlib.suppress(PlaywrightError):
                await page.screenshot(path=folder / f"browser{number}-page{index}.png", timeout=5000)
