"""Which rule an event has, and in which phases of a session the event is legal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, TypeVar

from link.protocol.values import SessionState
from server.session.commands import Command

Step = Iterator[Command]
Rule = Callable[[Any, Any], Step]
_R = TypeVar("_R", bound=Rule)
TABLE: Final[dict[type, tuple[frozenset[SessionState | None], Rule]]] = {}
"""The events and their rules, filled as the modules of `server.session.rules` are imported."""


def on(event: type, *phases: SessionState | frozenset[SessionState] | None) -> Callable[[_R], _R]:
    """Declare the rule of an event, called with the machine and the event, and the only phases in which it is legal."""
    legal: set[SessionState | None] = set()
    for phase in phases:
        legal |= phase if isinstance(phase, frozenset) else {phase}

    def register(rule: _R) -> _R:
        TABLE[event] = (frozenset(legal), rule)
        return rule

    return register
