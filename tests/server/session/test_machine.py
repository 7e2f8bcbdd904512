"""The session machine, as scripts."""

from __future__ import annotations

from typing import get_args

import msgspec
import pytest
from msgspec import structs

from link.protocol.values import Chat, DocumentState, Network, NetworkQuality, RecordedTrack, SessionState
from link.rtc.quality import Reason
from server.session import commands as c
from server.session import events as e
from server.session.errors import IllegalEvent, NoConsent, StaleLeg, StaleTimer
from server.session.machine import Graces, Machine
from server.session.state import Recording, view
from server.session.table import TABLE
from tests.server.session.playbook import CONSENT, DOCUMENT, REQUEST, Playbook, ended, ringing, talking, waiting


def test_every_event_has_a_handler() -> None:
    assert set(get_args(e.Event)) == set(TABLE)


def test_a_whole_call() -> None:
    book = Playbook()
    book.said(REQUEST)
    book.said(CONSENT, c.Enqueue(head=False))
    book.said(e.Offered("ann", "Ann"), c.Dequeue(), c.StartTimer("ring", 20.0), c.RingStart("ann"), after_ms=1000)
    book.said(
        e.Answered("ann", "Ann"),
        c.CancelTimer("ring"),
        c.RingEnd("ann", "answered"),
        c.Occupy("ann"),
        c.StartRecording(),
        after_ms=2000,
    )
    book.said(e.RecordingStarted("aes-256-gcm", "key"))
    book.said(e.LegOpened("kiosk", "lk")).said(e.LegConnected("kiosk", "lk"))
    book.said(e.TrackStarted("kiosk.microphone", "audio", "opus"))
    book.said(e.Held(), after_ms=1000)
    book.said(e.Unheld(), c.TakeSnapshot(), after_ms=1000)
    book.said(
        e.Ended("specialist", "hang_up"),
        c.Release("ann", wrap_up=True),
        c.CloseLeg("kiosk", "lk"),
        c.FinishRecording(),
        c.StartTimer("close", 600.0),
        after_ms=3000,
    )
    book.said(e.SegmentSealed("kiosk.microphone", 0, 0, 2000, 100, 9, "00", "x"))
    book.said(e.Rated(5))
    book.said(e.Disposed("solved", "all well", "ann"), c.FreeWrapUp("ann"))
    book.said(e.RecordingCompleted([]), c.TellStatement(), c.CancelTimer("close"), c.Retire())
    assert book.state.phase is SessionState.CLOSED
    assert (book.state.waited(99999), book.state.talked(99999)) == (3000, 5000)
    assert book.state.note == "all well"
    book.folds()


def test_customer_leaves_the_queue() -> None:
    book = waiting().said(e.Ended("kiosk", "customer"), c.Dequeue(), c.Retire())
    assert book.state.phase is SessionState.CLOSED
    book.folds()


def test_customer_leaves_while_it_rings() -> None:
    book = ringing().said(e.Ended("kiosk", "customer"), c.CancelTimer("ring"), c.RingEnd("ann", "left"), c.Retire())
    assert not book.state.timers


@pytest.mark.parametrize("reason", ["declined", "lost", "left"])
def test_offer_that_ends_goes_back_to_the_queue(reason: str) -> None:
    book = ringing()
    book.said(e.OfferEnded("ann", reason), c.CancelTimer("ring"), c.RingEnd("ann", reason), c.Enqueue(head=False))
    assert (book.state.phase, book.state.ringing) == (SessionState.WAITING, None)


def test_ring_runs_out() -> None:
    book = ringing().said(e.TimerFired("ring"), c.RingEnd("ann", "timeout"), c.Enqueue(head=False), after_ms=20000)
    assert [e.kind(event) for event, _ in book.journal][-2:] == ["timer_fired", "offer_ended"]
    book.refused(e.Answered("ann", "Ann"))
    book.folds()


