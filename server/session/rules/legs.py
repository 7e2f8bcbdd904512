"""Peer connections and their networks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from link.protocol.values import Network, NetworkQuality
from server.session import commands as c
from server.session import events as e
from server.session.errors import IllegalEvent, NoConsent, StaleLeg
from server.session.participants import LegOf
from server.session.state import OPEN
from server.session.table import Step, on

if TYPE_CHECKING:
    from server.session.machine import Machine


@on(e.LegOpened, OPEN)
def opened(m: Machine, event: e.LegOpened) -> Step:
    if m.state.consent is None:
        raise NoConsent("no consent")
    one = m.state.participants.get(event.participant)
    if one is None or not one.joined:
        raise IllegalEvent("no such participant")
    yield from m.drop_leg(event.participant)
    m.amend(event.participant, leg=LegOf(event.leg))


@on(e.LegConnected, OPEN)
def connected(m: Machine, event: e.LegConnected) -> Step:
    _current(m, event.participant, event.leg)
    m.amend(event.participant, leg=LegOf(event.leg, connected=True))
    m.set_network(event.participant)
    yield from ()


@on(e.LegClosed, OPEN)
def closed(m: Machine, event: e.LegClosed) -> Step:
    _current(m, event.participant, event.leg)
    yield from m.drop_leg(event.participant)
    if event.reason == "closed":
        m.set_network(event.participant)
    else:
        yield c.TellLegLost(event.participant, event.leg)


@on(e.QualityChanged, OPEN)
def quality_changed(m: Machine, event: e.QualityChanged) -> Step:
    _current(m, event.participant, event.leg)
    network = Network(event.participant, NetworkQuality(event.quality), event.reason)
    m.set_network(event.participant, *([network] if network.quality is not NetworkQuality.GOOD else []))
    yield from ()


def _current(m: Machine, participant: str, leg: str) -> None:
    current = m.state.legs.get(participant)
    if current is None or current.leg != leg:
        raise StaleLeg("not the current leg")
