"""The timers of a session by their names, which are in the journal."""

from __future__ import annotations

from typing import Final

RING: Final = "ring"
SPECIALIST_LOST: Final = "specialist_lost"
KIOSK_LOST: Final = "kiosk_lost"
CLOSE: Final = "close"
SENSITIVE: Final = "sensitive"
_INVITED: Final = "invited:"
_LOST: Final = "lost:"


def invited(participant: str) -> str:
    """Runs while somebody is asked to join."""
    return f"{_INVITED}{participant}"


def lost(participant: str) -> str:
    """Runs while a participant beside customer and lead is lost."""
    return f"{_LOST}{participant}"


def who(timer: str) -> tuple[str, str]:
    """What runs out for which participant: (`invited` or `lost`, its id), or ("", "") for a timer of the session."""
    kind, colon, participant = timer.partition(":")
    return (kind, participant) if colon else ("", "")
