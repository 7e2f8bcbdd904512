"""Real Chromium pages that speak the six m-lines of a leg, for tests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from playwright.async_api import Page, async_playwright

from demo.browser import FEATURES
from link.rtc.leg import Leg
from tests.link.rtc.lossy import LossyPath

FLAGS = [
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
    "--allow-loopback-in-peer-connection",
    "--autoplay-policy=no-user-gesture-required",
]

_SCRIPT = """
async ({publish, paint}) => {
  const pc = new RTCPeerConnection({bundlePolicy: "max-bundle", iceServers: []});
  const painted = () => {
    const canvas = Object.assign(document.createElement("canvas"), {width: paint.width, height: paint.height});
    const context = canvas.getContext("2d");
    let at = 0;
    setInterval(() => {
      context.fillStyle = paint.colour;
      context.fillRect(0, 0, paint.width, paint.height);
      context.fillStyle = "black";
      context.fillRect(at++ % paint.width, 0, 20, 20);
    }, 33);
    return canvas.captureStream(30);
  };
  const media = paint ? painted() : publish
    ? await navigator.mediaDevices.getUserMedia({audio: true, video: {width: 1280, height: 720, frameRate: 30}})
    : new MediaStream();
  pc.addTransceiver(media.getAudioTracks()[0] || "audio", {direction: "sendrecv"});
  const camera = pc.addTransceiver("video", {direction: "sendrecv"});
  pc.addTransceiver("video", {direction: "sendrecv"});
  pc.addTransceiver("audio", {direction: "recvonly"});
  pc.addTransceiver("audio", {direction: "recvonly"});
  pc.addTransceiver("video", {direction: "recvonly"});
  window.pc = pc;
  pc.onconnectionstatechange = () => {
    if (pc.connectionState === "connected") camera.sender.replaceTrack(media.getVideoTracks()[0] || null);
  };
  pc.onicecandidate = ({candidate}) => window.trickle(candidate?.candidate ?? "", candidate?.sdpMid ?? "");
  for (const t of pc.getTransceivers()) {
    const element = document.createElement(t.receiver.track.kind);
    element.autoplay = true;
    element.srcObject = new MediaStream([t.receiver.track]);
    element.play().catch(() => 0);
    document.body.append(element);
  }
  await pc.setLocalDescription();
  return pc.localDescription.sdp;
}
"""

_STATISTICS = """
async () => {
  const found = {state: window.pc.connectionState};
  const mids = Object.fromEntries(window.pc.getTransceivers().map((t, i) => [t.mid, i]));
  for (const s of (await window.pc.getStats()).values())
    if (s.type === "inbound-rtp" || s.type === "outbound-rtp")
      found[(s.type === "inbound-rtp" ? "in" : "out") + mids[s.mid]] = s;
  return found;
}
"""


# The module that the pages of the product use.
_PLAYOUT = (Path(__file__).parents[3] / "web/src/media/playout.js").read_text()
_PLAYOUT = _PLAYOUT.replace("export class", "window.Playout = class") + "\n;null"
_HOLD_BACK = """
() => {
  const playout = new window.Playout(window.pc.getReceivers().filter(r => r.track.kind === "video"));
  setInterval(async () => playout.see((await window.pc.getStats()).values(), performance.now()), 500);
}
"""


class Browser:
    """One page with one peer connection."""

    def __init__(self, page: Page) -> None:
        self.page = page

    async def connect(
        self,
        leg: Leg,
        *,
        publish: bool = True,
        path: LossyPath | None = None,
        paint: dict[str, str | int] | None = None,
    ) -> None:
        """Offer to `leg`, take its answer, trickle; over `path`, if there is one.

        `paint` (`colour`, `width`, `height`) is shown instead of camera and microphone.
        """
        early: asyncio.Queue[tuple[str, str]] = asyncio.Queue(100)
        answered = False

        async def trickle(candidate: str, mid: str) -> None:
            if answered:
                await leg.add_candidate(candidate, mid)
            else:
                early.put_nowait((candidate, mid))

        async def ignore(candidate: str, mid: str) -> None:
            """The far end learns our address from what arrives there."""

        await self.page.expose_function("trickle", ignore if path else trickle)
        offer = await self.page.evaluate(_SCRIPT, {"publish": publish, "paint": paint})
        answer = await leg.answer(path.hide(offer) if path else offer)
        if path:
            answer = await path.stand_before(answer)
            await leg.add_candidate("", "")
        answered = True
        while not early.empty():
            await leg.add_candidate(*early.get_nowait())
        await self.page.evaluate("sdp => window.pc.setRemoteDescription({type: 'answer', sdp})", answer)
        await self.page.evaluate(_PLAYOUT)
        await self.page.evaluate(_HOLD_BACK)

    async def statistics(self) -> dict[str, Any]:
        """Chromium's RTP statistics, keyed `in0` to `in5` and `out0` to `out2` by m-line."""
        found: dict[str, Any] = await self.page.evaluate(_STATISTICS)
        return found


@asynccontextmanager
async def browsers(
    count: int = 1, *, speech: Path | None = None, film: Path | None = None
) -> AsyncIterator[list[Browser]]:
    """Pages in one headless Chromium of the operating system.

    Microphones hear `speech`, a WAV, or beeps; cameras see `film`, Motion JPEG, or a test picture.
    """
    flags = [*FLAGS, f"--use-file-for-fake-audio-capture={speech}"] if speech else [*FLAGS]
    if film is not None:
        flags.append(f"--use-file-for-fake-video-capture={film}")
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=flags, headless=True, chromium_sandbox=False
        )
        try:
            pages = []
            for _ in range(count):
                context = await chromium.new_context(permissions=["camera", "microphone"])
                page = await context.new_page()
                await page.route("**/*", lambda route: route.fulfill(body="<body></body>", content_type="text/html"))
                await page.goto("http://localhost:9/")
                pages.append(Browser(page))
            yield pages
        finally:
            await chromium.close()
