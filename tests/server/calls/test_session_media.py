"""The stage by itself: who hears whom through it, and what a recorder takes that comes at an awkward moment."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from link.rtc.forwarding_policy import HOLD, MONITOR, TALK, Setting, whisper
from link.rtc.leg import Leg, LegState
from link.rtc.relay import LocalTrack, Relay
from link.tasks import cancel, spawn
from server.blobs.blobs import Blobs
from server.blobs.suite import SUITES
from server.blobs.vault import SessionKey
from server.calls.session_clock import Clock
from server.calls.session_media import SessionMedia
from server.recording.recorder import Recorder
from server.session.events import KIOSK, SPECIALIST, Event, GapDeclared, SegmentSealed
from tests.link.rtc.parties import Party, Room, heard
from tests.machine import allow
from tests.server.calls.media import OPUS
from tests.server.calls.table import Table

PACKETS = 40
SETTLES_MS = 600
"""A keyframe has to come before a picture is recorded again, and those are asked for once in 500 ms."""
CUSTOMER, ANN, BOSS = KIOSK, SPECIALIST, "supervisor"


class Bench:
    """A stage with real legs on loopback, and a recorder."""

    def __init__(self, folder: Path) -> None:
        self.clock = Clock()
        self.events: list[Event] = []
        media = SessionMedia("s1", self._new_leg, lambda *_: None, lambda *_: None, self.clock.now_ms)
        self.stage = Table(media)
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

    def held(self, track: str) -> list[tuple[int, int]]:
        """When nothing was recorded of the track because of a hold, in milliseconds."""
        gaps = [event for event in self.events if isinstance(event, GapDeclared) and event.track == track]
        return [(gap.start_ms, gap.end_ms) for gap in gaps if gap.reason == "hold"]

    def frames(self, track: str) -> int:
        return sum(event.frames for event in self.events if isinstance(event, SegmentSealed) and event.track == track)


@asynccontextmanager
async def talking(bench: Bench) -> AsyncIterator[Room]:
    """Customer, specialist and supervisor, all talking; at the end everything is closed and recorded."""
    room = Room([Party(name, number) for number, name in enumerate((CUSTOMER, ANN, BOSS))])
    running = spawn(room.run(), name="talk")
    try:
        yield room
    finally:
        await cancel(running)
        for party in room.parties.values():
            await party.close()
        await bench.recorder.finish()
        await bench.stage.stop()


async def seat(bench: Bench, room: Room) -> None:
    """A leg for each of them."""
    for name, party in room.parties.items():
        await party.connect(lambda offer, name=name: bench.stage.open(name, f"l-{name}", offer))  # type: ignore[misc]


async def test_a_recorder_that_comes_while_an_offer_is_answered_takes_each_track_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_task_left: None
) -> None:
    bench, answer = Bench(tmp_path), Leg.answer

    async def answer_slowly(leg: Leg, sdp: str) -> str:
        bench.stage.record(bench.recorder)
        await asyncio.sleep(0)
        return await answer(leg, sdp)

    monkeypatch.setattr(Leg, "answer", answer_slowly)
    customer, relay, microphone = Leg("customer", loopback=True), Relay(), LocalTrack("audio", "microphone")
    await customer.accept(await bench.stage.open(KIOSK, "l1", await customer.offer()))
    relay.connect(microphone.track, customer, "microphone")
    async with asyncio.timeout(30):
        while customer.state is not LegState.CONNECTED:
            await asyncio.sleep(0.02)
    for number in range(PACKETS):
        microphone.push(OPUS, number * 960)
        await asyncio.sleep(0.02)
    await customer.close()
    await bench.recorder.finish()
    await bench.stage.stop()
    assert PACKETS * 0.8 <= bench.frames("kiosk.microphone") <= PACKETS


@pytest.mark.alone
async def test_a_supervisor_whispers_monitors_and_barges_in(tmp_path: Path, no_task_left: None) -> None:
    """Nobody hears what is not recorded, and on hold the customer hears nobody and nobody the customer."""
    bench = Bench(tmp_path)
    stage = bench.stage
    async with talking(bench) as room:
        await seat(bench, room)

        async def hears() -> dict[str, set[str]]:
            return {name: heard(levels) for name, levels in (await room.all_levels(20)).items()}

        stage.forward(True)
        assert await hears() == {CUSTOMER: set(), ANN: set(), BOSS: set()}, "nothing is recorded yet"
        stage.record(bench.recorder)
        assert await hears() == {CUSTOMER: {ANN}, ANN: {CUSTOMER}, BOSS: set()}
        stage.set(BOSS, MONITOR)
        assert await hears() == {CUSTOMER: {ANN}, ANN: {CUSTOMER}, BOSS: {CUSTOMER, ANN}}
        stage.set(BOSS, whisper(ANN))
        assert await hears() == {CUSTOMER: {ANN}, ANN: {CUSTOMER, BOSS}, BOSS: {CUSTOMER, ANN}}
        stage.forward(False)
        assert await hears() == {CUSTOMER: set(), ANN: {BOSS}, BOSS: {ANN}}
        stage.forward(True)
        stage.set(BOSS, TALK)
        assert await hears() == {CUSTOMER: {ANN, BOSS}, ANN: {CUSTOMER, BOSS}, BOSS: {CUSTOMER, ANN}}
        stage.close(BOSS, f"l-{BOSS}")
        assert await hears() == {CUSTOMER: {ANN}, ANN: {CUSTOMER}, BOSS: set()}
    assert bench.frames("supervisor.microphone") > 50, "what a supervisor says is recorded as well"


@pytest.mark.alone
@pytest.mark.parametrize("setting", [TALK, whisper(ANN), MONITOR], ids=["talk", "whisper", "monitor"])
async def test_on_hold_is_recorded_what_somebody_can_hear(setting: Setting, tmp_path: Path, no_task_left: None) -> None:
    """The customer holds all the time; for the first part of it there is a supervisor who hears the specialist."""
    bench = Bench(tmp_path)
    stage, now_ms = bench.stage, bench.clock.now_ms
    async with talking(bench) as room:
        await seat(bench, room)
        stage.forward(True)
        stage.set(BOSS, setting)
        stage.record(bench.recorder)
        await room.track(40)
        begun = now_ms()
        stage.hold()
        await room.track(50)
        alone = now_ms()
        stage.set(BOSS, HOLD)
        await room.track(50)
        ended = now_ms()
        stage.resume()
        await room.track(40)
    heard_of_boss = setting is not MONITOR
    for track, since in (
        ("kiosk.microphone", begun),
        ("kiosk.camera", begun),
        ("specialist.microphone", alone),
        ("specialist.camera", alone),
        ("supervisor.microphone", alone if heard_of_boss else begun),
        ("supervisor.camera", alone if setting is TALK else begun),
    ):
        gaps = bench.held(track)
        assert len(gaps) == 1, (track, gaps)
        assert abs(gaps[0][0] - since) < allow(SETTLES_MS / 1000) * 1000, track
        assert -100 < gaps[0][1] - ended < allow(2 * SETTLES_MS / 1000) * 1000, track


async def test_a_stage_on_hold_takes_a_newcomer_as_the_matrix_says(tmp_path: Path, no_task_left: None) -> None:
    """A specialist who comes back while the customer holds is not recorded before somebody hears them."""
    bench = Bench(tmp_path)
    stage = bench.stage
    stage.record(bench.recorder)
    stage.hold()
    async with talking(bench) as room:
        await seat(bench, room)
        await room.track(30)
        stage.set(BOSS, TALK)
        await room.track(50)
    assert bench.frames("kiosk.microphone") == bench.frames("kiosk.camera") == 0
    # Of the fifty after that, without those that were captured before it took effect.
    least = 50 - SETTLES_MS // 20
    assert least <= bench.frames("specialist.microphone") <= 60
    assert least <= bench.frames("supervisor.microphone") <= 60
