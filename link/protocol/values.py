"""Values that messages carry. Every text has a length limit, every list a bound: these come from outside."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final

from msgspec import Meta, Struct

# In Python `$` also matches before a line feed at the end.
Id = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,64}\Z")]
Code = Annotated[str, Meta(pattern=r"^[a-z0-9_.-]{1,48}\Z")]
Name = Annotated[str, Meta(max_length=120)]
Text = Annotated[str, Meta(max_length=2000)]
Note = Annotated[str, Meta(max_length=8000)]
Sdp = Annotated[str, Meta(max_length=49152)]
Candidate = Annotated[str, Meta(max_length=1024)]
Count = Annotated[int, Meta(ge=0, le=2**53)]
Fraction = Annotated[float, Meta(ge=0, le=1)]


class Value(Struct, frozen=True, forbid_unknown_fields=True):
    """Base of values: immutable, and an unknown field is an error."""


class MediaMark(Value, frozen=True):
    """A frame that was received in time: by which leg, its RTP timestamp there, and when it was captured.

    ``at_ms`` is on the session's timeline. By marks the two ends of a leg know what lies between them.
    """

    leg: Id
    stamp: Annotated[int, Meta(ge=0, lt=2**32)]
    at_ms: Count


class Language(StrEnum):
    """Languages of a call and of every page."""

    ZH = "zh-CN"
    EN = "en"


class Face(StrEnum):
    """Who is at the other end of a connection. ``PAGE`` is the kiosk's own page, on the kiosk's own machine."""

    KIOSK = "kiosk"
    PAGE = "page"
    CONSOLE = "console"
    GUIDE = "guide"


class SessionState(StrEnum):
    """States of a session (docs/architecture.md draws the machine)."""

    WAITING = "waiting"
    RINGING = "ringing"
    ACTIVE = "active"
    HELD = "held"
    ENDED = "ended"
    CLOSED = "closed"


QUEUEING: Final = frozenset({SessionState.WAITING, SessionState.RINGING})
TALKING: Final = frozenset({SessionState.ACTIVE, SessionState.HELD})
OPEN: Final = QUEUEING | TALKING
OVER: Final = frozenset({SessionState.ENDED, SessionState.CLOSED})


class Presence(StrEnum):
    """What a specialist is doing, as the queue sees it."""

    OFFLINE = "offline"
    AWAY = "away"
    NOT_RESPONDING = "not_responding"
    AVAILABLE = "available"
    RINGING = "ringing"
    BUSY = "busy"
    WRAP_UP = "wrap_up"


class ParticipantRole(StrEnum):
    """As what somebody takes part in a session."""

    CUSTOMER = "customer"
    SPECIALIST = "specialist"
    CONSULTANT = "consultant"
    INTERPRETER = "interpreter"
    GUIDE = "guide"
    SUPERVISOR = "supervisor"


class ParticipantMode(StrEnum):
    """How somebody takes part: who hears and sees them. ``barge`` is ``talk``, begun by a supervisor unasked."""

    TALK = "talk"
    HOLD = "hold"
    MONITOR = "monitor"
    WHISPER = "whisper"
    BARGE = "barge"


class DocumentState(StrEnum):
    """Life of a document that the specialist asked for."""

    REQUESTED = "requested"
    AGREED = "agreed"
    DECLINED = "declined"
    FAILED = "failed"
    STORED = "stored"
    ACCEPTED = "accepted"
    REJECTED = "rejected"


class NetworkQuality(StrEnum):
    """How good the network of one leg is: ``weak`` is measurable, ``bad`` is seen and heard."""

    GOOD = "good"
    WEAK = "weak"
    BAD = "bad"


class Service(Value):
    """A service a customer may ask an expert about."""

    id: Id
    name_zh: Name
    name_en: Name
    icon: Code


class Consent(Value):
    """The recording notice the customer agreed to; the text itself is configuration, versioned."""

    version: Code
    language: Language


class Notice(Value):
    """The recording notice in force."""

    version: Code
    text_zh: Text
    text_en: Text


class IceServer(Value):
    """A STUN or TURN server (RTCIceServer of W3C WebRTC). There is no default."""

    urls: list[Annotated[str, Meta(max_length=256)]]
    username: str = ""
    credential: str = ""


class Document(Value):
    """A document of a session, as far as it has come. Sizes in bytes and pixels.

    ``incomplete``: the picture's file ended too early, and its last rows or its finest details are missing.
    """

    id: Id
    label: Code
    state: DocumentState
    note: Text = ""
    reason: Text = ""
    media_type: str = ""
    size: Count = 0
    width: Count = 0
    height: Count = 0
    incomplete: bool = False


class RecordedTrack(Value):
    """One track the recorder writes, for the notice of what is being recorded."""

    name: Code
    kind: Code


class WhenUnrecorded(StrEnum):
    """What a call does while something that has to be recorded is not: goes on, waits in silence, or ends."""

    WARN = "warn"
    PAUSE = "pause"
    END = "end"


class StalledTrack(Value):
    """A track that has to be recorded and is not, for two seconds or more. ``reason`` is that of the gap."""

    name: Code
    reason: Code


class MissingPiece(Value):
    """A span of a track that should be recorded and is not, in milliseconds from the session's start, and why."""

    start_ms: Count
    end_ms: Count
    reason: Code


