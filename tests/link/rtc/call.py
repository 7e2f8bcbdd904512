"""A call between two real Chromium pages over two legs and a relay, each leg behind a network of its own, for tests."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from link.rtc.leg import Leg, LegState
from link.rtc.relay import Relay
from tests.link.rtc.chromium import Browser, browsers
from tests.link.rtc.film import write_film
from tests.link.rtc.lossy import LossyPath
from tests.link.rtc.speech import write_speech

# Inside the page, so that neither this process nor the way to the browser is measured.
_SAMPLER = """
() => {
  window.samples = [];
  const mids = Object.fromEntries(window.pc.getTransceivers().map((t, i) => [t.mid, i]));
  window.sampler = setInterval(async () => {
    const at = performance.now() / 1000;
    const sample = {at, state: window.pc.connectionState};
    for (const s of (await window.pc.getStats()).values()) {
      const m = mids[s.mid];
      if (s.type === "inbound-rtp" && m === 1)
        Object.assign(sample, {frames: s.framesDecoded, keyframes: s.keyFramesDecoded, height: s.frameHeight,
          freezes: s.freezeCount, frozen: s.totalFreezesDuration, pictures: s.bytesReceived});
      else if (s.type === "inbound-rtp" && m === 0)
        Object.assign(sample, {samples: s.totalSamplesReceived, concealed: s.concealedSamples,
          silent: s.silentConcealedSamples, fec: s.fecPacketsReceived, sounds: s.packetsReceived,
          missed: s.packetsLost, discarded: s.packetsDiscarded, asked: s.nackCount, events: s.concealmentEvents,
          waited: s.jitterBufferDelay, emitted: s.jitterBufferEmittedCount, slowed: s.insertedSamplesForDeceleration,
          hastened: s.removedSamplesForAcceleration});
      else if (s.type === "outbound-rtp" && m === 1)
        Object.assign(sample, {encoded: s.framesEncoded, sent: s.bytesSent + s.headerBytesSent, target: s.targetBitrate,
          again: s.retransmittedPacketsSent, fps: s.framesPerSecond, limitation: s.qualityLimitationReason,
          huge: s.hugeFramesSent, nacked: s.nackCount, wanted: s.pliCount + s.firCount, keys: s.keyFramesEncoded});
      else if (s.type === "outbound-rtp" && m === 0)
        Object.assign(sample, {soundsAgain: s.retransmittedPacketsSent, soundsAsked: s.nackCount});
      else if (s.type === "candidate-pair" && s.nominated) sample.may = s.availableOutgoingBitrate;
    }
    window.samples.push(sample);
  }, 50);
}
"""


@dataclass(frozen=True, slots=True)
class Seen:
    """What one page saw and heard over a stretch of time. Times in seconds."""

    samples: Sequence[dict[str, Any]]

    def grown(self, name: str) -> float:
        return float(self.samples[-1].get(name, 0) - self.samples[0].get(name, 0))

    @property
    def seconds(self) -> float:
        return float(self.samples[-1]["at"] - self.samples[0]["at"])

    @property
    def fps(self) -> float:
        return self.grown("frames") / self.seconds

    @property
    def waits(self) -> list[float]:
        """Times without a newly decoded frame, the longest first; too long by up to one interval of the samples."""
        found, since = [], self.samples[0]["at"]
        for before, sample in pairwise(self.samples):
            if sample.get("frames", 0) > before.get("frames", 0):
                found.append(float(sample["at"] - since))
                since = sample["at"]
        return sorted([*found, float(self.samples[-1]["at"] - since)], reverse=True)

    @property
    def freeze(self) -> float:
        """The longest of the waits."""
        return self.waits[0]

    @property
    def concealed(self) -> float:
        """The share of sound that was made up because its packets had neither come, nor come again, nor by FEC.

        Of what was played. `concealedSamples` counts after every repair: it is what the listener did not get. Left out
        is the part that is silence (`silentConcealedSamples`).
        """
        return (self.grown("concealed") - self.grown("silent")) / max(1.0, self.grown("samples"))

    @property
    def dropped(self) -> bool:
        return any(sample["state"] != "connected" for sample in self.samples)

    def bitrate(self, start: float = 0.0, end: float = 1e9) -> float:
        """Of the camera as sent, between these seconds of the stretch."""
        origin = self.samples[0]["at"]
        part = [sample for sample in self.samples if start <= sample["at"] - origin <= end and "sent" in sample]
        return float((part[-1]["sent"] - part[0]["sent"]) * 8 / (part[-1]["at"] - part[0]["at"]))

    def after(self, start: float, end: float = 1e9) -> Seen:
        origin = self.samples[0]["at"]
        return Seen([sample for sample in self.samples if start <= sample["at"] - origin < end])


class Call:
    """Two people who see and hear each other."""

    def __init__(self, pages: list[Browser], *, seed: int) -> None:
        self.pages = pages
        self.states: list[list[LegState]] = [[], []]
        self.legs = [
            Leg(name, loopback=True, on_state=states.append)
            for name, states in zip(("one", "other"), self.states, strict=True)
        ]
        self.paths = [LossyPath(seed=seed), LossyPath(seed=seed + 1)]
        self.setup: list[float] = []
        """Seconds that each leg took to connect."""
        relay = Relay()
        for source, target in (self.legs, self.legs[::-1]):
            relay.connect(source.tracks["microphone"], target, "audio0")
            relay.connect(source.tracks["camera"], target, "video0")

    async def begin(self) -> None:
        """Both see 20 pictures."""
        for page, leg, path in zip(self.pages, self.legs, self.paths, strict=True):
            began = time.monotonic()
            await page.connect(leg, path=path)
            async with asyncio.timeout(30):
                while leg.state is not LegState.CONNECTED:
                    await asyncio.sleep(0.01)
            self.setup.append(time.monotonic() - began)
        async with asyncio.timeout(30):
            for page in self.pages:
                while True:
                    seen = await page.statistics()
                    if seen.get("in1", {}).get("framesDecoded", 0) > 20:
                        break
                    await asyncio.sleep(0.2)
                await page.page.evaluate(_SAMPLER)

    def set(self, **changes: Any) -> None:
        """Change both networks, both ways."""
        for path in self.paths:
            path.set(**changes)

    async def one_way(self, bitrate: int) -> None:
        """Only the first page shows its camera, with at most so many bit/s: two cores cannot encode two of them."""
        await self.pages[1].page.evaluate("() => window.pc.getTransceivers()[1].sender.replaceTrack(null)")
        await self.pages[0].page.evaluate(
            """async (bitrate) => {
              const sender = window.pc.getTransceivers()[1].sender;
              const parameters = sender.getParameters();
              parameters.encodings[0].maxBitrate = bitrate;
              parameters.degradationPreference = "maintain-resolution";
              await sender.setParameters(parameters);
            }""",
            bitrate,
        )

    async def lasts(self, seconds: float) -> list[Seen]:
        """Let it go on; what both saw meanwhile."""
        for page in self.pages:
            await page.page.evaluate("() => { window.samples.length = 0; }")
        await asyncio.sleep(seconds)
        return [Seen(await page.page.evaluate("() => window.samples")) for page in self.pages]

    async def close(self) -> None:
        for leg, path in zip(self.legs, self.paths, strict=True):
            await leg.close()
            path.close()


@asynccontextmanager
async def call(*, seed: int = 1, film: bool = False, **conditions: Any) -> AsyncIterator[Call]:
    """A call of people who talk all the time, over networks with these fields of `Conditions`, both ways.

    With `film` their cameras show 720p30 that takes all the bits it may.
    """
    with TemporaryDirectory() as folder:
        speech = write_speech(Path(folder) / "speech.wav")
        shown = write_film(Path(folder) / "film.mjpeg") if film else None
        async with _call(speech, shown, seed, conditions) as made:
            yield made


@asynccontextmanager
async def _call(speech: Path, film: Path | None, seed: int, conditions: dict[str, Any]) -> AsyncIterator[Call]:
    async with browsers(2, speech=speech, film=film) as pages:
        made = Call(pages, seed=seed)
        made.set(**conditions)
        try:
            await made.begin()
            yield made
        finally:
            await made.close()
