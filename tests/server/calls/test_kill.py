"""The server killed with SIGKILL: sessions are found again, clients come back by themselves, nothing is lost twice."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from link.protocol import client as m
from link.protocol.errors import Unavailable
from link.protocol.server import SessionUpdate
from link.protocol.values import SessionState
from link.rtc.leg import LegState
from link.signaling.client import Refused
from link.tasks import cancel, spawn
from server.session import events as e
from tests.server.calls.bank import Party, call_request, eventually
from tests.server.calls.media import Media
from tests.server.calls.process import Process


@pytest_asyncio.fixture
async def server(tmp_path: Path, no_task_left: None) -> AsyncIterator[Process]:
    process = Process(tmp_path / "data")
    await process.open()
    await process.start()
    yield process
    await process.close()


async def test_both_come_back_into_the_same_call_with_media(server: Process) -> None:
    kiosk, ann = await server.kiosk("k1"), await server.specialist("ann")
    await ann.available()
    session = (await kiosk.call()).id
    await ann.answer()
    customer, specialist = Media(kiosk, session), Media(ann, session)
    try:
        customer.start()
        specialist.start()
        await customer.arrives(video=60)
        await specialist.arrives()
        await kiosk.ask(m.ChatSend(session, "c1", "hello"))

        await server.kill()
        ann.skip()
        await server.start()
        back = await ann.session(lambda view: view.kiosk_connected and view.specialist_connected, within=30)
        assert (back.id, back.state) == (session, SessionState.ACTIVE)
        await customer.arrives(within=30)
        await specialist.arrives(within=30)

        await kiosk.ask(m.CallEnd(session))
        await kiosk.ask(m.Rate(session, 5))
        await ann.ask(m.Dispose(session, "resolved"))
        await kiosk.state(SessionState.CLOSED, within=30)
    finally:
        await customer.stop()
        await specialist.stop()
    events = await server.journal(session)
    kinds = [e.kind(event) for event in events]
    assert kinds.count("node_restarted") == kinds.count("answered") == kinds.count("recording_started") == 1
    gaps = [event for event in events if isinstance(event, e.GapDeclared) and event.reason == "restart"]
    assert {gap.track for gap in gaps} >= {"customer-1.microphone", "customer-1.camera"}
    completed = events[-2] if isinstance(events[-2], e.RecordingCompleted) else None
    summary = next(event for event in events if isinstance(event, e.RecordingCompleted))
    assert completed is None or completed == summary
    for track in summary.tracks:
        assert abs(track.expected_ms - track.recorded_ms - track.gap_ms) <= 100, track


async def test_nobody_is_heard_again_before_the_recorder_is(server: Process) -> None:
    """A disk that answers late after a restart: both are back long before the recording, and on hold until then."""
    kiosk, ann = await server.kiosk("k1"), await server.specialist("ann")
    await ann.available()
    session = (await kiosk.call()).id
    await ann.answer()
    customer, specialist = Media(kiosk, session), Media(ann, session)
    sides = (customer, specialist)
    try:
        for side in sides:
            side.start()
        await customer.arrives(video=60)
        await specialist.arrives()
        await server.kill()
        # Whoever reads this file waits until somebody has written it.
        late = server.config.data / "spool" / session / "customer-1.microphone" / "999999.open"
        late.parent.mkdir(parents=True, exist_ok=True)
        os.mkfifo(late)
        lost = {id(side.leg) for side in sides}
        got = [len(frames) for side in sides for frames in (side.heard, side.seen)]
        await server.start()
        for side in sides:
            await eventually(lambda side=side: id(side.leg) not in lost and sent(side) > 50)  # type: ignore[misc]
        assert [len(frames) for side in sides for frames in (side.heard, side.seen)] == got
        written = os.open(late, os.O_WRONLY)
        # Who comes to read it later must not wait once more.
        late.with_suffix(".empty").touch()
        late.with_suffix(".empty").replace(late)
        os.close(written)
        await customer.arrives(within=60)
        await specialist.arrives(within=60)
        await kiosk.ask(m.CallEnd(session))
        await kiosk.ask(m.Rate(session, 5))
        await ann.ask(m.Dispose(session, "resolved"))
        await kiosk.state(SessionState.CLOSED)
    finally:
        for side in sides:
            await side.stop()
    heard = {
        "specialist-1.microphone": len(customer.heard) - got[0],
        "customer-1.microphone": len(specialist.heard) - got[2],
    }
    events = await server.journal(session)
    gaps = [event for event in events if isinstance(event, e.GapDeclared)]
    sealed = [event for event in events if isinstance(event, e.SegmentSealed)]
    for track, frames in heard.items():
        again = next(gap.end_ms for gap in gaps if (gap.track, gap.reason) == (track, "restart"))
        recorded = [piece.frames for piece in sealed if piece.track == track and piece.start_ms >= again]
        assert sum(recorded) >= frames > 0, "what was heard is recorded"


def sent(side: Media) -> int:
    """Packets that the leg has sent since it is connected."""
    leg = side.leg
    return leg._packets_out if leg is not None and leg.state is LegState.CONNECTED else 0


async def test_no_acknowledged_call_is_lost_or_doubled(server: Process) -> None:
    """Kiosks call and leave as fast as they can while the server is killed at random moments."""
    kiosks = [await server.kiosk(f"k{n}") for n in range(4)]
    acknowledged: dict[str, str] = {}
    requested: list[str] = []

    async def customer(kiosk: Party, name: str) -> None:
        for number in range(1000):
            request = f"{name}-{number}"
            requested.append(request)
            session = await patiently(kiosk, call_request(request=request))
            assert isinstance(session, SessionUpdate)
            assert acknowledged.setdefault(request, session.session.id) == session.session.id
            await patiently(kiosk, m.CallEnd(session.session.id))

    customers = [spawn(customer(kiosk, f"k{n}"), name="customer") for n, kiosk in enumerate(kiosks)]
    seeded = random.Random(7)
    try:
        for _ in range(3):
            await asyncio.sleep(seeded.uniform(0.2, 0.8))
            before = len(acknowledged)
            await server.kill()
            await server.start()
            async with asyncio.timeout(30):
                while len(acknowledged) <= before + 4:
                    await asyncio.sleep(0.05)
    finally:
        for task in customers:
            await cancel(task)
    assert not [task for task in customers if not task.cancelled() and task.exception()]
    assert len(set(acknowledged.values())) == len(acknowledged) > 12
    for request, session in acknowledged.items():
        events = await server.journal(session)
        first = events[0]
        assert isinstance(first, e.SessionRequested)
        assert first.request == request
        assert sum(isinstance(event, e.SessionRequested) for event in events) == 1
        assert sum(isinstance(event, e.Ended) for event in events) <= 1


async def patiently(party: Party, body: m.ClientBase) -> object:
    while True:
        try:
            return await party.ask(body, times=1)
        except Unavailable:
            continue
        except Refused as error:
            if error.retry_after is None:
                raise
            await asyncio.sleep(error.retry_after)  # as every client does
