"""The bus of one process."""

from __future__ import annotations

import pytest

from link.protocol.server import Done, ServerMessage, SessionGone
from server.bus import Bus, LocalBus, kiosk_topic, person_topic


@pytest.fixture
def bus() -> Bus:
    return LocalBus()


def test_topics_do_not_meet() -> None:
    assert person_topic("a") != kiosk_topic("a")


def test_every_subscriber_of_the_topic_in_order(bus: Bus) -> None:
    one: list[ServerMessage] = []
    two: list[ServerMessage] = []
    bus.subscribe("t", one.append)
    bus.subscribe("t", two.append)
    bus.publish("t", Done())
    bus.publish("t", SessionGone())
    bus.publish("u", Done())
    assert one == two == [Done(), SessionGone()]


def test_unsubscribing_twice_ends_one_subscription(bus: Bus) -> None:
    got: list[ServerMessage] = []
    end = bus.subscribe("t", got.append)
    bus.subscribe("t", got.append)
    end()
    end()
    bus.publish("t", Done())
    assert got == [Done()]


def test_a_failing_subscriber_does_not_harm_the_others(bus: Bus) -> None:
    got: list[ServerMessage] = []

    def fail(_message: ServerMessage) -> None:
        raise RuntimeError("broken")

    bus.subscribe("t", fail)
    bus.subscribe("t", got.append)
    bus.publish("t", Done())
    assert got == [Done()]


def test_subscribing_while_being_told(bus: Bus) -> None:
    got: list[ServerMessage] = []

    def join(_message: ServerMessage) -> None:
        bus.subscribe("t", got.append)

    bus.subscribe("t", join)
    bus.publish("t", Done())
    assert got == []
    bus.publish("t", Done())
    assert got == [Done()]
