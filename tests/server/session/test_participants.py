"""A session of many: who is invited, joins, changes mode, is lost and leaves, and what everybody is told of it."""

from __future__ import annotations

import pytest

from link.protocol.values import ParticipantMode, ParticipantRole
from server.session import commands as c
from server.session import events as e
from server.session.participants import MOST, Membership
from server.session.state import State, view
from tests.server.session.playbook import CONSENT, REQUEST, Playbook, ended, ringing, talking, waiting

SECOND = e.ParticipantInvited("specialist-2", "specialist", "bob", "Bob", by="specialist")
BOSS = e.ParticipantInvited("supervisor-1", "supervisor", "eve", "Eve", mode="monitor")


def three() -> Playbook:
    return talking().so(SECOND, e.ParticipantJoined("specialist-2"), after_ms=1000)


def shown(state: State, *, notes: bool) -> dict[str, tuple[bool, bool]]:
    return {one.id: (one.present, one.invited) for one in view(state, 0, notes=notes).participants}


def test_new_sessions_name_their_participants_and_old_ones_keep_their_names() -> None:
    named = e.SessionRequested(
        **{n: getattr(REQUEST, n) for n in REQUEST.__struct_fields__} | {"participant": "customer-1"}
    )
    book = Playbook().so(
        named, CONSENT, e.Offered("ann", "Ann", "specialist-1"), e.Answered("ann", "Ann", "specialist-1")
    )
    assert list(book.state.participants) == ["customer-1", "specialist-1"]
    assert (book.state.customer, book.state.lead) == ("customer-1", "specialist-1")
    assert book.state.numbered(ParticipantRole.SPECIALIST) == "specialist-2"
    assert list(talking().state.participants) == ["kiosk", "specialist"]
    assert talking().state.numbered(ParticipantRole.SPECIALIST) == "specialist-2"


def test_a_second_specialist_is_invited_joins_and_leaves() -> None:
    book = talking()
    book.said(SECOND, c.StartTimer("invited:specialist-2", 20.0), c.InvitationStart("specialist-2", "bob"))
    assert shown(book.state, notes=True)["specialist-2"] == (True, True)
    book.said(
        e.ParticipantJoined("specialist-2"),
        c.CancelTimer("invited:specialist-2"),
        c.InvitationStop("specialist-2", "bob", "joined"),
        c.Occupy("bob"),
        c.TakeSnapshot(),
        after_ms=3000,
    )
    assert book.state.participants["specialist-2"].joined_ms == book.at_ms
    assert book.state.as_whom("bob") == "specialist-2"
    book.so(e.LegOpened("specialist-2", "l9"), e.LegConnected("specialist-2", "l9"))
    book.said(
        e.ParticipantLeft("specialist-2", "left", by="specialist-2"),
        c.CloseLeg("specialist-2", "l9"),
        c.Release("bob", wrap_up=False, reason="left"),
        after_ms=4000,
    )
    gone = book.state.participants["specialist-2"]
    assert (gone.membership, gone.left_ms) == (Membership.LEFT, book.at_ms)
    assert "specialist-2" not in shown(book.state, notes=True)
    assert book.state.as_whom("bob") is None
    book.refused(e.LegOpened("specialist-2", "l10")).folds()


@pytest.mark.parametrize("reason", ["declined", "withdrawn", "lost"])
def test_an_invitation_may_come_to_nothing(reason: str) -> None:
    book = talking().so(SECOND)
    book.said(
        e.InvitationEnded("specialist-2", reason),
        c.CancelTimer("invited:specialist-2"),
        c.InvitationStop("specialist-2", "bob", reason),
    )
    book.refused(e.ParticipantJoined("specialist-2"))
    # Asked again, they are somebody else: a track never begins twice.
    assert book.state.numbered(ParticipantRole.SPECIALIST) == "specialist-3"
    book.refused(SECOND).folds()


def test_an_invitation_runs_out() -> None:
    book = talking().so(SECOND)
    book.said(e.TimerFired("invited:specialist-2"), c.InvitationStop("specialist-2", "bob", "timeout"), after_ms=20_000)
    assert book.state.participants["specialist-2"].membership is Membership.LEFT
    book.folds()


def test_who_is_lost_comes_back_or_is_let_go() -> None:
    book = three()
    book.said(e.ParticipantLost("specialist-2"), c.StartTimer("lost:specialist-2", 20.0))
    assert shown(book.state, notes=True)["specialist-2"] == (False, False)
    book.said(e.ParticipantReturned("specialist-2"), c.CancelTimer("lost:specialist-2"), c.TakeSnapshot())
    book.so(e.ParticipantLost("specialist-2", cut=True))
    book.said(e.TimerFired("lost:specialist-2"), c.Release("bob", wrap_up=False, reason="lost"))
    assert book.state.specialist == "ann", "the call goes on without them"
    book.folds()


