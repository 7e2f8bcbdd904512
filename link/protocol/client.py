"""What clients may say to a server, and the kiosk's page to its kiosk client. Each declares which faces may say it.

The default is nobody: a message whose ``faces`` is left out is refused from everyone, and a test finds it. Requests
are answered by a reply or a failure with the same ``id``; the class says which reply.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

from msgspec import Meta, Struct

from link.protocol.values import (
    Candidate,
    Code,
    Consent,
    Count,
    Face,
    Fraction,
    Id,
    Language,
    Note,
    ParticipantMode,
    ParticipantRole,
    Sdp,
    Text,
)

KIOSK_SIDE = frozenset({Face.KIOSK, Face.PAGE})
BOTH_SIDES = frozenset({Face.KIOSK, Face.PAGE, Face.CONSOLE})
CONSOLE_ONLY = frozenset({Face.CONSOLE})
Piece = Annotated[str, Meta(max_length=20000)]


class ClientBase(Struct, frozen=True, forbid_unknown_fields=True, tag_field="type"):
    """Base of client messages."""

    faces: ClassVar[frozenset[Face]] = frozenset()


class CallCheck(ClientBase, tag="call_check"):
    """Whether a call could be recorded just now, before the customer is asked to agree to it. Reply: ``done``."""

    faces = KIOSK_SIDE


class CallRequest(ClientBase, tag="call_request"):
    """A customer who has agreed to the recording notice asks for an expert. Reply: ``session``.

    ``request`` makes it idempotent: the same value from the same kiosk names the same session.
    """

    faces = KIOSK_SIDE
    request: Id
    service: Id
    language: Language
    consent: Consent
    elderly: bool = False
    step: Code = "start"


class CallEnd(ClientBase, tag="call_end"):
    """The customer leaves the queue or ends the call. Reply: ``done``; ending an ended session is no error."""

    faces = KIOSK_SIDE
    session: Id
    reason: Code = "customer"


class Rate(ClientBase, tag="rate"):
    """The customer's rating, 1 to 5 stars, once; ``None``: the customer is gone and gives none. Reply: ``done``."""

    faces = KIOSK_SIDE
    session: Id
    stars: Annotated[int, Meta(ge=1, le=5)] | None


class FormStep(ClientBase, tag="form_step"):
    """The customer reached a step of the form on the kiosk."""

    faces = KIOSK_SIDE
    session: Id
    step: Code


class SecretFocus(ClientBase, tag="secret_focus"):
    """The customer is in a field for secrets, or has left it: nothing is recorded meanwhile. Reply: ``done``."""

    faces = KIOSK_SIDE
    session: Id
    focused: bool


class DocumentAnswer(ClientBase, tag="document_answer"):
    """The customer agrees that the document be taken, or does not, or takes an agreement back. Reply: ``done``."""

    faces = KIOSK_SIDE
    session: Id
    document: Id
    agreed: bool


class DocumentFailed(ClientBase, tag="document_failed"):
    """The kiosk client could not take or deliver the document. Reply: ``done``."""

    faces = frozenset({Face.KIOSK})
    session: Id
    document: Id
    reason: Code


class AssistanceRequest(ClientBase, tag="assistance_request"):
    """The customer asks for a person of the branch's lobby staff, or needs none any more. Reply: ``done``."""

    faces = KIOSK_SIDE
    reason: Code = "help"
    withdrawn: bool = False


class CobrowsePiece(ClientBase, tag="cobrowse_piece"):
    """A piece of a batch of rrweb events (a JSON array, cut into ``parts`` strings of at most 16,000 UTF-16 units).

    ``epoch`` changes when the page starts recording anew (its first batch then begins with a full snapshot);
    ``batch`` counts from 0 within an epoch, ``part`` from 0 within a batch.
    """

    faces = KIOSK_SIDE
    session: Id
    epoch: Id
    batch: Count
    part: Count
    parts: Annotated[int, Meta(ge=1, le=512)]
    data: Piece


class LegPrepare(ClientBase, tag="leg_prepare"):
    """Asks what a new peer connection may use, right before each ``leg_offer``. Reply: ``leg_servers``."""

    faces = frozenset({Face.KIOSK, Face.CONSOLE})
    session: Id


class LegOffer(ClientBase, tag="leg_offer", omit_defaults=True):
    """A new peer connection for this participant (replaces an older one). Reply: ``leg_answer``.

    ``keeps``: the kiosk client keeps what it sends over it, and answers ``media_wanted`` with what was lost on the way.
    """

    faces = BOTH_SIDES
    session: Id
    leg: Id
    sdp: Sdp
    keeps: bool = False


class LegCandidate(ClientBase, tag="leg_candidate"):
    """A trickled ICE candidate (RFC 8838); the empty string ends them."""

    faces = BOTH_SIDES
    leg: Id
    candidate: Candidate
    mid: Annotated[str, Meta(max_length=16)] = "0"


class LegClose(ClientBase, tag="leg_close"):
    """The participant closed its peer connection."""

    faces = BOTH_SIDES
    leg: Id


class ChatSend(ClientBase, tag="chat_send"):
    """A chat line; ``id`` is made by the sender, and the same id is stored once. Reply: ``done``."""

    faces = BOTH_SIDES
    session: Id
    id: Id
    text: Annotated[str, Meta(min_length=1, max_length=1000)]