def test_only_the_rung_specialist_answers() -> None:
    ringing().refused(e.Answered("bob", "Bob")).refused(e.OfferEnded("bob", "declined"))


def test_specialist_page_dies_while_it_rings() -> None:
    ringing().said(
        e.ParticipantLost("specialist"), c.CancelTimer("ring"), c.RingEnd("ann", "lost"), c.Enqueue(head=False)
    ).folds()


def test_specialist_lost_and_back() -> None:
    book = talking().said(e.ParticipantLost("specialist"), c.StartTimer("specialist_lost", 20.0))
    assert not view(book.state, 0).specialist_connected
    book.said(e.ParticipantReturned("specialist"), c.CancelTimer("specialist_lost"), c.TakeSnapshot())
    book.refused(e.TimerFired("specialist_lost"), StaleTimer)


def test_a_crashed_browser_is_not_waited_for_as_long() -> None:
    for cut, seconds in ((True, 6.0), (False, 20.0)):
        machine = Machine(Graces(specialist_lost=20.0, after_cut=6.0), talking().state)
        commands = machine.handle(e.ParticipantLost("specialist", cut=cut), 5000)
        assert c.StartTimer("specialist_lost", seconds) in commands


def test_specialist_lost_for_good_requeues_at_the_head() -> None:
    book = talking().so(e.ParticipantLost("specialist"))
    book.said(
        e.TimerFired("specialist_lost"),
        c.InterruptCobrowse("disconnected"),
        c.CloseLeg("specialist", "ls"),
        c.Release("ann", wrap_up=False),
        c.Enqueue(head=True),
        after_ms=8000,
    )
    assert book.state.requeued
    assert book.state.recording is Recording.ON
    assert "kiosk" in book.state.legs
    book.so(e.Offered("bob", "Bob")).said(
        e.Answered("bob", "Bob"),
        c.CancelTimer("ring"),
        c.RingEnd("bob", "answered"),
        c.Occupy("bob"),
        c.TakeSnapshot(),
    )
    book.folds()


def test_kiosk_lost_while_waiting_is_not_offered() -> None:
    book = waiting().said(e.ParticipantLost("kiosk"), c.Dequeue(), c.StartTimer("kiosk_lost", 40.0))
    book.refused(e.Offered("ann", "Ann"))
    book.said(e.ParticipantReturned("kiosk"), c.CancelTimer("kiosk_lost"), c.Enqueue(head=False))


def test_kiosk_lost_while_ringing_does_not_go_back_to_the_queue() -> None:
    book = ringing().so(e.ParticipantLost("kiosk"))
    book.said(e.OfferEnded("ann", "declined"), c.CancelTimer("ring"), c.RingEnd("ann", "declined"))
    book.said(e.ParticipantReturned("kiosk"), c.CancelTimer("kiosk_lost"), c.Enqueue(head=False))


def test_kiosk_lost_for_good_interrupts() -> None:
    book = talking()
    book.said(e.ParticipantLost("kiosk"), c.InterruptCobrowse("disconnected"), c.StartTimer("kiosk_lost", 40.0))
    book.said(
        e.TimerFired("kiosk_lost"),
        c.Release("ann", wrap_up=True),
        c.CloseLeg("kiosk", "lk"),
        c.CloseLeg("specialist", "ls"),
        c.FinishRecording(),
        c.StartTimer("close", 600.0),
    )
    assert (book.state.ended_by, book.state.end_reason) == ("system", "interrupted")


def test_nothing_without_consent() -> None:
    book = Playbook().so(REQUEST)
    book.refused(e.Offered("ann", "Ann"), NoConsent).refused(e.LegOpened("kiosk", "l"), NoConsent)
    waiting().refused(CONSENT)


