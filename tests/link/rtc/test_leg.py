"""Two legs over real ICE, DTLS and UDP on loopback, one of them publishing frames encoded before."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from itertools import pairwise

import pytest

from link.rtc.leg import DOWN_SLOTS, UP_SLOTS, Leg, LegState
from link.rtc.relay import FrameReader, LocalTrack, Relay
from link.rtc.tracks.depacketizer import EncodedFrame, MediaGap
from link.rtc.wire.sdp import InvalidDescription
from link.tasks import cancel, spawn
from tests.link.rtc.lossy import LossyPath
from tests.machine import allow

KEYFRAME = b"\x10\x00\x00\x9d\x01\x2a\x00\x05\xd0\x02"
DELTA = b"\x11\x00\x00"


async def until(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    """Wait for a condition that something else on this loop brings about."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


@dataclass
class Recorded:
    """A tap that keeps what it hears."""

    frames: list[EncodedFrame] = field(default_factory=list)
    gaps: list[MediaGap] = field(default_factory=list)

    def on(self, relay: Relay, leg: Leg, track: str) -> FrameReader:
        return relay.tap(leg.tracks[track], self.frames.append, self.gaps.append)


class Camera:
    """Frames encoded before: each is recognisable, keyframes come when asked for."""

    def __init__(self, size: int = 5000) -> None:
        self.asked = 0
        self.injection = LocalTrack("video", "camera", on_keyframe_request=self._ask)
        self._wanted = True
        self._index = 0
        self._size = size

    def _ask(self) -> None:
        self.asked += 1
        self._wanted = True

    def push(self) -> None:
        keyframe, self._wanted = self._wanted, False
        body = self._index.to_bytes(4, "big") + bytes(self._size)
        self.injection.push((KEYFRAME if keyframe else DELTA) + body, self._index * 3000, keyframe)
        self._index += 1

    async def run(self, frames: int, interval: float = 1 / 30) -> None:
        loop = asyncio.get_running_loop()
        begin = loop.time()
        for index in range(frames):
            self.push()
            await asyncio.sleep(max(0.0, begin + (index + 1) * interval - loop.time()))


def index_of(frame: EncodedFrame) -> int:
    start = len(KEYFRAME) if frame.keyframe else len(DELTA)
    return int.from_bytes(frame.data[start : start + 4], "big")


class Pair:
    """An offerer (the kiosk client) and an answerer (the server)."""

    def __init__(self) -> None:
        self.states: dict[str, list[LegState]] = {"offerer": [], "answerer": []}
        self.offerer = Leg("offerer", loopback=True, on_state=self.states["offerer"].append)
        self.answerer = Leg("answerer", loopback=True, on_state=self.states["answerer"].append)
        self.path: LossyPath | None = None

    async def connect(self, path: LossyPath | None = None) -> None:
        self.path = path
        offer = await self.offerer.offer()
        answer = await self.answerer.answer(path.hide(offer) if path else offer)
        await self.offerer.accept(await path.stand_before(answer) if path else answer)
        await until(lambda: self.offerer.state == self.answerer.state == LegState.CONNECTED)

    async def close(self) -> None:
        await self.offerer.close()
        await self.answerer.close()
        if self.path:
            self.path.close()


@pytest.fixture
async def pair(no_task_left: None) -> AsyncIterator[Pair]:
    made = Pair()
    yield made
    await made.close()


@pytest.mark.parametrize("delay", [0.0, 0.01, 0.3])
async def test_checks_that_overtake_the_answer_find_the_roles_settled(delay: float) -> None:
    """The answerer checks the path at once; its first checks come while the answer is still on its way."""
    connected: set[str] = set()
    offerer, answerer = (
        Leg(name, loopback=True, on_state=lambda s, n=name: connected.add(n) if s is LegState.CONNECTED else None)  # type: ignore[misc]
        for name in ("offerer", "answerer")
    )
    try:
        answer = await answerer.answer(await offerer.offer())
        await asyncio.sleep(delay)  # the way of the answer
        roles = [leg._transport._connection.ice_controlling for leg in (offerer, answerer)]
        await offerer.accept(answer)
        await until(lambda: len(connected) == 2)
        assert roles == [True, False]
        assert [leg._transport._connection.ice_controlling for leg in (offerer, answerer)] == roles
    finally:
        await offerer.close()
        await answerer.close()


