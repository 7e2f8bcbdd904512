"""Chromium for the automatic demonstration and the end-to-end tests: flags, fake devices, the browser's own statistics.

Playwright drives the Chromium of the operating system; nothing is downloaded. Statistics come from `getStats` of every
peer connection the page made, so they say what the browser decoded and not what our code believes.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import math
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, BrowserContext, Page, ViewportSize, async_playwright

from demo.doctor import find_browser

KIOSK_SCREEN = ViewportSize(width=1080, height=1920)
CONSOLE_SCREEN = ViewportSize(width=1440, height=900)
PHONE_SCREEN = ViewportSize(width=390, height=844)

# The address bar's pop-ups: two pages of the browser's own, loaded for every window, though nobody sees a headless
# window's address bar. They cost as much as the page that is looked at. The others are what Playwright 1.65 turns off,
# because a second `--disable-features` replaces the first.
_FEATURES_OFF = (
    "WebUIOmniboxPopup",
    "WebUIOmniboxAimPopup",
    "AimEnabled",
    "AvoidCorsURLLoaderRestartOnRedirect",
    "AvoidUnnecessaryBeforeUnloadCheckSync",
    "DestroyProfileOnBrowserClose",
    "HttpsFirstBalancedModeAutoEnable",
    "HttpsUpgrades",
    "LensOverlay",
    "MediaRouter",
    "NetworkTimeServiceQuerying",
    "OptimizationHints",
    "PaintHolding",
    "PreconnectToSearch",
    "ThirdPartyStoragePartitioning",
)
FEATURES = f"--disable-features={','.join(_FEATURES_OFF)}"

_FLAGS = (
    FEATURES,
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
    "--allow-loopback-in-peer-connection",
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
)

# Keeps every peer connection of the page, and the moment the first picture of a remote track was decoded.
_WATCH_PEERS = """
(() => {
  const peers = [];
  const Original = window.RTCPeerConnection;
  window.RTCPeerConnection = class extends Original {
    constructor(...given) { super(...given); peers.push(this); }
  };
  const seen = { firstFrame: null };
  const open = () => peers.filter((peer) => peer.connectionState !== "closed");
  window.__visavisMedia = {
    get firstFrame() { return seen.firstFrame; },
    forget() { seen.firstFrame = null; },
    async read() {
      const rows = [];
      for (const peer of open()) {
        for (const row of (await peer.getStats()).values()) {
          if (row.type === "inbound-rtp") rows.push({ ...row });
        }
      }
      return rows;
    },
  };
  setInterval(async () => {
    if (seen.firstFrame !== null) return;
    const rows = await window.__visavisMedia.read();
    if (seen.firstFrame === null && rows.some((row) => row.kind === "video" && row.framesDecoded > 0)) {
      seen.firstFrame = performance.timeOrigin + performance.now();
    }
  }, 40);
})();
"""


# linux/prctl.h and linux/capability.h
_PR_CAPBSET_DROP = 24
_CAP_SYS_NICE = 23


class NoBrowser(Exception):
    """There is no Chromium on this machine."""


@dataclass(frozen=True, slots=True)
class Received:
    """What one page has received and decoded since its peer connections began.

    `video_frames`, `width` and `height` are of the liveliest picture, which is a camera; `audio_level` is the loudest
    track's mean level between the two readings, from 0 to 1.
    """

    video_frames: int
    width: int
    height: int
    audio_level: float
    freezes: int
    frozen_s: float
    concealed_s: float


def forbid_raised_priority() -> None:
    """Keep every program that this thread starts from now on at the priority that it was started with.

    Started by root, Chromium gives its main threads a nice value of -8, and of -10 to sound. On a machine that is short
    of cores the server's database threads then wait for seconds. Nobody but root may do so, and elsewhere than on Linux
    there is no `prctl`: nothing is to be done there.
    """
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).prctl(_PR_CAPBSET_DROP, _CAP_SYS_NICE, 0, 0, 0)


@contextlib.asynccontextmanager
async def launched(*, video: Path, audio: Path, headless: bool = True) -> AsyncIterator[Browser]:
    """Run a Chromium whose camera shows `video` (Motion JPEG) and whose microphone hears `audio` (WAV), in a loop.

    Raises:
        NoBrowser: there is no Chromium on this machine.
    """
    executable = find_browser()
    if executable is None:
        raise NoBrowser("there is no Chromium on this machine")
    forbid_raised_priority()
    devices = [f"--use-file-for-fake-video-capture={video}", f"--use-file-for-fake-audio-capture={audio}"]
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=executable, headless=headless, args=[*_FLAGS, *devices], handle_sigint=False
        )
        try:
            yield browser
        finally:
            with contextlib.suppress(Exception):
                await asyncio.wait_for(browser.close(), 10)


@contextlib.asynccontextmanager
async def profile(
    browser: Browser, *, screen: ViewportSize = CONSOLE_SCREEN, language: str = "zh-CN"
) -> AsyncIterator[BrowserContext]:
    """A profile of its own in `browser`: nobody is logged in, camera and microphone are allowed.

    Pages are asked for little motion (`prefers-reduced-motion`): without a graphics card each frame of a pulsing light
    is drawn by the processor, sixty times a second, and several pages of that take what the call needs.
    """
    context = await browser.new_context(
        viewport=screen, locale=language, permissions=["camera", "microphone"], reduced_motion="reduce"
    )
    try:
        await context.add_init_script(_WATCH_PEERS)
        yield context
    finally:
        with contextlib.suppress(Exception):
            await asyncio.wait_for(context.close(), 10)


@contextlib.asynccontextmanager
async def open_browser(
    *, video: Path, audio: Path, screen: ViewportSize = CONSOLE_SCREEN, language: str = "zh-CN", headless: bool = True
) -> AsyncIterator[BrowserContext]:
    """A browser with one profile; see `launched` and `profile`."""
    async with (
        launched(video=video, audio=audio, headless=headless) as browser,
        profile(browser, screen=screen, language=language) as context,
    ):
        yield context


async def first_frame_at(page: Page, *, timeout: float = 60) -> float:
    """Wait for the first decoded picture; return its time in milliseconds since the epoch, to within 40 ms.

    Raises:
        TimeoutError: no picture came in `timeout` seconds.
    """
    async with asyncio.timeout(timeout):
        while True:
            moment = await page.evaluate("window.__visavisMedia.firstFrame")
            if moment is not None:
                return float(moment)
            await asyncio.sleep(0.05)


async def inbound(page: Page) -> list[dict[str, Any]]:
    """Return the `inbound-rtp` statistics of every open peer connection of `page` (W3C webrtc-stats)."""
    rows: list[dict[str, Any]] = await page.evaluate("window.__visavisMedia.read()")
    return rows


async def full_picture(page: Page, *, size: tuple[int, int] = (1280, 720), timeout: float = 20) -> None:
    """Wait until the liveliest picture that `page` decodes has this size.

    Raises:
        TimeoutError: it did not have it in `timeout` seconds; the message says what it had.
    """
    found = (0, 0)
    try:
        async with asyncio.timeout(timeout):
            while found != size:
                await asyncio.sleep(0.2)
                best = _liveliest(await inbound(page))
                found = (int(best.get("frameWidth", 0)), int(best.get("frameHeight", 0)))
    except TimeoutError:
        raise TimeoutError(f"the picture is {found[0]}x{found[1]}") from None


async def received(page: Page, *, seconds: float = 2.0) -> Received:
    """Read the statistics of `page` twice, `seconds` apart."""
    before = {row["id"]: row for row in await inbound(page)}
    await asyncio.sleep(seconds)
    after = await inbound(page)
    audios = [row for row in after if row.get("kind") == "audio"]
    best = _liveliest(after)
    return Received(
        video_frames=int(best.get("framesDecoded", 0)),
        width=int(best.get("frameWidth", 0)),
        height=int(best.get("frameHeight", 0)),
        audio_level=round(max((_level(before.get(row["id"], {}), row) for row in audios), default=0.0), 4),
        freezes=int(best.get("freezeCount", 0)),
        frozen_s=round(float(best.get("totalFreezesDuration", 0.0)), 3),
        concealed_s=round(sum(row.get("concealedSamples", 0) for row in audios) / 48000, 3),
    )


def _liveliest(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The camera among the received pictures: it sends many more frames than the document camera or a screen."""
    videos = [row for row in rows if row.get("kind") == "video"]
    return max(videos, key=lambda row: int(row.get("framesDecoded", 0)), default={})


def _level(before: dict[str, Any], after: dict[str, Any]) -> float:
    """Mean level between two readings: the square root of energy over time (W3C webrtc-stats, totalAudioEnergy)."""
    energy = after.get("totalAudioEnergy", 0.0) - before.get("totalAudioEnergy", 0.0)
    duration = after.get("totalSamplesDuration", 0.0) - before.get("totalSamplesDuration", 0.0)
    return math.sqrt(energy / duration) if duration > 0 and energy > 0 else 0.0
