"""What goes wrong in a branch, in a call centre and on the server, over real sockets and a real journal."""

from __future__ import annotations

import asyncio
import time

import pytest

from link.protocol import client as m
from link.protocol.server import (
    AssistanceState,
    BranchState,
    ChatMessage,
    PresenceState,
    Ring,
    RingStop,
    SessionGone,
    SessionUpdate,
    TakeSnapshot,
)
from link.protocol.values import Presence, SessionState
from link.signaling.client import Refused
from server.api.calls import client_session
from server.api.calls.console import ConsoleSession
from server.api.http.app_keys import VAULT
from server.session import events as e
from server.session.state import Recording
from server.store.people import Role
from server.store.sessions import SessionQuery
from tests.server.calls.bank import Bank, call_request, eventually, hire, locked
from tests.server.calls.conftest import OpenBank


async def test_page_dies_while_it_rings(bank: Bank) -> None:
    kiosk, ann, bob = await bank.kiosk("k1"), await bank.specialist("ann"), await bank.specialist("bob")
    session = (await kiosk.call()).id
    await ann.hear(Ring)
    await ann.die()
    assert (await bob.hear(Ring)).session.id == session
    kinds = await bank.kinds(session)
    assert kinds.count("offered") == 2
    assert kinds.count("offer_ended") == 1
    assert await bank.presence("ann") is Presence.OFFLINE
    await bank.check(session)


async def test_page_dies_while_it_rings_and_nobody_else_is_there(bank: Bank) -> None:
    kiosk, ann = await bank.kiosk("k1"), await bank.specialist("ann")
    session = (await kiosk.call()).id
    await ann.hear(Ring)
    await ann.die()
    waiting = await kiosk.session(lambda view: view.state is SessionState.WAITING and not view.staffed)
    assert waiting.wait_s is None
    await ann.reborn()
    assert (await ann.hear(PresenceState)).presence is Presence.AWAY
    await ann.available()
    assert (await ann.answer()).id == session


async def test_specialist_comes_back_within_the_grace(bank: Bank) -> None:
    kiosk, ann = await bank.kiosk("k1"), await bank.specialist("ann")
    session = (await kiosk.call()).id
    await ann.answer()
    await kiosk.ask(m.ChatSend(session, "c1", "hello"))
    await kiosk.session(lambda view: view.state is SessionState.ACTIVE and view.specialist_connected)
    ann.client.drop()
    await kiosk.session(lambda view: not view.specialist_connected)
    back = await kiosk.session(lambda view: view.specialist_connected)
    assert back.state is SessionState.ACTIVE
    assert ann.fresh == 1, "the stream was resumed"
    assert await bank.presence("ann") is Presence.BUSY
    await bank.check(session)


async def test_console_reloads_in_a_call(bank: Bank) -> None:
    kiosk, ann = await bank.kiosk("k1"), await bank.specialist("ann")
    session = (await kiosk.call()).id
    await ann.answer()
    await kiosk.ask(m.ChatSend(session, "c1", "hello"))
    await kiosk.hear(TakeSnapshot)
    person = await bank.store.people.by_login("ann")
    assert person is not None
    again = await bank.page(person)
    view = await again.state(SessionState.ACTIVE)
    assert view.id == session
    assert (await again.hear(ChatMessage)).chat.text == "hello"
    await kiosk.hear(TakeSnapshot)
    await again.ask(m.NoteSave(session, "still here"))
    assert await bank.presence("ann") is Presence.BUSY
    await again.ask(m.HangUp(session))
    assert (await kiosk.state(SessionState.ENDED)).ended_by == "specialist-1"


