"""A browser for tests of the people's pages: a moving camera, a humming microphone, and a list of complaints."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, ViewportSize

from demo.browser import CONSOLE_SCREEN, launched, profile
from demo.synthetic_media import AUDIO_RATE, write_wav

# Chromium says this for every look that the test itself takes into the scriptless frames of the customer's screen.
_EXPECTED = ("allow-scripts",)

_REFUSE = """
navigator.mediaDevices.getUserMedia = async () => { throw new DOMException("refused", "NotAllowedError"); };
"""


@dataclass
class Person:
    """One page, and what the browser complained about on it."""

    page: Page
    context: BrowserContext
    complaints: list[str] = field(default_factory=list)

    def listen(self, page: Page) -> None:
        page.set_default_timeout(30_000)
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not any(known in message.text for known in _EXPECTED):
            self.complaints.append(message.text)


class OneForAll:
    """While it is open, everybody `at_desk` has a profile of one browser, which the first of them starts.

    Tests that share it have to run on one event loop.
    """

    open: OneForAll | None = None

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running = contextlib.AsyncExitStack()
        self._browser: Browser | None = None

    async def __aenter__(self) -> OneForAll:
        OneForAll.open = self
        return self

    async def __aexit__(self, *_: object) -> None:
        OneForAll.open = None
        await self._running.aclose()

    async def browser(self) -> Browser:
        if self._browser is None or not self._browser.is_connected():
            await self._running.aclose()
            self._browser = await self._running.enter_async_context(_launched(self._folder))
        return self._browser


@contextlib.asynccontextmanager
async def at_desk(
    folder: Path, *, language: str = "en-GB", screen: ViewportSize = CONSOLE_SCREEN, devices: bool = True
) -> AsyncIterator[Person]:
    """Open a page of a person whose camera shows a moving bar and whose microphone hums.

    Without `devices` the browser refuses both.
    """
    async with (
        _browser(folder) as browser,
        profile(browser, language=language, screen=screen) as context,
    ):
        if not devices:
            await context.add_init_script(_REFUSE)
        person = Person(await context.new_page(), context)
        person.listen(person.page)
        yield person


@contextlib.asynccontextmanager
async def _browser(folder: Path) -> AsyncIterator[Browser]:
    if OneForAll.open is not None:
        yield await OneForAll.open.browser()
        return
    async with _launched(folder) as browser:
        yield browser


@contextlib.asynccontextmanager
async def _launched(folder: Path) -> AsyncIterator[Browser]:
    _write_video(folder / "camera.y4m")
    hum = 8000 * np.sin(2 * np.pi * 220 * np.arange(AUDIO_RATE) / AUDIO_RATE)
    write_wav(folder / "microphone.wav", hum.astype(np.int16))
    async with launched(video=folder / "camera.y4m", audio=folder / "microphone.wav") as browser:
        yield browser


def _write_video(path: Path) -> None:
    """Ten pictures a second are enough to see that something moves: each costs all pages that show it."""
    with path.open("wb") as file:
        file.write(b"YUV4MPEG2 W320 H180 F10:1 Ip A1:1 C420jpeg\n")
        for number in range(10):
            picture = Image.new("YCbCr", (320, 180), (77, 136, 103))
            ImageDraw.Draw(picture).rectangle((number * 30, 20, number * 30 + 30, 160), fill=(186, 75, 168))
            planes = np.asarray(picture)
            file.write(b"FRAME\n" + planes[:, :, 0].tobytes())
            file.writelines(planes[::2, ::2, plane].tobytes() for plane in (1, 2))
