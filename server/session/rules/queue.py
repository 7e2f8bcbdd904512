"""From the request to the answer, and back into the queue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from link.protocol.values import ParticipantRole, SessionState
from server.session import commands as c
from server.session import events as e
from server.session.errors import IllegalEvent, NoConsent
from server.session.participants import Membership, Participant
from server.session.rules import sensitive
from server.session.rules.timers import RING, SPECIALIST_LOST
from server.session.state import TALKING, Recording
from server.session.table import Step, on

if TYPE_CHECKING:
    from server.session.machine import Machine


@on(e.SessionRequested, None)
def requested(m: Machine, event: e.SessionRequested) -> Step:
    m.set(phase=SessionState.WAITING, request=event, step=event.step)
    m.add(Participant(event.participant, ParticipantRole.CUSTOMER, event.kiosk, joined_ms=m.at_ms))
    yield from ()


@on(e.ConsentGiven, SessionState.WAITING)
def consented(m: Machine, event: e.ConsentGiven) -> Step:
    if m.state.consent is not None:
        raise IllegalEvent("consent was given before")
    m.set(consent=event)
    yield from m.enqueue()


@on(e.Offered, SessionState.WAITING)
def offered(m: Machine, event: e.Offered) -> Step:
    if m.state.consent is None:
        raise NoConsent("no consent")
    if m.state.customer in m.state.lost:
        raise IllegalEvent("the kiosk is not there")
    m.set(phase=SessionState.RINGING, ringing=event.specialist, offered=event.participant)
    yield c.Dequeue()
    yield from m.start(RING, m.graces.ring)
    yield c.RingStart(event.specialist)


@on(e.OfferEnded, SessionState.RINGING)
def offer_ended(m: Machine, event: e.OfferEnded) -> Step:
    _ringing_at(m, event.specialist)
    m.set(phase=SessionState.WAITING, ringing=None, offered="")
    yield from m.cancel(RING)
    yield c.RingEnd(event.specialist, event.reason)
    yield from m.enqueue()


@on(e.Answered, SessionState.RINGING)
def answered(m: Machine, event: e.Answered) -> Step:
    _ringing_at(m, event.specialist)
    m.set(phase=SessionState.ACTIVE, ringing=None, offered="", lead=event.participant, answered=True)
    role = ParticipantRole.SPECIALIST
    m.add(Participant(event.participant, role, event.specialist, event.name, joined_ms=m.at_ms))
    yield from m.cancel(RING)
    yield c.RingEnd(event.specialist, "answered")
    yield c.Occupy(event.specialist)
    # The first picture is asked for when the recorder is there to keep it.
    yield c.StartRecording() if m.state.recording is Recording.NONE else c.TakeSnapshot()


def _ringing_at(m: Machine, specialist: str) -> None:
    if m.state.ringing != specialist:
        raise IllegalEvent("it does not ring there")


@on(e.Requeued, TALKING)
def requeued(m: Machine, event: e.Requeued) -> Step:
    lead = m.state.lead
    assert lead is not None
    specialist = m.state.participants[lead].person
    m.set(phase=SessionState.WAITING, lead=None, requeued=True, stalled={})
    yield from m.cancel(SPECIALIST_LOST)
    yield from sensitive.end(m, lead)
    yield c.InterruptCobrowse("disconnected")
    yield from m.drop_leg(lead)
    m.amend(lead, membership=Membership.LEFT, left_ms=m.at_ms)
    m.set_network(lead)
    foreign = event.reason == "not_allowed"
    yield c.Release(specialist, wrap_up=False, reason="not_allowed" if foreign else "requeued")
    yield from m.enqueue()
