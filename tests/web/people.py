"""A browser for tests of the people's pages: a moving camera, a humming microphone, and a list of complaints."""

from __future__ import annotations

import contextlib
import io
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from playwright.async_api import BrowserContext, ConsoleMessage, Page, ViewportSize

from server.demo_browser import CONSOLE_SCREEN, open_browser
from server.demo_media import AUDIO_RATE, write_wav

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
        page.set_default_timeout(10_000)
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not any(known in message.text for known in _EXPECTED):
            self.complaints.append(message.text)


@contextlib.asynccontextmanager
async def at_desk(
    folder: Path, *, language: str = "en-GB", screen: ViewportSize = CONSOLE_SCREEN, devices: bool = True
) -> AsyncIterator[Person]:
    """Open a page of a person whose camera shows a moving bar and whose microphone hums.

    Without `devices` the browser refuses both.
    """
    _write_video(folder / "camera.mjpeg")
    hum = 8000 * np.sin(2 * np.pi * 220 * np.arange(AUDIO_RATE) / AUDIO_RATE)
    write_wav(folder / "microphone.wav", hum.astype(np.int16))
    async with open_browser(
        video=folder / "camera.mjpeg", audio=folder / "microphone.wav", language=language, screen=screen
    ) as context:
        if not devices:
            await context.add_init_script(_REFUSE)
        person = Person(await context.new_page(), context)
        person.listen(person.page)
        yield person


def _write_video(path: Path) -> None:
    with path.open("wb") as file:
        for number in range(30):
            picture = Image.new("RGB", (640, 360), (40, 90, 95))
            ImageDraw.Draw(picture).rectangle((number * 20, 40, number * 20 + 60, 320), fill=(242, 180, 91))
            buffer = io.BytesIO()
            picture.save(buffer, "JPEG", quality=80)
            file.write(buffer.getvalue())