async def test_specialist_lost_for_good_goes_back_to_the_head(open_bank: OpenBank) -> None:
    bank = await open_bank(specialist_grace_s=0.3)
    kiosk, other, ann = await bank.kiosk("k1"), await bank.kiosk("k2"), await bank.specialist("ann")
    session = (await kiosk.call()).id
    await ann.answer()
    later = (await other.call()).id
    await ann.die()
    requeued = await kiosk.session(lambda view: view.requeued)
    assert (requeued.state, requeued.position, requeued.specialist) == (SessionState.WAITING, 1, None)
    assert await bank.presence("ann") is Presence.OFFLINE
    bob = await bank.specialist("bob")
    assert (await bob.answer()).id == session
    await bob.ask(m.HangUp(session))
    await bob.ask(m.Dispose(session, "resolved"))
    assert (await bob.answer()).id == later
    await ann.reborn()
    await ann.hear(SessionGone)
    assert await bank.presence("ann") is Presence.AWAY
    kinds = await bank.kinds(session)
    assert kinds.count("answered") == 2
    assert kinds.count("recording_started") == 1
    await bank.check(session)


async def test_the_journal_says_how_a_specialist_was_lost(bank: Bank) -> None:
    kiosk, ann = await bank.kiosk("k1"), await bank.specialist("ann")
    session = (await kiosk.call()).id
    await ann.answer()
    room = bank.rooms.get(session)
    assert room is not None
    assert room.state.specialist is not None
    for cut in (False, True):
        bank.rooms.specialist_connected(room.state.specialist, False, cut=cut)
        bank.rooms.specialist_connected(room.state.specialist, True)
    await kiosk.session(lambda view: view.specialist_connected)
    await room.submit()
    lost = [event for event in await bank.journal(session) if isinstance(event, e.ParticipantLost)]
    assert [event.cut for event in lost] == [False, True]


async def test_kiosk_comes_back_within_the_grace(bank: Bank) -> None:
    kiosk, ann = await bank.kiosk("k1"), await bank.specialist("ann")
    session = (await kiosk.call()).id
    await ann.answer()
    await kiosk.die()
    await ann.session(lambda view: not view.kiosk_connected)
    await kiosk.reborn()
    assert (await kiosk.state(SessionState.ACTIVE)).id == session
    await ann.session(lambda view: view.kiosk_connected)


async def test_kiosk_lost_for_good_is_interrupted(open_bank: OpenBank) -> None:
    bank = await open_bank(kiosk_grace_s=0.3)
    kiosk, ann = await bank.kiosk("k1"), await bank.specialist("ann")
    session = (await kiosk.call()).id
    await ann.answer()
    await kiosk.die()
    ended = await ann.state(SessionState.ENDED)
    assert (ended.ended_by, ended.end_reason) == ("system", "interrupted")
    await ann.ask(m.Dispose(session, "technical"))
    assert await bank.presence("ann") is Presence.AVAILABLE


async def test_a_kiosk_that_is_not_there_is_not_offered(bank: Bank) -> None:
    kiosk, other = await bank.kiosk("k1"), await bank.kiosk("k2")
    first, second = (await kiosk.call()).id, (await other.call()).id
    await kiosk.die()
    await eventually(lambda: first not in bank.rooms.dispatch.queue)
    ann = await bank.specialist("ann")
    assert (await ann.answer()).id == second
    await kiosk.reborn()
    assert (await kiosk.state(SessionState.WAITING)).id == first


async def test_ring_runs_out_and_goes_to_the_next(open_bank: OpenBank) -> None:
    bank = await open_bank(ring_s=1)
    kiosk, ann, bob = await bank.kiosk("k1"), await bank.specialist("ann"), await bank.specialist("bob")
    session = (await kiosk.call()).id
    await ann.hear(Ring)
    assert (await ann.hear(RingStop)).reason == "timeout"
    assert (await bob.hear(Ring)).session.id == session
    with pytest.raises(Refused) as refused:
        await ann.ask(m.Answer(session))
    assert refused.value.code == "not_found"
    assert (await bob.hear(RingStop)).reason == "timeout"
    await kiosk.state(SessionState.WAITING)
    carol = await bank.specialist("carol")
    assert (await carol.answer()).id == session


