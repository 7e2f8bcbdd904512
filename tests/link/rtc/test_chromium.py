"""Legs against a real Chromium: what a person would see and hear, by the browser's own statistics."""

from __future__ import annotations

import asyncio
import os
import threading
from itertools import groupby, pairwise
from typing import Any

import pytest

from link.rtc.leg import Leg, LegState
from link.rtc.relay import Relay
from link.rtc.tracks.depacketizer import EncodedFrame, MediaGap
from tests.link.rtc.chromium import Browser, browsers
from tests.link.rtc.lossy import LossyPath
from tests.machine import allow

pytestmark = [pytest.mark.alone, pytest.mark.chromium]

SOUND, PICTURE = "in0", "in1"


def cross(relay: Relay, one: Leg, other: Leg) -> None:
    """Each hears and sees the other."""
    for source, target in ((one, other), (other, one)):
        relay.connect(source.tracks["microphone"], target, "audio0")
        relay.connect(source.tracks["camera"], target, "video0")


async def watch(page: Browser, frames: int, seconds: float = 20.0) -> dict[str, Any]:
    """Statistics once that many pictures are decoded and sound has been heard."""
    async with asyncio.timeout(seconds):
        while True:
            seen = await page.statistics()
            if (
                seen.get(PICTURE, {}).get("framesDecoded", 0) >= frames
                and seen.get(SOUND, {}).get("totalAudioEnergy", 0) > 0
            ):
                return seen
            await asyncio.sleep(0.2)


def sure(states: list[LegState]) -> list[LegState]:
    """Without the doubts that came to nothing: a browser that is kept from running for a second is doubted."""
    return [state for state, _ in groupby(state for state in states if state is not LegState.DOUBTFUL)]


@pytest.mark.single
async def test_720p_and_sound_there_and_back(no_task_left: None) -> None:
    states: list[LegState] = []
    frames: list[EncodedFrame] = []
    sounds: list[EncodedFrame] = []
    gaps: list[MediaGap] = []
    before = {thread.name for thread in threading.enumerate()}
    async with browsers() as [page]:
        relay, leg = Relay(), Leg("echo", loopback=True, on_state=states.append)
        cross(relay, leg, leg)
        taps = [
            relay.tap(leg.tracks["camera"], frames.append, gaps.append, keyframe_interval=2.0),
            relay.tap(leg.tracks["microphone"], sounds.append, gaps.append),
        ]
        await page.connect(leg)
        seen = await watch(page, 100)
        threads = {thread.name for thread in threading.enumerate()} - before
        statistics = leg.statistics()
        for tap in taps:
            tap.close()
        await leg.close()
    assert sure(states) == [LegState.CONNECTING, LegState.CONNECTED, LegState.CLOSED]
    assert (seen[PICTURE]["frameWidth"], seen[PICTURE]["frameHeight"]) == (1280, 720)
    assert (seen["out1"]["frameWidth"], seen["out1"]["frameHeight"]) == (1280, 720)
    assert seen[PICTURE]["totalFreezesDuration"] < allow(1.0)  # the browser's own
    assert seen[PICTURE]["packetsLost"] == seen[SOUND]["packetsLost"] == 0
    assert not {name for name in threads if "decoder" in name}
    # What the recorder would get.
    assert gaps == []
    assert {(f.width, f.height) for f in frames if f.keyframe} == {(1280, 720)}
    assert sum(f.keyframe for f in frames) >= 2
    assert all(0 < b.time - a.time < allow(0.5) for a, b in pairwise(frames))
    assert len(sounds) > 100
    assert {f.duration for f in sounds} == {0.02}
    assert all(b.rtp_time - a.rtp_time == 960 for a, b in pairwise(sounds))
    assert abs((frames[-1].time - frames[0].time) - (sounds[-1].time - sounds[0].time)) < 1.0
    assert statistics.refused == 0
    assert 0 < statistics.rtt < allow(0.5)
    assert statistics.tracks["camera"].bitrate > 100_000


@pytest.mark.single
async def test_the_whole_chain_of_four_legs(no_task_left: None) -> None:
    """Kiosk page, kiosk client, server, console: two browsers and three of our own hops between them."""
    async with browsers(2) as [kiosk_page, console]:
        relay = Relay()
        at_kiosk, to_server = Leg("page", loopback=True), Leg("up", loopback=True)
        at_server, at_console = Leg("kiosk", loopback=True), Leg("console", loopback=True)
        await to_server.accept(await at_server.answer(await to_server.offer()))
        for name in ("microphone", "camera"):
            relay.connect(at_kiosk.tracks[name], to_server, name)
        for name in ("audio0", "video0"):
            relay.connect(to_server.tracks[name], at_kiosk, name)
        cross(relay, at_server, at_console)
        await console.connect(at_console)
        await kiosk_page.connect(at_kiosk)
        seen = [await watch(page, 60) for page in (kiosk_page, console)]
        for leg in (at_kiosk, to_server, at_server, at_console):
            await leg.close()
    for statistics in seen:
        assert (statistics[PICTURE]["frameWidth"], statistics[PICTURE]["frameHeight"]) == (1280, 720)


@pytest.mark.skipif(not os.environ.get("VISAVIS_BIG_TESTS"), reason="the end-to-end test does it with all parts")
async def test_three_percent_loss_on_each_leg_without_a_freeze(no_task_left: None) -> None:
    async with browsers(2) as pages:
        relay = Relay()
        legs = [Leg("one", loopback=True), Leg("other", loopback=True)]
        paths = [LossyPath(seed=1, delay=0.01), LossyPath(seed=2, delay=0.01)]
        cross(relay, *legs)
        gaps: list[MediaGap] = []
        frames: list[EncodedFrame] = []
        tap = relay.tap(legs[0].tracks["camera"], frames.append, gaps.append)
        for page, leg, path in zip(pages, legs, paths, strict=True):
            await page.connect(leg, path=path)
        begin = [await watch(page, 20) for page in pages]
        for path in paths:
            path.loss = 0.03
        await asyncio.sleep(12)
        end = [await page.statistics() for page in pages]
        statistics = [leg.statistics() for leg in legs]
        for path in paths:
            path.loss = 0
        await asyncio.sleep(1.5)
        tap.close()
        for leg, path in zip(legs, paths, strict=True):
            await leg.close()
            path.close()
    for before, after, leg_statistics in zip(begin, end, statistics, strict=True):
        picture, earlier = after[PICTURE], before[PICTURE]
        seconds = (picture["timestamp"] - earlier["timestamp"]) / 1000
        fps = (picture["framesDecoded"] - earlier["framesDecoded"]) / seconds
        freezes = picture["freezeCount"] - earlier["freezeCount"]
        frozen = picture["totalFreezesDuration"] - earlier["totalFreezesDuration"]
        sound = after[SOUND]
        concealed = sound["concealedSamples"] / sound["totalSamplesReceived"]
        print(
            f"{fps:.1f} fps, {freezes} freezes of {frozen:.2f} s, {concealed:.1%} of the sound concealed, "
            f"{picture['frameWidth']}x{picture['frameHeight']}, rtt {leg_statistics.rtt * 1000:.0f} ms"
        )
        assert fps > 0.75 * after["out1"]["framesPerSecond"]
        assert frozen < 1.0, "not even all freezes together last a second"
        assert concealed < 0.05
        assert leg_statistics.tracks["camera"].repaired > 0
        assert leg_statistics.tracks["camera"].lost == 0
    assert gaps == []
    assert len(frames) > 100