async def test_connects_and_carries_both_ways(pair: Pair) -> None:
    relay, up, down, sound = Relay(), Recorded(), Recorded(), Recorded()
    camera, other, voice = Camera(), Camera(), LocalTrack("audio", "voice")
    relay.connect(camera.injection.track, pair.offerer, "camera")
    relay.connect(voice.track, pair.offerer, "microphone")
    relay.connect(other.injection.track, pair.answerer, "video2")
    up.on(relay, pair.answerer, "camera")
    sound.on(relay, pair.answerer, "microphone")
    down.on(relay, pair.offerer, "video2")
    await pair.connect()
    assert pair.states["answerer"] == [LegState.CONNECTING, LegState.CONNECTED]
    await asyncio.gather(camera.run(30), other.run(30))
    for index in range(20):
        voice.push(b"\x78" + bytes([index]), index * 960)
    await until(lambda: len(up.frames) >= 30 and len(down.frames) >= 30 and len(sound.frames) >= 20)
    assert [index_of(frame) for frame in up.frames] == list(range(30))
    assert [index_of(frame) for frame in down.frames] == list(range(30))
    assert [frame.data[1] for frame in sound.frames] == list(range(20))
    assert (up.frames[0].width, up.frames[0].height) == (1280, 720)
    assert up.gaps == down.gaps == sound.gaps == []
    statistics = pair.answerer.statistics()
    assert statistics.tracks["camera"].packets > 100
    assert statistics.tracks["microphone"].packets == 20
    assert statistics.slots["video2"].packets > 100
    assert statistics.refused == 0


async def test_three_videos_at_once_stay_apart(pair: Pair) -> None:
    relay = Relay()
    recorded = {slot: Recorded() for slot in ("video0", "video1", "video2")}
    cameras = {slot: Camera(size=400 * (index + 1)) for index, slot in enumerate(recorded)}
    for slot, camera in cameras.items():
        relay.connect(camera.injection.track, pair.answerer, slot)
        recorded[slot].on(relay, pair.offerer, slot)
    await pair.connect()
    await asyncio.gather(*(camera.run(20) for camera in cameras.values()))
    await until(lambda: all(len(r.frames) == 20 for r in recorded.values()))
    for index, r in enumerate(recorded.values()):
        assert {len(frame.data) for frame in r.frames[1:]} == {len(DELTA) + 4 + 400 * (index + 1)}


async def test_a_slot_changes_its_flow_without_a_break_in_numbers(pair: Pair) -> None:
    relay, seen = Relay(), Recorded()
    first, second = Camera(), Camera(size=100)
    relay.connect(first.injection.track, pair.answerer, "video0")
    seen.on(relay, pair.offerer, "video0")
    await pair.connect()
    await first.run(10)
    relay.connect(second.injection.track, pair.answerer, "video0")
    await asyncio.gather(first.run(10), second.run(10))
    relay.disconnect(pair.answerer, "video0")
    await second.run(3)
    await until(lambda: len(seen.frames) >= 20)
    assert seen.gaps == []
    assert len(seen.frames) == 20
    assert all(b.time > a.time for a, b in pairwise(seen.frames))
    assert all(0 < b.rtp_time - a.rtp_time < 30_000 for a, b in pairwise(seen.frames))
    assert second.asked >= 1