def test_the_call_does_not_go_on_without_customer_or_lead() -> None:
    book = three()
    for participant in ("kiosk", "specialist"):
        book.refused(e.ParticipantLeft(participant, "left"))
    book.so(e.Requeued("specialist_lost"))
    assert book.state.lead is None
    assert book.state.participants["specialist"].membership is Membership.LEFT
    assert book.state.participants["specialist-2"].joined, "who is there waits with the customer"


def test_everybody_is_let_go_at_the_end() -> None:
    book = three().so(e.ParticipantInvited("guide-1", "guide", "gil", "Gil", by="specialist"))
    book.said(
        e.Ended("kiosk", "customer"),
        c.Release("ann", wrap_up=True),
        c.CloseLeg("kiosk", "lk"),
        c.CloseLeg("specialist", "ls"),
        c.Release("bob", wrap_up=False, reason="ended"),
        c.CancelTimer("invited:guide-1"),
        c.InvitationStop("guide-1", "gil", "left"),
        c.FinishRecording(),
        c.StartTimer("close", 600.0),
    )
    assert {one.membership for one in book.state.participants.values()} == {Membership.LEFT}
    assert book.state.as_whom("ann") == "specialist", "who has still to say how it went"
    assert book.state.as_whom("bob") is None
    assert set(shown(book.state, notes=True)) == {"kiosk", "specialist"}
    book.folds()


def test_a_restart_loses_everybody_and_ends_invitations() -> None:
    book = three().so(e.ParticipantInvited("guide-1", "guide", "gil", "Gil", by="specialist"))
    book.so(e.NodeRestarted("n2"))
    assert book.state.lost == {"kiosk", "specialist", "specialist-2"}
    assert book.state.legs == {}
    assert book.state.timers == {"kiosk_lost", "specialist_lost", "lost:specialist-2"}
    assert book.state.participants["guide-1"].membership is Membership.LEFT
    book.so(e.ParticipantReturned("specialist-2")).folds()


def test_who_cannot_be_invited() -> None:
    for book in (waiting(), ringing(), ended()):
        book.refused(SECOND)
    book = three()
    book.refused(SECOND)
    book.refused(e.ParticipantInvited("interpreter-1", "interpreter", "bob", "Bob", by="specialist"))
    book.refused(e.ParticipantInvited("customer-2", "customer", "k2", "", by="specialist"))
    for number in range(MOST - 3):
        book.so(e.ParticipantInvited(f"guide-{number}", "guide", f"g{number}", "", by="specialist"))
    book.refused(e.ParticipantInvited("guide-9", "guide", "g9", "", by="specialist"))


def test_a_supervisor_looks_on_whispers_and_barges_in() -> None:
    book = talking().so(BOSS, e.ParticipantJoined("supervisor-1"))
    me = "supervisor-1"
    assert me in shown(book.state, notes=True)
    assert me not in shown(book.state, notes=False), "customers do not notice"
    book.so(e.ModeChanged(me, "whisper", "specialist", by=me))
    assert me not in shown(book.state, notes=False)
    book.refused(e.ModeChanged(me, "whisper", "", by=me)).refused(e.ModeChanged(me, "talk", "specialist", by=me))
    book.refused(e.ModeChanged(me, "whisper", "nobody", by=me))
    book.so(e.ModeChanged(me, "barge", by=me))
    assert me in shown(book.state, notes=False)
    assert book.state.participants[me].mode is ParticipantMode.BARGE
    assert book.machine.redundant(e.ModeChanged(me, "barge"))
    book.folds()


def test_a_whisper_to_who_leaves_reaches_nobody_else() -> None:
    book = three().so(BOSS, e.ParticipantJoined("supervisor-1"))
    book.so(e.ModeChanged("supervisor-1", "whisper", "specialist-2", by="supervisor-1"))
    book.so(e.ParticipantLeft("specialist-2", "left"))
    boss = book.state.participants["supervisor-1"]
    assert (boss.mode, boss.to) == (ParticipantMode.MONITOR, "")
    book.refused(e.ModeChanged("kiosk", "hold", by="specialist"))


def test_what_is_so_already_is_acknowledged() -> None:
    book = three()
    assert book.machine.redundant(e.ParticipantJoined("specialist-2"))
    assert not book.machine.redundant(e.ParticipantLeft("specialist-2", "left"))
    book.so(e.ParticipantLeft("specialist-2", "left"))
    assert book.machine.redundant(e.ParticipantLeft("specialist-2", "removed"))
    assert book.machine.redundant(e.InvitationEnded("specialist-2", "declined"))
    assert not book.machine.redundant(e.ParticipantJoined("specialist-2"))
