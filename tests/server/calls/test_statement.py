"""How complete a recording is: what counts as missing, what nobody wanted, and when it is told."""

from __future__ import annotations

from dataclasses import replace

import pytest

from link.protocol.values import MissingPiece, TrackStatement
from server.calls.recording_watch import Due
from server.calls.statement import final, live
from server.recording.account import TrackAccount
from server.session import events as e
from server.session.missing import KEPT, MissingParts, Piece
from tests.server.session.playbook import talking

VOICE = "kiosk.microphone"
WHOLE = TrackAccount("audio", 1000, 61_000, 60_000, 0)


def track(account: TrackAccount, *gaps: e.GapDeclared, excuse: str = "", stalled: bool = False) -> TrackStatement:
    """What is told of the track at 62 s."""
    book = talking()
    if stalled:
        book.so(e.RecordingStalled(VOICE, "no_media", 0))
    statement = live(book.state, {VOICE: account}, gaps, {VOICE: Due(account, excuse)}, 62_000)
    return statement.tracks[0]


def test_what_is_not_written_yet_is_neither_recorded_nor_missing() -> None:
    assert track(WHOLE) == TrackStatement(VOICE, "audio", 60_000, 60_000)


def test_a_hole_is_told_while_it_is_open_once_it_is_known() -> None:
    hole = [MissingPiece(61_000, 62_000, "disconnected")]
    assert track(WHOLE, excuse="disconnected") == TrackStatement(VOICE, "audio", 61_000, 60_000, hole, "disconnected")
    assert track(WHOLE, stalled=True).missing == [MissingPiece(61_000, 62_000, "no_media")]


@pytest.mark.parametrize("reason", ["hold", "sensitive"])
def test_what_nobody_wants_is_not_expected(reason: str) -> None:
    assert track(WHOLE, excuse=reason) == TrackStatement(VOICE, "audio", 60_000, 60_000, [], reason)
    after = replace(WHOLE, recorded_ms=40_000, gap_ms=20_000)
    told = track(after, e.GapDeclared(VOICE, 10_000, 30_000, reason), e.GapDeclared("other", 0, 9, "loss"))
    assert told == TrackStatement(VOICE, "audio", 40_000, 40_000)


def test_a_gap_counts_once_whether_it_is_journaled_or_about_to_be() -> None:
    gap = e.GapDeclared(VOICE, 10_000, 14_000, "loss")
    account = replace(WHOLE, recorded_ms=56_000, gap_ms=4000)
    piece = [MissingPiece(10_000, 14_000, "loss")]
    assert track(account, gap) == TrackStatement(VOICE, "audio", 60_000, 56_000, piece)
    book = talking().so(gap)
    both = live(book.state, {VOICE: account}, [gap], {}, 62_000)
    assert (both.tracks, both.complete) == ([TrackStatement(VOICE, "audio", 60_000, 56_000, piece)], False)


@pytest.mark.parametrize(("missing_ms", "complete"), [(0, True), (2000, True), (2001, False)])
def test_the_end_says_whether_all_is_there(missing_ms: int, complete: bool) -> None:
    book = talking().so(e.GapDeclared(VOICE, 0, 9000, "hold"), e.Ended("kiosk", "customer"))
    if missing_ms:
        book.so(e.GapDeclared(VOICE, 20_000, 20_000 + missing_ms, "no_media"))
    recorded_ms = 60_000 - 9000 - missing_ms
    book.so(e.RecordingCompleted([e.TrackSummary(VOICE, "audio", 60_000, recorded_ms, 9000 + missing_ms, 30)]))
    told = final(book.state)
    assert (told.final, told.complete, told.session) == (True, complete, "s1")
    assert (told.tracks[0].expected_ms, told.tracks[0].recorded_ms) == (51_000, recorded_ms)
    assert len(told.tracks[0].missing) == bool(missing_ms)
    book.folds()


def test_pieces_that_go_on_are_one_and_the_newest_are_kept() -> None:
    known = MissingParts()
    for start in range(0, 10_000, 1000):
        known = known.more(e.GapDeclared(VOICE, start, start + 1000, "no_media"))
    assert known.pieces == (Piece(0, 10_000, "no_media"),)
    for start in range(20_000, 20_000 + 3000 * KEPT, 3000):
        known = known.more(e.GapDeclared(VOICE, start, start + 100, "loss"))
    assert len(known.pieces) == KEPT
    assert known.pieces[0].start_ms == 20_000
    assert known.more(e.GapDeclared(VOICE, 90_000, 91_000, "hold")).intended_ms == 1000
