"""Events that change nothing are acknowledged and not journaled, so that repeated requests are harmless."""

from __future__ import annotations

from link.protocol.values import OVER, TALKING, DocumentState, SessionState
from server.session import events as e
from server.session.participants import Membership
from server.session.state import State


def redundant(state: State, event: e.Event) -> bool:
    """Whether the session already is as `event` would make it, so that it is acknowledged and not journaled again."""
    match event:
        case e.Ended():
            return state.phase in OVER
        case e.Answered(specialist=specialist):
            return state.phase in TALKING and state.specialist == specialist
        case e.Held():
            return state.phase is SessionState.HELD
        case e.Unheld():
            return state.phase is SessionState.ACTIVE
        case e.SensitivePaused(by=by, reason=reason):
            return by in state.pauses and state.pauses[by].reason == reason
        case e.SensitiveResumed(by=by):
            return by not in state.pauses
        case e.ChatSent(id=chat, sender=sender):
            return any(line.id == chat and line.sender == sender for line in state.chat)
        case e.DocumentStored(document=document, sha256=sha256):
            known = state.document(document)
            stored = known is not None and known.state in (DocumentState.STORED, DocumentState.ACCEPTED)
            return stored and state.stored[document].sha256 == sha256
        case _:
            return _sets_what_is_set(state, event)


def _sets_what_is_set(state: State, event: e.Event) -> bool:
    match event:
        case e.NoteSaved(text=text):
            return state.note == text
        case e.StepChanged(step=step):
            return state.step == step
        case e.Rated(stars=stars):
            return state.rated == stars
        case e.RatingSkipped():
            return state.phase is SessionState.ENDED and not state.unrated
        case e.Disposed(outcome=outcome, by=by):
            return state.outcome == outcome and state.specialist == by
        case e.OutcomeChosen(outcome=outcome, by=by):
            return state.chosen == outcome and state.specialist == by
        case e.QualityChanged(participant=participant, quality=quality, reason=reason):
            bad = next((n for n in state.network if n.participant == participant), None)
            return (bad.quality, bad.reason) == (quality, reason) if bad else quality == "good"
        case e.RecordingStalled(track=track, reason=reason):
            return state.stalled.get(track) == reason
        case e.RecordingResumed(track=track):
            return track not in state.stalled
        case e.CopyIncomplete(left_out=left_out):
            # Twice as much is journaled again; after a restart only the journal knows the last count.
            known_most = state.left_out
            return all(count < 2 * known_most.get(kind, 0) for kind, count in left_out.items())
        case _:
            return _attends_as_it_does(state, event)


def _attends_as_it_does(state: State, event: e.Event) -> bool:
    match event:
        case e.ParticipantLost(participant=participant):
            return participant in state.lost
        case e.ParticipantReturned(participant=participant):
            return participant not in state.lost
        case e.ParticipantJoined(participant=participant):
            return participant in state.participants and state.participants[participant].joined
        case e.ParticipantLeft(participant=participant) | e.InvitationEnded(participant=participant):
            known = state.participants.get(participant)
            return known is not None and known.membership is Membership.LEFT
        case e.ModeChanged(participant=participant, mode=mode, to=to):
            known = state.participants.get(participant)
            return known is not None and known.joined and (known.mode, known.to) == (mode, to)
        case _:
            return False
