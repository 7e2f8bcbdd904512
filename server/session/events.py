"""What may happen in a session. Every event the machine accepts is one journal entry, and the session is their fold.

An entry's kind is the event's tag (the class name in snake case) and its payload is `encode(event)`. Times named
``*_ms`` are milliseconds on the session's timeline, which starts at the journal time of `SessionRequested`. Tags and
fields are a storage format: add fields with defaults, never rename or remove one.

What people write (`text`, `note`, `reason`) is journaled as `sealed` (`server.session.private`) and empty itself.
"""

from __future__ import annotations

import re

import msgspec
from msgspec import Struct

KIOSK = "kiosk"
SPECIALIST = "specialist"
"""The ids of the two participants in journals from before there could be more; they stay the defaults of the fields."""
SYSTEM = "system"


def _tag(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


class EventBase(Struct, frozen=True, tag_field="event", tag=_tag):
    """Base of events. Unknown fields are ignored, so that an older program can read a newer journal."""


class SessionRequested(EventBase, frozen=True):
    """A customer asked for an expert. Holds all that later views need, so that later changes of names do not matter."""

    session: str
    kiosk: str
    kiosk_name: str
    branch: str
    branch_zh: str
    branch_en: str
    service: str
    service_zh: str
    service_en: str
    icon: str
    skill: str
    language: str
    request: str
    elderly: bool = False
    step: str = "start"
    participant: str = KIOSK
    when_unrecorded: str = "warn"


class ConsentGiven(EventBase, frozen=True):
    """The customer agreed to the recording notice with this version, language and text (SHA-256, hex)."""

    version: str
    language: str
    text_sha256: str


class Offered(EventBase, frozen=True):
    """The call rings at this specialist, who would be this participant."""

    specialist: str
    name: str
    participant: str = SPECIALIST


class OfferEnded(EventBase, frozen=True):
    """It rings no more, unanswered: `declined`, `timeout`, `lost` (page gone), `left` (customer) or `restart`."""

    specialist: str
    reason: str


class Answered(EventBase, frozen=True):
    """The specialist at whom it rang took the call, and leads it as this participant."""

    specialist: str
    name: str
    participant: str = SPECIALIST


class ParticipantInvited(EventBase, frozen=True):
    """Somebody is asked to take part in a role and mode (`talk`, `monitor`, `whisper` to a participant, `barge`).

    `by` is the participant who asks; empty where a supervisor comes unasked.
    """

    participant: str
    role: str
    person: str
    name: str
    by: str = ""
    mode: str = "talk"
    to: str = ""


class InvitationEnded(EventBase, frozen=True):
    """Who was invited does not come: `declined`, `withdrawn`, `lost` (page gone), `timeout` or `restart`."""

    participant: str
    reason: str
    by: str = ""


class ParticipantJoined(EventBase, frozen=True):
    """Who was invited takes part from now on."""

    participant: str


class ParticipantLeft(EventBase, frozen=True):
    """A participant beside customer and lead is gone: `left`, `removed`, `lost` for good or `revoked`."""

    participant: str
    reason: str
    by: str = ""


class ModeChanged(EventBase, frozen=True):
    """Somebody takes part in another mode from now on; `to` is whom a whisper reaches."""

    participant: str
    mode: str
    to: str = ""
    by: str = ""


class LegOpened(EventBase, frozen=True):
    """A participant's new peer connection; it replaces the participant's earlier one."""

    participant: str
    leg: str


class LegConnected(EventBase, frozen=True):
    """Media can flow on this leg."""

    participant: str
    leg: str


class LegClosed(EventBase, frozen=True):
    """This leg is gone: `closed` or `replaced` by us, `far_end`, `silent`, `failed` to connect.

    `revoked`: the login or the kiosk's key that it was opened with was taken away.
    """

    participant: str
    leg: str
    reason: str


class QualityChanged(EventBase, frozen=True):
    """The network of this leg is `good`, `weak` or `bad` from now on.

    `reason` is `loss`, `delay`, `bandwidth` or `silent`, and empty for a good one.
    """

    participant: str
    leg: str
    quality: str
    reason: str = ""


class RecordingStarted(EventBase, frozen=True):
    """The recorder runs: cipher suite and the identifier of the wrapped data key."""

    suite: str
    key: str


class TrackStarted(EventBase, frozen=True):
    """The recorder received the first frame of a track. `kind` is `audio`, `video` or `cobrowse`.

    `width` and `height` are those of the first picture, 0 where there is none.
    """

    track: str
    kind: str
    codec: str
    width: int = 0
    height: int = 0


class SegmentSealed(EventBase, frozen=True):
    """A piece of a track is stored for good: its span, frames, size, SHA-256 (hex) and blob name, as encrypted.

    `lost_ms` is what is missing inside the span in pieces too short for a gap of their own. `digest` is the digest of
    the cipher suite where that is another than SHA-256, such as `sm3:…`. `arrived_ms`, where it is not 0, is when all
    of it had been delivered afterwards by the kiosk: it was lost on the way at first (`MediaAwaited`).
    """

    track: str
    index: int
    start_ms: int
    end_ms: int
    frames: int
    size: int
    sha256: str
    blob: str
    keyframe: bool = False
    recovered: bool = False
    lost_ms: int = 0
    digest: str = ""
    arrived_ms: int = 0


class GapDeclared(EventBase, frozen=True):
    """This span of a track is not recorded, and why."""

    track: str
    start_ms: int
    end_ms: int
    reason: str


class MediaAwaited(EventBase, frozen=True):
    """This span of a track was lost on the way (`reason` as of a gap), and the kiosk is asked for it.

    What is delivered becomes segments, what is not becomes gaps; both lie within the span.
    """

    track: str
    start_ms: int
    end_ms: int
    reason: str


class TrackSummary(Struct, frozen=True):
    """How complete a track is, in milliseconds."""

    track: str
    kind: str
    expected_ms: int
    recorded_ms: int
    gap_ms: int
    segments: int


class CopyIncomplete(EventBase, frozen=True):
    """The copy of the customer's page does not show all of it: the most that was left out so far, by kind.

    Kinds are those of `server.cobrowse.events.OMISSIONS`. It happens when there is a new kind, or twice as much of one.
    """

    left_out: dict[str, int]


class RecordingStalled(EventBase, frozen=True):
    """Nothing of a track that has to be recorded is written since `since_ms`; both sides are told.

    `reason` is that of the gap it will be. `policy` is what the service says of it: `warn`, `pause` (nothing is
    forwarded until all is recorded again) or `end`.
    """

    track: str
    reason: str
    since_ms: int
    policy: str = "warn"


class RecordingResumed(EventBase, frozen=True):
    """The track is written again; or, with `excuse`, it is rightly not recorded any more: `hold`, `disconnected` ..."""

    track: str
    excuse: str = ""


class RecordingCompleted(EventBase, frozen=True):
    """Everything is sealed; the completeness statement of each track."""

    tracks: list[TrackSummary] = []


class ParticipantLost(EventBase, frozen=True):
    """The participant's signaling connection is gone; `cut`: closed from afar without a goodbye, not just silent."""

    participant: str
    cut: bool = False


class ParticipantReturned(EventBase, frozen=True):
    """It is back."""

    participant: str


class Held(EventBase, frozen=True):
    """The specialist put the call on hold: nothing of the customer is forwarded or recorded."""

    by: str = ""


class Unheld(EventBase, frozen=True):
    """The specialist resumed the call."""

    by: str = ""


class SensitivePaused(EventBase, frozen=True):
    """Nothing is recorded from now on (`sensitive`), because of something that no record may hold; the call goes on.

    `reason` is `password`, `card`, `document` or `other`. `by` is the lead; or, `automatic`, the customer, who is in a
    field for secrets.
    """

    by: str
    reason: str
    automatic: bool = False


class SensitiveResumed(EventBase, frozen=True):
    """This participant's pause is over."""

    by: str


class ChatSent(EventBase, frozen=True):
    """A chat line; `sender` is a participant, `id` was made by the sender."""

    id: str
    sender: str
    text: str
    sealed: str = ""


class NoteSaved(EventBase, frozen=True):
    """The specialist's notes, whole."""

    text: str
    sealed: str = ""
    by: str = ""


class StepChanged(EventBase, frozen=True):
    """The customer reached this step of the form."""

    step: str


class DocumentRequested(EventBase, frozen=True):
    """The specialist asks for a document."""

    document: str
    label: str
    note: str = ""
    sealed: str = ""
    by: str = ""


class DocumentAnswered(EventBase, frozen=True):
    """The customer agreed that it be taken, or not."""

    document: str
    agreed: bool


class DocumentFailed(EventBase, frozen=True):
    """It could not be taken, delivered or accepted as an image."""

    document: str
    reason: str


class DocumentStored(EventBase, frozen=True):
    """The image is stored: SHA-256 (hex) of the delivered bytes, and where original and re-encoded view lie.

    `incomplete`: the file ended too early, and its last rows or its finest details are missing.
    """

    document: str
    sha256: str
    size: int
    media_type: str
    width: int
    height: int
    blob: str
    original_blob: str
    view_sha256: str
    incomplete: bool = False


class DocumentDecided(EventBase, frozen=True):
    """The specialist accepted the document, or rejected it with a reason."""

    document: str
    accepted: bool
    reason: str = ""
    sealed: str = ""
    by: str = ""


class Ended(EventBase, frozen=True):
    """The call is over. `by` is a participant or `system`."""

    by: str
    reason: str


class Requeued(EventBase, frozen=True):
    """The specialist who led the call was lost for good; the customer waits again, first in line."""

    reason: str


class Rated(EventBase, frozen=True):
    """The customer's stars, 1 to 5."""

    stars: int


class RatingSkipped(EventBase, frozen=True):
    """The customer is gone and gives no stars."""


class Disposed(EventBase, frozen=True):
    """How the call went, by the specialist `by`; `overdue`: not confirmed, but chosen when the time ran out."""

    outcome: str
    note: str
    by: str
    sealed: str = ""
    overdue: bool = False


class OutcomeChosen(EventBase, frozen=True):
    """What the specialist has chosen as the outcome so far."""

    outcome: str
    by: str


class WrapUpExtended(EventBase, frozen=True):
    """The specialist needs more time to say how the call went."""

    by: str


class NodeRestarted(EventBase, frozen=True):
    """The process that ran the session ended without ending it, and this one continues."""

    node: str


class TimerFired(EventBase, frozen=True):
    """A timer that the machine started ran out."""

    timer: str


class Closed(EventBase, frozen=True):
    """Nothing more will happen in this session."""


Event = (
    SessionRequested
    | ConsentGiven
    | Offered
    | OfferEnded
    | Answered
    | ParticipantInvited
    | InvitationEnded
    | ParticipantJoined
    | ParticipantLeft
    | ModeChanged
    | LegOpened
    | LegConnected
    | LegClosed
    | QualityChanged
    | RecordingStarted
    | TrackStarted
    | SegmentSealed
    | GapDeclared
    | MediaAwaited
    | CopyIncomplete
    | RecordingStalled
    | RecordingResumed
    | RecordingCompleted
    | ParticipantLost
    | ParticipantReturned
    | Held
    | Unheld
    | SensitivePaused
    | SensitiveResumed
    | ChatSent
    | NoteSaved
    | StepChanged
    | DocumentRequested
    | DocumentAnswered
    | DocumentFailed
    | DocumentStored
    | DocumentDecided
    | Ended
    | Requeued
    | Rated
    | RatingSkipped
    | Disposed
    | OutcomeChosen
    | WrapUpExtended
    | NodeRestarted
    | TimerFired
    | Closed
)

_decoder: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)
_encoder = msgspec.json.Encoder()


def kind(event: Event) -> str:
    """Return the event's tag, which is its journal entry's kind."""
    return str(type(event).__struct_config__.tag)


def encode(event: Event) -> bytes:
    """Return the journal payload of `event`."""
    return _encoder.encode(event)


def decode(payload: bytes) -> Event:
    """Return the event of a journal payload. Raises `msgspec.ValidationError` if it is none."""
    return _decoder.decode(payload)
