"""No record, no business: both sides are told what is not recorded, and the service says what the call does then."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from link.protocol import client as m
from link.protocol.server import RecordingStatement
from link.protocol.values import MissingPiece, SessionState, WhenUnrecorded
from server.calls.recording_monitor import RecordingMonitor
from server.calls.session_clock import Clock
from server.recording.account import TrackAccount
from server.session import events as e
from server.session.media_gate import MediaGate
from tests.server.calls.bank import Bank, eventually
from tests.server.calls.media import Media
from tests.server.session.playbook import Playbook, talking

VOICE, SCREEN = "kiosk.microphone", "cobrowse"


class Watched:
    """A room without media, its clock made up; what is posted happens at once."""

    def __init__(self, book: Playbook) -> None:
        self.book = book
        self.seconds = 0.0
        self.clock = Clock(0, wall_us=lambda: 0, monotonic=lambda: self.seconds)
        self.posted: list[e.Event] = []
        self.required = {VOICE: ""}
        self.accounts = {VOICE: TrackAccount("audio", 0, 0, 0, 0)}
        self.unsealed_gaps: list[e.GapDeclared] = []
        self.told: list[RecordingStatement] = []
        self.monitor = RecordingMonitor(self, self, lambda: self.required, self.told.append)

    @property
    def state(self) -> Any:
        return self.book.state

    def post(self, *events: e.Event) -> None:
        self.posted += events
        self.book.so(*events)

    def passes(self, seconds: float, *tracks: str) -> list[e.Event]:
        """So long, in which these tracks are written; what was posted meanwhile."""
        before = len(self.posted)
        for _ in range(round(seconds * 4)):
            self.seconds += 0.25
            for track in tracks:
                known = self.accounts[track]
                until_ms = round(self.seconds * 1000)
                self.accounts[track] = TrackAccount(known.kind, 0, until_ms, known.recorded_ms + 250, known.gap_ms)
            self.monitor.look()
        return self.posted[before:]


def test_a_stop_and_its_end_are_journaled_once_each() -> None:
    room = Watched(talking())
    assert room.passes(3, VOICE) == []
    assert room.passes(30) == [e.RecordingStalled(VOICE, "no_media", 3000, "warn")]
    assert room.state.stalled == {VOICE: "no_media"}
    assert room.passes(3, VOICE) == [e.RecordingResumed(VOICE)]
    assert room.state.stalled == {}
    room.book.folds()


def test_a_hold_ends_a_stop_and_is_none_itself() -> None:
    room = Watched(talking())
    room.passes(1, VOICE)
    room.passes(3)
    room.book.so(e.Held())
    room.required = {VOICE: "hold"}
    assert room.passes(60) == [e.RecordingResumed(VOICE, "hold")]


def test_the_screen_has_stopped_where_its_pictures_are_refused_and_not_while_the_kiosk_is_away() -> None:
    room = Watched(talking())
    room.accounts[SCREEN] = TrackAccount("cobrowse", 0, 0, 0, 0)
    room.passes(2, VOICE, SCREEN)
    room.accounts[SCREEN] = TrackAccount("cobrowse", 0, 0, 2000, 0, "refused")
    assert room.passes(3, VOICE) == [e.RecordingStalled(SCREEN, "refused", 2000)]
    room.book.so(e.ParticipantLost("kiosk"))
    assert room.passes(3, VOICE) == [e.RecordingResumed(SCREEN, "disconnected")]
    room.book.so(e.ParticipantReturned("kiosk"))
    room.monitor.obey(MediaGate(recorded=True, held="hold"))
    assert room.passes(9, VOICE) == []


def test_nothing_is_due_of_a_call_that_waits_again() -> None:
    room = Watched(talking())
    room.passes(1, VOICE)
    room.passes(3)
    room.book.so(e.Requeued("specialist_lost"))
    assert room.state.stalled == {}
    assert room.passes(30) == []


def test_it_tells_every_two_seconds_and_at_once_what_is_new() -> None:
    room = Watched(talking())
    room.passes(4, VOICE)
    assert [one.tracks[0].recorded_ms for one in room.told] == [250, 2250]
    assert all(one.complete and not one.final for one in room.told)
    room.told.clear()
    room.passes(2.25)
    hole = room.told[-1].tracks[0]
    assert (hole.reason, hole.missing) == ("no_media", [MissingPiece(4000, 6250, "no_media")])
    assert (hole.recorded_ms, hole.expected_ms, room.told[-1].complete) == (4000, 6250, False)
    room.told.clear()
    room.unsealed_gaps.append(e.GapDeclared(VOICE, 4000, 6500, "no_media"))
    room.accounts[VOICE] = TrackAccount("audio", 0, 6500, 4000, 2500)
    room.passes(0.25, VOICE)
    room.unsealed_gaps.clear()
    room.book.so(e.GapDeclared(VOICE, 4000, 6500, "no_media"))
    room.passes(0.25, VOICE)
    assert [one.tracks[0].missing for one in room.told] == [[MissingPiece(4000, 6500, "no_media")]] * len(room.told)
    assert room.told, "what is over is told at once"


def test_a_pause_for_something_secret_is_none_of_its_business() -> None:
    room = Watched(talking())
    room.passes(1, VOICE)
    room.book.so(e.SensitivePaused("specialist", "card"))
    room.required = {VOICE: "sensitive"}
    assert room.passes(600) == []
    statement = room.told[-1].tracks[0]
    assert (statement.reason, statement.expected_ms, statement.missing) == ("sensitive", 1000, [])


async def test_the_timer_runs_from_start_to_stop_and_no_longer(no_task_left: None) -> None:
    room = Watched(talking())
    room.passes(1, VOICE)
    room.monitor.start()
    room.monitor.start()
    room.seconds = 100.0
    await eventually(lambda: bool(room.posted))
    room.monitor.stop()
    room.monitor.stop()


@pytest.mark.parametrize("policy", list(WhenUnrecorded))
async def test_in_a_call_the_service_decides_what_a_stop_means(bank: Bank, policy: WhenUnrecorded) -> None:
    await bank.store.services.set_when_unrecorded("wealth", policy)
    kiosk, ann = await bank.kiosk("k1"), await bank.specialist("ann")
    session = (await kiosk.call()).id
    await ann.answer()
    customer, specialist = Media(kiosk, session), Media(ann, session)
    try:
        customer.start()
        specialist.start()
        await customer.arrives(video=40)
        await specialist.arrives()
        customer.filming = False
        if policy is WhenUnrecorded.END:
            for side in (kiosk, ann):
                assert (await side.state(SessionState.ENDED)).end_reason == "recording_failed"
        else:
            for side in (kiosk, ann):
                told = await side.session(lambda view: bool(view.stalled))
                assert [(track.name, track.reason) for track in told.stalled] == [("customer-1.camera", "no_media")]
                assert told.stopped is (policy is WhenUnrecorded.PAUSE)
            if policy is WhenUnrecorded.PAUSE:
                heard = await silence(customer, specialist)
                room = bank.rooms.get(session)
                assert room is not None
                before = room._recording.accounts["specialist-1.microphone"].recorded_ms
                await eventually(lambda: room._recording.accounts["specialist-1.microphone"].recorded_ms > before + 500)
                assert (len(customer.heard), len(specialist.heard)) == heard, "it is recorded, and heard by nobody"
            customer.filming = True
            for side in (kiosk, ann):
                await side.session(lambda view: not view.stalled)
            await customer.arrives()
            await specialist.arrives()
            await kiosk.ask(m.CallEnd(session))
    finally:
        await customer.stop()
        await specialist.stop()
    events = [event for event in await bank.journal(session) if isinstance(event, e.RecordingStalled)]
    assert [(event.track, event.policy) for event in events] == [("customer-1.camera", policy)]
    await bank.check(session)


async def silence(*sides: Media) -> tuple[int, ...]:
    """Wait until for half a second nothing arrives any more; how much did before."""
    before: tuple[int, ...] = ()
    async with asyncio.timeout(30):
        while before != (now := tuple(len(side.heard) for side in sides)):
            before = now
            await asyncio.sleep(0.5)
    return before
