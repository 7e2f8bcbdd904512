"""What of a session's tracks is declared missing, added up from its journal."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from server.session import events as e

KEPT: Final = 20
"""Pieces of a track that are told one by one, the newest; of earlier ones there is the sum."""
INTENDED: Final = frozenset({"hold", "left", "sensitive", "tray_closed"})
"""Why something is not recorded that nobody wanted recorded."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A span of a track that is not recorded, and why; milliseconds on the session's timeline."""

    start_ms: int
    end_ms: int
    reason: str


@dataclass(frozen=True, slots=True)
class MissingParts:
    """What of one track is missing up to `until_ms`. `pieces` are the newest that nobody wanted missing."""

    until_ms: int = 0
    intended_ms: int = 0
    pieces: tuple[Piece, ...] = ()

    def more(self, gap: e.GapDeclared) -> MissingParts:
        """With another gap; one that goes on where the last piece ends, for the same reason, makes that longer."""
        if gap.reason in INTENDED:
            return MissingParts(gap.end_ms, self.intended_ms + gap.end_ms - gap.start_ms, self.pieces)
        piece, before = Piece(gap.start_ms, gap.end_ms, gap.reason), self.pieces
        if before and (before[-1].end_ms, before[-1].reason) == (piece.start_ms, piece.reason):
            piece, before = Piece(before[-1].start_ms, piece.end_ms, piece.reason), before[:-1]
        return MissingParts(gap.end_ms, self.intended_ms, (*before, piece)[-KEPT:])

    def with_all(self, gaps: Iterable[e.GapDeclared]) -> MissingParts:
        """With those of these gaps that it does not have yet."""
        known = self
        for gap in gaps:
            known = known.more(gap) if gap.end_ms > known.until_ms else known
        return known