class TrackStatement(Value):
    """How complete a track is. Milliseconds: what should be recorded of it by now, and what is.

    What nobody wanted recorded (hold, pauses, a tray that was closed) is not expected. ``missing`` are the newest
    pieces, 20 at most; ``reason`` is why nothing of the track is recorded just now, and null while it is.
    """

    track: Code
    kind: Code
    expected_ms: Count
    recorded_ms: Count
    missing: list[MissingPiece] = []
    reason: Code | None = None


class SensitivePause(Value):
    """Nothing is recorded on purpose, because something is said, shown or typed that no record may hold.

    ``by`` is a participant; ``automatic``: the customer is in a field for secrets, and it ends when they leave it.
    ``overdue``: it has lasted for so long that it may have been forgotten.
    """

    by: Code
    reason: Code
    automatic: bool = False
    paused_s: Count = 0
    overdue: bool = False


class Network(Value):
    """The network between the server and one participant is not good.

    ``reason``: ``loss``, ``delay``, ``bandwidth`` or ``silent``.
    """

    participant: Code
    quality: NetworkQuality
    reason: Code


class Participant(Value):
    """Somebody who takes part in a session, or is asked to (``invited``). ``id`` is ``<role>-<n>``.

    ``person`` is a kiosk's id for the customer. ``present`` is false while the connection is gone. A supervisor who
    monitors or whispers is in the views of specialists and supervisors only. ``to`` is whom a whisper reaches.
    """

    id: Code
    role: ParticipantRole
    person: Id
    name: Name = ""
    present: bool = True
    invited: bool = False
    mode: ParticipantMode = ParticipantMode.TALK
    to: Code | None = None


class Session(Value):
    """Everything a face needs to draw a session; sent whole at every change, so any copy of it repairs a missed one.

    ``waited_s``, ``active_s`` and ``wait_s`` are seconds; ``position`` counts from 1 while waiting and is 0 otherwise.
    ``wait_s`` is null when no honest estimate exists (nobody who fits is logged in: ``staffed`` is false then).

    ``participants`` are those who take part or are asked to, the customer first; ``specialist`` is who leads the call.

    ``stalled`` are the tracks that should be recorded just now and are not; with ``stopped`` nobody hears or sees
    anybody until they are. ``pauses``: nothing is recorded on purpose, the call goes on.

    For the specialist of an ended call: ``closes_s`` seconds are left to say how it went, ``extensions`` more times
    that can begin anew, and ``chosen`` is the outcome that stands if it does not.
    """

    id: Id
    state: SessionState
    kiosk: Id
    kiosk_name: Name
    branch: Id
    branch_zh: Name
    branch_en: Name
    service: Service
    language: Language
    elderly: bool = False
    step: Code = "start"
    position: Count = 0
    wait_s: Count | None = None
    staffed: bool = True
    waited_s: Count = 0
    active_s: Count = 0
    participants: list[Participant] = []
    specialist: Id | None = None
    specialist_name: Name = ""
    kiosk_connected: bool = True
    specialist_connected: bool = False
    recording: list[RecordedTrack] = []
    stalled: list[StalledTrack] = []
    stopped: bool = False
    pauses: list[SensitivePause] = []
    network: list[Network] = []
    documents: list[Document] = []
    note: Note = ""
    requeued: bool = False
    end_reason: Code | None = None
    ended_by: Code | None = None
    rated: Count | None = None
    outcome: Code | None = None
    chosen: Code | None = None
    closes_s: Count | None = None
    extensions: Count = 0


class Chat(Value):
    """One chat line. ``sender`` is a participant; ``at_ms`` counts from the session's start."""

    id: Id
    sender: Code
    text: Text
    at_ms: Count


class WaitingCall(Value):
    """One row of the console's queue."""

    session: Id
    service: Service
    branch_zh: Name
    branch_en: Name
    language: Language
    waited_s: Count
    fits: bool


class KioskStatus(Value):
    """One row of the guide's page: a kiosk of the branch."""

    kiosk: Id
    name: Name
    online: bool
    session_state: SessionState | None = None
    assistance: Code | None = None
    assistance_s: Count = 0
    taken_by: Name = ""
