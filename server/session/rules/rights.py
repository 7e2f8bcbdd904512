"""The rule book: what each role of a session may do. One table, asked before anything is journaled and forwarded."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from link.protocol.errors import NotAllowed
from link.protocol.values import ParticipantMode, ParticipantRole
from server.session import events as e
from server.session.state import State


class Right(StrEnum):
    """What somebody may do in a session."""

    HEAR = "hear"
    SEE = "see"
    SEE_DOCUMENTS = "see_documents"  # under the document camera, and as they were taken
    WATCH_SCREEN = "watch_screen"  # the customer's page
    CHAT = "chat"
    POINT = "point"
    ASK_FOR_DOCUMENTS = "ask_for_documents"
    NOTE = "note"
    INVITE = "invite"
    SET_MODES = "set_modes"
    HOLD = "hold"
    PAUSE_RECORDING = "pause_recording"
    END = "end"


_STAFF: Final = frozenset({Right.HEAR, Right.SEE, Right.SEE_DOCUMENTS, Right.WATCH_SCREEN, Right.CHAT})
_BOOK: Final = {
    ParticipantRole.CUSTOMER: frozenset({Right.HEAR, Right.SEE, Right.CHAT, Right.END}),
    ParticipantRole.SPECIALIST: _STAFF | {Right.POINT, Right.ASK_FOR_DOCUMENTS},
    ParticipantRole.CONSULTANT: _STAFF | {Right.POINT},
    ParticipantRole.INTERPRETER: frozenset({Right.HEAR, Right.SEE, Right.CHAT}),
    ParticipantRole.GUIDE: _STAFF,
    ParticipantRole.SUPERVISOR: _STAFF | {Right.SET_MODES},
}
_LEAD: Final = frozenset(Right)
"""Who leads the call may do all of it."""
_ALOUD: Final = frozenset({Right.CHAT, Right.POINT})
"""What the customer notices: not for somebody who monitors or whispers."""


def may(state: State, participant: str, right: Right) -> bool:
    """Whether this participant, who takes part, may do that now."""
    one = state.participants.get(participant)
    if one is None or not one.joined:
        return False
    if one.unnoticed and right in _ALOUD:
        return False
    return right in (_LEAD if participant == state.lead else _BOOK[one.role])


def require(state: State, participant: str, right: Right) -> None:
    """Raise `NotAllowed` unless this participant may do that now."""
    if not may(state, participant, right):
        raise NotAllowed(f"this participant may not {right.replace('_', ' ')}")


def ask(state: State, event: e.Event) -> None:
    """Raise `NotAllowed` for what its participant may not do. What names nobody is done by the system."""
    match event:
        case e.Held(by=by) | e.Unheld(by=by) if by:
            require(state, by, Right.HOLD)
        case e.SensitivePaused(by=by, automatic=automatic) if automatic != (by == state.customer):
            raise NotAllowed("the customer's is automatic, and nobody else's")
        case e.SensitivePaused(by=by) | e.SensitiveResumed(by=by) if by != state.customer:
            require(state, by, Right.PAUSE_RECORDING)
        case e.Ended(by=by) if by in state.participants and state.open:
            require(state, by, Right.END)
        case e.ChatSent(sender=by):
            require(state, by, Right.CHAT)
        case e.DocumentRequested(by=by) | e.DocumentDecided(by=by) if by and state.open:
            require(state, by, Right.ASK_FOR_DOCUMENTS)
        case e.ParticipantInvited(by=by) if by:
            require(state, by, Right.INVITE)
        case e.ParticipantInvited(role=role) if role != ParticipantRole.SUPERVISOR:
            raise NotAllowed("nobody but a supervisor comes unasked")
        case e.ParticipantLeft(by=by, participant=participant) if by and by != participant:
            require(state, by, Right.INVITE)
        case e.InvitationEnded(by=by) if by:
            require(state, by, Right.INVITE)
        case e.ModeChanged(by=by) if by:
            require(state, by, Right.SET_MODES)
            _own_kind(state, event)
        case _:
            return


def _own_kind(state: State, event: e.ModeChanged) -> None:
    """Supervisors choose how they take part themselves; the lead puts others on hold and back."""
    one = state.participants.get(event.participant)
    supervisor = one is not None and one.role is ParticipantRole.SUPERVISOR
    own = event.by == event.participant
    plain = event.mode in (ParticipantMode.TALK, ParticipantMode.HOLD)
    if supervisor != own or (not supervisor and not (plain and event.by == state.lead)):
        raise NotAllowed("supervisors choose their own mode, and nobody another's")