async def test_loss_is_repaired(pair: Pair) -> None:
    relay, seen, sound = Relay(), Recorded(), Recorded()
    camera, voice = Camera(), LocalTrack("audio", "voice")
    relay.connect(camera.injection.track, pair.offerer, "camera")
    relay.connect(voice.track, pair.offerer, "microphone")
    seen.on(relay, pair.answerer, "camera")
    sound.on(relay, pair.answerer, "microphone")
    path = LossyPath(delay=0.02, jitter=0.005, seed=5)
    await pair.connect(path)
    path.loss = 0.05

    async def speak() -> None:
        for index in range(150):
            voice.push(b"\x78" + bytes([index]), index * 960)
            await asyncio.sleep(0.02)

    await asyncio.gather(camera.run(90), speak())
    path.loss = 0.0
    for index in range(150, 155):
        voice.push(b"\x78" + bytes([index]), index * 960)
    await camera.run(10)
    await until(lambda: len(seen.frames) >= 100 and len(sound.frames) >= 155)
    assert path.dropped > 20
    assert seen.gaps == sound.gaps == []
    assert [index_of(frame) for frame in seen.frames] == list(range(100))
    assert [frame.data[1] for frame in sound.frames] == list(range(155))
    statistics = pair.answerer.statistics()
    assert statistics.tracks["camera"].repaired > 5
    assert statistics.tracks["camera"].lost == 0
    assert 0.03 < statistics.rtt < allow(0.3)


async def test_silence_is_noticed_in_time_and_so_is_its_end(pair: Pair) -> None:
    path = LossyPath()
    await pair.connect(path)
    await asyncio.sleep(2.6)
    assert pair.answerer.state is LegState.CONNECTED, "a leg without media is not silent"
    path.blocked = True
    begin = time.monotonic()
    await until(lambda: pair.answerer.state is LegState.SILENT and pair.offerer.state is LegState.SILENT)
    # The last packet may have come a moment before, on a busy machine half a second.
    assert 0.7 < time.monotonic() - begin < allow(2.2)
    assert pair.answerer.quiet > 1.2
    path.blocked = False
    begin = time.monotonic()
    await until(lambda: pair.answerer.state is LegState.CONNECTED and pair.offerer.state is LegState.CONNECTED)
    assert time.monotonic() - begin < allow(0.6)
    assert pair.states["answerer"][-3:] == [LegState.DOUBTFUL, LegState.SILENT, LegState.CONNECTED]


async def test_a_picture_is_there_as_soon_as_the_leg_is(pair: Pair) -> None:
    """A keyframe that came before the leg could send it would be lost, and the next one 300 ms later at the soonest."""
    relay, seen, camera = Relay(), Recorded(), Camera()
    camera.push()  # the one that every encoder begins with has gone already
    relay.connect(camera.injection.track, pair.offerer, "camera")
    running = spawn(camera.run(10_000), name="camera")
    try:
        seen.on(relay, pair.answerer, "camera")
        await asyncio.sleep(0.1)
        assert camera.asked == 0
        await pair.connect()
        begin = time.monotonic()
        await until(lambda: bool(seen.frames))
        assert time.monotonic() - begin < allow(0.2)
        assert camera.asked == 1
    finally:
        await cancel(running)


async def test_the_far_end_notices_the_end(pair: Pair) -> None:
    await pair.connect()
    await pair.offerer.close()
    await until(lambda: pair.answerer.state is LegState.CLOSED)
    assert pair.states["offerer"][-1] is LegState.CLOSED


async def test_close_is_idempotent_and_bounded(pair: Pair) -> None:
    path = LossyPath()
    await pair.connect(path)
    path.blocked = True
    begin = time.monotonic()
    await asyncio.gather(*(pair.offerer.close() for _ in range(5)))
    await pair.offerer.close()
    assert time.monotonic() - begin < allow(2.5)
    relay = Relay()
    relay.connect(Camera().injection.track, pair.offerer, "camera")
    await pair.offerer.add_candidate("", "0")