def test_a_new_leg_replaces_the_old_one() -> None:
    book = talking().said(e.LegOpened("kiosk", "l2"), c.CloseLeg("kiosk", "lk"))
    book.refused(e.LegConnected("kiosk", "lk"), StaleLeg).refused(e.LegClosed("kiosk", "lk", "silent"), StaleLeg)
    book.said(e.LegClosed("kiosk", "l2", "silent"), c.CloseLeg("kiosk", "l2"), c.TellLegLost("kiosk", "l2"))
    book.so(e.LegOpened("kiosk", "l3")).said(e.LegClosed("kiosk", "l3", "closed"), c.CloseLeg("kiosk", "l3"))


def test_the_specialist_has_no_leg_before_answering() -> None:
    waiting().so(e.LegOpened("kiosk", "lk")).refused(e.LegOpened("specialist", "ls"))
    talking().refused(e.LegOpened("stranger", "x"))


def test_what_is_recorded_is_shown_only_while_it_is() -> None:
    book = talking().so(e.TrackStarted("kiosk.camera", "video", "vp8"))
    assert view(book.state, 0).recording == [RecordedTrack("kiosk.camera", "video")]
    assert view(book.so(e.Held()).state, 0).recording == []
    assert len(view(book.so(e.Unheld()).state, 0).recording) == 1
    assert view(book.so(e.Ended("kiosk", "customer")).state, 0).recording == []


def test_recording_that_starts_late() -> None:
    book = ringing().so(e.Answered("ann", "Ann"), e.Held())
    book.said(e.RecordingStarted("suite", "key")).refused(e.RecordingStarted("suite", "key"))
    waiting().refused(e.RecordingStarted("suite", "key")).refused(e.SegmentSealed("t", 0, 0, 1, 1, 1, "", ""))


def test_chat_is_stored_once() -> None:
    book = talking().said(
        e.ChatSent("c1", "kiosk", "hello"), c.TellChat(Chat("c1", "kiosk", "hello", 3500)), after_ms=500
    )
    assert book.machine.redundant(e.ChatSent("c1", "kiosk", "hello"))
    assert not book.machine.redundant(e.ChatSent("c1", "specialist", "hello"))
    waiting().refused(e.ChatSent("c1", "kiosk", "hello"))


def test_document_is_rejected_and_taken_again() -> None:
    book = talking().said(e.DocumentRequested("d1", "id_card"))
    book.refused(e.DocumentRequested("d1", "id_card")).refused(DOCUMENT).refused(e.DocumentDecided("d1", accepted=True))
    book.so(e.DocumentAnswered("d1", agreed=True)).so(structs.replace(DOCUMENT, incomplete=True))
    assert [each.incomplete for each in view(book.state, 0).documents] == [True]
    assert book.machine.redundant(DOCUMENT)
    book.so(e.DocumentDecided("d1", accepted=False, reason="blurred"))
    assert not book.machine.redundant(DOCUMENT)
    book.so(e.DocumentAnswered("d1", agreed=True), DOCUMENT, e.DocumentDecided("d1", accepted=True))
    document = book.state.document("d1")
    assert document is not None
    assert (document.state, document.width, document.incomplete) == (DocumentState.ACCEPTED, 3, False)
    book.refused(e.DocumentAnswered("d2", agreed=True)).folds()


def test_nobody_who_holds_is_asked_for_a_document() -> None:
    book = talking().so(e.DocumentRequested("d1", "id_card"), e.DocumentAnswered("d1", agreed=True), e.Held())
    book.refused(e.DocumentRequested("d2", "id_card"))
    book.so(DOCUMENT, e.DocumentDecided("d1", accepted=False, reason="blurred"))  # what came may be looked at
    book.so(e.Unheld(), e.DocumentRequested("d2", "id_card")).folds()


def test_document_declined_or_failed() -> None:
    book = talking().so(e.DocumentRequested("d1", "id_card"), e.DocumentAnswered("d1", agreed=False))
    book.refused(e.DocumentAnswered("d1", agreed=True)).refused(DOCUMENT)
    book.so(e.DocumentRequested("d2", "id_card"), e.DocumentFailed("d2", "no_camera"))
    book.so(e.DocumentAnswered("d2", agreed=True))


