"""The end of a call and what comes after it: stars, outcome, the close of the session."""

from __future__ import annotations

from typing import TYPE_CHECKING

from link.protocol.values import SessionState
from server.session import commands as c
from server.session import events as e
from server.session.errors import IllegalEvent
from server.session.participants import Membership
from server.session.rules import timers
from server.session.rules.timers import CLOSE, KIOSK_LOST, RING, SENSITIVE, SPECIALIST_LOST
from server.session.state import OPEN, TALKING, Recording
from server.session.table import Step, on

if TYPE_CHECKING:
    from server.session.machine import Machine


@on(e.Ended, OPEN)
def ended(m: Machine, event: e.Ended) -> Step:
    before = m.state
    m.set(phase=SessionState.ENDED, ringing=None, offered="", ended_by=event.by, end_reason=event.reason)
    m.set(network=(), stalled={}, pauses={}, pause_overdue=False)
    yield from m.cancel(RING, SPECIALIST_LOST, KIOSK_LOST, SENSITIVE)
    if before.phase is SessionState.WAITING:
        yield c.Dequeue()
    if before.ringing is not None:
        yield c.RingEnd(before.ringing, "left")
    if before.phase in TALKING:
        assert before.specialist is not None
        yield c.Release(before.specialist, wrap_up=True)
    for one in before.participants.values():
        if one.membership is Membership.LEFT:
            continue
        yield from m.cancel(timers.invited(one.id), timers.lost(one.id))
        if one.membership is Membership.INVITED:
            yield c.InvitationStop(one.id, one.person, "left")
        elif one.id not in (before.customer, before.lead):
            yield c.Release(one.person, wrap_up=False, reason="ended")
        yield from m.drop_leg(one.id)
        m.amend(one.id, membership=Membership.LEFT, left_ms=m.at_ms)
    if m.state.recording is Recording.ON:
        yield c.FinishRecording()
    if m.state.finished:
        yield c.Follow(e.Closed())
    else:
        yield from start_closing(m)


def start_closing(m: Machine) -> Step:
    """From now on so long is waited for stars and outcome."""
    m.set(closing_from_ms=m.at_ms)
    yield from m.start(CLOSE, m.graces.close)


@on(e.Rated, SessionState.ENDED)
def rated(m: Machine, event: e.Rated) -> Step:
    if m.state.rated is not None or not m.state.answered:
        raise IllegalEvent("rated before, or never answered")
    m.set(rated=event.stars)
    yield from m.close_if_finished()


@on(e.RatingSkipped, SessionState.ENDED)
def rating_skipped(m: Machine, _event: e.RatingSkipped) -> Step:
    m.set(rating_skipped=True)
    yield from m.close_if_finished()


@on(e.Disposed, SessionState.ENDED)
def disposed(m: Machine, event: e.Disposed) -> Step:
    if m.state.specialist != event.by or m.state.outcome is not None:
        raise IllegalEvent("disposed of before, or not this specialist's call")
    m.set(outcome=event.outcome, note=event.note or m.state.note, overdue=event.overdue)
    yield c.FreeWrapUp(event.by)
    yield from m.close_if_finished()


@on(e.OutcomeChosen, SessionState.ENDED)
def outcome_chosen(m: Machine, event: e.OutcomeChosen) -> Step:
    if m.state.specialist != event.by or not m.state.undisposed:
        raise IllegalEvent("disposed of before, or not this specialist's call")
    m.set(chosen=event.outcome)
    yield from ()


@on(e.WrapUpExtended, SessionState.ENDED)
def wrap_up_extended(m: Machine, event: e.WrapUpExtended) -> Step:
    if m.state.specialist != event.by or not m.state.undisposed or m.state.close_due:
        raise IllegalEvent("nothing is being wrapped up by this specialist")
    if m.state.extensions >= m.graces.extensions:
        raise IllegalEvent("extended often enough")
    m.set(extensions=m.state.extensions + 1)
    yield from start_closing(m)


@on(e.Closed, SessionState.ENDED)
def closed(m: Machine, _event: e.Closed) -> Step:
    if m.state.undisposed and m.state.specialist is not None:
        yield c.FreeWrapUp(m.state.specialist)
    m.set(phase=SessionState.CLOSED)
    yield from m.cancel(CLOSE)
    yield c.Retire()
