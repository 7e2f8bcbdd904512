"""After a call: how long the specialist has to say how it went, and what stands if nothing is said."""

from __future__ import annotations

from link.protocol.values import SessionState
from server.session import commands as c
from server.session import events as e
from server.session.graces import Graces
from server.session.state import Recording, view
from tests.server.session.playbook import Playbook, ended

GRACES = Graces()


def _left(book: Playbook) -> int | None:
    return view(book.state, book.at_ms, notes=True, graces=GRACES).closes_s


def test_the_time_left_is_told_to_the_specialist_only() -> None:
    book = ended()
    assert _left(book) == 600
    book.so(e.OutcomeChosen("resolved", "ann"), after_ms=100_000)
    shown = view(book.state, book.at_ms, notes=True, graces=GRACES)
    assert (shown.closes_s, shown.chosen, shown.extensions) == (500, "resolved", GRACES.extensions)
    customer = view(book.state, book.at_ms, graces=GRACES)
    assert (customer.closes_s, customer.chosen, customer.extensions) == (None, None, 0)
    book.folds()


def test_more_time_begins_anew_and_not_for_ever() -> None:
    book = ended()
    for _ in range(GRACES.extensions):
        book.said(e.WrapUpExtended("ann"), c.StartTimer("close", 600.0), after_ms=1000)
        assert _left(book) == 600
    book.refused(e.WrapUpExtended("ann"))
    book.folds()


def test_only_the_own_wrap_up_is_extended_or_chosen_for() -> None:
    book = ended()
    book.refused(e.WrapUpExtended("bob"))
    book.refused(e.OutcomeChosen("resolved", "bob"))
    book.so(e.Disposed("resolved", "", "ann"))
    book.refused(e.WrapUpExtended("ann"))
    book.refused(e.OutcomeChosen("other", "ann"))


def test_the_chosen_outcome_stands_when_time_runs_out() -> None:
    book = ended().so(e.NoteSaved("call back"), e.OutcomeChosen("resolved", "ann"), e.OutcomeChosen("follow_up", "ann"))
    book.so(e.TimerFired("close"), after_ms=600_000)
    assert (book.state.outcome, book.state.overdue, book.state.note) == ("follow_up", True, "call back")
    if book.state.recording is Recording.ON:
        book.so(e.RecordingCompleted([]))
    assert book.state.phase is SessionState.CLOSED
    book.folds()


def test_a_confirmed_outcome_is_not_overdue() -> None:
    book = ended().so(e.OutcomeChosen("resolved", "ann"), e.Disposed("referred", "", "ann"))
    assert (book.state.outcome, book.state.overdue) == ("referred", False)
    book.folds()