def test_who_agreed_may_take_it_back_until_the_document_is_there() -> None:
    book = talking().so(e.DocumentRequested("d1", "id_card"), e.DocumentAnswered("d1", agreed=True))
    book.refused(e.DocumentAnswered("d1", agreed=True)).so(e.DocumentAnswered("d1", agreed=False)).refused(DOCUMENT)
    document = book.state.document("d1")
    assert document is not None
    assert document.state is DocumentState.DECLINED
    book.folds()
    book = talking().so(e.DocumentRequested("d1", "id_card"), e.DocumentAnswered("d1", agreed=True), DOCUMENT)
    book.refused(e.DocumentAnswered("d1", agreed=False))


def test_rating_and_disposition() -> None:
    book = ended().so(e.Rated(4)).refused(e.Rated(5))
    assert book.machine.redundant(e.Rated(4))
    book.refused(e.Disposed("solved", "", "bob"))
    book.so(e.Disposed("solved", "", "ann")).refused(e.Disposed("other", "", "ann"))
    talking().refused(e.Rated(5)).refused(e.Disposed("solved", "", "ann"))


def test_a_customer_who_is_gone_gives_no_stars() -> None:
    book = ended().so(e.RatingSkipped())
    assert book.machine.redundant(e.RatingSkipped())
    book.so(e.RecordingCompleted([]))
    book.said(e.Disposed("solved", "", "ann"), c.FreeWrapUp("ann"), c.CancelTimer("close"), c.Retire())
    rated = ended().so(e.Rated(4))
    assert rated.machine.redundant(e.RatingSkipped())
    talking().refused(e.RatingSkipped())


def test_close_waits_for_the_recording() -> None:
    book = ended().said(e.TimerFired("close"))
    book.said(e.RecordingCompleted([]), c.TellStatement(), c.FreeWrapUp("ann"), c.Retire())
    book.refused(e.Rated(5))


def test_end_is_idempotent() -> None:
    book = ended()
    assert book.machine.redundant(e.Ended("specialist", "hang_up"))
    book.refused(e.Ended("specialist", "hang_up"))
    assert talking().machine.redundant(e.Answered("ann", "Ann"))


def test_restart_while_waiting_and_ringing() -> None:
    waiting().said(e.NodeRestarted("n2"), c.StartTimer("kiosk_lost", 40.0))
    book = ringing().said(e.NodeRestarted("n2"), c.StartTimer("kiosk_lost", 40.0), c.RingEnd("ann", "restart"))
    book.said(e.ParticipantReturned("kiosk"), c.CancelTimer("kiosk_lost"), c.Enqueue(head=False)).folds()


def test_restart_in_a_held_call() -> None:
    book = (
        talking()
        .so(e.Held())
        .said(
            e.NodeRestarted("n2"),
            c.StartTimer("kiosk_lost", 40.0),
            c.Occupy("ann"),
            c.StartTimer("specialist_lost", 20.0),
            c.StartRecording(),
        )
    )
    assert not book.state.legs
    book.so(e.ParticipantReturned("specialist"), e.ParticipantReturned("kiosk"))
    assert not book.state.timers
    book.folds()


def test_restart_in_a_call_forwards_again() -> None:
    talking().said(
        e.NodeRestarted("n2"),
        c.StartTimer("kiosk_lost", 40.0),
        c.Occupy("ann"),
        c.StartTimer("specialist_lost", 20.0),
        c.StartRecording(),
    )


def test_restart_after_the_end() -> None:
    ended().said(
        e.NodeRestarted("n2"), c.StartTimer("close", 600.0), c.FinishRecording(), c.Release("ann", wrap_up=True)
    )


