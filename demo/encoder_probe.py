"""Measures what this machine can encode, before the automatic demonstration begins.

In a call each of the two browsers runs one encoder and one decoder, in software, on cores that they share with server
and kiosk client. Both browsers first do that for a few seconds in a loopback call of their own. Whether the large
picture keeps up decides the picture of the demonstration's call, so that the call is judged and not the machine; the
time that this took is the unit of the call's own limits (`demo/report.py`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from playwright.async_api import BrowserContext, Route

from demo.synthetic_media import LARGE, SMALL

# Chromium's camera plays 30 pictures a second; fewer than 24 decoded means that the machine does not keep up. Server,
# kiosk client, recorder and pages need processor time as well: two idle cores of 2.6 GHz are at 65 to 77 % here, and
# calls with the large picture froze for up to 0.6 s there, on slower ones for 2 to 4 s.
LEAST_FPS = 24.0
MOST_BUSY = 0.6
MEASURED_S = 3.0
# From asking for the camera to the first decoded picture over loopback: 190 to 440 ms on a quiet machine of two cores.
USUAL_START_MS = 450.0
PATIENCE_S = 60.0

# A page that may use camera and microphone, because 127.0.0.1 is a secure context; no server is contacted.
_ADDRESS = "http://127.0.0.1:9/"
_BLANK = "<!doctype html><title>Visavis</title><video autoplay muted playsinline></video>"

# One peer connection with itself: the picture is captured, encoded, sent, decoded and shown, as in a call.
_LOOP = """async ([seconds, width, height]) => {
  const begun = performance.now();
  const stream = await navigator.mediaDevices.getUserMedia({
    audio: true,
    video: { width: { ideal: width }, height: { ideal: height }, frameRate: { ideal: 30 } },
  });
  const [near, far] = [new RTCPeerConnection(), new RTCPeerConnection()];
  let negotiated;
  const ready = new Promise((done) => { negotiated = done; });
  near.onicecandidate = async ({ candidate }) => { await ready; await far.addIceCandidate(candidate); };
  far.onicecandidate = async ({ candidate }) => { await ready; await near.addIceCandidate(candidate); };
  far.ontrack = ({ streams }) => { document.querySelector("video").srcObject = streams[0]; };
  for (const track of stream.getTracks()) {
    const video = track.kind === "video";
    const sender = near.addTransceiver(track, {
      direction: "sendonly", streams: [stream], sendEncodings: video ? [{ maxBitrate: 2_500_000 }] : [{}],
    });
    const vp8 = RTCRtpReceiver.getCapabilities("video").codecs.filter((codec) => codec.mimeType === "video/VP8");
    if (video) sender.setCodecPreferences(vp8);
  }
  await near.setLocalDescription();
  // As the server's answers do: without it Chromium begins with a small picture and takes long to enlarge it.
  await far.setRemoteDescription(near.localDescription);
  await far.setLocalDescription();
  const rate = "x-google-min-bitrate=600;x-google-start-bitrate=2000;x-google-max-bitrate=3000";
  const type = /a=rtpmap:(\\d+) VP8/.exec(far.localDescription.sdp)[1];
  const sdp = far.localDescription.sdp.replace(/(a=rtpmap:\\d+ VP8.*\\r\\n)/, `$1a=fmtp:${type} ${rate}\\r\\n`);
  await near.setRemoteDescription({ type: "answer", sdp });
  negotiated();
  const decoded = async () => {
    for (const row of (await far.getStats()).values()) {
      if (row.type === "inbound-rtp" && row.kind === "video") return row.framesDecoded ?? 0;
    }
    return 0;
  };
  const pause = (ms) => new Promise((done) => { setTimeout(done, ms); });
  while (!(await decoded())) await pause(20);
  const started = performance.now();
  const before = await decoded();
  await pause(seconds * 1000);
  const fps = ((await decoded()) - before) / ((performance.now() - started) / 1000);
  near.close();
  far.close();
  for (const track of stream.getTracks()) track.stop();
  return { fps, startMs: started - begun };
}"""


@dataclass(frozen=True, slots=True)
class EncoderProbe:
    """The result for one picture size.

    `fps` is the smaller of their decoded rates, `start_ms` the longer of their times from asking for the camera to the
    first picture, `busy` the share of all cores that was in use (None where the system does not tell).
    """

    fps: float
    start_ms: float
    busy: float | None

    @property
    def slowness(self) -> float:
        """How many times longer than usual the start took here; 1 where it took no longer."""
        return max(1.0, self.start_ms / USUAL_START_MS)

    @property
    def keeps_up(self) -> bool:
        """True where the picture moves and there is room for the rest of a call."""
        return self.fps >= LEAST_FPS and (self.busy is None or self.busy <= MOST_BUSY)

    def why(self) -> str:
        """The reason for the picture that `picture` chooses, in one sentence."""
        found = f"{self.fps:.0f} pictures of {LARGE[0]}x{LARGE[1]} a second"
        found += "" if self.busy is None else f" with {self.busy:.0%} of its cores"
        return f"this machine encodes and decodes {found} for two browsers" + (
            "" if self.keeps_up else f"; a call needs {LEAST_FPS:.0f} with at most {MOST_BUSY:.0%}"
        )

    @property
    def picture(self) -> tuple[int, int]:
        """Width and height of the picture that a call on this machine is played with."""
        return LARGE if self.keeps_up else SMALL


async def measure(
    *browsers: BrowserContext, picture: tuple[int, int] = LARGE, seconds: float = MEASURED_S
) -> EncoderProbe:
    """Let all `browsers` encode and decode `picture` at once, each with itself, for `seconds`.

    Raises:
        TimeoutError: no picture was decoded in PATIENCE_S.
    """
    async with asyncio.timeout(PATIENCE_S + seconds):
        # A warm-up: the first start reads from disk and compiles, which a call does not pay for.
        await asyncio.gather(*(_loop(browser, picture, 0.2) for browser in browsers))
        before = _cpu_times()
        rows = await asyncio.gather(*(_loop(browser, picture, seconds) for browser in browsers))
        busy = _busy(before, _cpu_times())
    return EncoderProbe(min(row["fps"] for row in rows), max(row["startMs"] for row in rows), busy)


async def _loop(browser: BrowserContext, picture: tuple[int, int], seconds: float) -> dict[str, float]:
    page = await browser.new_page()
    try:
        await page.route(_ADDRESS, _blank)
        await page.goto(_ADDRESS)
        found: dict[str, float] = await page.evaluate(_LOOP, [seconds, *picture])
    finally:
        await page.close()
    return found


async def _blank(route: Route) -> None:
    await route.fulfill(content_type="text/html", body=_BLANK)


def _cpu_times() -> Sequence[int]:
    """The first line of /proc/stat (proc(5)): clock ticks of all cores by kind; empty on other systems."""
    try:
        with open("/proc/stat", encoding="ascii") as file:  # noqa: PTH123 - no path of ours
            return [int(number) for number in file.readline().split()[1:]]
    except OSError:
        return []


def _busy(before: Sequence[int], after: Sequence[int]) -> float | None:
    passed = [b - a for a, b in zip(before, after, strict=False)]
    if len(passed) < 5 or not sum(passed):
        return None
    # Idle and waiting for a disk are the fourth and fifth; what a hypervisor took (the eighth) counts as busy.
    return 1 - (passed[3] + passed[4]) / sum(passed[:8])