async def test_polite_restart_in_a_call(bank: Bank) -> None:
    kiosk, ann = await bank.kiosk("k1"), await bank.specialist("ann")
    other = await bank.kiosk("k2", "west")
    session = (await kiosk.call()).id
    await ann.answer()
    await kiosk.ask(m.ChatSend(session, "c1", "hello"))
    waiting = (await other.call(request="w1")).id
    await bank.restart()
    view = await kiosk.session(lambda view: view.kiosk_connected and view.specialist_connected)
    assert (view.id, view.state) == (session, SessionState.ACTIVE)
    assert (await ann.hear(ChatMessage, lambda chat: chat.chat.id == "c1")).session == session
    assert (await other.call(request="w1")).id == waiting
    await ann.ask(m.HangUp(session))
    await ann.ask(m.Dispose(session, "resolved"))
    await ann.available()
    assert (await ann.answer()).id == waiting
    kinds = await bank.kinds(session)
    assert kinds.count("node_restarted") == 1
    assert kinds.count("answered") == 1
    page = await bank.store.sessions.search(SessionQuery())
    assert page.total == 2


async def test_restart_keeps_the_order_of_the_queue(bank: Bank) -> None:
    kiosks = [await bank.kiosk(f"k{n}") for n in range(4)]
    sessions = [(await kiosk.call()).id for kiosk in kiosks]
    await bank.restart()
    await eventually(lambda: len(bank.rooms.dispatch.queue.calls()) == 4, within=30)
    assert [call.session for call in bank.rooms.dispatch.queue.calls()] == sessions


async def test_restart_after_the_end_asks_for_the_disposition(bank: Bank) -> None:
    kiosk, ann = await bank.kiosk("k1"), await bank.specialist("ann")
    session = (await kiosk.call()).id
    await ann.answer()
    await kiosk.ask(m.CallEnd(session))
    await bank.restart()
    await ann.hear(PresenceState, lambda state: state.presence is Presence.WRAP_UP)
    assert (await ann.state(SessionState.ENDED)).id == session
    await kiosk.ask(m.Rate(session, 4))
    await ann.ask(m.Dispose(session, "resolved"))
    await eventually(lambda: bank.rooms.get(session) is None)
    assert (await bank.check(session)).state.phase is SessionState.CLOSED


async def test_a_key_destroyed_before_the_end_completes_the_recording_with_a_gap(bank: Bank) -> None:
    kiosk, ann = await bank.kiosk("k1"), await bank.specialist("ann")
    session = (await kiosk.call()).id
    await ann.answer()
    await kiosk.hear(TakeSnapshot)
    move = '[{"type": 3, "timestamp": 5, "data": {"source": 1, "positions": []}}]'
    await kiosk.ask(m.CobrowsePiece(session, "e1", 0, 0, 1, move))
    await bank.app[VAULT].destroy(session)
    await bank.restart()

    def completed() -> bool:
        room = bank.rooms.get(session)
        return room is not None and room.state.recording is Recording.COMPLETE

    await eventually(completed, within=30)
    events = await bank.journal(session)
    assert [event.reason for event in events if isinstance(event, e.Ended)] == ["recording_failed"]
    gaps = [event for event in events if isinstance(event, e.GapDeclared)]
    assert {(gap.track, gap.reason) for gap in gaps} >= {("cobrowse", "key_destroyed")}
    await bank.check(session)


async def test_locked_database_refuses_and_changes_nothing(bank: Bank) -> None:
    kiosk, ann = await bank.kiosk("k1"), await bank.specialist("ann")
    other = await bank.kiosk("k2")
    session = (await kiosk.call()).id
    await ann.answer()
    await eventually(lambda: bank.rooms.dispatch.queue.calls() == [])
    lock = await locked(bank.config.data / "visavis.sqlite3", "IMMEDIATE")
    try:
        for party, message in ((ann, m.Hold(session, held=True)), (other, call_request(request="r9"))):
            with pytest.raises(Refused) as refused:
                await party.ask(message)
            assert refused.value.code == "unavailable"
        kiosk.client.drop()  # what happens is kept, and journaled when the database is there again
        assert bank.live()[0].state is SessionState.ACTIVE
        assert len(bank.live()) == 1
    finally:
        lock.rollback()
        lock.close()
    await ann.ask(m.Hold(session, held=True))
    assert (await other.call(request="r9")).state is SessionState.WAITING
    await ann.session(lambda view: view.state is SessionState.HELD and view.kiosk_connected, within=30)
    await bank.check(session)


