"""Media through a room: forwarded, held, recorded, replaced. Real legs over UDP on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio

from link.protocol import client as m
from link.protocol.errors import Unavailable
from link.protocol.server import LegLost
from link.protocol.values import SessionState
from link.signaling.client import Refused
from server.blobs.blobs import Blobs
from server.calls.recorder_factory import RecorderFactory
from server.evidence.integrity_checks import check_accounts
from server.recording.recorder import Recorder
from server.session import events as e
from tests.server.calls.bank import Bank, Party, eventually
from tests.server.calls.media import Media


@dataclass
class Stage:
    bank: Bank
    session: str
    kiosk: Party
    ann: Party
    customer: Media
    specialist: Media

    async def find(self, kind: type[e.EventBase]) -> list[e.Event]:
        return [event for event in await self.bank.journal(self.session) if isinstance(event, kind)]


@pytest_asyncio.fixture
async def call(bank: Bank) -> AsyncIterator[Stage]:
    """A call in which both see and hear each other."""
    kiosk, ann = await bank.kiosk("k1"), await bank.specialist("ann")
    session = (await kiosk.call()).id
    await ann.answer()
    stage = Stage(bank, session, kiosk, ann, Media(kiosk, session), Media(ann, session))
    stage.customer.start()
    stage.specialist.start()
    await stage.customer.arrives()
    await stage.specialist.arrives()
    yield stage
    await stage.customer.stop()
    await stage.specialist.stop()


async def test_both_see_and_hear_and_everything_is_recorded(call: Stage) -> None:
    shown = await call.kiosk.session(lambda view: len(view.recording) == 4)
    assert {track.name for track in shown.recording} == {
        f"{who}.{what}" for who in ("customer-1", "specialist-1") for what in ("microphone", "camera")
    }
    await call.specialist.arrives(video=60)
    await call.kiosk.ask(m.CallEnd(call.session))
    await call.ann.state(SessionState.ENDED)
    await eventually(lambda: call.bank.live()[0].recording == [])
    await eventually_completed(call)
    completed = (await call.find(e.RecordingCompleted))[-1]
    assert isinstance(completed, e.RecordingCompleted)
    assert len(completed.tracks) == 4
    for track in completed.tracks:
        assert track.segments >= 1, track
        assert track.recorded_ms > 1500, track
    await call.bank.check(call.session)


async def eventually_completed(call: Stage) -> None:
    room = call.bank.rooms.get(call.session)
    assert room is not None
    await eventually(lambda: room.state.recording == "complete", within=30)


async def test_hold_stops_everything(call: Stage) -> None:
    await call.ann.ask(m.Hold(call.session, held=True))
    await call.kiosk.state(SessionState.HELD)
    seen, heard = len(call.customer.seen), len(call.customer.heard)
    with pytest.raises(TimeoutError):
        await call.customer.arrives(video=15, audio=15, within=1)
    assert len(call.customer.seen) - seen < 15
    assert len(call.customer.heard) - heard < 15
    await call.ann.ask(m.Hold(call.session, held=False))
    await call.customer.arrives()
    await call.specialist.arrives()
    await call.ann.ask(m.HangUp(call.session))
    await eventually_completed(call)
    gaps = [gap for gap in await call.find(e.GapDeclared) if isinstance(gap, e.GapDeclared) and gap.reason == "hold"]
    assert {gap.track for gap in gaps} >= {"customer-1.camera", "customer-1.microphone"}


async def test_a_new_leg_takes_over(call: Stage) -> None:
    await call.customer.offer()
    await call.customer.arrives()
    await call.specialist.arrives()
    room = call.bank.rooms.get(call.session)
    assert room is not None
    await room.submit()  # what the legs told it is in the journal now
    assert len(await call.find(e.LegOpened)) == 3
    assert len(await call.find(e.LegConnected)) == 3


async def test_a_silent_leg_is_given_up_and_told(call: Stage) -> None:
    await call.customer.vanish()
    await call.kiosk.hear(LegLost, within=30)
    closed = await call.find(e.LegClosed)
    assert [event.reason for event in closed if isinstance(event, e.LegClosed)] == ["silent"]
    call.customer.start()
    await call.specialist.arrives()


async def test_nonsense_is_refused(call: Stage) -> None:
    with pytest.raises(Refused) as refused:
        await call.kiosk.ask(m.LegOffer(call.session, "bad", "v=0\r\nnonsense"))
    assert refused.value.code == "invalid_media"
    await call.customer.offer()
    await call.specialist.arrives()


async def test_no_leg_for_the_specialist_before_the_answer(bank: Bank) -> None:
    kiosk, ann = await bank.kiosk("k1"), await bank.person("ann")
    session = (await kiosk.call()).id
    with pytest.raises(Refused):
        await ann.ask(m.LegOffer(session, "l", "v=0"))
    media = Media(kiosk, session)
    await media.offer()
    assert "recording_started" not in await bank.kinds(session)
    await kiosk.ask(m.CallEnd(session))
    await eventually(lambda: bank.rooms.get(session) is None)
    await media.stop()


async def test_a_blob_store_away_at_hang_up_loses_nothing(call: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    put, away = Blobs.put, True

    async def sometimes(blobs: Blobs, name: str, data: bytes) -> None:
        if away:
            raise Unavailable("the store is away")
        await put(blobs, name, data)

    monkeypatch.setattr(Blobs, "put", sometimes)
    monkeypatch.setattr(Blobs, "take_in", lambda *told: False)
    monkeypatch.setattr("server.recording.recorder.FINISH_S", 0.5)
    await call.specialist.arrives(video=40)
    await call.ann.ask(m.HangUp(call.session))
    room = call.bank.rooms.get(call.session)
    assert room is not None
    await eventually(lambda: not room._media._seats)
    with pytest.raises(TimeoutError):
        await eventually(lambda: room.state.recording == "complete", within=1.5)
    away = False
    await eventually_completed(call)
    sealed = [event for event in await call.find(e.SegmentSealed) if isinstance(event, e.SegmentSealed)]
    (completed,) = await call.find(e.RecordingCompleted)
    assert isinstance(completed, e.RecordingCompleted)
    for track in completed.tracks:
        assert track.segments == sum(event.track == track.track for event in sealed) > 0
        assert track.recorded_ms + track.gap_ms == track.expected_ms
    gaps = [gap for gap in await call.find(e.GapDeclared) if isinstance(gap, e.GapDeclared)]
    assert all(gap.end_ms - gap.start_ms < 300 for gap in gaps if gap.reason != "no_media")
    await eventually(lambda: not (call.bank.config.data / "spool" / call.session).exists())


@pytest.mark.parametrize("part", ["_cut", "_seal_all"])
async def test_a_recorder_that_dies_is_replaced(call: Stage, monkeypatch: pytest.MonkeyPatch, part: str) -> None:
    real, failures = getattr(Recorder, part), iter([True])

    def dies_once(*args: object) -> object:
        if next(failures, False):
            raise RuntimeError("a bug of ours")
        return real(*args)

    monkeypatch.setattr(Recorder, part, dies_once)
    await call.specialist.arrives(video=75)
    await eventually(lambda: next(failures, None) is None)
    await call.specialist.arrives(video=30)
    await call.ann.ask(m.HangUp(call.session))
    await eventually_completed(call)
    gaps = [gap for gap in await call.find(e.GapDeclared) if isinstance(gap, e.GapDeclared)]
    if part == "_cut":  # what it had not written is lost; what waits to be sealed is not
        assert "write_error" in {gap.reason for gap in gaps}  # of which tracks depends on what had arrived by then
    (completed,) = await call.find(e.RecordingCompleted)
    assert isinstance(completed, e.RecordingCompleted)
    for track in completed.tracks:
        assert track.recorded_ms + track.gap_ms == track.expected_ms
        assert track.recorded_ms > 1500
    assert list(check_accounts(await call.bank.journal(call.session))) == []


async def test_a_recorder_that_keeps_dying_ends_the_call(call: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    def dies(*_: object) -> None:
        raise RuntimeError("a bug of ours")

    monkeypatch.setattr(Recorder, "_cut", dies)
    ended = await call.kiosk.state(SessionState.ENDED, within=30)
    assert (ended.ended_by, ended.end_reason) == ("system", "recording_failed")
    await eventually_completed(call)


async def test_nobody_is_heard_before_the_recorder_runs(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    start, ready = RecorderFactory.start, asyncio.Event()

    async def slowly(recordings: RecorderFactory, *args: Any) -> Any:
        await ready.wait()
        return await start(recordings, *args)

    monkeypatch.setattr(RecorderFactory, "start", slowly)
    kiosk, ann = await bank.kiosk("k1"), await bank.specialist("ann")
    session = (await kiosk.call()).id
    await ann.answer()
    customer, specialist = Media(kiosk, session), Media(ann, session)
    specialist.filming = False
    call = Stage(bank, session, kiosk, ann, customer, specialist)
    try:
        customer.start()
        specialist.start()
        room = bank.rooms.get(session)
        assert room is not None
        await eventually(lambda: [leg.connected for leg in room.state.legs.values()] == [True, True])
        with pytest.raises(TimeoutError):
            await specialist.arrives(video=1, audio=1, within=0.5)
        assert (specialist.heard, customer.heard) == ([], [])
        ready.set()
        await specialist.arrives(video=30, audio=30)
        await customer.arrives(video=0)
        await ann.ask(m.HangUp(session))
        await eventually_completed(call)
    finally:
        await customer.stop()
        await specialist.stop()
    (completed,) = await call.find(e.RecordingCompleted)
    assert isinstance(completed, e.RecordingCompleted)
    tracks = {track.track: track for track in completed.tracks}
    assert tracks["customer-1.camera"].recorded_ms > 600
    dark = tracks["specialist-1.camera"]
    assert (dark.recorded_ms, dark.segments) == (0, 0)
    assert dark.expected_ms == dark.gap_ms > 600
    gaps = [gap for gap in await call.find(e.GapDeclared) if isinstance(gap, e.GapDeclared)]
    assert {gap.reason for gap in gaps if gap.track == "specialist-1.camera"} == {"no_media"}
    assert list(check_accounts(await bank.journal(session))) == []
