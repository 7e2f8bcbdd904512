"""Calls over real sockets, a real journal and the real application, without media."""

from __future__ import annotations

import pytest

from link.protocol import client as m
from link.protocol.errors import CannotRecord
from link.protocol.server import (
    ChatMessage,
    ConsoleConfig,
    Done,
    KioskConfig,
    PresenceState,
    QueueState,
    Ring,
    RingStop,
    SessionGone,
    SessionUpdate,
)
from link.protocol.values import DocumentState, Presence, SessionState
from link.signaling.client import Refused
from server.recording.space import DiskFloor
from server.session import events as e
from tests.server.calls.bank import Bank, call_request, eventually


async def test_a_call_that_cannot_be_recorded_is_known_before_anybody_agrees(
    bank: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    kiosk = await bank.kiosk("k1")
    assert await kiosk.ask(m.CallCheck()) == Done()

    async def too_little(_floor: DiskFloor) -> None:
        raise CannotRecord

    monkeypatch.setattr(DiskFloor, "check", too_little)
    for asked in (m.CallCheck(), call_request()):
        with pytest.raises(Refused, match="cannot_record"):
            await kiosk.ask(asked)


async def test_a_whole_call(bank: Bank) -> None:
    kiosk, ann = await bank.kiosk("k1"), await bank.person("ann")
    config = await kiosk.hear(KioskConfig)
    assert [service.id for service in config.services] == ["wealth", "loans"]
    assert (config.bank_zh, config.bank_en) == ("", ""), "nobody said what the bank is called"
    await kiosk.hear(SessionGone)
    assert (await ann.hear(ConsoleConfig)).name == "Ann"
    assert (await ann.hear(PresenceState)).presence is Presence.AWAY
    waiting = await kiosk.call()
    assert (waiting.state, waiting.position, waiting.staffed, waiting.wait_s) == (SessionState.WAITING, 1, True, None)
    row = (await ann.hear(QueueState, lambda queue: queue.waiting == 1)).calls[0]
    assert (row.session, row.fits) == (waiting.id, True)

    await ann.available()
    ring = await ann.hear(Ring)
    assert ring.session.id == waiting.id
    await kiosk.state(SessionState.RINGING)
    assert await bank.presence("ann") is Presence.RINGING
    active = await ann.answer_ring(ring)
    assert (active.state, active.specialist_name) == (SessionState.ACTIVE, "Ann")
    await kiosk.session(lambda session: session.state is SessionState.ACTIVE and session.specialist_connected)
    assert await bank.presence("ann") is Presence.BUSY

    await kiosk.ask(m.ChatSend(active.id, "c1", "hello"))
    await kiosk.ask(m.ChatSend(active.id, "c1", "hello"))
    assert (await ann.hear(ChatMessage)).chat.text == "hello"
    await ann.ask(m.NoteSave(active.id, "wants funds"))
    kiosk.post(m.FormStep(active.id, "amount"))
    assert (await ann.session(lambda session: session.step == "amount")).note == "wants funds"
    await ann.ask(m.Hold(active.id, held=True))
    await kiosk.state(SessionState.HELD)
    await ann.ask(m.Hold(active.id, held=False))
    assert (await kiosk.state(SessionState.ACTIVE)).note == ""

    await kiosk.ask(m.CallEnd(active.id))
    await kiosk.ask(m.CallEnd(active.id))
    ended = await ann.state(SessionState.ENDED)
    assert (ended.ended_by, ended.end_reason) == ("customer-1", "customer")
    assert await bank.presence("ann") is Presence.WRAP_UP
    await kiosk.ask(m.Rate(active.id, 5))
    await kiosk.ask(m.Rate(active.id, None))
    await ann.ask(m.Dispose(active.id, "resolved", "all well"))
    await ann.hear(SessionGone)
    await kiosk.state(SessionState.CLOSED)
    assert await bank.presence("ann") is Presence.AVAILABLE
    await eventually(lambda: bank.rooms.get(active.id) is None)
    await kiosk.ask(m.CallEnd(active.id))

    machine = await bank.check(active.id)
    assert machine.state.phase is SessionState.CLOSED
    kinds = await bank.kinds(active.id)
    assert kinds.count("chat_sent") == 1
    assert kinds[:2] == ["session_requested", "consent_given"]
    assert {"recording_started", "recording_completed", "closed"} <= set(kinds)
    listed = await bank.store.sessions.get(active.id)
    assert listed is not None
    assert (listed.state, listed.specialist_name, listed.rating, listed.outcome) == ("closed", "Ann", 5, "resolved")
    assert None not in (listed.answered_us, listed.ended_us, listed.closed_us)


async def test_a_request_names_one_session(bank: Bank) -> None:
    kiosk = await bank.kiosk("k1")
    first = await kiosk.call(request="r1")
    assert (await kiosk.call(request="r1")).id == first.id
    with pytest.raises(Refused) as refused:
        await kiosk.call(request="r2")
    assert refused.value.code == "wrong_state"
    await kiosk.ask(m.CallEnd(first.id))
    await kiosk.state(SessionState.CLOSED)
    again = await kiosk.call(request="r1")
    assert (again.id, again.state) == (first.id, SessionState.CLOSED)
    assert (await kiosk.call(request="r2")).id != first.id


async def test_what_cannot_be_called(bank: Bank) -> None:
    kiosk = await bank.kiosk("k1")
    with pytest.raises(Refused, match="service"):
        await kiosk.call(service="nothing")
    stale = call_request()
    with pytest.raises(Refused, match="notice"):
        await kiosk.ask(m.CallRequest("r", "wealth", stale.language, type(stale.consent)("old", stale.language)))
    assert bank.live() == []


async def test_foreign_sessions_are_not_found(bank: Bank) -> None:
    kiosk, other = await bank.kiosk("k1"), await bank.kiosk("k2", "west")
    ann, bob = await bank.specialist("ann"), await bank.person("bob")
    session = (await kiosk.call()).id
    await ann.answer()
    attempts = [
        (other, m.CallEnd(session)),
        (other, m.Rate(session, 1)),
        (other, m.ChatSend(session, "c", "x")),
        (other, m.DocumentAnswer(session, "d", agreed=True)),
        (other, m.LegOffer(session, "l", "v=0")),
        (bob, m.Answer(session)),
        (bob, m.Decline(session)),
        (bob, m.Hold(session, held=True)),
        (bob, m.HangUp(session)),
        (bob, m.Dispose(session, "resolved")),
        (bob, m.NoteSave(session, "x")),
        (bob, m.DocumentRequest(session, "contract")),
        (bob, m.LegOffer(session, "l", "v=0")),
        (ann, m.Hold("nothing", held=True)),
        (ann, m.LegOffer("nothing", "l", "v=0")),
    ]
    for party, message in attempts:
        with pytest.raises(Refused) as refused:
            await party.ask(message)
        assert refused.value.code == "not_found", message
    with pytest.raises(Refused) as refused:
        await kiosk.ask(m.SetPresence(available=True))
    assert refused.value.code == "not_allowed"
    assert bank.live()[0].state is SessionState.ACTIVE


async def test_nobody_who_holds_is_asked_for_a_document(bank: Bank) -> None:
    kiosk, ann = await bank.kiosk("k1"), await bank.specialist("ann")
    session = (await kiosk.call()).id
    await ann.answer()
    await ann.ask(m.Hold(session, held=True))
    with pytest.raises(Refused, match="while held") as refused:
        await ann.ask(m.DocumentRequest(session, "identity_card"))
    assert refused.value.code == "wrong_state"
    await ann.ask(m.Hold(session, held=False))
    await ann.ask(m.DocumentRequest(session, "identity_card"))
    assert (await bank.kinds(session)).count("document_requested") == 1


async def test_a_document_is_asked_for_refused_and_taken_again(bank: Bank) -> None:
    kiosk, ann = await bank.kiosk("k1"), await bank.specialist("ann")
    session = (await kiosk.call()).id
    await ann.answer()
    reply = await ann.ask(m.DocumentRequest(session, "identity_card", "front"))
    assert isinstance(reply, SessionUpdate)
    document = reply.session.documents[0].id
    await kiosk.session(lambda view: len(view.documents) == 1)
    stored = e.DocumentStored(document, "aa", 9, "image/jpeg", 4, 3, "view", "original", "bb")
    with pytest.raises(Exception, match="requested"):
        bank.rooms.document("k1", session, document)
    await kiosk.ask(m.DocumentAnswer(session, document, agreed=True))
    assert bank.rooms.document("k1", session, document).label == "identity_card"
    await bank.rooms.document_stored("k1", session, stored)
    await bank.rooms.document_stored("k1", session, stored)
    view = await ann.session(lambda view: view.documents != [] and view.documents[0].state is DocumentState.STORED)
    assert view.documents[0].width == 4
    await ann.ask(m.DocumentDecide(session, document, accepted=False, reason="blurred"))
    assert (
        await kiosk.session(lambda view: view.documents != [] and view.documents[0].state is DocumentState.REJECTED)
    ).documents[0].reason == "blurred"
    await kiosk.ask(m.DocumentAnswer(session, document, agreed=True))
    await kiosk.ask(m.DocumentFailed(session, document, "no_camera"))
    assert (await bank.kinds(session)).count("document_stored") == 1


async def test_customer_leaves_the_queue(bank: Bank) -> None:
    kiosk, ann = await bank.kiosk("k1"), await bank.specialist("ann")
    session = (await kiosk.call()).id
    await ann.hear(Ring)
    assert isinstance(await kiosk.ask(m.CallEnd(session)), Done)
    assert (await ann.hear(RingStop)).reason == "left"
    await eventually(lambda: bank.rooms.get(session) is None)
    assert await bank.presence("ann") is Presence.AVAILABLE


async def test_chat_is_limited(bank: Bank) -> None:
    kiosk, ann = await bank.kiosk("k1"), await bank.specialist("ann")
    session = (await kiosk.call()).id
    await ann.answer()
    with pytest.raises(Refused) as refused:
        for n in range(30):
            await kiosk.ask(m.ChatSend(session, f"c{n}", "x"))
    assert refused.value.code == "rate_limited"
    assert refused.value.retry_after is not None


async def test_a_specialist_of_one_branch_sees_and_is_offered_nothing_of_another(bank: Bank) -> None:
    elsewhere, here = await bank.specialist("ann", branch="west"), await bank.specialist("bob", branch="east")
    everywhere = await bank.person("cat")
    await eventually(lambda: len(bank.rooms.dispatch.queue.specialists) == 3)
    kiosk = await bank.kiosk("k1", "east")
    first, second = await kiosk.call(), await (await bank.kiosk("k2", "east")).call()
    assert (await here.hear(Ring)).session.id == first.id
    seen = await everywhere.hear(QueueState, lambda queue: {row.session for row in queue.calls} == {second.id})
    assert (seen.waiting, seen.available) == (1, 1), "ann is available to whoever serves every branch"
    seen = await here.hear(QueueState, lambda queue: queue.waiting == 1)
    assert (seen.available, seen.calls[0].branch_en) == (0, "east")
    own = await (await bank.kiosk("k3", "west")).call("loans")
    await elsewhere.hear(QueueState, lambda queue: [row.session for row in queue.calls] == [own.id])
    assert not [heard for heard in elsewhere.messages if isinstance(heard, Ring)]
    told = [row for heard in elsewhere.messages if isinstance(heard, QueueState) for row in heard.calls]
    assert {row.session for row in told} == {own.id}
    assert max(heard.waiting for heard in elsewhere.messages if isinstance(heard, QueueState)) == 1
