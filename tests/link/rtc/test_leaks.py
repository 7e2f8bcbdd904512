"""What calls leave behind in a process that goes on: no task, thread, descriptor or object, and no memory."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import os
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from link.rtc.leg import Leg, LegState
from link.rtc.relay import LocalTrack, Relay
from link.rtc.tracks.depacketizer import EncodedFrame, MediaGap
from link.tasks import spawn

BIG = bool(os.environ.get("VISAVIS_BIG_TESTS"))
PAGE = os.sysconf("SC_PAGE_SIZE")
KEYFRAME = b"\x10\x00\x00\x9d\x01\x2a\x00\x05\xd0\x02" + bytes(3000)
OURS = ("link.", "aiortc", "aioice", "pylibsrtp", "OpenSSL", "cryptography", "pyee", "asyncio")


@dataclass(frozen=True)
class Left:
    """What a process holds."""

    tasks: int
    threads: int
    descriptors: int
    timers: int
    resident: int  # bytes
    objects: Counter[str]

    def same_as(self, before: Left) -> None:
        """Fail unless as much is held as `before`; memory apart."""
        assert (self.tasks, self.threads) == (before.tasks, before.threads)
        assert self.descriptors <= before.descriptors
        assert self.timers <= before.timers + 2
        grown = {name: n - before.objects[name] for name, n in self.objects.items() if n > before.objects[name] + 4}
        assert not grown


def held() -> Left:
    gc.collect()
    # What is free in between of what is used is nobody's any more: how much that is depends on all tests before.
    ctypes.CDLL(None).malloc_trim(0)
    timers = len(getattr(asyncio.get_running_loop(), "_scheduled", ()))
    names = (f"{type(o).__module__}.{type(o).__qualname__}" for o in gc.get_objects())
    return Left(
        tasks=len(asyncio.all_tasks()),
        threads=threading.active_count(),
        descriptors=sum(1 for _ in Path("/proc/self/fd").iterdir()),
        timers=timers,
        resident=int(Path("/proc/self/statm").read_text().split()[1]) * PAGE,
        objects=Counter(name for name in names if name.startswith(OURS)),
    )


async def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)


async def call(index: int) -> None:
    """A customer and a specialist, each with a leg here; a recorder; some media; and the end, by either side."""
    relay = Relay()
    far = [Leg(f"far {side}", loopback=True) for side in ("kiosk", "console")]
    near = [Leg(f"near {side}", loopback=True) for side in ("kiosk", "console")]
    frames: list[EncodedFrame] = []
    gaps: list[MediaGap] = []
    relay.connect(near[0].tracks["camera"], near[1], "video0")
    relay.connect(near[0].tracks["microphone"], near[1], "audio0")
    taps = [relay.tap(near[0].tracks[name], frames.append, gaps.append) for name in ("camera", "microphone")]
    camera, voice = LocalTrack("video", "camera"), LocalTrack("audio", "voice")
    relay.connect(camera.track, far[0], "camera")
    relay.connect(voice.track, far[0], "microphone")
    for here, there in zip(near, far, strict=True):
        await there.accept(await here.answer(await there.offer()))
    await until(lambda: all(leg.state is LegState.CONNECTED for leg in (*near, *far)))
    for step in range(5):
        camera.push(KEYFRAME, step * 3000, keyframe=True)
        voice.push(b"\x78" + bytes(100), step * 960)
    await until(lambda: len(frames) >= 10 and far[1].tracks["video0"].packets >= 5)
    for tap in taps:
        tap.close()
    ends: list[Leg] = [*near, *far] if index % 2 else [*far, *near]
    if index % 3 == 0:
        await asyncio.gather(*(leg.close() for leg in ends))
    else:
        for leg in ends:
            await leg.close()


async def calls(count: int, at_once: int = 4) -> None:
    numbers = iter(range(count))

    async def one_after_another() -> None:
        for number in numbers:
            await call(number)

    workers = [spawn(one_after_another(), name=f"caller {index}") for index in range(at_once)]
    await asyncio.gather(*workers)


MOST_MORE = 8 << 20


@pytest.mark.alone
async def test_calls_leave_nothing() -> None:
    await calls(100)  # until the garbage of calls has reached its usual size
    grown: list[int] = []
    # An allocator that other tests have filled takes more now and then; what leaks takes more each time.
    while not grown or (grown[-1] >= MOST_MORE and len(grown) < 3):
        before = held()
        await calls(100)
        after = held()
        after.same_as(before)
        grown.append(after.resident - before.resident)
    assert grown[-1] < MOST_MORE, grown


@pytest.mark.alone
@pytest.mark.skipif(not BIG, reason="takes a minute: VISAVIS_BIG_TESTS=1")
async def test_a_thousand_calls_leave_nothing() -> None:
    await calls(200)
    before = held()
    for done in range(300, 1001, 100):
        await calls(100)
        now = held()
        print(f"{done} calls: {now.resident / 1e6:.1f} MB, {now.descriptors} descriptors, {now.timers} timers")
        now.same_as(before)
    assert now.resident - before.resident < MOST_MORE, "over 800 calls"
