"""What is refused today although it was accepted once: older journals hold it, and have to fold as they did.

Whether an event may happen is the machine's to say, and it says the same of what has happened. A rule that came later
is asked before an event is journaled, and never of the past.
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
            # Who is on hold was told that nobody sees anything.
            raise IllegalEvent(f"{e.kind(event)} while {state.phase}")
