"""Who takes part in a session: everybody by an id, with a role, a membership and a mode."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from link.protocol.values import ParticipantMode, ParticipantRole

MOST: Final = 6
"""Participants at a time, those who are invited included: what the slots of a leg were made for (docs/media.md)."""


class Membership(StrEnum):
    """How far somebody takes part."""

    INVITED = "invited"  # asked to join, and not there yet
    PRESENT = "present"
    LOST = "lost"  # the connection is gone, and may come back
    LEFT = "left"


@dataclass(frozen=True, slots=True)
class LegOf:
    """A participant's current peer connection."""

    leg: str
    connected: bool = False


@dataclass(frozen=True, slots=True)
class Participant:
    """One of a session. Times are milliseconds on its timeline.

    `id` is `<role>-<n>`, and the first part of the names of its tracks; older journals have `kiosk` and `specialist`.
    `person` is a kiosk's or a person's id. `to` is whom a whisper reaches. `left_ms` is None while it takes part.
    """

    id: str
    role: ParticipantRole
    person: str
    name: str = ""
    membership: Membership = Membership.PRESENT
    leg: LegOf | None = None
    mode: ParticipantMode = ParticipantMode.TALK
    to: str = ""
    joined_ms: int = 0
    left_ms: int | None = None

    @property
    def joined(self) -> bool:
        """Whether it takes part now, with a connection or without."""
        return self.membership in (Membership.PRESENT, Membership.LOST)

    @property
    def unnoticed(self) -> bool:
        """Whether the customer and guests must not know of it: it looks on, or speaks to one participant only."""
        return self.mode in (ParticipantMode.MONITOR, ParticipantMode.WHISPER)
