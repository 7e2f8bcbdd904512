"""The bus's interface and its embedded implementation, for one process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import structlog

from link.protocol.server import ServerMessage

log = structlog.get_logger()

Deliver = Callable[[ServerMessage], None]


def person_topic(person: str) -> str:
    """The topic of messages for one person's page."""
    return f"person:{person}"


def kiosk_topic(kiosk: str) -> str:
    """The topic of messages for one kiosk."""
    return f"kiosk:{kiosk}"


class Bus(Protocol):
    """Publish and subscribe. Per topic and publisher, messages arrive in the order they were published."""

    def publish(self, topic: str, message: ServerMessage) -> None:
        """Hand `message` to every subscriber of `topic`; never waits, never raises."""

    def subscribe(self, topic: str, deliver: Deliver) -> Callable[[], None]:
        """Have `deliver` called, on the event loop, for each message of `topic`; call the result to end it.

        `deliver` must not wait: what it hands on to has to be bounded (a channel is, and closes a slow consumer).
        """


class LocalBus:
    """The bus of one process: publishing calls each subscriber. It queues nothing, so there is nothing to bound."""

    def __init__(self) -> None:
        self._subscribers: dict[str, list[Deliver]] = {}

    def publish(self, topic: str, message: ServerMessage) -> None:
        """Hand `message` to every subscriber of `topic`; one that fails does not keep it from the others."""
        for deliver in list(self._subscribers.get(topic, ())):
            try:
                deliver(message)
            except Exception:
                log.exception("subscriber failed", topic=topic)

    def subscribe(self, topic: str, deliver: Deliver) -> Callable[[], None]:
        """Have `deliver` called for each message of `topic`; the result ends it and may be called twice."""
        # A wrapper of its own makes two subscriptions of one callable distinct.
        entry: Deliver = lambda message: deliver(message)  # noqa: E731
        self._subscribers.setdefault(topic, []).append(entry)

        def unsubscribe() -> None:
            entries = self._subscribers.get(topic, [])
            if entry in entries:
                entries.remove(entry)
                if not entries:
                    del self._subscribers[topic]

        return unsubscribe
