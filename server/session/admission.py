"""Rules for new events only: older journals hold events that are refused now, and have to fold as they did.

The machine decides the same of new and of journaled events. A rule that was added later is checked before an event is
journaled, and never while a journal is folded.
"""

from __future__ import annotations

from link.protocol.values import SessionState
from server.session import events as e
from server.session.errors import IllegalEvent
from server.session.rules import rights
from server.session.state import State


def ask(state: State, event: e.Event) -> None:
    """Raises `IllegalEvent` if `event` may not happen any more in this state, `NotAllowed` if its participant may not.

    The machine is asked all the same.
    """
    rights.ask(state, event)
    match event:
        case e.Offered(specialist=person) if state.of_person(person) is not None:
            raise IllegalEvent("this person takes part already")
        case e.DocumentRequested() if state.phase is SessionState.HELD:
            # The page tells a customer on hold that nobody sees anything.
            raise IllegalEvent(f"{e.kind(event)} while {state.phase}")
