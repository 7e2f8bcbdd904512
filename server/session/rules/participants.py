"""Who else takes part: invited, joined, in another mode, gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from link.protocol.values import ParticipantMode, ParticipantRole
from server.session import commands as c
from server.session import events as e
from server.session.errors import IllegalEvent
from server.session.participants import MOST, Membership, Participant
from server.session.rules import timers
from server.session.state import OPEN, TALKING
from server.session.table import Step, on

if TYPE_CHECKING:
    from server.session.machine import Machine


@on(e.ParticipantInvited, TALKING)
def invited(m: Machine, event: e.ParticipantInvited) -> Step:
    if event.participant in m.state.participants:
        raise IllegalEvent("there was such a participant before")
    if m.state.of_person(event.person) is not None:
        raise IllegalEvent("this person takes part, or is invited")
    if sum(one.membership is not Membership.LEFT for one in m.state.participants.values()) >= MOST:
        raise IllegalEvent("the call is full")
    role, mode = ParticipantRole(event.role), ParticipantMode(event.mode)
    if role is ParticipantRole.CUSTOMER:
        raise IllegalEvent("a call has one customer")
    _reachable(m, mode, event.to)
    asked = Membership.INVITED
    m.add(Participant(event.participant, role, event.person, event.name, asked, mode=mode, to=event.to))
    yield from m.start(timers.invited(event.participant), m.graces.ring)
    yield c.InvitationStart(event.participant, event.person)


@on(e.InvitationEnded, OPEN)
def invitation_ended(m: Machine, event: e.InvitationEnded) -> Step:
    one = _known(m, event.participant, Membership.INVITED)
    m.amend(one.id, membership=Membership.LEFT, left_ms=m.at_ms)
    yield from m.cancel(timers.invited(one.id))
    yield c.InvitationStop(one.id, one.person, event.reason)


@on(e.ParticipantJoined, TALKING)
def joined(m: Machine, event: e.ParticipantJoined) -> Step:
    one = _known(m, event.participant, Membership.INVITED)
    m.amend(one.id, membership=Membership.PRESENT, joined_ms=m.at_ms)
    yield from m.cancel(timers.invited(one.id))
    yield c.InvitationStop(one.id, one.person, "joined")
    yield c.Occupy(one.person)
    yield c.TakeSnapshot()


@on(e.ParticipantLeft, OPEN)
def left(m: Machine, event: e.ParticipantLeft) -> Step:
    one = _known(m, event.participant, Membership.PRESENT, Membership.LOST)
    if one.id in (m.state.customer, m.state.lead):
        raise IllegalEvent("without customer or lead the call does not go on")
    yield from m.cancel(timers.lost(one.id))
    yield from m.drop_leg(one.id)
    m.amend(one.id, membership=Membership.LEFT, left_ms=m.at_ms)
    m.set_network(one.id)
    for other in m.state.joined:
        if other.to == one.id:  # nobody is left to whisper to
            m.amend(other.id, mode=ParticipantMode.MONITOR, to="")
    yield c.Release(one.person, wrap_up=False, reason=event.reason)


@on(e.ModeChanged, TALKING)
def mode_changed(m: Machine, event: e.ModeChanged) -> Step:
    one = _known(m, event.participant, Membership.PRESENT, Membership.LOST)
    if one.id == m.state.customer:
        raise IllegalEvent("the customer is held and resumed with the call")
    mode = ParticipantMode(event.mode)
    _reachable(m, mode, event.to)
    m.amend(one.id, mode=mode, to=event.to)
    yield from ()


def _known(m: Machine, participant: str, *memberships: Membership) -> Participant:
    one = m.state.participants.get(participant)
    if one is None or one.membership not in memberships:
        raise IllegalEvent("no such participant")
    return one


def _reachable(m: Machine, mode: ParticipantMode, to: str) -> None:
    """A whisper reaches one participant, and nothing else names one."""
    if (mode is ParticipantMode.WHISPER) != bool(to):
        raise IllegalEvent("a whisper, and nothing else, is to somebody")
    if to and not (to in m.state.participants and m.state.participants[to].joined):
        raise IllegalEvent("nobody to whisper to")