def test_a_view_is_pushed_when_it_changes() -> None:
    book = talking()
    assert c.PushView() in book.post(e.StepChanged("amount"))
    assert c.PushView() not in book.post(e.SegmentSealed("t", 0, 0, 1, 1, 1, "", ""))
    assert view(book.state, 5000).active_s == 2
    assert view(book.so(e.NoteSaved("rich")).state, 0).note == ""
    assert view(book.state, 0, notes=True).note == "rich"


def test_a_fork_changes_nothing_until_adopted() -> None:
    machine = waiting().machine
    trial = machine.fork()
    trial.handle(e.Ended("kiosk", "customer"), 5)
    phases = [machine.state.phase]
    machine.adopt(trial)
    assert [*phases, machine.state.phase] == [SessionState.WAITING, SessionState.ENDED]
    with pytest.raises(ValueError):
        view(Machine().state, 0)
    with pytest.raises(IllegalEvent):
        Machine().handle(CONSENT, 0)


def networks(book: Playbook) -> dict[str, tuple[str, str]]:
    shown = view(book.state, book.at_ms).network
    return {network.participant: (network.quality, network.reason) for network in shown}


def test_whose_network_is_weak_is_shown_until_it_is_good_again() -> None:
    book = talking()
    for participant, leg in (("kiosk", "l1"), ("specialist", "l2")):
        book.post(e.LegOpened(participant, leg))
        book.post(e.LegConnected(participant, leg))
    book.said(e.QualityChanged("specialist", "l2", "bad", "bandwidth"))
    book.said(e.QualityChanged("kiosk", "l1", "weak", "loss"))
    assert networks(book) == {"kiosk": ("weak", "loss"), "specialist": ("bad", "bandwidth")}
    assert book.machine.redundant(e.QualityChanged("kiosk", "l1", "weak", "loss"))
    assert not book.machine.redundant(e.QualityChanged("kiosk", "l1", "weak", "delay"))
    book.said(e.QualityChanged("specialist", "l2", "good"))
    assert networks(book) == {"kiosk": ("weak", "loss")}
    assert book.machine.redundant(e.QualityChanged("specialist", "l2", "good"))
    with pytest.raises(StaleLeg):
        book.machine.fork().handle(e.QualityChanged("kiosk", "older", "good"), 0)
    book.post(e.Ended("kiosk", "customer"))
    assert networks(book) == {}
    book.folds()


def test_what_a_copy_leaves_out_is_news_when_it_is_twice_as_much() -> None:
    book = talking()
    book.said(e.CopyIncomplete({"image": 2}))
    assert book.machine.redundant(e.CopyIncomplete({"image": 3}))
    assert not book.machine.redundant(e.CopyIncomplete({"image": 3, "nodes": 1}))
    book.said(e.CopyIncomplete({"image": 4}))
    assert book.state.left_out == {"image": 4}
    book.folds()


def test_a_lost_leg_is_bad_until_another_is_connected() -> None:
    book = talking()
    book.post(e.LegOpened("kiosk", "l1"))
    book.post(e.LegConnected("kiosk", "l1"))
    book.said(e.QualityChanged("kiosk", "l1", "bad", "silent"))
    book.said(e.LegClosed("kiosk", "l1", "silent"), c.CloseLeg("kiosk", "l1"), c.TellLegLost("kiosk", "l1"))
    book.said(e.LegOpened("kiosk", "l2"))
    assert networks(book) == {"kiosk": ("bad", "silent")}
    book.said(e.LegConnected("kiosk", "l2"))
    assert networks(book) == {}
    book.said(e.QualityChanged("kiosk", "l2", "weak", "delay"))
    book.said(e.LegClosed("kiosk", "l2", "closed"), c.CloseLeg("kiosk", "l2"))
    assert networks(book) == {}
    book.folds()


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_of_a_judge_fits_into_a_message(reason: Reason) -> None:
    said = {"participant": "kiosk", "quality": "bad", "reason": str(reason)}
    assert msgspec.convert(said, Network) == Network("kiosk", NetworkQuality.BAD, reason)