class SetPresence(ClientBase, tag="set_presence"):
    """The specialist takes calls, or does not; said in a call, from its end on. Reply: ``presence``."""

    faces = CONSOLE_ONLY
    available: bool


class Answer(ClientBase, tag="answer"):
    """The specialist takes the call that rings. Reply: ``session``."""

    faces = CONSOLE_ONLY
    session: Id


class Decline(ClientBase, tag="decline"):
    """The specialist does not take the call that rings; the next one is rung. Reply: ``done``."""

    faces = CONSOLE_ONLY
    session: Id


class Hold(ClientBase, tag="hold"):
    """Hold or resume: nothing is heard or seen either way while held. Reply: ``done``."""

    faces = CONSOLE_ONLY
    session: Id
    held: bool


class RecordPause(ClientBase, tag="record_pause"):
    """Record nothing, because something comes that no record may hold, or go on. Reply: ``done``.

    Sound and picture go on. Said again while it is paused, it changes the reason.
    """

    faces = CONSOLE_ONLY
    session: Id
    paused: bool
    reason: Code = "password"


class HangUp(ClientBase, tag="hang_up"):
    """The specialist ends the call. Reply: ``done``."""

    faces = CONSOLE_ONLY
    session: Id


class Dispose(ClientBase, tag="dispose"):
    """How the call went; ends the specialist's wrap-up. Reply: ``done``."""

    faces = CONSOLE_ONLY
    session: Id
    outcome: Code
    note: Note = ""


class OutcomeChoose(ClientBase, tag="outcome_choose"):
    """The outcome that is chosen so far: it stands if the wrap-up's time runs out. Reply: ``done``."""

    faces = CONSOLE_ONLY
    session: Id
    outcome: Code


class WrapUpExtend(ClientBase, tag="wrap_up_extend"):
    """The wrap-up's time begins anew, a few times per session. Reply: ``session``."""

    faces = CONSOLE_ONLY
    session: Id


class NoteSave(ClientBase, tag="note_save"):
    """The specialist's notes, whole. Reply: ``done``."""

    faces = CONSOLE_ONLY
    session: Id
    text: Note


class DocumentRequest(ClientBase, tag="document_request"):
    """The specialist asks to see a document. Reply: ``session``."""

    faces = CONSOLE_ONLY
    session: Id
    label: Code
    note: Text = ""


class DocumentDecide(ClientBase, tag="document_decide"):
    """The specialist accepts a document, or rejects it with a reason and so asks again. Reply: ``done``."""

    faces = CONSOLE_ONLY
    session: Id
    document: Id
    accepted: bool
    reason: Text = ""


class Point(ClientBase, tag="point"):
    """The specialist's pointer on the kiosk's page: fractions of its width and height; null takes it away."""

    faces = CONSOLE_ONLY
    session: Id
    x: Fraction | None = None
    y: Fraction | None = None


class Highlight(ClientBase, tag="highlight"):
    """Outline the element with this rrweb node id on the kiosk's page; null takes the outline away."""

    faces = CONSOLE_ONLY
    session: Id
    node: Count | None = None


class CobrowseRefresh(ClientBase, tag="cobrowse_refresh"):
    """The console needs the whole picture again: a late, returning or confused viewer.

    ``failed``: what came could not be drawn, so the record has a gap until then.
    """

    faces = CONSOLE_ONLY
    session: Id
    failed: bool = False


class ParticipantInvite(ClientBase, tag="participant_invite"):
    """Ask somebody of the bank to take part in the call. Reply: ``session``."""

    faces = CONSOLE_ONLY
    session: Id
    person: Id
    role: ParticipantRole


class InvitationAnswer(ClientBase, tag="invitation_answer"):
    """Who was asked joins, or does not. Reply: ``session`` or ``done``."""

    faces = CONSOLE_ONLY
    session: Id
    joins: bool


class ParticipantRemove(ClientBase, tag="participant_remove"):
    """A participant leaves the call, an invitation is withdrawn, or the lead shows somebody out. Reply: ``done``."""

    faces = CONSOLE_ONLY
    session: Id
    participant: Code


class SetMode(ClientBase, tag="set_mode"):
    """Somebody takes part in another mode: the lead holds and resumes others, supervisors choose their own.

    ``to`` is whom a whisper reaches. Reply: ``done``.
    """

    faces = CONSOLE_ONLY
    session: Id
    participant: Code
    mode: ParticipantMode
    to: Code | None = None


class AssistanceTake(ClientBase, tag="assistance_take"):
    """A guide goes to the customer; ``done`` says that it is over. Reply: ``done``."""

    faces = frozenset({Face.GUIDE})
    kiosk: Id
    done: bool = False


ClientMessage = (
    CallCheck
    | CallRequest
    | CallEnd
    | Rate
    | FormStep
    | SecretFocus
    | DocumentAnswer
    | DocumentFailed
    | AssistanceRequest
    | CobrowsePiece
    | LegPrepare
    | LegOffer
    | LegCandidate
    | LegClose
    | ChatSend
    | SetPresence
    | Answer
    | Decline
    | Hold
    | RecordPause
    | HangUp
    | Dispose
    | OutcomeChoose
    | WrapUpExtend
    | NoteSave
    | DocumentRequest
    | DocumentDecide
    | Point
    | Highlight
    | CobrowseRefresh
    | ParticipantInvite
    | InvitationAnswer
    | ParticipantRemove
    | SetMode
    | AssistanceTake
)