async def test_close_before_and_while_connecting(no_task_left: None) -> None:
    await Leg("new", loopback=True).close()
    states: list[LegState] = []
    leg = Leg("connecting", loopback=True, on_state=states.append)
    other = Leg("offerer", loopback=True)
    await leg.answer(LossyPath.hide(await other.offer()))
    await leg.close()
    await other.close()
    assert states == [LegState.CONNECTING, LegState.CLOSED]


async def test_candidates_may_overtake_the_offer(pair: Pair) -> None:
    offer = await pair.offerer.offer()
    candidates = [line[2:] for line in offer.split("\r\n") if line.startswith("a=candidate:")]
    for candidate in candidates:
        await pair.answerer.add_candidate(candidate, "0")
    await pair.answerer.add_candidate(candidates[0], "3")
    await pair.answerer.add_candidate("", "0")
    await pair.offerer.accept(await pair.answerer.answer(LossyPath.hide(offer)))
    await until(lambda: pair.answerer.state is LegState.CONNECTED)


async def test_a_wrong_fingerprint_ends_the_leg_without_media(pair: Pair) -> None:
    offer = await pair.offerer.offer()
    answer = await pair.answerer.answer(offer)
    at = answer.index("sha-256 ") + 8
    wrong = "00" if answer[at : at + 2] != "00" else "11"
    await pair.offerer.accept(answer.replace(answer[at : at + 95], wrong + answer[at + 2 : at + 95]))
    await until(lambda: pair.offerer.state is LegState.CLOSED, 30)
    assert LegState.CONNECTED not in pair.states["offerer"]


async def test_hostile_signaling_is_one_exception(pair: Pair) -> None:
    for sdp in ("", "v=0\r\n", "x" * 70_000):
        with pytest.raises(InvalidDescription):
            await pair.answerer.answer(sdp)
    assert pair.answerer.state is LegState.NEW
    with pytest.raises(InvalidDescription):
        await pair.answerer.add_candidate("nonsense", "0")
    await pair.connect()
    with pytest.raises(RuntimeError):
        await pair.offerer.offer()


async def test_noise_on_the_socket_is_counted_and_does_no_harm(pair: Pair) -> None:
    relay, seen, camera = Relay(), Recorded(), Camera()
    relay.connect(camera.injection.track, pair.offerer, "camera")
    seen.on(relay, pair.answerer, "camera")
    await pair.connect()
    target = pair.offerer._transport._address
    noise = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        for first in range(256):
            for size in (0, 1, 11, 12, 30, 200, 1450):
                noise.sendto(bytes([first]) + os.urandom(size), target)
            if first % 16 == 0:
                noise.sendto(b"", target)
                await asyncio.sleep(0.005)
    finally:
        noise.close()
    await camera.run(10)
    await until(lambda: len(seen.frames) == 10)
    assert pair.answerer.statistics().refused > 500
    assert pair.answerer.state is LegState.CONNECTED


async def test_no_decoder_threads_and_no_tasks_of_aiortc(pair: Pair) -> None:
    before = threading.active_count()
    await pair.connect()
    assert threading.active_count() == before
    names = {task.get_coro().__qualname__ for task in asyncio.all_tasks()}  # type: ignore[union-attr]
    assert not {name for name in names if "_run_rtp" in name or "_run_rtcp" in name}


def test_slots_and_kinds_are_checked() -> None:
    async def check() -> None:
        leg, relay = Leg("x"), Relay()
        assert set(leg.tracks) == {*UP_SLOTS, *DOWN_SLOTS}
        with pytest.raises(ValueError):
            relay.connect(leg.tracks["microphone"], leg, "video0")
        with pytest.raises(ValueError):
            relay.connect(leg.tracks["microphone"], leg, "audio9")
        with pytest.raises(ValueError):
            relay.disconnect(leg, "audio9")
        relay.disconnect(leg, "audio0")
        await leg.close()

    asyncio.run(check())
