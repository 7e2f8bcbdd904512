"""Participants are lost and return, timers run out, processes restart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from link.protocol.values import SessionState
from server.session import commands as c
from server.session import events as e
from server.session.errors import IllegalEvent, StaleTimer
from server.session.participants import Membership
from server.session.rules import timers
from server.session.rules.ending import start_closing
from server.session.rules.timers import KIOSK_LOST, SENSITIVE, SPECIALIST_LOST
from server.session.state import OPEN, TALKING, Recording
from server.session.table import Step, on

if TYPE_CHECKING:
    from server.session.machine import Machine


@on(e.ParticipantLost, OPEN)
def lost(m: Machine, event: e.ParticipantLost) -> Step:
    who = event.participant
    if who in m.state.lost:
        raise IllegalEvent("lost before")
    one = m.state.participants.get(who)
    if who == m.state.customer:
        m.amend(who, membership=Membership.LOST)
        if m.state.phase is SessionState.WAITING:
            yield c.Dequeue()
        if m.state.phase is SessionState.ACTIVE:
            yield c.InterruptCobrowse("disconnected")
        yield from m.start(KIOSK_LOST, m.graces.kiosk_lost)
    elif one is not None and one.joined:
        m.amend(who, membership=Membership.LOST)
        timer = SPECIALIST_LOST if who == m.state.lead else timers.lost(who)
        yield from m.start(timer, m.graces.after_cut if event.cut else m.graces.specialist_lost)
    elif one is not None and one.membership is Membership.INVITED:
        yield c.Follow(e.InvitationEnded(who, "lost"))
    elif m.state.ringing is not None:
        yield c.Follow(e.OfferEnded(m.state.ringing, "lost"))
    else:
        raise IllegalEvent("there is no such participant")


@on(e.ParticipantReturned, OPEN)
def returned(m: Machine, event: e.ParticipantReturned) -> Step:
    who = event.participant
    if who not in m.state.lost:
        raise IllegalEvent("it was not lost")
    m.amend(who, membership=Membership.PRESENT)
    if who == m.state.customer:
        yield from m.cancel(KIOSK_LOST)
    else:
        yield from m.cancel(SPECIALIST_LOST if who == m.state.lead else timers.lost(who))
    if m.state.phase in TALKING:
        yield c.TakeSnapshot()
    elif m.state.phase is SessionState.WAITING and who == m.state.customer:
        yield from m.enqueue()


@on(e.TimerFired, OPEN, SessionState.ENDED)
def timer_fired(m: Machine, event: e.TimerFired) -> Step:
    if event.timer not in m.state.timers:
        raise StaleTimer(event.timer)
    m.set(timers=m.state.timers - {event.timer})
    match timers.who(event.timer):
        case ("invited", participant):
            yield c.Follow(e.InvitationEnded(participant, "timeout"))
        case ("lost", participant):
            yield c.Follow(e.ParticipantLeft(participant, "lost"))
        case _:
            yield from _ran_out(m, event.timer)


def _ran_out(m: Machine, timer: str) -> Step:
    match timer:
        case "ring":
            assert m.state.ringing is not None
            yield c.Follow(e.OfferEnded(m.state.ringing, "timeout"))
        case "specialist_lost":
            yield c.Follow(e.Requeued("specialist_lost"))
        case "sensitive":
            m.set(pause_overdue=True)
            yield c.RaiseAlarm("recording paused for long")
        case "kiosk_lost":
            yield c.Follow(e.Ended(e.SYSTEM, "interrupted"))
        case _:
            m.set(close_due=True)
            if m.state.undisposed and m.state.chosen and m.state.specialist:
                yield c.Follow(e.Disposed(m.state.chosen, "", m.state.specialist, overdue=True))
            else:
                yield from m.close_if_finished()


@on(e.NodeRestarted, OPEN, SessionState.ENDED)
def node_restarted(m: Machine, _event: e.NodeRestarted) -> Step:
    """Everybody is lost until seen again: the same graces run from now."""
    m.set(timers=frozenset(), stalled={})
    if m.state.phase is SessionState.ENDED:
        yield from start_closing(m)
        if m.state.recording is Recording.ON:
            yield c.FinishRecording()
        if m.state.undisposed and m.state.specialist is not None:
            yield c.Release(m.state.specialist, wrap_up=True)
        yield from m.close_if_finished()
        return
    for one in m.state.joined:
        m.amend(one.id, membership=Membership.LOST, leg=None)
    yield from m.start(KIOSK_LOST, m.graces.kiosk_lost)
    if m.state.pauses and not m.state.pause_overdue:
        yield from m.start(SENSITIVE, m.graces.sensitive)
    if m.state.phase is SessionState.RINGING:
        assert m.state.ringing is not None
        yield c.Follow(e.OfferEnded(m.state.ringing, "restart"))
    for one in m.state.participants.values():
        if one.membership is Membership.INVITED:
            yield c.Follow(e.InvitationEnded(one.id, "restart"))
        elif one.id == m.state.lead:
            yield c.Occupy(one.person)
            yield from m.start(SPECIALIST_LOST, m.graces.specialist_lost)
        elif one.joined and one.id != m.state.customer:
            yield c.Occupy(one.person)
            yield from m.start(timers.lost(one.id), m.graces.specialist_lost)
    if m.state.answered:
        yield c.StartRecording()
