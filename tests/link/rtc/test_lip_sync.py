"""Flashes and beeps that a real Chromium sends together are together in what a recorder gets."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import pairwise
from statistics import median

import av
import numpy as np
import pytest

from link.rtc.leg import Leg
from link.rtc.relay import Relay
from link.rtc.tracks.depacketizer import EncodedFrame, MediaGap
from tests.big import big
from tests.link.rtc.chromium import browsers
from tests.machine import allow

pytestmark = [pytest.mark.alone, pytest.mark.chromium]

BEEPS = 7

# A camera and a microphone of our own, because those of Chromium's fake device flash and beep at different rates.
_TOGETHER = """
() => {
  const canvas = Object.assign(document.createElement("canvas"), {width: 320, height: 180});
  const paint = canvas.getContext("2d");
  const picture = canvas.captureStream(0);
  const sound = new AudioContext();
  const tone = new OscillatorNode(sound, {frequency: 1000});
  const gain = new GainNode(sound, {gain: 0});
  const microphone = new MediaStreamAudioDestinationNode(sound);
  tone.connect(gain).connect(microphone);
  tone.start();
  let turn = 0;
  setInterval(() => {
    const lit = turn++ % 25 < 5;
    gain.gain.setValueAtTime(lit ? 0.8 : 0, sound.currentTime);
    paint.fillStyle = lit ? "white" : "black";
    paint.fillRect(0, 0, 320, 180);
    picture.getVideoTracks()[0].requestFrame();
  }, 40);
  navigator.mediaDevices.getUserMedia =
    async () => new MediaStream([...microphone.stream.getAudioTracks(), ...picture.getVideoTracks()]);
}
"""


def onsets(levels: Sequence[tuple[float, float]]) -> list[float]:
    """When a level that goes up and down crosses the middle upwards."""
    middle = (max(level for _, level in levels) + min(level for _, level in levels)) / 2
    return [time for (_, before), (time, level) in pairwise(levels) if before < middle <= level]


def brightness(frames: Sequence[EncodedFrame]) -> list[tuple[float, float]]:
    decoder = av.CodecContext.create("vp8", "r")
    return [
        (frame.time, float(picture.to_ndarray(format="gray").mean()))
        for frame in frames
        for picture in decoder.decode(av.Packet(frame.data))
    ]


def loudness(frames: Sequence[EncodedFrame]) -> list[tuple[float, float]]:
    """In steps of 2.5 ms."""
    decoder = av.CodecContext.create("opus", "r")
    found: list[tuple[float, float]] = []
    for frame in frames:
        for sound in decoder.decode(av.Packet(frame.data)):
            samples = np.abs(sound.to_ndarray().astype(float)).max(axis=0)
            steps = range(0, len(samples) - 119, 120)
            found += [(frame.time + at / 48_000, float(samples[at : at + 120].max())) for at in steps]
    return found


class Recording:
    """What a recorder gets of one leg's camera and microphone."""

    def __init__(self, relay: Relay, leg: Leg) -> None:
        self.frames: list[EncodedFrame] = []
        self.sounds: list[EncodedFrame] = []
        self.gaps: list[MediaGap] = []
        self.taps = [
            relay.tap(leg.tracks["camera"], self.frames.append, self.gaps.append),
            relay.tap(leg.tracks["microphone"], self.sounds.append, self.gaps.append),
        ]

    @property
    def seconds(self) -> float:
        return self.frames[-1].time - self.frames[0].time if self.frames and self.sounds else 0.0

    def skews(self) -> list[float]:
        """How much later each flash is than its beep."""
        flashes, beeps = onsets(brightness(self.frames)), onsets(loudness(self.sounds))
        return [
            min((flash - beep for beep in beeps), key=abs) for flash in flashes if flash < self.sounds[-1].time - 0.5
        ]


@big
async def test_flash_and_beep_are_recorded_together(no_task_left: None) -> None:
    """At the kiosk client, and at the server behind it."""
    async with browsers() as [page]:
        relay = Relay()
        at_kiosk, to_server, at_server = (Leg(name, loopback=True) for name in ("page", "up", "server"))
        for name in ("microphone", "camera"):
            relay.connect(at_kiosk.tracks[name], to_server, name)
        recordings = {leg.name: Recording(relay, leg) for leg in (at_kiosk, at_server)}
        await to_server.accept(await at_server.answer(await to_server.offer()))
        await page.page.evaluate(_TOGETHER)
        await page.connect(at_kiosk)
        async with asyncio.timeout(30):
            while min(recording.seconds for recording in recordings.values()) < BEEPS + 2:
                await asyncio.sleep(0.1)
        for recording in recordings.values():
            for tap in recording.taps:
                tap.close()
        for leg in (at_kiosk, to_server, at_server):
            await leg.close()
    for name, recording in recordings.items():
        skews = recording.skews()
        print(f"{name}: flash after beep, ms:", [round(1000 * skew) for skew in skews])
        assert len(skews) >= BEEPS
        assert abs(median(skews[-5:])) < 0.04
        assert max(abs(skew) for skew in skews[-5:]) < allow(0.1)
