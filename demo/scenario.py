"""One whole call, played by two browsers: button, answer, same form, document, hang up, replay, proof.

`play` reports the browsers' own statistics, the recording's manifest and the result of `visavis verify`. It does not
stop at the first problem: the report lists all of them.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from playwright.async_api import BrowserContext, Page
from playwright.async_api import Error as PlaywrightError

from demo.browser import CONSOLE_SCREEN, KIOSK_SCREEN, first_frame_at, full_picture, open_browser, received
from demo.encoder_probe import measure
from demo.fixtures import SPECIALIST, SUPERVISOR
from demo.page_objects import ConsolePage, KioskPage, LibraryPage, log_in
from demo.processes import Stack, first_line
from demo.report import CallReport, judge, read_journal
from demo.synthetic_media import SyntheticMedia


async def play(
    stack: Stack, media: SyntheticMedia, *, seconds: float, screens: Path | None = None, headless: bool = True
) -> CallReport:
    """Play one call on a running `stack` and report; `screens` keeps pictures of every screen on the way."""
    report = CallReport(seconds=seconds)
    async with contextlib.AsyncExitStack() as browsers:
        customers, specialists = await browsers.enter_async_context(_two_browsers(media, headless))
        machine = await measure(customers, specialists)
        report.picture, report.why, report.slowness = machine.picture, machine.why(), machine.slowness
        if not machine.keeps_up:
            # A camera has the size of the file that it plays, and a browser keeps its camera for life.
            await browsers.aclose()
            customers, specialists = await browsers.enter_async_context(_two_browsers(media.small, headless))
        camera = _Camera(screens)
        try:
            await _call(stack, report, customers, specialists, camera)
            await _replay(stack, report, specialists, camera)
        except (PlaywrightError, TimeoutError) as error:
            await camera.emergency()
            report.problems.append(f"the call stopped half-way: {first_line(error)}")
    if report.session:
        read_journal(report, await stack.journal(report.session))
        code, output = await stack.run_command("verify", report.session)
        report.verified = code == 0
        if code != 0:
            report.problems.append(f"visavis verify said: {output.strip()[-300:]}")
    judge(report)
    return report


@contextlib.asynccontextmanager
async def _two_browsers(media: SyntheticMedia, headless: bool) -> AsyncIterator[tuple[BrowserContext, BrowserContext]]:
    async with (
        open_browser(
            video=media.customer_video, audio=media.customer_audio, screen=KIOSK_SCREEN, headless=headless
        ) as customers,
        open_browser(
            video=media.specialist_video, audio=media.specialist_audio, screen=CONSOLE_SCREEN, headless=headless
        ) as specialists,
    ):
        yield customers, specialists


class _Camera:
    """Takes pictures of screens, if a folder for them was given."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._pages: dict[str, Page] = {}
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)

    async def take(self, name: str, page: Page) -> None:
        self._pages[name.split("-")[0]] = page
        if self._folder is not None:
            await page.screenshot(path=self._folder / f"{name}.png")

    async def emergency(self) -> None:
        """The content of every page when a step timed out."""
        if self._folder is not None:
            for name, page in self._pages.items():
                with contextlib.suppress(PlaywrightError):
                    await page.screenshot(path=self._folder / f"{name}-stopped.png")


async def _call(
    stack: Stack, report: CallReport, customers: BrowserContext, specialists: BrowserContext, camera: _Camera
) -> None:
    console = ConsolePage(
        await log_in(specialists, stack.server_url, SPECIALIST.face, SPECIALIST.login, stack.password)
    )
    await console.make_available()
    kiosk = await KioskPage.open(customers, stack.kiosk_url)
    await camera.take("kiosk-1-home", kiosk.page)
    await camera.take("console-1-idle", console.page)
    await kiosk.want_expert(0)
    await camera.take("kiosk-2-notice", kiosk.page)
    await kiosk.agree()
    await console.ring.wait_for()
    await camera.take("kiosk-3-waiting", kiosk.page)
    await camera.take("console-2-ring", console.page)
    answered = await console.answer()
    moments = await asyncio.gather(first_frame_at(kiosk.page), first_frame_at(console.page))
    report.answer_to_media_ms = round(max(moments) - answered)
    began = asyncio.get_running_loop().time()
    report.session = await stack.newest_session()
    await console.recording()
    await kiosk.open_form()
    await kiosk.fill_form()
    await console.say("您好，我来帮您一起填写。")
    await kiosk.hears("您好，我来帮您一起填写。")
    await camera.take("kiosk-4-call", kiosk.page)
    await camera.take("console-3-call", console.page)
    await console.ask_for_document()
    await kiosk.show_document()
    await console.open_document()
    await camera.take("console-4-document", console.page)
    await console.accept_document()
    left = report.seconds - 2 - (asyncio.get_running_loop().time() - began)
    await asyncio.sleep(max(0.0, left))
    # Where it does not come, the report tells the size that there was.
    await asyncio.gather(
        full_picture(kiosk.page, size=report.picture),
        full_picture(console.page, size=report.picture),
        return_exceptions=True,
    )
    report.kiosk, report.console = await asyncio.gather(received(kiosk.page), received(console.page))
    report.seconds = asyncio.get_running_loop().time() - began
    await kiosk.hang_up()
    await camera.take("kiosk-5-rating", kiosk.page)
    await kiosk.rate(5)
    await console.wrap_up()
    await kiosk.home()
    await console.page.close()


async def _replay(stack: Stack, report: CallReport, browser: BrowserContext, camera: _Camera) -> None:
    report.replay_url = f"{stack.server_url}/library/{report.session}"
    await browser.clear_cookies()
    page = await log_in(browser, stack.server_url, SUPERVISOR.face, SUPERVISOR.login, stack.password)
    library = LibraryPage(page)
    await library.has(report.session)
    await camera.take("library-1-list", page)
    await library.open(report.session)
    await library.play()
    await camera.take("library-2-player", page)
