"""The rule book: what each role may do, and that it is asked before anything happens."""

from __future__ import annotations

import pytest

from link.protocol.errors import NotAllowed
from server.session import admission
from server.session import events as e
from server.session.participants import Membership
from server.session.rules.rights import Right, may, require
from tests.server.session.playbook import Playbook, talking

STAFF = {"hear", "see", "see_documents", "watch_screen"}
ROLES = {"specialist": "bob", "consultant": "con", "interpreter": "int", "guide": "gil"}


@pytest.fixture
def call() -> Playbook:
    """Everybody is in it: `specialist` leads, `specialist-1` is another one; the supervisor monitors."""
    book = talking()
    for role, person in ROLES.items():
        book.so(
            e.ParticipantInvited(f"{role}-1", role, person, person, by="specialist"), e.ParticipantJoined(f"{role}-1")
        )
    return book


def watched(call: Playbook) -> Playbook:
    """One made room for the supervisor."""
    call.so(e.ParticipantLeft("guide-1", "left"))
    return call.so(
        e.ParticipantInvited("supervisor-1", "supervisor", "eve", "Eve", mode="monitor"),
        e.ParticipantJoined("supervisor-1"),
    )


def rights(call: Playbook, participant: str) -> set[str]:
    return {str(right) for right in Right if may(call.state, participant, right)}


def test_the_book(call: Playbook) -> None:
    everything = {str(right) for right in Right}
    assert rights(call, "specialist") == everything, "who leads the call"
    assert rights(call, "kiosk") == {"hear", "see", "chat", "end"}
    assert rights(call, "specialist-1") == STAFF | {"chat", "point", "ask_for_documents"}
    assert rights(call, "consultant-1") == STAFF | {"chat", "point"}
    assert rights(call, "interpreter-1") == {"hear", "see", "chat"}
    assert rights(call, "guide-1") == STAFF | {"chat"}
    assert rights(watched(call), "supervisor-1") == STAFF | {"set_modes"}
    call.so(e.ModeChanged("supervisor-1", "barge", by="supervisor-1"))
    assert rights(call, "supervisor-1") == STAFF | {"set_modes", "chat"}


def test_who_takes_no_part_may_nothing(call: Playbook) -> None:
    call.so(e.ParticipantLeft("guide-1", "left"))
    assert call.state.participants["guide-1"].membership is Membership.LEFT
    for nobody in ("guide-1", "supervisor-1", ""):
        assert rights(call, nobody) == set()
        with pytest.raises(NotAllowed):
            require(call.state, nobody, Right.HEAR)


@pytest.mark.parametrize("by", ["kiosk", "specialist-1", "consultant-1", "interpreter-1", "guide-1", "nobody"])
def test_what_only_the_lead_does(call: Playbook, by: str) -> None:
    refused: list[e.Event] = [
        e.Held(by),
        e.ParticipantInvited("guide-2", "guide", "zoe", "Zoe", by=by),
        e.ParticipantLeft("specialist", "removed", by),
        e.ModeChanged("interpreter-1", "hold", by=by),
    ]
    for event in refused:
        with pytest.raises(NotAllowed):
            admission.ask(call.state, event)
    if by not in ("kiosk", "nobody"):
        with pytest.raises(NotAllowed):
            admission.ask(call.state, e.Ended(by, "hang_up"))


def test_what_others_may(call: Playbook) -> None:
    for event in (
        e.Ended("kiosk", "customer"),
        e.Ended("system", "interrupted"),
        e.DocumentRequested("d1", "id_card", by="specialist-1"),
        e.ChatSent("c1", "interpreter-1", "…"),
        e.ParticipantLeft("guide-1", "left", by="guide-1"),
        e.ModeChanged("interpreter-1", "hold", by="specialist"),
        e.ModeChanged("interpreter-1", "talk", by="specialist"),
        e.Held(),
    ):
        admission.ask(call.state, event)
    with pytest.raises(NotAllowed):
        admission.ask(call.state, e.DocumentRequested("d1", "id_card", by="interpreter-1"))


def test_supervisors_choose_their_own_mode_and_nobody_another_s(call: Playbook) -> None:
    watched(call)
    admission.ask(call.state, e.ModeChanged("supervisor-1", "whisper", "specialist", by="supervisor-1"))
    for event in (
        e.ModeChanged("supervisor-1", "talk", by="specialist"),
        e.ModeChanged("interpreter-1", "hold", by="supervisor-1"),
        e.ModeChanged("interpreter-1", "monitor", by="specialist"),
        e.ModeChanged("specialist", "barge", by="specialist"),
        e.ChatSent("c1", "supervisor-1", "nobody knows that I am here"),
    ):
        with pytest.raises(NotAllowed):
            admission.ask(call.state, event)


def test_nobody_but_a_supervisor_comes_unasked(call: Playbook) -> None:
    admission.ask(call.state, e.ParticipantInvited("supervisor-1", "supervisor", "eve", "Eve", mode="monitor"))
    with pytest.raises(NotAllowed):
        admission.ask(call.state, e.ParticipantInvited("guide-2", "guide", "zoe", "Zoe"))
