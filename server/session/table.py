"""Which handler an event has, and in which phases of a session the event is legal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, TypeVar

from link.protocol.values import SessionState
from server.session.commands import Command

Step = Iterator[Command]
_Handler = Callable[[Any, Any], Step]
_H = TypeVar("_H", bound=_Handler)
_TABLE: Final[dict[type, tuple[frozenset[SessionState | None], _Handler]]] = {}


def on(event: type, *phases: SessionState | frozenset[SessionState] | None) -> Callable[[_H], _H]:
    """Declare a handler and the only phases in which its event is legal."""
    legal: set[SessionState | None] = set()
    for phase in phases:
        legal |= phase if isinstance(phase, frozenset) else {phase}

    def register(handler: _H) -> _H:
        _TABLE[event] = (frozenset(legal), handler)
        return handler

    return register
