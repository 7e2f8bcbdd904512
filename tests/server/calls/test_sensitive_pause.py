"""A pause for something secret in a real call: both hear and see each other, and the record holds nothing of it."""

from __future__ import annotations

import asyncio

import pytest

from link.protocol import client as m
from link.protocol.server import CobrowseBatch, RecordingStatement, TakeSnapshot
from link.protocol.values import SessionState
from link.signaling.client import Refused
from server.calls.room import Room
from server.session import events as e
from tests.server.calls.bank import Bank, Party, eventually
from tests.server.calls.media import Media

MOVE = '[{"type": 3, "timestamp": 5, "data": {"source": 1, "positions": []}}]'


async def in_call(bank: Bank) -> tuple[str, Party, Party, Media, Media]:
    kiosk, ann = await bank.kiosk("k1"), await bank.specialist("ann")
    session = (await kiosk.call()).id
    await ann.answer()
    customer, specialist = Media(kiosk, session), Media(ann, session)
    customer.start()
    specialist.start()
    await customer.arrives()
    await specialist.arrives()
    return session, kiosk, ann, customer, specialist


def recorded(room: Room) -> dict[str, int]:
    """Milliseconds of each track that are written."""
    return {name: account.recorded_ms for name, account in room._recording.accounts.items()}


async def test_both_go_on_and_the_record_has_a_gap_with_its_reason(bank: Bank) -> None:
    session, kiosk, ann, customer, specialist = await in_call(bank)
    room = bank.rooms.get(session)
    assert room is not None
    try:
        await ann.ask(m.RecordPause(session, paused=True, reason="card"))
        for side in (kiosk, ann):
            told = await side.session(lambda view: bool(view.pauses))
            assert [(one.by, one.reason, one.automatic) for one in told.pauses] == [("specialist-1", "card", False)]
            assert told.recording == []
        before = recorded(room)
        await customer.arrives(video=25)
        await specialist.arrives(video=25)
        await eventually(lambda: {one.reason for one in room._recording.accounts.values()} == {"sensitive"})
        paused = recorded(room)
        await customer.arrives(video=25)
        assert recorded(room) == paused
        assert set(paused) == set(before), "every track"
        await ann.ask(m.RecordPause(session, paused=False))
        await kiosk.hear(TakeSnapshot)
        await ann.session(lambda view: not view.pauses and len(view.recording) == 4)
        await customer.arrives(video=25)
        await specialist.arrives(video=25)
        statement = await ann.hear(RecordingStatement, lambda one: all(track.reason is None for track in one.tracks))
        assert statement.complete, "what nobody wants recorded is not missing"
        await kiosk.ask(m.CallEnd(session))
        final = await ann.hear(RecordingStatement, lambda one: one.final)
        assert final.complete
        assert {track.track for track in final.tracks} == set(paused)
    finally:
        await customer.stop()
        await specialist.stop()
    events = await bank.journal(session)
    gaps = [event for event in events if isinstance(event, e.GapDeclared) and event.reason == "sensitive"]
    assert {gap.track for gap in gaps} == set(paused)
    assert not [event for event in events if isinstance(event, e.RecordingStalled)], "nothing has stopped"
    kinds = [event for event in events if isinstance(event, e.SensitivePaused | e.SensitiveResumed)]
    assert kinds == [e.SensitivePaused("specialist-1", "card"), e.SensitiveResumed("specialist-1")]
    await bank.check(session)


