"""What holds whatever happens in whatever order: random events, legal or not, against the machine."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from link.protocol.errors import NotAllowed
from link.protocol.values import SessionState
from server.session import commands as c
from server.session import events as e
from server.session.errors import IllegalEvent
from server.session.machine import Machine
from server.session.media_gate import MediaGate
from server.session.participants import MOST, Membership
from server.session.state import QUEUEING, TALKING, Recording
from tests.server.session.playbook import CONSENT, DOCUMENT, REQUEST, Playbook

PEOPLE = st.sampled_from(["ann", "bob"])
PARTIES = st.sampled_from(["kiosk", "specialist", "specialist-2", "guide-1", "supervisor-1"])
OTHERS = {"specialist-2": ("specialist", "bob"), "guide-1": ("guide", "gil"), "supervisor-1": ("supervisor", "eve")}
MODES = st.sampled_from(["talk", "hold", "monitor", "whisper", "barge"])
LEGS = st.sampled_from(["l1", "l2"])
TRACKS = st.sampled_from(["kiosk.camera", "cobrowse"])
EVENTS: st.SearchStrategy[e.Event] = st.one_of(
    st.just(CONSENT),
    st.builds(e.Offered, PEOPLE, st.just("name")),
    st.builds(e.OfferEnded, PEOPLE, st.sampled_from(["declined", "lost"])),
    st.builds(e.Answered, PEOPLE, st.just("name")),
    st.builds(e.LegOpened, PARTIES, LEGS),
    st.builds(e.LegConnected, PARTIES, LEGS),
    st.builds(e.LegClosed, PARTIES, LEGS, st.sampled_from(["closed", "silent"])),
    st.builds(e.QualityChanged, PARTIES, LEGS, st.sampled_from(["good", "weak", "bad"]), st.sampled_from(["", "loss"])),
    st.builds(e.RecordingStarted, st.just("suite"), st.just("key")),
    st.builds(e.TrackStarted, st.sampled_from(["kiosk.camera", "cobrowse"]), st.just("video"), st.just("vp8")),
    st.builds(e.MediaAwaited, st.just("kiosk.camera"), st.just(0), st.just(900), st.just("loss")),
    st.builds(e.CopyIncomplete, st.just({"image": 1})),
    st.builds(e.RecordingStalled, TRACKS, st.just("no_media"), st.just(0), st.sampled_from(["warn", "pause", "end"])),
    st.builds(e.RecordingResumed, TRACKS),
    st.builds(e.SensitivePaused, st.just("specialist"), st.just("card")),
    st.just(e.SensitivePaused("kiosk", "secret_field", automatic=True)),
    st.builds(e.SensitiveResumed, st.sampled_from(["kiosk", "specialist"])),
    st.builds(e.RecordingCompleted),
    st.builds(e.ParticipantLost, PARTIES),
    st.builds(e.ParticipantReturned, PARTIES),
    st.sampled_from([e.Held(), e.Unheld(), e.Requeued("test"), e.NodeRestarted("n"), DOCUMENT]),
    st.builds(e.ChatSent, LEGS, PARTIES, st.just("hello")),
    st.builds(e.DocumentRequested, st.just("d1"), st.just("id_card")),
    st.builds(e.DocumentAnswered, st.just("d1"), st.booleans()),
    st.builds(e.DocumentDecided, st.just("d1"), st.booleans()),
    st.builds(e.Rated, st.integers(1, 5)),
    st.builds(e.RatingSkipped),
    st.builds(e.Disposed, st.just("solved"), st.just(""), PEOPLE),
    st.builds(e.TimerFired, st.sampled_from(["ring", "kiosk_lost", "specialist_lost", "close", "sensitive"])),
    st.builds(e.Ended, st.sampled_from(["kiosk", "specialist", "system"]), st.just("test")),
    st.sampled_from([e.ParticipantInvited(name, *one, "name", by="specialist") for name, one in OTHERS.items()]),
    st.builds(e.ParticipantJoined, PARTIES),
    st.builds(e.InvitationEnded, PARTIES, st.just("declined")),
    st.builds(e.ParticipantLeft, PARTIES, st.just("left")),
    st.builds(e.ModeChanged, PARTIES, MODES, st.sampled_from(["", "specialist", "guide-1"])),
    st.builds(e.TimerFired, st.sampled_from([f"{what}:{name}" for what in ("invited", "lost") for name in OTHERS])),
)


class Session(RuleBasedStateMachine):
    """A room that carries commands out on paper: running timers, queue, rings and who is busy."""

    def __init__(self) -> None:
        super().__init__()
        self.book = Playbook()
        self.timers: set[str] = set()
        self.queued = False
        self.rings: set[str] = set()
        self.busy: set[str] = set()
        self.asked: set[str] = set()
        self.retired = 0
        self.ends = 0

    @initialize()
    def requested(self) -> None:
        self.book.post(REQUEST)

    @rule(event=EVENTS, after_ms=st.integers(0, 30000))
    def happens(self, event: e.Event, after_ms: int) -> None:
        self.book.at_ms += after_ms
        before = self.book.state
        if self.book.machine.redundant(event):
            return
        try:
            commands = self.book.post(event)
        except (IllegalEvent, NotAllowed):
            assert self.book.state == before
            return
        if isinstance(event, e.NodeRestarted):
            self.timers, self.rings, self.busy, self.asked, self.queued = set(), set(), set(), set(), False
        for command in commands:
            self.carry_out(command)

    def carry_out(self, command: c.Command) -> None:
        match command:
            case c.StartTimer(timer=timer):
                self.timers.add(timer)
            case c.CancelTimer(timer=timer):
                self.timers.discard(timer)
            case c.Enqueue():
                assert not self.queued
                self.queued = True
            case c.Dequeue():
                self.queued = False
            case c.RingStart(specialist=specialist):
                self.rings.add(specialist)
            case c.RingEnd(specialist=specialist):
                self.rings.discard(specialist)
            case c.InvitationStart(person=person):
                self.asked.add(person)
            case c.InvitationStop(person=person):
                self.asked.discard(person)
            case c.Occupy(specialist=specialist):
                self.busy.add(specialist)
            case c.Release(specialist=specialist):
                self.busy.discard(specialist)
            case c.Retire():
                self.retired += 1
            case _:
                pass

    @invariant()
    def at_most_one_specialist(self) -> None:
        state = self.book.state
        assert self.rings == ({state.ringing} if state.phase is SessionState.RINGING else set())
        leads = {state.specialist} if state.phase in TALKING else set()
        assert len(self.rings | leads) <= 1
        assert self.busy == leads | {one.person for one in state.joined if one.id not in (state.customer, state.lead)}
        assert self.asked == {o.person for o in state.participants.values() if o.membership is Membership.INVITED}

    @invariant()
    def everybody_takes_part_once(self) -> None:
        now = [one for one in self.book.state.participants.values() if one.membership is not Membership.LEFT]
        assert len({one.person for one in now}) == len(now) <= MOST
        assert all(one.leg is None for one in self.book.state.participants.values() if not one.joined)
        assert all(one.left_ms is not None for one in self.book.state.participants.values() if one not in now)

    @invariant()
    def what_flows_is_recorded_and_wanted(self) -> None:
        gate = MediaGate.of(self.book.state, recorded=True)
        for source in gate.seats:
            for to in gate.seats:
                if gate.may_flow(source, "microphone", to):
                    assert self.book.state.phase in TALKING
                    assert gate.unrecorded(source, "microphone") == gate.sensitive

    @invariant()
    def timers_are_cancelled(self) -> None:
        fired = {event.timer for event, _ in self.book.journal if isinstance(event, e.TimerFired)}
        assert self.timers - fired <= self.book.state.timers <= self.timers
        if self.book.state.phase is SessionState.CLOSED:
            assert not self.book.state.timers

    @invariant()
    def waits_in_the_queue_exactly_while_it_can_be_offered(self) -> None:
        state = self.book.state
        assert self.queued == (
            state.phase is SessionState.WAITING and bool(state.consent) and "kiosk" not in state.lost
        )

    @invariant()
    def one_end(self) -> None:
        state = self.book.state
        ends = [event for event, _ in self.book.journal if isinstance(event, e.Ended)]
        assert len(ends) <= 1
        assert (state.ended_by is not None) == (len(ends) == 1) == (not state.open and state.phase is not None)
        assert self.retired == (state.phase is SessionState.CLOSED)
        if state.phase is SessionState.CLOSED:
            assert state.recording is not Recording.ON
            assert not state.legs

    @invariant()
    def time_adds_up(self) -> None:
        state, now = self.book.state, self.book.at_ms
        if state.open:
            assert state.waited(now) + state.talked(now) == now
            assert state.since_ms <= now or state.phase in QUEUEING

    def teardown(self) -> None:
        self.book.folds()
        assert Machine.replay(self.book.journal).state.phase == self.book.state.phase


Session.TestCase.settings = settings(max_examples=60, stateful_step_count=50, deadline=None)
TestSession = Session.TestCase
