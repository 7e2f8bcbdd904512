"""What a session is at one moment: the fold of its events, immutable, and the view that faces draw."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from link.protocol import values
from link.protocol.values import OPEN as OPEN
from link.protocol.values import QUEUEING as QUEUEING
from link.protocol.values import TALKING as TALKING
from link.protocol.values import (
    Chat,
    Document,
    DocumentState,
    Language,
    Network,
    ParticipantRole,
    RecordedTrack,
    SensitivePause,
    Service,
    Session,
    SessionState,
    StalledTrack,
    WhenUnrecorded,
)
from server.session.events import ConsentGiven, DocumentStored, SessionRequested, TrackSummary
from server.session.graces import Graces
from server.session.missing import MissingParts
from server.session.participants import LegOf, Membership, Participant

_PEOPLE = frozenset(ParticipantRole) - {ParticipantRole.CUSTOMER}


class Recording(StrEnum):
    """How far the recording of a session is."""

    NONE = "none"
    ON = "on"
    COMPLETE = "complete"


@dataclass(frozen=True, slots=True)
class RecordingPause:
    """Nothing is recorded since then, because of something that no record may hold."""

    reason: str
    since_ms: int
    automatic: bool = False


@dataclass(frozen=True, slots=True)
class State:
    """Everything that follows from a session's events. Times are milliseconds on its timeline.

    `phase` is None before `SessionRequested`. `waited_ms` and `talked_ms` are what earlier periods sum up to;
    `since_ms` is when the current phase of waiting or talking began. `participants` holds, by their ids, also those who
    left; `lead` is the specialist who answered and disposes of the call, `offered` who would be it while it rings.

    `stalled` are the tracks that should be recorded now and are not, and why; `pauses` those of the recording, by who
    wants them. `missing` is what the recorder has declared missing of each track, and `summaries` its statement at the
    end.
    """

    phase: SessionState | None = None
    request: SessionRequested | None = None
    consent: ConsentGiven | None = None
    participants: dict[str, Participant] = field(default_factory=dict)
    ringing: str | None = None
    offered: str = ""
    lead: str | None = None
    answered: bool = False
    requeued: bool = False
    network: tuple[Network, ...] = ()
    timers: frozenset[str] = frozenset()
    recording: Recording = Recording.NONE
    tracks: tuple[RecordedTrack, ...] = ()
    left_out: dict[str, int] = field(default_factory=dict)
    stalled: dict[str, str] = field(default_factory=dict)
    pauses: dict[str, RecordingPause] = field(default_factory=dict)
    pause_overdue: bool = False
    missing: dict[str, MissingParts] = field(default_factory=dict)
    summaries: tuple[TrackSummary, ...] = ()
    documents: tuple[Document, ...] = ()
    stored: dict[str, DocumentStored] = field(default_factory=dict)
    chat: tuple[Chat, ...] = ()
    note: str = ""
    step: str = "start"
    since_ms: int = 0
    waited_ms: int = 0
    talked_ms: int = 0
    ended_by: str | None = None
    end_reason: str | None = None
    rated: int | None = None
    rating_skipped: bool = False
    outcome: str | None = None
    overdue: bool = False
    chosen: str | None = None
    closing_from_ms: int = 0
    extensions: int = 0
    close_due: bool = False

    @property
    def open(self) -> bool:
        """Whether the call has neither ended nor closed."""
        return self.phase in OPEN

    @property
    def customer(self) -> str:
        """The customer's id; empty before the request."""
        return self.request.participant if self.request is not None else ""

    @property
    def specialist(self) -> str | None:
        """The person who leads the call, or led it to its end."""
        return None if self.lead is None else self.participants[self.lead].person

    @property
    def specialist_name(self) -> str:
        """That person's name."""
        return "" if self.lead is None else self.participants[self.lead].name

    @property
    def joined(self) -> list[Participant]:
        """Those who take part now, in the order in which they came."""
        return [one for one in self.participants.values() if one.joined]

    @property
    def lost(self) -> frozenset[str]:
        """The participants whose connection is gone."""
        return frozenset(one.id for one in self.participants.values() if one.membership is Membership.LOST)

    @property
    def legs(self) -> dict[str, LegOf]:
        """The peer connections of those who have one, by participant."""
        return {one.id: one.leg for one in self.participants.values() if one.leg is not None}

    def there(self, participant: str | None) -> bool:
        """Whether this participant takes part and has a connection."""
        one = self.participants.get(participant or "")
        return one is not None and one.membership is Membership.PRESENT

    def of_person(self, person: str) -> Participant | None:
        """As whom this person takes part, or is invited to."""
        now = (one for one in self.participants.values() if one.person == person and one.role in _PEOPLE)
        return next((one for one in now if one.membership is not Membership.LEFT), None)

    def as_whom(self, person: str) -> str | None:
        """The participant that this person is now, or was as the lead of a call that has ended."""
        now = next((one.id for one in self.joined if one.person == person and one.id != self.customer), None)
        return self.lead if now is None and not self.open and self.specialist == person else now

    def numbered(self, role: ParticipantRole) -> str:
        """The id of the next participant of this role: one that nobody of the session ever had."""
        return f"{role}-{sum(one.role is role for one in self.participants.values()) + 1}"

    @property
    def recorded_now(self) -> tuple[RecordedTrack, ...]:
        """The tracks being written just now: none while held or paused, and none after the end."""
        if self.recording is not Recording.ON or not self.open or self.phase is SessionState.HELD or self.pauses:
            return ()
        return self.tracks

    @property
    def when_unrecorded(self) -> WhenUnrecorded:
        """What the call does while something that has to be recorded is not."""
        return WhenUnrecorded(self.request.when_unrecorded) if self.request is not None else WhenUnrecorded.WARN

    @property
    def stopped(self) -> bool:
        """Whether nobody hears or sees anybody until all is recorded again."""
        return bool(self.stalled) and self.when_unrecorded is WhenUnrecorded.PAUSE

    @property
    def tray_seen(self) -> bool:
        """Whether a specialist who is there may see the document camera: the customer has agreed to show a document."""
        attended = self.phase is SessionState.ACTIVE and self.there(self.lead)
        return attended and any(document.state is DocumentState.AGREED for document in self.documents)

    @property
    def undisposed(self) -> bool:
        """Whether the specialist has still to say how the ended call went."""
        return self.phase is SessionState.ENDED and self.specialist is not None and self.outcome is None

    @property
    def unrated(self) -> bool:
        """Whether the customer may still give stars."""
        return self.answered and self.rated is None and not self.rating_skipped

    @property
    def finished(self) -> bool:
        """Whether nothing is left to wait for after the end: rating, disposition and the recording's last segment."""
        if self.phase is not SessionState.ENDED or self.recording is Recording.ON:
            return False
        return self.close_due or (not self.unrated and not self.undisposed)

    def document(self, document: str) -> Document | None:
        """The document with this id."""
        return next((known for known in self.documents if known.id == document), None)

    def waited(self, at_ms: int) -> int:
        """Milliseconds spent waiting in all."""
        return self.waited_ms + (max(0, at_ms - self.since_ms) if self.phase in QUEUEING else 0)

    def talked(self, at_ms: int) -> int:
        """Milliseconds spent in the call, hold included."""
        return self.talked_ms + (max(0, at_ms - self.since_ms) if self.phase in TALKING else 0)


