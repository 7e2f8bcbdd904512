"""Pauses of the recording for what no record may hold: who may, how they end, and that they are not forgotten."""

from __future__ import annotations

import pytest

from server.session import commands as c
from server.session import events as e
from server.session.media_gate import MediaGate, Medium
from server.session.state import view
from tests.server.session.playbook import Playbook, talking, waiting

LEAD, CUSTOMER = "specialist", "kiosk"
PAUSED = e.SensitivePaused(LEAD, "card")
TYPED = e.SensitivePaused(CUSTOMER, "secret_field", automatic=True)
MEDIA: tuple[Medium, ...] = ("microphone", "camera")


def gate(book: Playbook) -> MediaGate:
    return MediaGate.of(book.state, recorded=True)


def pauses(book: Playbook) -> list[tuple[str, str, bool, int, bool]]:
    shown = view(book.state, book.at_ms).pauses
    return [(one.by, one.reason, one.automatic, one.paused_s, one.overdue) for one in shown]


def test_the_call_goes_on_and_nothing_of_it_is_recorded() -> None:
    book = talking().so(e.TrackStarted("kiosk.camera", "video", "vp8"))
    book.said(PAUSED, c.StartTimer("sensitive", 300.0))
    now = gate(book)
    assert all(now.may_flow(CUSTOMER, medium, LEAD) and now.may_flow(LEAD, medium, CUSTOMER) for medium in MEDIA)
    assert {now.unrecorded(who, medium) for who in now.seats for medium in MEDIA} == {"sensitive"}
    assert (now.screen, now.viewers, now.screen_unrecorded) == (True, (LEAD,), "sensitive")
    assert view(book.state, 0).recording == []
    book.so(e.SensitivePaused(LEAD, "password"), after_ms=7000)
    assert pauses(book) == [(LEAD, "password", False, 7, False)], "another reason, and no other pause"
    book.said(e.SensitiveResumed(LEAD), c.CancelTimer("sensitive"), c.TakeSnapshot())
    assert (gate(book).screen_unrecorded, gate(book).unrecorded(CUSTOMER, "camera")) == ("", "")
    book.folds()


def test_while_a_secret_is_typed_nobody_sees_the_page() -> None:
    book = talking().so(TYPED)
    assert (gate(book).screen, gate(book).screen_unrecorded) == (False, "sensitive")
    assert gate(book).may_flow(CUSTOMER, "microphone", LEAD)
    book.so(PAUSED).said(e.SensitiveResumed(CUSTOMER), c.TakeSnapshot())
    assert (gate(book).screen, gate(book).screen_unrecorded) == (True, "sensitive"), "the specialist's goes on"
    assert pauses(book) == [(LEAD, "card", False, 0, False)]
    book.folds()


def test_a_pause_that_lasts_is_an_alarm_until_it_ends() -> None:
    book = talking().so(PAUSED)
    book.said(e.TimerFired("sensitive"), c.RaiseAlarm("recording paused for long"), after_ms=300_000)
    assert pauses(book) == [(LEAD, "card", False, 300, True)]
    book.so(e.SensitiveResumed(LEAD))
    assert not book.state.pause_overdue
    book.said(PAUSED, c.StartTimer("sensitive", 300.0))
    assert not pauses(book)[0][4]
    book.folds()


def test_who_may_pause_what() -> None:
    book = talking().so(
        e.ParticipantInvited("interpreter-1", "interpreter", "int", "Int", by=LEAD),
        e.ParticipantJoined("interpreter-1"),
    )
    book.refused(e.SensitivePaused("interpreter-1", "card"))
    book.refused(e.SensitivePaused(CUSTOMER, "card"))
    book.refused(e.SensitivePaused(LEAD, "secret_field", automatic=True))
    book.so(PAUSED)
    book.refused(e.SensitiveResumed("interpreter-1"))
    waiting().refused(TYPED)


def test_what_says_nothing_new_is_not_journaled() -> None:
    book = talking().so(PAUSED)
    assert book.machine.redundant(PAUSED)
    assert not book.machine.redundant(e.SensitivePaused(LEAD, "other"))
    assert book.machine.redundant(e.SensitiveResumed(CUSTOMER))


@pytest.mark.parametrize("over", [e.Ended(CUSTOMER, "customer"), e.Ended("system", "interrupted")])
def test_it_ends_with_the_call(over: e.Event) -> None:
    book = talking().so(PAUSED, TYPED)
    assert c.CancelTimer("sensitive") in book.post(over)
    assert pauses(book) == []
    book.folds()


def test_the_specialists_ends_with_the_specialist_and_the_customers_does_not() -> None:
    book = talking().so(PAUSED, TYPED, e.Requeued("specialist_lost"))
    assert [by for by, *_ in pauses(book)] == [CUSTOMER]
    assert "sensitive" in book.state.timers
    book.so(e.Offered("bob", "Bob", "specialist-2"), e.Answered("bob", "Bob", "specialist-2"))
    assert gate(book).screen_unrecorded == "sensitive", "the customer is in that field still"
    alone = talking().so(PAUSED, e.Requeued("specialist_lost"))
    assert (pauses(alone), alone.state.timers & {"sensitive"}) == ([], frozenset())


def test_a_restart_forgets_neither_pause_nor_alarm() -> None:
    book = talking().so(PAUSED)
    assert c.StartTimer("sensitive", 300.0) in book.post(e.NodeRestarted("n2"))
    assert pauses(book)
    late = talking().so(PAUSED, e.TimerFired("sensitive"))
    assert c.StartTimer("sensitive", 300.0) not in late.post(e.NodeRestarted("n2"))
    assert late.state.pause_overdue
    book.folds()
