"""The session machine: what each event means in each state. Sans-IO; `docs/architecture.md` draws it.

A room asks a `fork` first, journals what that accepted, and then lets the machine `adopt` it: or nothing has happened.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import structlog
from msgspec.structs import replace as amend

from link.protocol.values import Chat, Document, DocumentState, Network, Quality, RecordedTrack, SessionState
from server.session import commands as c
from server.session import events as e
from server.session.errors import IllegalEvent, NoConsent, StaleLeg, StaleTimer
from server.session.graces import Graces as Graces
from server.session.idempotency import redundant
from server.session.state import OPEN, TALKING, LegState, Recording, State, visible
from server.session.table import _TABLE as _TABLE
from server.session.table import Step
from server.session.table import on as _on

log = structlog.get_logger()

RING, SPECIALIST_LOST, KIOSK_LOST, CLOSE = "ring", "specialist_lost", "kiosk_lost", "close"
MAX_CHAT, MAX_DOCUMENTS = 1000, 100
WAITING, RINGING, ACTIVE = SessionState.WAITING, SessionState.RINGING, SessionState.ACTIVE
HELD, ENDED, CLOSED = SessionState.HELD, SessionState.ENDED, SessionState.CLOSED


class Machine:
    """One session. `state` is read freely and changed by `handle` and `adopt` only."""

    def __init__(self, graces: Graces | None = None, state: State | None = None) -> None:
        self.graces = graces or Graces()
        self.state = state or State()
        self._at_ms = 0

    @classmethod
    def replay(cls, events: Iterable[tuple[e.Event, int]], graces: Graces | None = None) -> Machine:
        """The machine after these journaled events and their times; commands are not run again."""
        machine = cls(graces)
        for event, at_ms in events:
            machine.handle(event, at_ms)
        return machine

    def fork(self) -> Machine:
        """A machine in the same state, for trying events out."""
        return Machine(self.graces, self.state)

    def adopt(self, trial: Machine) -> None:
        """Take over the state of a fork whose events are now durable."""
        old, new = self.state.phase, trial.state.phase
        self.state = trial.state
        if old is not new and self.state.request is not None:
            log.info("session state", session=self.state.request.session, old=old, new=new)

    def handle(self, event: e.Event, at_ms: int) -> list[c.Command]:
        """What is to be done because of `event`; `Follow` commands are events to handle right after it.

        Raises `IllegalEvent` and changes nothing where the event may not happen. An event that is legal but says
        nothing new (`redundant`) need not be handled at all.
        """
        legal, handler = _TABLE[type(event)]
        before = self.state
        if before.phase not in legal:
            raise IllegalEvent(f"{e.kind(event)} while {before.phase}")
        self._at_ms = at_ms
        try:
            commands = list(handler(self, event))
        except BaseException:
            self.state = before
            raise
        if visible(before) != visible(self.state):
            commands.append(c.PushView())
        return commands

    def redundant(self, event: e.Event) -> bool:
        """Whether the session already is as `event` would make it: acknowledge it, journal nothing."""
        return redundant(self.state, event)

    # The one setter, and what several handlers share.

    def _set(self, **changes: Any) -> None:
        """Change the state; a change of phase closes the account of the time spent in the old one."""
        phase = changes.get("phase", self.state.phase)
        if phase is not self.state.phase:
            at = self._at_ms
            changes |= {"waited_ms": self.state.waited(at), "talked_ms": self.state.talked(at), "since_ms": at}
        self.state = replace(self.state, **changes)

    def _start(self, timer: str, seconds: float) -> Step:
        self._set(timers=self.state.timers | {timer})
        yield c.StartTimer(timer, seconds)

    def _cancel(self, *timers: str) -> Step:
        for timer in sorted(self.state.timers & set(timers)):
            yield c.CancelTimer(timer)
        self._set(timers=self.state.timers - set(timers))

    def _enqueue(self) -> Step:
        """Wait in the queue, unless there is no consent yet or nobody at the kiosk to be answered."""
        if self.state.consent is not None and e.KIOSK not in self.state.lost:
            yield c.Enqueue(head=self.state.requeued)

    def _drop_leg(self, participant: str) -> Step:
        leg = self.state.legs.get(participant)
        if leg is not None:
            self._set(legs={key: value for key, value in self.state.legs.items() if key != participant})
            yield c.CloseLeg(participant, leg.leg)

    def _close_if_finished(self) -> Step:
        if self.state.finished:
            yield c.Follow(e.Closed())

    def _change_document(self, document: Document) -> None:
        self._set(documents=tuple(document if known.id == document.id else known for known in self.state.documents))

    def _document(self, document: str, *states: DocumentState) -> Document:
        known = self.state.document(document)
        if known is None:
            raise IllegalEvent("no such document")
        if known.state not in states:
            raise IllegalEvent(f"the document is {known.state}")
        return known

    # Queue and offer.

    @_on(e.SessionRequested, None)
    def _requested(self, event: e.SessionRequested) -> Step:
        self._set(phase=WAITING, request=event, step=event.step)
        yield from ()

    @_on(e.ConsentGiven, WAITING)
    def _consented(self, event: e.ConsentGiven) -> Step:
        if self.state.consent is not None:
            raise IllegalEvent("consent was given before")
        self._set(consent=event)
        yield from self._enqueue()

    @_on(e.Offered, WAITING)
    def _offered(self, event: e.Offered) -> Step:
        if self.state.consent is None:
            raise NoConsent("no consent")
        if e.KIOSK in self.state.lost:
            raise IllegalEvent("the kiosk is not there")
        self._set(phase=RINGING, ringing=event.specialist)
        yield c.Dequeue()
        yield from self._start(RING, self.graces.ring)
        yield c.RingStart(event.specialist)

    @_on(e.OfferEnded, RINGING)
    def _offer_ended(self, event: e.OfferEnded) -> Step:
        self._ringing_at(event.specialist)
        self._set(phase=WAITING, ringing=None)
        yield from self._cancel(RING)
        yield c.RingEnd(event.specialist, event.reason)
        yield from self._enqueue()

    @_on(e.Answered, RINGING)
    def _answered(self, event: e.Answered) -> Step:
        self._ringing_at(event.specialist)
        self._set(phase=ACTIVE, ringing=None, specialist=event.specialist, specialist_name=event.name, answered=True)
        yield from self._cancel(RING)
        yield c.RingEnd(event.specialist, "answered")
        yield c.Occupy(event.specialist)
        yield c.Forward(on=True)
        # The first picture is asked for when the recorder is there to keep it.
        yield c.StartRecording() if self.state.recording is Recording.NONE else c.TakeSnapshot()

    def _ringing_at(self, specialist: str) -> None:
        if self.state.ringing != specialist:
            raise IllegalEvent("it does not ring there")

    @_on(e.Requeued, TALKING)
    def _requeued(self, _event: e.Requeued) -> Step:
        specialist, held = self.state.specialist, self.state.phase is HELD
        assert specialist is not None
        lost = self.state.lost - {e.SPECIALIST}
        self._set(phase=WAITING, specialist=None, specialist_name="", requeued=True, lost=lost)
        yield from self._cancel(SPECIALIST_LOST)
        yield c.InterruptShare("disconnected")
        yield c.Forward(on=False)
        yield from self._drop_leg(e.SPECIALIST)
        self._set_network(e.SPECIALIST)
        yield c.Release(specialist, wrap_up=False)
        if held:
            yield c.ResumeRecording()
        yield from self._enqueue()

    # Legs and recording.

    @_on(e.LegOpened, OPEN)
    def _leg_opened(self, event: e.LegOpened) -> Step:
        if self.state.consent is None:
            raise NoConsent("no consent")
        if event.participant not in e.PARTICIPANTS:
            raise IllegalEvent("no such participant")
        if event.participant == e.SPECIALIST and self.state.phase not in TALKING:
            raise IllegalEvent("nobody has answered")
        yield from self._drop_leg(event.participant)
        self._set(legs=self.state.legs | {event.participant: LegState(event.leg)})

    @_on(e.LegConnected, OPEN)
    def _leg_connected(self, event: e.LegConnected) -> Step:
        self._current_leg(event.participant, event.leg)
        self._set(legs=self.state.legs | {event.participant: LegState(event.leg, connected=True)})
        self._set_network(event.participant)
        yield from ()

    @_on(e.LegClosed, OPEN)
    def _leg_closed(self, event: e.LegClosed) -> Step:
        self._current_leg(event.participant, event.leg)
        yield from self._drop_leg(event.participant)
        if event.reason == "closed":
            self._set_network(event.participant)
        else:
            yield c.TellLegLost(event.participant, event.leg)

    @_on(e.QualityChanged, OPEN)
    def _quality_changed(self, event: e.QualityChanged) -> Step:
        self._current_leg(event.participant, event.leg)
        network = Network(event.participant, Quality(event.quality), event.reason)
        self._set_network(event.participant, *([network] if network.quality is not Quality.GOOD else []))
        yield from ()

    def _set_network(self, participant: str, *bad: Network) -> None:
        """What is known of the participant's network; a lost leg's is kept until another one is connected."""
        others = (network for network in self.state.network if network.participant != participant)
        self._set(network=tuple(sorted([*others, *bad], key=lambda network: network.participant)))

    def _current_leg(self, participant: str, leg: str) -> None:
        current = self.state.legs.get(participant)
        if current is None or current.leg != leg:
            raise StaleLeg("not the current leg")

    @_on(e.RecordingStarted, OPEN, ENDED)
    def _recording_started(self, _event: e.RecordingStarted) -> Step:
        if self.state.recording is not Recording.NONE or not self.state.answered:
            raise IllegalEvent("not the time to start recording")
        self._set(recording=Recording.ON)
        if self.state.phase is HELD:
            yield c.PauseRecording("hold")
        if self.state.phase is ENDED:
            yield c.FinishRecording()

    @_on(e.TrackStarted, OPEN, ENDED)
    def _track_started(self, event: e.TrackStarted) -> Step:
        self._recording()
        others = tuple(track for track in self.state.tracks if track.name != event.track)
        self._set(tracks=(*others, RecordedTrack(event.track, event.kind)))
        yield from ()

    @_on(e.SegmentSealed, OPEN, ENDED)
    @_on(e.GapDeclared, OPEN, ENDED)
    def _accounted_for(self, _event: e.SegmentSealed | e.GapDeclared) -> Step:
        self._recording()
        yield from ()

    @_on(e.CopyIncomplete, OPEN, ENDED)
    def _copy_incomplete(self, event: e.CopyIncomplete) -> Step:
        self._set(left_out={**self.state.left_out, **event.left_out})
        yield from ()

    @_on(e.RecordingCompleted, ENDED)
    def _recording_completed(self, _event: e.RecordingCompleted) -> Step:
        self._recording()
        self._set(recording=Recording.COMPLETE)
        yield from self._close_if_finished()

    def _recording(self) -> None:
        if self.state.recording is not Recording.ON:
            raise IllegalEvent("nothing is being recorded")

    # Participants come and go.

    @_on(e.ParticipantLost, OPEN)
    def _participant_lost(self, event: e.ParticipantLost) -> Step:
        if event.participant in self.state.lost:
            raise IllegalEvent("lost before")
        if event.participant == e.KIOSK:
            self._set(lost=self.state.lost | {e.KIOSK})
            if self.state.phase is WAITING:
                yield c.Dequeue()
            if self.state.phase is ACTIVE:
                yield c.InterruptShare("disconnected")
            yield from self._start(KIOSK_LOST, self.graces.kiosk_lost)
        elif self.state.phase in TALKING:
            self._set(lost=self.state.lost | {e.SPECIALIST})
            yield from self._start(SPECIALIST_LOST, self.graces.after_cut if event.cut else self.graces.specialist_lost)
        elif self.state.ringing is not None:
            yield c.Follow(e.OfferEnded(self.state.ringing, "lost"))
        else:
            raise IllegalEvent("there is no specialist")

    @_on(e.ParticipantReturned, OPEN)
    def _participant_returned(self, event: e.ParticipantReturned) -> Step:
        if event.participant not in self.state.lost:
            raise IllegalEvent("it was not lost")
        self._set(lost=self.state.lost - {event.participant})
        yield from self._cancel(KIOSK_LOST if event.participant == e.KIOSK else SPECIALIST_LOST)
        if self.state.phase in TALKING:
            yield c.TakeSnapshot()
        elif self.state.phase is WAITING:
            yield from self._enqueue()

    @_on(e.Held, ACTIVE)
    def _held(self, _event: e.Held) -> Step:
        self._set(phase=HELD)
        yield c.Forward(on=False)
        yield c.PauseRecording("hold")

    @_on(e.Unheld, HELD)
    def _unheld(self, _event: e.Unheld) -> Step:
        self._set(phase=ACTIVE)
        yield c.ResumeRecording()
        yield c.Forward(on=True)
        yield c.TakeSnapshot()

    # What they do together.

    @_on(e.ChatSent, TALKING)
    def _chat_sent(self, event: e.ChatSent) -> Step:
        if len(self.state.chat) >= MAX_CHAT:
            raise IllegalEvent("the chat is full")
        chat = Chat(event.id, event.sender, event.text, self._at_ms)
        self._set(chat=(*self.state.chat, chat))
        yield c.TellChat(chat)

    @_on(e.NoteSaved, TALKING, ENDED)
    def _note_saved(self, event: e.NoteSaved) -> Step:
        self._set(note=event.text)
        yield from ()

    @_on(e.StepChanged, OPEN)
    def _step_changed(self, event: e.StepChanged) -> Step:
        self._set(step=event.step)
        yield from ()

    @_on(e.DocumentRequested, TALKING)
    def _document_requested(self, event: e.DocumentRequested) -> Step:
        if self.state.document(event.document) is not None or len(self.state.documents) >= MAX_DOCUMENTS:
            raise IllegalEvent("asked for before, or too many documents")
        asked = Document(event.document, event.label, DocumentState.REQUESTED, event.note)
        self._set(documents=(*self.state.documents, asked))
        yield from ()

    @_on(e.DocumentAnswered, OPEN)
    def _document_answered(self, event: e.DocumentAnswered) -> Step:
        askable = (DocumentState.REQUESTED, DocumentState.REJECTED, DocumentState.FAILED)
        document = self._document(event.document, *askable, *(() if event.agreed else (DocumentState.AGREED,)))
        self._change_document(amend(document, state=DocumentState.AGREED if event.agreed else DocumentState.DECLINED))
        yield from ()

    @_on(e.DocumentFailed, OPEN)
    def _document_failed(self, event: e.DocumentFailed) -> Step:
        document = self._document(event.document, DocumentState.REQUESTED, DocumentState.AGREED)
        self._change_document(amend(document, state=DocumentState.FAILED, reason=event.reason))
        yield from ()

    @_on(e.DocumentStored, OPEN)
    def _document_stored(self, event: e.DocumentStored) -> Step:
        document = self._document(event.document, DocumentState.AGREED)
        self._set(stored=self.state.stored | {event.document: event})
        size = {"media_type": event.media_type, "size": event.size, "width": event.width, "height": event.height}
        stored = amend(document, state=DocumentState.STORED, reason="", incomplete=event.incomplete, **size)
        self._change_document(stored)
        yield from ()

    @_on(e.DocumentDecided, TALKING, ENDED)
    def _document_decided(self, event: e.DocumentDecided) -> Step:
        document = self._document(event.document, DocumentState.STORED)
        decided = DocumentState.ACCEPTED if event.accepted else DocumentState.REJECTED
        self._change_document(amend(document, state=decided, reason=event.reason))
        yield from ()

    # The end.

    @_on(e.Ended, OPEN)
    def _ended(self, event: e.Ended) -> Step:
        before = self.state
        self._set(phase=ENDED, ringing=None, ended_by=event.by, end_reason=event.reason, lost=frozenset(), network=())
        yield from self._cancel(RING, SPECIALIST_LOST, KIOSK_LOST)
        if before.phase is WAITING:
            yield c.Dequeue()
        if before.ringing is not None:
            yield c.RingEnd(before.ringing, "left")
        if before.phase in TALKING:
            assert before.specialist is not None
            yield c.Forward(on=False)
            yield c.Release(before.specialist, wrap_up=True)
        for participant in e.PARTICIPANTS:
            yield from self._drop_leg(participant)
        if self.state.recording is Recording.ON:
            yield c.FinishRecording()
        if self.state.finished:
            yield c.Follow(e.Closed())
        else:
            yield from self._start_closing()

    def _start_closing(self) -> Step:
        self._set(closing_from_ms=self._at_ms)
        yield from self._start(CLOSE, self.graces.close)

    @_on(e.Rated, ENDED)
    def _rated(self, event: e.Rated) -> Step:
        if self.state.rated is not None or not self.state.answered:
            raise IllegalEvent("rated before, or never answered")
        self._set(rated=event.stars)
        yield from self._close_if_finished()

    @_on(e.RatingSkipped, ENDED)
    def _rating_skipped(self, _event: e.RatingSkipped) -> Step:
        self._set(rating_skipped=True)
        yield from self._close_if_finished()

    @_on(e.Disposed, ENDED)
    def _disposed(self, event: e.Disposed) -> Step:
        if self.state.specialist != event.by or self.state.outcome is not None:
            raise IllegalEvent("disposed of before, or not this specialist's call")
        self._set(outcome=event.outcome, note=event.note or self.state.note, overdue=event.overdue)
        yield c.FreeWrapUp(event.by)
        yield from self._close_if_finished()

    @_on(e.OutcomeChosen, ENDED)
    def _outcome_chosen(self, event: e.OutcomeChosen) -> Step:
        if self.state.specialist != event.by or not self.state.undisposed:
            raise IllegalEvent("disposed of before, or not this specialist's call")
        self._set(chosen=event.outcome)
        yield from ()

    @_on(e.WrapUpExtended, ENDED)
    def _wrap_up_extended(self, event: e.WrapUpExtended) -> Step:
        if self.state.specialist != event.by or not self.state.undisposed or self.state.close_due:
            raise IllegalEvent("nothing is being wrapped up by this specialist")
        if self.state.extensions >= self.graces.extensions:
            raise IllegalEvent("extended often enough")
        self._set(extensions=self.state.extensions + 1)
        yield from self._start_closing()

    @_on(e.Closed, ENDED)
    def _closed(self, _event: e.Closed) -> Step:
        if self.state.undisposed and self.state.specialist is not None:
            yield c.FreeWrapUp(self.state.specialist)
        self._set(phase=CLOSED)
        yield from self._cancel(CLOSE)
        yield c.Retire()

    # Time and restarts.

    @_on(e.TimerFired, OPEN, ENDED)
    def _timer_fired(self, event: e.TimerFired) -> Step:
        if event.timer not in self.state.timers:
            raise StaleTimer(event.timer)
        self._set(timers=self.state.timers - {event.timer})
        match event.timer:
            case "ring":
                assert self.state.ringing is not None
                yield c.Follow(e.OfferEnded(self.state.ringing, "timeout"))
            case "specialist_lost":
                yield c.Follow(e.Requeued("specialist_lost"))
            case "kiosk_lost":
                yield c.Follow(e.Ended("system", "interrupted"))
            case _:
                self._set(close_due=True)
                if self.state.undisposed and self.state.chosen and self.state.specialist:
                    yield c.Follow(e.Disposed(self.state.chosen, "", self.state.specialist, overdue=True))
                else:
                    yield from self._close_if_finished()

    @_on(e.NodeRestarted, OPEN, ENDED)
    def _node_restarted(self, _event: e.NodeRestarted) -> Step:
        """Everybody is lost until seen again: the same graces run from now."""
        self._set(legs={}, timers=frozenset(), lost=frozenset())
        if self.state.phase is ENDED:
            yield from self._start_closing()
            if self.state.recording is Recording.ON:
                yield c.FinishRecording()
            if self.state.undisposed and self.state.specialist is not None:
                yield c.Release(self.state.specialist, wrap_up=True)
            yield from self._close_if_finished()
            return
        self._set(lost=frozenset({e.KIOSK}))
        yield from self._start(KIOSK_LOST, self.graces.kiosk_lost)
        if self.state.phase is RINGING:
            assert self.state.ringing is not None
            yield c.Follow(e.OfferEnded(self.state.ringing, "restart"))
        elif self.state.specialist is not None:
            self._set(lost=self.state.lost | {e.SPECIALIST})
            yield c.Occupy(self.state.specialist)
            yield from self._start(SPECIALIST_LOST, self.graces.specialist_lost)
        if self.state.answered:
            yield c.StartRecording()
        if self.state.phase in TALKING:
            yield c.PauseRecording("hold") if self.state.phase is HELD else c.Forward(on=True)
