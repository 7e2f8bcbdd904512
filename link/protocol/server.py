"""What a server tells its clients, and a kiosk client the kiosk's page. Replies are messages too."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from link.protocol.client import Piece
from link.protocol.values import (
    Chat,
    Code,
    Count,
    Fraction,
    IceServer,
    Id,
    KioskStatus,
    Language,
    MediaMark,
    Name,
    Notice,
    Presence,
    Sdp,
    Service,
    Session,
    TrackStatement,
    WaitingCall,
)


class ServerBase(Struct, frozen=True, forbid_unknown_fields=True, tag_field="type"):
    """Base of server messages."""


class Done(ServerBase, tag="done"):
    """The request was carried out and is durable."""


class KioskConfig(ServerBase, tag="kiosk_config", omit_defaults=True):
    """What a kiosk needs to know; sent after every new (not resumed) connection and when it changes.

    ``bank_zh`` and ``bank_en`` name the bank; empty where nobody said it.
    """

    kiosk: Id
    name: Name
    branch_zh: Name
    branch_en: Name
    services: list[Service]
    notice: Notice
    bank_zh: Name = ""
    bank_en: Name = ""


class PageStatus(ServerBase, tag="page_status"):
    """Kiosk client to page: whether the server is reached, and what the kiosk has.

    ``silent``: in a call nothing at all was heard of the server for over a second: a pause, or the begin of a loss.
    ``clock_off_s``: the server refuses this kiosk because its clock is ahead by so many seconds, or behind (negative).
    ``tray_open``: the document camera is open, and the expert may see what lies on the tray.
    """

    online: bool
    document_camera: bool = False
    silent: bool = False
    clock_off_s: int = 0
    tray_open: bool = False


class ConsoleConfig(ServerBase, tag="console_config"):
    """What a console needs to know; sent after every new (not resumed) connection."""

    person: Id
    name: Name
    languages: list[Language]
    services: list[Service]
    outcomes: list[Code]
    document_labels: list[Code]
    ring_s: Count


class PresenceState(ServerBase, tag="presence"):
    """The specialist's presence, after every change of it.

    ``takes_calls`` is the specialist's own choice, and what follows after a call. ``reason`` says why not: ``own``,
    ``missed`` (it rang in vain), ``lost`` (a call, by being gone), ``overdue`` (a wrap-up that nobody finished), or
    ``new`` (nothing is known: the page has just begun, or the server has).
    """

    presence: Presence
    takes_calls: bool = False
    reason: Code | None = None


class QueueState(ServerBase, tag="queue"):
    """The calls that wait, after every change and every 5 s while any wait: at most 50 rows, ``waiting`` counts all."""

    waiting: Count
    calls: list[WaitingCall]
    available: Count = 0


class Ring(ServerBase, tag="ring"):
    """A call rings at this console until answered, declined or stopped; ``remaining_s`` counts down from 20."""

    session: Session
    remaining_s: Count


class Invitation(ServerBase, tag="invitation"):
    """Somebody asks this person to take part in a call, as ``participant``; it ends after ``remaining_s`` seconds."""

    session: Session
    participant: Code
    remaining_s: Count


class InvitationOver(ServerBase, tag="invitation_over"):
    """It is over: ``joined``, ``declined``, ``withdrawn``, ``timeout``, ``left``, ``lost`` or ``restart``."""

    session: Id
    reason: Code


class RingStop(ServerBase, tag="ring_stop"):
    """It rings no more here: ``answered``, ``declined``, ``timeout``, ``left`` or ``lost``."""

    session: Id
    reason: Code


class SessionUpdate(ServerBase, tag="session"):
    """The session as it is now."""

    session: Session


class RecordingStatement(ServerBase, tag="recording_statement"):
    """How complete the recording of a call is: every two seconds, at once when something is missing, and at the end.

    ``complete``: of no track is more missing than may be at a call's beginning. ``final``: everything is sealed.
    """

    session: Id
    tracks: list[TrackStatement]
    complete: bool
    final: bool = False


class SessionGone(ServerBase, tag="session_gone"):
    """This client has no session (any more): back to idle.

    A specialist is told what became of ``session`` by ``reason``: ``requeued`` (the specialist was gone too long, and
    the customer waits first in line), ``not_allowed`` (the same, because its branch is the specialist's no more),
    ``overdue`` (time for the outcome ran out), ``left``, ``removed``, ``ended`` or ``lost`` for who took part beside
    the specialist, or null.
    """

    reason: Code | None = None
    session: Id | None = None


class ChatMessage(ServerBase, tag="chat"):
    """A chat line, the sender's own included; after a new connection the whole chat again, in order."""

    session: Id
    chat: Chat


class LegServers(ServerBase, tag="leg_servers"):
    """ICE servers of one peer connection, with credentials that end soon; ``relay_only``: nothing but TURN is used."""

    ice_servers: list[IceServer] = []
    relay_only: bool = False


class LegAnswer(ServerBase, tag="leg_answer"):
    """The answer to a leg's offer; it carries all candidates of the answering end."""

    leg: Id
    sdp: Sdp


class LegLost(ServerBase, tag="leg_lost"):
    """The other end lost this peer connection; the client makes a new one under the same participant."""

    leg: Id


class MediaWanted(ServerBase, tag="media_wanted", omit_defaults=True):
    """To the kiosk client: deliver what was captured of this track from ``start_ms`` to ``end_ms`` of the session.

    It was lost on the way. It lies between the frames ``after`` and ``before``, of which one at least is known;
    ``follows``: it begins with the very next frame after ``after``. Delivered by ``PUT
    /api/kiosk/sessions/SESSION/media/WANTED``, also where nothing was kept of it.
    """

    session: Id
    wanted: Id
    track: Code
    start_ms: Count
    end_ms: Count
    after: MediaMark | None = None
    before: MediaMark | None = None
    follows: bool = False


class MediaComplete(ServerBase, tag="media_complete"):
    """To the kiosk client: nothing more of the session is wanted; what was kept is deleted."""

    session: Id


class CobrowseBatch(ServerBase, tag="cobrowse"):
    """A sanitised piece of a batch, for the console (see ``cobrowse_piece``)."""

    session: Id
    epoch: Id
    batch: Count
    part: Count
    parts: Annotated[int, Meta(ge=1, le=512)]
    data: Piece


class CobrowseStale(ServerBase, tag="cobrowse_stale"):
    """What the console shows of the customer's page is not current: what came could not be passed on.

    Another picture is asked for; the next epoch begins with it.
    """

    session: Id


class TakeSnapshot(ServerBase, tag="take_snapshot"):
    """The page takes a full rrweb snapshot now, as the start of a new epoch."""

    session: Id


class PointAt(ServerBase, tag="point_at"):
    """The specialist's pointer, for the page."""

    session: Id
    x: Fraction | None = None
    y: Fraction | None = None


class HighlightNode(ServerBase, tag="highlight_node"):
    """The specialist's outline, for the page."""

    session: Id
    node: Count | None = None


class BranchState(ServerBase, tag="branch"):
    """The kiosks of the guide's branches, after every change."""

    kiosks: list[KioskStatus]


class AssistanceState(ServerBase, tag="assistance"):
    """To the kiosk: whether a person of the branch was asked, and whether one is coming."""

    asked: bool
    taken_by: Name = ""


ServerMessage = (
    Done
    | KioskConfig
    | PageStatus
    | ConsoleConfig
    | PresenceState
    | QueueState
    | Ring
    | RingStop
    | Invitation
    | InvitationOver
    | SessionUpdate
    | RecordingStatement
    | SessionGone
    | ChatMessage
    | LegServers
    | LegAnswer
    | LegLost
    | MediaWanted
    | MediaComplete
    | CobrowseBatch
    | CobrowseStale
    | TakeSnapshot
    | PointAt
    | HighlightNode
    | BranchState
    | AssistanceState
)
