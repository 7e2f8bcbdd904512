"""What the machine asks its room to do. The room runs them in order, after the event is durable."""

from __future__ import annotations

from dataclasses import dataclass

from link.protocol.values import Chat
from server.session.events import Event


@dataclass(frozen=True, slots=True)
class Follow:
    """This event is a consequence of the handled one: handle and journal it in the same transaction."""

    event: Event


@dataclass(frozen=True, slots=True)
class StartTimer:
    """Post `TimerFired(timer)` after `seconds`, unless cancelled or started anew before."""

    timer: str
    seconds: float


@dataclass(frozen=True, slots=True)
class CancelTimer:
    """Forget the timer; harmless if it does not run."""

    timer: str


@dataclass(frozen=True, slots=True)
class Enqueue:
    """The session waits for a specialist; `head` before all that were never answered."""

    head: bool


@dataclass(frozen=True, slots=True)
class Dequeue:
    """The session waits no more."""


@dataclass(frozen=True, slots=True)
class RingStart:
    """Ring at this specialist's console."""

    specialist: str


@dataclass(frozen=True, slots=True)
class RingEnd:
    """Stop ringing there, and say why."""

    specialist: str
    reason: str


@dataclass(frozen=True, slots=True)
class InvitationStart:
    """Ask this person to take part."""

    participant: str
    person: str


@dataclass(frozen=True, slots=True)
class InvitationStop:
    """Ask no more, and say why."""

    participant: str
    person: str
    reason: str


@dataclass(frozen=True, slots=True)
class Occupy:
    """The person is in this call."""

    specialist: str


@dataclass(frozen=True, slots=True)
class Release:
    """The person is in this call no more; with `wrap_up` until the call is disposed of."""

    specialist: str
    wrap_up: bool
    reason: str = "requeued"


@dataclass(frozen=True, slots=True)
class FreeWrapUp:
    """The call was disposed of: the specialist's wrap-up is over."""

    specialist: str


@dataclass(frozen=True, slots=True)
class CloseLeg:
    """Close this peer connection, if it is still there."""

    participant: str
    leg: str


@dataclass(frozen=True, slots=True)
class TellLegLost:
    """Tell the participant that this peer connection is gone, so that it makes a new one."""

    participant: str
    leg: str


@dataclass(frozen=True, slots=True)
class InterruptCobrowse:
    """The customer's screen does not come, or goes nowhere: a gap of its track, for this reason."""

    reason: str


@dataclass(frozen=True, slots=True)
class StartRecording:
    """Start the recorder and post `RecordingStarted`, or after a restart take up the recording where it broke off.

    If that is impossible, end the session: an unrecorded call must not go on. Once it runs, the kiosk's page is asked
    for the whole picture.
    """


@dataclass(frozen=True, slots=True)
class FinishRecording:
    """Seal everything and post `RecordingCompleted`."""


@dataclass(frozen=True, slots=True)
class TellChat:
    """Show this chat line to all who may read it."""

    chat: Chat


@dataclass(frozen=True, slots=True)
class TakeSnapshot:
    """Ask the kiosk's page for the whole picture."""


@dataclass(frozen=True, slots=True)
class PushView:
    """The session's view changed: send it to the participants."""


@dataclass(frozen=True, slots=True)
class TellStatement:
    """The recording is complete: tell who led the call how complete."""


@dataclass(frozen=True, slots=True)
class RaiseAlarm:
    """Let who looks after the server know what is wrong with this call."""

    what: str


@dataclass(frozen=True, slots=True)
class Retire:
    """The session is closed: the room ends."""


Command = (
    Follow
    | StartTimer
    | CancelTimer
    | Enqueue
    | Dequeue
    | RingStart
    | RingEnd
    | InvitationStart
    | InvitationStop
    | Occupy
    | Release
    | FreeWrapUp
    | CloseLeg
    | TellLegLost
    | InterruptCobrowse
    | StartRecording
    | FinishRecording
    | TellChat
    | TakeSnapshot
    | PushView
    | TellStatement
    | RaiseAlarm
    | Retire
)