async def test_revoked_kiosk_is_cut_off(bank: Bank) -> None:
    kiosk = await bank.kiosk("k1")
    await kiosk.call()
    await bank.store.kiosks.revoke("k1")
    await bank.store.logins.announce("k1")
    await eventually(lambda: kiosk.client.refusal is not None, within=30)
    await eventually(lambda: not bank.live()[0].kiosk_connected)


async def test_a_socket_ends_with_its_login(bank: Bank) -> None:
    guide = await hire(bank.store, "gil", skills=(), role=Role.GUIDE)
    page = await bank.page(guide, Role.GUIDE, seconds=2)
    await page.hear(BranchState)
    assert page.client.refusal is None
    await eventually(lambda: page.client.refusal is not None)


async def test_a_login_that_ends_lets_the_call_end_first(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_session, "AFTER_CALL_S", 0.05)
    ann, kiosk = await hire(bank.store, "ann"), await bank.kiosk("k1")
    with monkeypatch.context() as patched:
        # However long it takes to get into the call, the login must not end before.
        patched.setattr(ConsoleSession, "in_call", lambda _: True)
        page, begun = await bank.page(ann, seconds=2), time.monotonic()
        await page.available()
        session = (await kiosk.call()).id
        await page.answer()
    await asyncio.sleep(max(0, begun + 2.2 - time.monotonic()))
    await page.ask(m.Hold(session, held=True))
    assert page.client.refusal is None
    await kiosk.ask(m.CallEnd(session))
    await eventually(lambda: page.client.refusal is not None)
    again = await bank.page(ann)
    assert (await again.state(SessionState.ENDED)).id == session, "the outcome can be saved after a new login"
    await again.ask(m.Dispose(session, "resolved"))


async def test_guide_sees_the_branch_and_goes_there(bank: Bank) -> None:
    kiosk = await bank.kiosk("k1")
    guide = await bank.person("gil", skills=(), role=Role.GUIDE)
    await guide.hear(BranchState, lambda branch: [each.online for each in branch.kiosks] == [True])
    await kiosk.call()
    await guide.hear(BranchState, lambda branch: branch.kiosks[0].session_state is SessionState.WAITING)
    await kiosk.ask(m.AssistanceRequest("help"))
    await guide.hear(BranchState, lambda branch: branch.kiosks[0].assistance == "help")
    await guide.ask(m.AssistanceTake("k1"))
    assert (await kiosk.hear(AssistanceState, lambda state: state.taken_by == "Gil")).asked
    await guide.ask(m.AssistanceTake("k1", done=True))
    assert not (await kiosk.hear(AssistanceState, lambda state: state.taken_by == "")).asked
    with pytest.raises(Refused):
        await guide.ask(m.AssistanceTake("k9"))
    await kiosk.die()
    await guide.hear(BranchState, lambda branch: not branch.kiosks[0].online)


async def test_an_update_carries_what_a_console_needs_to_draw_the_ring(bank: Bank) -> None:
    kiosk, ann = await bank.kiosk("k1"), await bank.specialist("ann")
    kiosk.post(m.FormStep("nothing", "amount"))
    await kiosk.call("wealth")
    ring = (await ann.hear(Ring)).session
    assert (ring.kiosk_name, ring.branch_en, ring.service.name_zh, ring.step) == ("K1", "east", "理财", "start")
    assert isinstance(await ann.ask(m.Answer(ring.id)), SessionUpdate)
