"""How this server makes legs: ICE servers from the configuration, loopback only where it listens on nothing else."""

from __future__ import annotations

from collections.abc import Callable

from link.media.leg import IceServer, Leg, LegState
from server.config import Config
from server.rooms.stage import NewLeg

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


def leg_maker(config: Config) -> NewLeg:
    """What rooms make legs with."""
    servers = [IceServer(tuple(server.urls), server.username, server.credential) for server in config.ice_servers]

    def make(name: str, on_state: Callable[[LegState], None]) -> Leg:
        return Leg(name, ice_servers=servers, loopback=config.host in LOOPBACK, on_state=on_state)

    return make
