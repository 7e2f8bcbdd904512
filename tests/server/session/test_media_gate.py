"""One gate for media, co-browsing and the recorder: what may flow between whom, and what of it is recorded."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import pytest

from server.session import events as e
from server.session.media_gate import MediaGate, Medium
from server.session.rules.rights import Right, may
from tests.server.session.playbook import DOCUMENT, Playbook, ended, talking, waiting

MEDIA: tuple[Medium, ...] = ("microphone", "camera", "auxiliary")


def gate(book: Playbook, *, recorded: bool = True) -> MediaGate:
    return MediaGate.of(book.state, recorded=recorded)


def tracks(gate: MediaGate) -> set[tuple[str, str, str]]:
    """Whose medium reaches whom."""
    names = list(gate.seats)
    return {(a, m, b) for a, m, b in product(names, MEDIA, names) if gate.may_flow(a, m, b)}


def both(*names: str) -> set[tuple[str, str, str]]:
    return {(a, m, b) for a, m, b in product(names, ("microphone", "camera"), names) if a != b}


def crowd() -> Playbook:
    """Customer, lead, interpreter, and a supervisor who looks on."""
    return talking().so(
        e.ParticipantInvited("interpreter-1", "interpreter", "int", "Int", by="specialist"),
        e.ParticipantJoined("interpreter-1"),
        e.ParticipantInvited("supervisor-1", "supervisor", "eve", "Eve", mode="monitor"),
        e.ParticipantJoined("supervisor-1"),
    )


def test_nothing_flows_that_is_not_recorded() -> None:
    shut = gate(talking(), recorded=False)
    assert tracks(shut) == set()
    assert not shut.screen
    assert tracks(gate(talking())) == both("kiosk", "specialist")


def test_where_a_service_wants_it_nothing_flows_while_something_is_not_recorded_and_all_is_recorded() -> None:
    for policy in ("warn", "pause"):
        book = talking(when_unrecorded=policy).so(e.RecordingStalled("kiosk.camera", "no_media", 0, policy))
        now = gate(book)
        assert tracks(now) == (both("kiosk", "specialist") if policy == "warn" else set())
        assert now.viewers == (("specialist",) if policy == "warn" else ())
        assert {now.unrecorded(who, medium) for who in now.seats for medium in MEDIA[:2]} == {""}
        assert now.screen, "what comes of the customer's page is recorded, shown to whom it may"
        assert tracks(gate(book.so(e.RecordingResumed("kiosk.camera")))) == both("kiosk", "specialist")


def test_nothing_flows_before_somebody_answers_nor_after_the_end() -> None:
    for book in (waiting(), ended(), talking().so(e.Requeued("specialist_lost"))):
        now = gate(book)
        assert (tracks(now), now.screen, now.viewers, now.tray) == (set(), False, (), False)


def test_on_hold_the_customer_hears_and_is_recorded_by_nobody() -> None:
    held = gate(crowd().so(e.Held()))
    talk = {(a, m, b) for a, m, b in tracks(held) if b != "supervisor-1"}
    assert talk == both("specialist", "interpreter-1")
    assert not any("kiosk" in (a, b) for a, _, b in tracks(held))
    assert (held.held, held.screen) == ("hold", False)
    assert held.unrecorded("kiosk", "microphone") == "hold"
    assert held.unrecorded("specialist", "microphone") == "", "the interpreter hears it"
    assert held.unrecorded("supervisor-1", "microphone") == "hold", "nobody hears who looks on"
    alone = gate(talking().so(e.Held()))
    assert alone.unrecorded("specialist", "camera") == "hold"
    assert gate(talking().so(e.Held(), e.Unheld())).unrecorded("kiosk", "camera") == ""


def test_who_monitors_gets_all_and_gives_nothing() -> None:
    now = gate(crowd())
    assert {(a, m) for a, m, b in tracks(now) if b == "supervisor-1"} == {
        (a, m) for a in ("kiosk", "specialist", "interpreter-1") for m in ("microphone", "camera")
    }
    assert not any(a == "supervisor-1" for a, _, _ in tracks(now))


def test_a_whisper_is_heard_by_one_and_seen_by_nobody() -> None:
    book = crowd().so(e.ModeChanged("supervisor-1", "whisper", "specialist", by="supervisor-1"))
    now = tracks(gate(book))
    assert {(m, b) for a, m, b in now if a == "supervisor-1"} == {("microphone", "specialist")}
    book.so(e.ModeChanged("supervisor-1", "barge", by="supervisor-1"))
    assert tracks(gate(book)) == both("kiosk", "specialist", "interpreter-1", "supervisor-1")


def test_the_tray_passes_while_the_customer_has_agreed_and_the_lead_is_there() -> None:
    book = talking().so(e.DocumentRequested("d1", "id_card"))
    assert gate(book).unrecorded("kiosk", "auxiliary") == "tray_closed"
    book.so(e.DocumentAnswered("d1", agreed=True))
    seen = gate(book)
    assert ("kiosk", "auxiliary", "specialist") in tracks(seen)
    assert seen.unrecorded("kiosk", "auxiliary") == ""
    book.so(e.ParticipantLost("specialist"))
    assert not gate(book).tray
    book.so(e.ParticipantReturned("specialist"), DOCUMENT)
    assert not gate(book).tray


def test_documents_are_seen_by_whom_the_rule_book_names() -> None:
    book = crowd().so(e.DocumentRequested("d1", "id_card"), e.DocumentAnswered("d1", agreed=True))
    seen = {to for source, medium, to in tracks(gate(book)) if (source, medium) == ("kiosk", "auxiliary")}
    assert seen == {"specialist", "supervisor-1"}, "an interpreter hears what is said, and reads nobody's papers"
    assert seen == {name for name in gate(book).seats if may(book.state, name, Right.SEE_DOCUMENTS)} - {"kiosk"}
    assert ("kiosk", "camera", "interpreter-1") in tracks(gate(book))


def test_the_screen_goes_to_whom_the_rule_book_names() -> None:
    book = crowd()
    assert gate(book).viewers == ("specialist", "supervisor-1")
    assert set(gate(book).viewers) == {name for name in gate(book).seats if may(book.state, name, Right.WATCH_SCREEN)}
    book.so(e.ParticipantLost("kiosk"))
    assert gate(book).screen, "what comes late is still the customer's page"


def test_seats_are_in_order_of_rank() -> None:
    book = talking().so(
        e.ParticipantInvited("guide-1", "guide", "gil", "Gil", by="specialist"),
        e.ParticipantJoined("guide-1"),
        e.ParticipantInvited("specialist-2", "specialist", "bob", "Bob", by="specialist"),
        e.ParticipantJoined("specialist-2"),
    )
    assert list(gate(book).seats) == ["kiosk", "specialist", "specialist-2", "guide-1"]


def test_who_left_has_no_seat() -> None:
    book = crowd().so(e.ParticipantLeft("interpreter-1", "left"))
    now = gate(book)
    assert "interpreter-1" not in now.seats
    assert now.unrecorded("interpreter-1", "camera") == "left"
    assert gate(ended()).unrecorded("kiosk", "camera") == "disconnected", "at the end nobody has left"


def everything() -> Iterator[Playbook]:
    yield waiting()
    yield talking()
    yield crowd()
    yield crowd().so(e.Held())
    yield crowd().so(e.ParticipantLost("kiosk"))
    yield crowd().so(e.SensitivePaused("specialist", "card"))
    yield ended()


@pytest.mark.parametrize("book", list(everything()))
def test_whatever_flows_is_recorded(book: Playbook) -> None:
    """But for the one exception that the gate declares."""
    now = gate(book)
    assert all(now.unrecorded(a, m) == now.sensitive for a, m, _ in tracks(now))  # type: ignore[arg-type]
