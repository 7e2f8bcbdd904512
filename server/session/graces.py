"""Time limits of a session: rings, lost participants, and the time after the call."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Graces:
    """How long the machine waits, in seconds. A wrap-up of `close` seconds can begin anew `extensions` times."""

    ring: float = 20.0
    specialist_lost: float = 20.0
    kiosk_lost: float = 40.0
    close: float = 600.0
    after_cut: float = 8.0  # for one whose browser ended without a goodbye
    extensions: int = 6
    sensitive: float = 300.0  # a pause of the recording that lasts longer may have been forgotten
