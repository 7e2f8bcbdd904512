"""Colleagues in a call, through the real application: asked, joined, seen and heard, shown out, lost, found again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from link.protocol import client as m
from link.protocol.server import ChatMessage, Done, Invitation, InvitationOver, SessionGone, SessionUpdate
from link.protocol.values import ParticipantMode, ParticipantRole, Presence, Session, SessionState
from link.signaling.client import Refused
from server.session import events as e
from tests.server.calls.bank import Bank, Party, eventually
from tests.server.calls.conftest import OpenBank
from tests.server.calls.media import Media

SPECIALIST = ParticipantRole.SPECIALIST
LEAD, SECOND = "specialist-1", "specialist-2"


async def person(bank: Bank, login: str) -> str:
    found = await bank.store.people.by_login(login)
    assert found is not None
    return found.id


async def talk(bank: Bank) -> tuple[str, Party, Party]:
    """A call of a customer and ann."""
    kiosk, ann = await bank.kiosk("k1"), await bank.specialist("ann")
    session = (await kiosk.call()).id
    await ann.answer()
    return session, kiosk, ann


async def ask(bank: Bank, by: Party, session: str, login: str, role: ParticipantRole = SPECIALIST) -> Session:
    reply = await by.ask(m.ParticipantInvite(session, await person(bank, login), role))
    assert isinstance(reply, SessionUpdate)
    return reply.session


async def join(bank: Bank, by: Party, session: str, guest: Party, login: str) -> Session:
    """Invited, and there."""
    await ask(bank, by, session, login)
    await guest.hear(Invitation)
    reply = await guest.ask(m.InvitationAnswer(session, joins=True))
    assert isinstance(reply, SessionUpdate)
    return reply.session


async def refused(asking: Callable[[], object]) -> str:
    with pytest.raises(Refused) as error:
        await asking()  # type: ignore[misc]
    return error.value.code


def ids(view: Session, *, invited: bool = False) -> list[str]:
    return [one.id for one in view.participants if one.invited is invited]


async def test_a_colleague_is_asked_and_joins(bank: Bank) -> None:
    session, kiosk, ann = await talk(bank)
    bob = await bank.specialist("bob")
    view = await ask(bank, ann, session, "bob")
    assert ids(view, invited=True) == [SECOND]
    invitation = await bob.hear(Invitation)
    assert (invitation.session.id, invitation.participant, invitation.remaining_s) == (session, SECOND, 20)
    assert await bank.presence("bob") is Presence.RINGING, "nothing else rings there meanwhile"
    await bob.ask(m.InvitationAnswer(session, joins=True))
    assert (await bob.hear(InvitationOver)).reason == "joined"
    assert ids(await kiosk.session(lambda v: len(ids(v)) == 3)) == ["customer-1", LEAD, SECOND]
    assert await bank.presence("bob") is Presence.BUSY
    await bank.check(session)


async def test_what_one_writes_all_read(bank: Bank) -> None:
    session, kiosk, ann = await talk(bank)
    bob = await bank.specialist("bob")
    await join(bank, ann, session, bob, "bob")
    await bob.ask(m.ChatSend(session, "c1", "from bob"))
    for party in (kiosk, ann, bob):
        line = (await party.hear(ChatMessage)).chat
        assert (line.sender, line.text) == (SECOND, "from bob")


@pytest.mark.parametrize("how", ["declined", "withdrawn", "lost", "left"])
async def test_an_invitation_that_comes_to_nothing(bank: Bank, how: str) -> None:
    session, kiosk, ann = await talk(bank)
    bob = await bank.specialist("bob")
    await ask(bank, ann, session, "bob")
    await bob.hear(Invitation)
    match how:
        case "declined":
            assert isinstance(await bob.ask(m.InvitationAnswer(session, joins=False)), Done)
        case "withdrawn":
            await ann.ask(m.ParticipantRemove(session, SECOND))
        case "lost":
            await bob.stop()
        case _:
            await kiosk.ask(m.CallEnd(session))
    if how != "lost":
        assert (await bob.hear(InvitationOver)).reason == how
        assert await bank.presence("bob") is Presence.AVAILABLE
    await eventually(lambda: not bank.rooms.get(session) or SECOND not in ids_of(bank, session))
    folded = await bank.check(session)
    assert folded.state.participants[SECOND].left_ms is not None


def ids_of(bank: Bank, session: str) -> list[str]:
    room = bank.rooms.get(session)
    return [] if room is None else [one.id for one in room.view(notes=True).participants]


async def test_who_cannot_be_asked_and_who_cannot_ask(bank: Bank) -> None:
    session, _, ann = await talk(bank)
    bob, eve = await bank.specialist("bob"), await bank.specialist("eve", branch="west")
    zoe = await bank.specialist("zoe")
    nobody = m.ParticipantInvite(session, "nobody", SPECIALIST)
    assert await refused(lambda: ann.client.request(nobody)) == "not_found"
    elsewhere = m.ParticipantInvite(session, await person(bank, "eve"), SPECIALIST)
    assert await refused(lambda: ann.client.request(elsewhere)) == "not_found", "of another branch"
    foreign = m.ParticipantInvite(session, await person(bank, "zoe"), SPECIALIST)
    assert await refused(lambda: bob.client.request(foreign)) == "not_found", "not in the call"
    await join(bank, ann, session, bob, "bob")
    assert await refused(lambda: bob.client.request(foreign)) == "not_allowed", "in it, and not its lead"
    again = m.ParticipantInvite(session, await person(bank, "bob"), SPECIALIST)
    assert await refused(lambda: ann.client.request(again)) == "not_found", "busy"
    for message in (m.InvitationAnswer(session, joins=True), m.Hold(session, held=True)):
        assert await refused(lambda message=message: zoe.client.request(message)) == "not_found"  # type: ignore[misc]
    assert eve.messages


async def test_what_a_colleague_may_not(bank: Bank) -> None:
    session, _, ann = await talk(bank)
    bob = await bank.specialist("bob")
    await join(bank, ann, session, bob, "bob")
    forbidden = {
        m.Hold(session, held=True): "not_allowed",
        m.HangUp(session): "not_allowed",
        m.ParticipantRemove(session, LEAD): "not_allowed",
        m.SetMode(session, LEAD, ParticipantMode.HOLD): "not_allowed",
        m.NoteSave(session, "mine"): "not_found",
        m.Dispose(session, "resolved", ""): "not_found",
    }
    for message, code in forbidden.items():
        assert await refused(lambda message=message: bob.client.request(message)) == code, message  # type: ignore[misc]
    asked = await bob.ask(m.DocumentRequest(session, "id_card"))
    assert isinstance(asked, SessionUpdate)
    assert len(asked.session.documents) == 1
    said = [event for event in await bank.journal(session) if isinstance(event, e.DocumentRequested)]
    assert [event.by for event in said] == [SECOND]


async def test_a_colleague_leaves_or_is_shown_out_and_the_call_goes_on(bank: Bank) -> None:
    session, kiosk, ann = await talk(bank)
    bob = await bank.specialist("bob")
    for by, reason in ((bob, "left"), (ann, "removed")):
        view = await join(bank, ann, session, bob, "bob")
        me = ids(view)[-1]
        kiosk.skip()
        await by.ask(m.ParticipantRemove(session, me))
        gone = await bob.hear(SessionGone, lambda told: told.reason is not None)
        assert (gone.reason, gone.session) == (reason, session)
        assert ids(await kiosk.session(lambda v, me=me: me not in ids(v))) == ["customer-1", LEAD]  # type: ignore[misc]
        assert await bank.presence("bob") is Presence.AVAILABLE
    kinds = [event.participant for event in await bank.journal(session) if isinstance(event, e.ParticipantLeft)]
    assert kinds == [SECOND, "specialist-3"], "nobody has the name of somebody before"
    await bank.check(session)


async def test_a_colleague_s_page_comes_back_into_the_call(bank: Bank) -> None:
    session, _, ann = await talk(bank)
    bob = await bank.specialist("bob")
    await join(bank, ann, session, bob, "bob")
    await bob.die()
    room = bank.rooms.get(session)
    assert room is not None
    await eventually(lambda: SECOND in room.state.lost)
    await bob.reborn()
    shown = await bob.session(lambda v: v.state is SessionState.ACTIVE)
    assert ids(shown) == ["customer-1", LEAD, SECOND]
    await eventually(lambda: not room.state.lost)
    await bank.check(session)


async def test_the_lead_is_lost_for_good_and_the_call_waits_with_who_is_there(open_bank: OpenBank) -> None:
    bank = await open_bank(ring_s=5)  # it rings at ann again before it does at zoe
    session, kiosk, ann = await talk(bank)
    bob = await bank.specialist("bob")
    await join(bank, ann, session, bob, "bob")
    room = bank.rooms.get(session)
    assert room is not None
    await room.submit(e.Requeued("specialist_lost"))
    await kiosk.state(SessionState.WAITING)
    zoe = await bank.specialist("zoe")
    view = await zoe.answer()
    assert ids(view) == ["customer-1", SECOND, "specialist-3"], "who took it leads it now"
    assert room.state.lead == "specialist-3"
    await bank.check(session)


async def test_everybody_comes_back_after_a_restart(bank: Bank) -> None:
    session, _, ann = await talk(bank)
    bob = await bank.specialist("bob")
    await join(bank, ann, session, bob, "bob")
    bob.skip()
    await bank.restart()
    await bob.session(lambda v: v.state is SessionState.ACTIVE and SECOND in ids(v), within=60)
    room = bank.rooms.get(session)
    assert room is not None
    await eventually(lambda: not room.state.lost, within=60)
    await bank.check(session)


@pytest.mark.alone
async def test_three_are_heard_held_and_recorded(bank: Bank) -> None:
    session, kiosk, ann = await talk(bank)
    bob = await bank.specialist("bob")
    await join(bank, ann, session, bob, "bob")
    ends = [Media(party, session) for party in (kiosk, ann, bob)]
    try:
        for end in ends:
            end.start()
        await asyncio.gather(*(end.arrives() for end in ends))
        await ann.ask(m.SetMode(session, SECOND, ParticipantMode.HOLD))
        await asyncio.gather(*(end.arrives() for end in ends[:2]))
        before = len(ends[2].heard)
        await ends[0].arrives()
        assert len(ends[2].heard) - before < 5, "who is on hold hears nothing but what was on its way"
        await ann.ask(m.SetMode(session, SECOND, ParticipantMode.TALK))
        await asyncio.gather(*(end.arrives() for end in ends))
        await kiosk.ask(m.CallEnd(session))
        room = bank.rooms.get(session)
        assert room is not None
        await eventually(lambda: room.state.recording == "complete")
    finally:
        for end in ends:
            await end.stop()
    completed = next(event for event in await bank.journal(session) if isinstance(event, e.RecordingCompleted))
    tracks = {track.track: track.recorded_ms for track in completed.tracks}
    assert set(tracks) == {f"{who}.{what}" for who in ("customer-1", LEAD, SECOND) for what in ("camera", "microphone")}
    assert min(tracks.values()) > 200
