"""Whether calls come to a specialist: said by the specialist, or shown by not being there."""

from __future__ import annotations

import pytest

from link.protocol import client as m
from link.protocol.server import PresenceState, Ring, RingStop, SessionGone, SessionUpdate
from link.protocol.values import Presence, SessionState
from link.signaling.client import Refused
from server.calls.room import Room
from server.session import events as e
from tests.server.calls.bank import Bank, Party
from tests.server.calls.conftest import OpenBank

LONG = 30.0


async def _told(page: Party, presence: Presence) -> PresenceState:
    return await page.hear(PresenceState, lambda state: state.presence is presence, LONG)


def _room(bank: Bank, session: str) -> Room:
    room = bank.rooms.get(session)
    assert room is not None
    return room


async def _let_it_ring(bank: Bank, session: str, page: Party) -> None:
    """The ring runs out, without waiting for it."""
    await page.hear(Ring, within=LONG)
    _room(bank, session).post(e.TimerFired("ring"))
    await page.hear(RingStop, lambda stop: stop.reason == "timeout", LONG)


async def test_who_lets_it_ring_is_rung_no_more_until_back(bank: Bank) -> None:
    kiosk, ann = await bank.kiosk("k1"), await bank.specialist("ann")
    session = (await kiosk.call()).id
    await _let_it_ring(bank, session, ann)
    state = await _told(ann, Presence.NOT_RESPONDING)
    assert (state.takes_calls, state.reason) == (False, "missed")
    await kiosk.session(lambda view: view.state is SessionState.WAITING and view.wait_s is None, LONG)
    bob = await bank.specialist("bob")
    await _let_it_ring(bank, session, bob)
    later = await bank.kiosk("k2")
    await later.call()
    assert (await bank.kinds(session)).count("offered") == 2, "each was rung once"
    await ann.available()
    assert (await ann.answer(LONG)).id == session
    assert await bank.presence("bob") is Presence.NOT_RESPONDING


async def test_a_reload_does_not_bring_back_who_missed_a_ring(bank: Bank) -> None:
    kiosk, ann = await bank.kiosk("k1"), await bank.specialist("ann")
    await _let_it_ring(bank, (await kiosk.call()).id, ann)
    await _told(ann, Presence.NOT_RESPONDING)
    person = await bank.store.people.by_login("ann")
    assert person is not None
    again = await bank.page(person)
    assert (await _told(again, Presence.NOT_RESPONDING)).reason == "missed"


async def test_who_declines_goes_on_taking_calls(bank: Bank) -> None:
    kiosk, ann, bob = await bank.kiosk("k1"), await bank.specialist("ann"), await bank.person("bob")
    session = (await kiosk.call()).id
    await ann.hear(Ring, within=LONG)
    await ann.ask(m.Decline(session))
    assert (await _told(ann, Presence.AVAILABLE)).takes_calls
    await bob.available()
    assert (await bob.answer(LONG)).id == session


async def test_no_more_calls_after_this_one(bank: Bank) -> None:
    kiosk, other, ann = await bank.kiosk("k1"), await bank.kiosk("k2"), await bank.specialist("ann")
    session = (await kiosk.call()).id
    await ann.answer(LONG)
    waiting = (await other.call()).id
    reply = await ann.ask(m.SetPresence(available=False))
    assert isinstance(reply, PresenceState)
    assert (reply.presence, reply.takes_calls, reply.reason) == (Presence.BUSY, False, "own")
    await ann.ask(m.HangUp(session))
    await ann.ask(m.Dispose(session, "resolved"))
    assert await bank.presence("ann") is Presence.AWAY
    assert "offered" not in await bank.kinds(waiting)
    await ann.available()
    assert (await ann.answer(LONG)).id == waiting


async def test_what_follows_a_call_outlives_a_reload(bank: Bank) -> None:
    kiosk, ann = await bank.kiosk("k1"), await bank.specialist("ann")
    session = (await kiosk.call()).id
    await ann.answer(LONG)
    person = await bank.store.people.by_login("ann")
    assert person is not None
    again = await bank.page(person)
    assert (await _told(again, Presence.BUSY)).takes_calls
    await again.ask(m.HangUp(session))
    await again.ask(m.Dispose(session, "resolved"))
    assert await bank.presence("ann") is Presence.AVAILABLE


async def test_who_lost_a_call_is_told_what_became_of_it(open_bank: OpenBank) -> None:
    bank = await open_bank(specialist_grace_s=0.3)
    kiosk, ann = await bank.kiosk("k1"), await bank.specialist("ann")
    session = (await kiosk.call()).id
    await ann.answer(LONG)
    await ann.die()
    await kiosk.session(lambda view: view.requeued, LONG)
    await ann.reborn()
    gone = await ann.hear(SessionGone, lambda gone: gone.reason is not None, LONG)
    assert gone == SessionGone("requeued", session)
    state = bank.rooms.dispatch.standing_of(await _id(bank, "ann"))
    assert (state.presence, state.reason) == (Presence.AWAY, "lost")
    await ann.available()
    assert bank.rooms.dispatch.lost_by(await _id(bank, "ann")) == SessionGone()


async def test_a_wrap_up_that_runs_out_keeps_what_was_entered(bank: Bank) -> None:
    kiosk, ann = await bank.kiosk("k1"), await bank.specialist("ann")
    session = (await kiosk.call()).id
    await ann.answer(LONG)
    await ann.ask(m.HangUp(session))
    ended = await ann.session(lambda view: view.state is SessionState.ENDED and view.closes_s is not None, LONG)
    assert ended.closes_s is not None
    assert ended.closes_s > 0
    await ann.ask(m.NoteSave(session, "wants funds"))
    await ann.ask(m.OutcomeChoose(session, "follow_up"))
    _room(bank, session).post(e.TimerFired("close"))
    assert await ann.hear(SessionGone, lambda gone: gone.session == session, LONG) == SessionGone("overdue", session)
    state = await _told(ann, Presence.AWAY)
    assert state.reason == "overdue"
    await kiosk.state(SessionState.CLOSED, LONG)
    row = await bank.store.sessions.get(session)
    assert row is not None
    assert row.outcome == "follow_up"
    disposed = [event for event in await bank.journal(session) if isinstance(event, e.Disposed)]
    assert [event.overdue for event in disposed] == [True]
    assert (await bank.check(session)).state.note == "wants funds"


async def test_a_wrap_up_can_begin_anew_a_few_times(bank: Bank) -> None:
    kiosk, ann = await bank.kiosk("k1"), await bank.specialist("ann")
    session = (await kiosk.call()).id
    await ann.answer(LONG)
    await ann.ask(m.HangUp(session))
    left = _room(bank, session).view(notes=True).extensions
    assert left > 0
    for count in range(left):
        reply = await ann.ask(m.WrapUpExtend(session))
        assert isinstance(reply, SessionUpdate)
        assert reply.session.extensions == left - count - 1
    with pytest.raises(Refused) as refused:
        await ann.ask(m.WrapUpExtend(session))
    assert refused.value.code == "wrong_state"
    await ann.ask(m.Dispose(session, "resolved"))
    assert await bank.presence("ann") is Presence.AVAILABLE


async def _id(bank: Bank, login: str) -> str:
    person = await bank.store.people.by_login(login)
    assert person is not None
    return person.id
