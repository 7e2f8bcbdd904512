"""Errors of the session machine, for events that may not happen."""

from __future__ import annotations

from link.protocol.errors import WrongState


class IllegalEvent(WrongState):
    """The event may not happen in the state the session is in."""


class StaleTimer(IllegalEvent):
    """The timer was cancelled or never started; a room drops this silently, for it is a race it cannot avoid."""


class StaleLeg(IllegalEvent):
    """The leg is not the participant's current one; a room drops this silently as well."""


class NoConsent(IllegalEvent):
    """Nothing may be offered, connected or recorded before the customer agreed to the recording notice."""
