"""How complete a recording is, told while the customer is still there and a missing part can be done again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from link.protocol.server import RecordingStatement
from link.protocol.values import MissingPiece, TrackStatement
from server.calls.recording_watch import STALLED_MS, Due
from server.recording.account import TrackAccount
from server.session import events as e
from server.session.missing import INTENDED, MissingParts
from server.session.state import State

TOLERATED_MS: Final = STALLED_MS
"""So much of a track may be missing in all: a camera begins within it, and a stop as short as that is not told."""
PIECE_MS: Final = 200
"""A shorter hole is in the sums and is not told by itself."""


def live(
    state: State,
    accounts: Mapping[str, TrackAccount],
    unsealed: Iterable[e.GapDeclared],
    due: Mapping[str, Due],
    now_ms: int,
) -> RecordingStatement:
    """The statement so far.

    `accounts` say what is written, `unsealed` what is declared missing and not in the state yet, and `due` which tracks
    have to be recorded now, or why they rightly are not.
    """
    gaps = list(unsealed)
    tracks: list[TrackStatement] = []
    for name, account in accounts.items():
        missing = state.missing.get(name, MissingParts()).with_all(gap for gap in gaps if gap.track == name)
        excuse = due[name].excuse if name in due else account.reason
        tracks.append(_running(name, account, missing, state.stalled.get(name) or excuse, now_ms))
    return RecordingStatement(_session(state), tracks, _complete(tracks))


def final(state: State) -> RecordingStatement:
    """The statement of a recording that is complete."""
    tracks: list[TrackStatement] = []
    for track in state.summaries:
        missing = state.missing.get(track.track, MissingParts())
        expected_ms = max(track.recorded_ms, track.expected_ms - missing.intended_ms)
        tracks.append(TrackStatement(track.track, track.kind, expected_ms, track.recorded_ms, _pieces(missing)))
    return RecordingStatement(_session(state), tracks, _complete(tracks), final=True)


def _running(name: str, account: TrackAccount, missing: MissingParts, reason: str, now_ms: int) -> TrackStatement:
    """One track. What is not written yet is neither expected nor missing, unless it is known that nothing is."""
    pieces, until_ms = _pieces(missing), account.until_ms
    if reason and reason not in INTENDED:
        # The recorder declares a hole when something comes again; it is told before.
        from_ms = max(until_ms, missing.until_ms)
        if now_ms - from_ms >= PIECE_MS:
            pieces.append(MissingPiece(from_ms, now_ms, reason))
        until_ms = max(until_ms, now_ms)
    expected_ms = max(account.recorded_ms, until_ms - account.first_ms - missing.intended_ms)
    return TrackStatement(name, account.kind, expected_ms, account.recorded_ms, pieces, reason or None)


def _session(state: State) -> str:
    return state.request.session if state.request is not None else ""


def _pieces(missing: MissingParts) -> list[MissingPiece]:
    long = (piece for piece in missing.pieces if piece.end_ms - piece.start_ms >= PIECE_MS)
    return [MissingPiece(piece.start_ms, piece.end_ms, piece.reason) for piece in long]


def _complete(tracks: Iterable[TrackStatement]) -> bool:
    return all(track.expected_ms - track.recorded_ms <= TOLERATED_MS for track in tracks)