async def test_while_a_secret_is_typed_the_page_goes_nowhere(bank: Bank) -> None:
    session, kiosk, ann, customer, specialist = await in_call(bank)
    try:
        await kiosk.ask(m.CobrowsePiece(session, "e1", 0, 0, 1, MOVE))
        await ann.hear(CobrowseBatch)
        await kiosk.ask(m.SecretFocus(session, focused=True))
        await ann.session(lambda view: any(one.automatic for one in view.pauses))
        for batch in range(1, 4):
            await kiosk.ask(m.CobrowsePiece(session, "e1", batch, 0, 1, MOVE))
        await customer.arrives()
        await kiosk.ask(m.SecretFocus(session, focused=False))
        await kiosk.hear(TakeSnapshot)
        ann.skip()
        await kiosk.ask(m.CobrowsePiece(session, "e2", 0, 0, 1, MOVE))
        assert (await ann.hear(CobrowseBatch)).epoch == "e2", "nothing of what was dropped comes later"
        await kiosk.ask(m.CallEnd(session))
        await ann.state(SessionState.ENDED)
        await ann.hear(RecordingStatement, lambda one: one.final)
    finally:
        await customer.stop()
        await specialist.stop()
    events = await bank.journal(session)
    lines = [event.frames for event in events if isinstance(event, e.SegmentSealed) and event.track == "cobrowse"]
    assert sum(lines) == 2, "what came before and after"
    gaps = [event for event in events if isinstance(event, e.GapDeclared) and event.track == "cobrowse"]
    assert "sensitive" in [gap.reason for gap in gaps]


async def test_a_new_leg_and_a_new_recorder_stay_paused(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.recording.recorder.FINISH_S", 0.5)  # its writing is ended below: nothing is waited for
    session, _, ann, customer, specialist = await in_call(bank)
    room = bank.rooms.get(session)
    assert room is not None
    try:
        await ann.ask(m.RecordPause(session, paused=True))
        await ann.session(lambda view: bool(view.pauses))
        await customer.offer()
        await customer.arrives()
        recorder = room._recording._recorder
        assert recorder is not None
        recorder._writing.cancel()
        await asyncio.wait([recorder._writing])
        broken = room._recording
        broken._listen(None)
        await recorder.suspend()
        broken._recorder = None
        broken.start()
        await eventually(lambda: bool(room._recording.accounts))
        await eventually(lambda: room._recorded)
        await customer.arrives(video=25)
        paused = recorded(room)
        await specialist.arrives(video=25)
        assert recorded(room) == paused
    finally:
        await customer.stop()
        await specialist.stop()


async def test_only_the_lead_pauses_and_a_kiosk_only_its_own(bank: Bank) -> None:
    session, kiosk, ann, customer, specialist = await in_call(bank)
    try:
        bob = await bank.specialist("bob")
        with pytest.raises(Refused):
            await bob.ask(m.RecordPause(session, paused=True))
        with pytest.raises(Refused):
            await kiosk.ask(m.RecordPause(session, paused=True))
        await kiosk.ask(m.SecretFocus(session, focused=True))
        await ann.ask(m.RecordPause(session, paused=False))
        told = await ann.session(lambda view: bool(view.pauses))
        assert [one.by for one in told.pauses] == ["customer-1"], "the specialist's key does not end the customer's"
    finally:
        await customer.stop()
        await specialist.stop()


async def test_supervisors_of_the_branch_are_told_of_a_pause_that_lasts_and_of_what_is_not_recorded(bank: Bank) -> None:
    kiosk, ann = await bank.kiosk("k1", "east"), await bank.specialist("ann")
    session = (await kiosk.call()).id
    await ann.answer()
    room = bank.rooms.get(session)
    assert room is not None
    await eventually(lambda: room.state.recording == "on")
    assert bank.rooms.alarms(None) == frozenset()
    await ann.ask(m.RecordPause(session, paused=True))
    await room.submit(e.TimerFired("sensitive"), e.RecordingStalled("customer-1.camera", "no_media", 0))
    assert bank.rooms.alarms({"east"}) == bank.rooms.alarms(None) == {"paused_long", "stalled"}
    assert bank.rooms.alarms({"west"}) == frozenset()
    told = await ann.session(lambda view: any(pause.overdue for pause in view.pauses))
    assert told.stalled
    await ann.ask(m.RecordPause(session, paused=False))
    assert bank.rooms.alarms(None) == {"stalled"}
    await kiosk.ask(m.CallEnd(session))
    assert bank.rooms.alarms(None) == frozenset()
