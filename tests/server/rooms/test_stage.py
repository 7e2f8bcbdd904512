"""The stage by itself: a recorder that comes at an awkward moment takes each track exactly once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from link.media.leg import Leg, LegState
from link.media.relay import Injection, Relay
from server.blobs.blobs import Blobs
from server.blobs.suite import SUITES
from server.blobs.vault import SessionKey
from server.recording.recorder import Recorder
from server.rooms.clock import Clock
from server.rooms.stage import Stage
from server.session.events import KIOSK, Event, SegmentSealed
from tests.server.rooms.media import OPUS

PACKETS = 40


class Bench:
    """A stage with real legs on loopback, and a recorder."""

    def __init__(self, folder: Path) -> None:
        self.clock = Clock()
        self.events: list[Event] = []
        self.stage = Stage("s1", self._new_leg, lambda *_: None, self.clock.now_ms)
        self.recorder = Recorder(
            "s1",
            spool=folder / "spool",
            blobs=Blobs.at(str(folder / "blobs")),
            key=SessionKey("s1", SUITES["aes-256-gcm"], bytes(32)),
            now_ms=self.clock.now_ms,
            post=self.events.append,
        )

    def _new_leg(self, name: str, on_state: Callable[[LegState], None]) -> Leg:
        return Leg(name, loopback=True, on_state=on_state)

    def frames(self, track: str) -> int:
        return sum(event.frames for event in self.events if isinstance(event, SegmentSealed) and event.track == track)


async def test_a_recorder_that_comes_while_an_offer_is_answered_takes_each_track_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_task_left: None
) -> None:
    bench, answer = Bench(tmp_path), Leg.answer

    async def answer_slowly(leg: Leg, sdp: str) -> str:
        bench.stage.record(bench.recorder)
        await asyncio.sleep(0)
        return await answer(leg, sdp)

    monkeypatch.setattr(Leg, "answer", answer_slowly)
    customer, relay, microphone = Leg("customer", loopback=True), Relay(), Injection("audio", "microphone")
    await customer.accept(await bench.stage.open(KIOSK, "l1", await customer.offer()))
    relay.connect(microphone.flow, customer, "microphone")
    async with asyncio.timeout(10):
        while customer.state is not LegState.CONNECTED:
            await asyncio.sleep(0.02)
    for number in range(PACKETS):
        microphone.push(OPUS, number * 960)
        await asyncio.sleep(0.02)
    await customer.close()
    await bench.recorder.finish()
    await bench.stage.stop()
    assert PACKETS * 0.8 <= bench.frames("kiosk.microphone") <= PACKETS