def visible(state: State) -> tuple[object, ...]:
    """What of the state a view shows; when it changes, a new view is pushed."""
    return (
        state.phase,
        tuple((one.id, one.person, one.membership, one.mode, one.to) for one in state.participants.values()),
        state.recorded_now,
        state.stalled,
        state.pauses,
        state.pause_overdue,
        state.network,
        state.documents,
        state.note,
        state.step,
        state.requeued,
        state.ended_by,
        state.rated,
        state.outcome,
        state.extensions,
    )


def service(request: SessionRequested) -> Service:
    """The service that the request asked for, as faces draw it."""
    return Service(request.service, request.service_zh, request.service_en, request.icon)


def view(
    state: State,
    at_ms: int,
    *,
    position: int = 0,
    wait_s: int | None = None,
    staffed: bool = True,
    notes: bool = False,
    graces: Graces | None = None,
) -> Session:
    """The session as a face draws it at `at_ms`.

    With `notes` it is for the staff: the specialist's notes and wrap-up, and participants that customers do not notice.
    With `graces` it says how long the wrap-up may still take.

    Raises `ValueError` before `SessionRequested`.
    """
    request = state.request
    if request is None or state.phase is None:
        raise ValueError("no session has been requested")
    wrap_up = graces if notes and state.undisposed else None
    return Session(
        id=request.session,
        state=state.phase,
        kiosk=request.kiosk,
        kiosk_name=request.kiosk_name,
        branch=request.branch,
        branch_zh=request.branch_zh,
        branch_en=request.branch_en,
        service=service(request),
        language=Language(request.language),
        elderly=request.elderly,
        step=state.step,
        position=position,
        wait_s=wait_s,
        staffed=staffed,
        waited_s=state.waited(at_ms) // 1000,
        active_s=state.talked(at_ms) // 1000,
        participants=[_drawn(one) for one in state.participants.values() if _known(one, state, notes)],
        specialist=state.specialist,
        specialist_name=state.specialist_name,
        kiosk_connected=state.customer not in state.lost,
        specialist_connected=state.lead is not None and state.lead not in state.lost,
        recording=list(state.recorded_now),
        stalled=[StalledTrack(track, reason) for track, reason in state.stalled.items()],
        stopped=state.stopped,
        pauses=[_paused(state, who, pause, at_ms) for who, pause in state.pauses.items()],
        network=list(state.network),
        documents=list(state.documents),
        note=state.note if notes else "",
        requeued=state.requeued,
        end_reason=state.end_reason,
        ended_by=state.ended_by,
        rated=state.rated,
        outcome=state.outcome if notes else None,
        chosen=state.chosen if notes else None,
        closes_s=_closes_s(state, at_ms, wrap_up.close) if wrap_up else None,
        extensions=max(0, wrap_up.extensions - state.extensions) if wrap_up else 0,
    )


def _known(one: Participant, state: State, notes: bool) -> bool:
    """Whether a view tells of this participant: those who take part, and at the end those who did."""
    gone = one.membership is Membership.LEFT and (state.open or one.id not in (state.customer, state.lead))
    return not gone and (notes or not one.unnoticed)


def _drawn(one: Participant) -> values.Participant:
    return values.Participant(
        one.id,
        one.role,
        one.person,
        one.name,
        present=one.membership is not Membership.LOST,
        invited=one.membership is Membership.INVITED,
        mode=one.mode,
        to=one.to or None,
    )


def _paused(state: State, who: str, pause: RecordingPause, at_ms: int) -> SensitivePause:
    seconds = max(0, at_ms - pause.since_ms) // 1000
    return SensitivePause(who, pause.reason, pause.automatic, seconds, state.pause_overdue)


def _closes_s(state: State, at_ms: int, close_s: float) -> int:
    """Seconds until nobody waits for an outcome any more."""
    return 0 if state.close_due else max(0, round(close_s - (at_ms - state.closing_from_ms) / 1000))
