"""What has to be recorded and is not, as the machine takes it: a script for each thing a service may want then."""

from __future__ import annotations

import pytest

from link.protocol.values import SessionState
from server.session import commands as c
from server.session import events as e
from server.session.state import view
from tests.server.session.playbook import Playbook, ended, talking, waiting

STALLED = e.RecordingStalled("kiosk.camera", "no_media", 1000)


def stalled(book: Playbook) -> list[tuple[str, str]]:
    return [(track.name, track.reason) for track in view(book.state, book.at_ms).stalled]


def test_a_warning_changes_nothing_but_the_view() -> None:
    book = talking().said(STALLED, c.RaiseAlarm("not recorded"))
    assert stalled(book) == [("kiosk.camera", "no_media")]
    assert (book.state.phase, book.state.stopped) == (SessionState.ACTIVE, False)
    assert book.machine.redundant(STALLED)
    assert not book.machine.redundant(e.RecordingStalled("kiosk.camera", "disk_full", 1000))
    book.so(e.RecordingStalled("cobrowse", "refused", 2000)).said(e.RecordingResumed("kiosk.camera"))
    assert stalled(book) == [("cobrowse", "refused")]
    assert book.machine.redundant(e.RecordingResumed("kiosk.camera"))
    book.folds()


def test_a_pause_lasts_until_everything_is_recorded_again() -> None:
    book = talking(when_unrecorded="pause")
    for track, reason in (("kiosk.camera", "no_media"), ("cobrowse", "loss")):
        book.so(e.RecordingStalled(track, reason, 0, "pause"))
    stopped = [book.state.stopped]
    resumed = (e.RecordingResumed("kiosk.camera"), e.RecordingResumed("cobrowse", "hold"))
    stopped += [book.so(event).state.stopped for event in resumed]
    assert stopped == [True, True, False]
    assert not view(book.state, 0).stopped
    book.folds()


def test_an_end_is_one_for_this_reason() -> None:
    book = talking(when_unrecorded="end")
    commands = book.post(e.RecordingStalled("kiosk.camera", "no_media", 0, "end"))
    assert c.FinishRecording() in commands
    assert (book.state.phase, book.state.ended_by) == (SessionState.ENDED, "system")
    assert (book.state.end_reason, book.state.stalled) == ("recording_failed", {})
    book.folds()


@pytest.mark.parametrize("over", [e.Requeued("specialist_lost"), e.Ended("kiosk", "customer"), e.NodeRestarted("n2")])
def test_it_is_over_with_the_call_the_specialist_and_the_process(over: e.Event) -> None:
    assert talking().so(STALLED, over).state.stalled == {}


def test_only_a_call_that_is_recorded_can_stop_to_be() -> None:
    for book in (waiting(), ended(), talking().so(e.Requeued("test"))):
        book.refused(STALLED)


def test_an_older_call_knows_of_no_rule_and_goes_on() -> None:
    assert waiting().state.when_unrecorded == "warn"
