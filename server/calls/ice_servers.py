"""ICE servers and their credentials for legs; loopback only where the server listens on nothing else."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import Callable
from pathlib import Path

from link.options import ConfigError
from link.protocol.server import LegServers
from link.protocol.values import IceServer
from link.rtc.leg import Leg, LegState
from link.rtc.transport.permitted_addresses import PermittedAddresses
from server.calls.session_media import NewLeg
from server.config import Config

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
MIN_SECRET = 16


class IceServers:
    """The configured servers, each time with new credentials. The secret stays in here."""

    def __init__(self, config: Config, now: Callable[[], float] = time.time) -> None:
        """Raises `ConfigError` if the file of the secret cannot be read, or holds less than 16 characters."""
        self._fixed = list(config.ice_servers)
        self._urls = list(config.turn_urls)
        self._lifetime_s = config.turn_lifetime_s
        self._now = now
        self._secret = _read(config.turn_secret) if config.turn_secret is not None else b""
        self.relay_only = config.ice_policy == "relay"

    def for_leg(self, user: str) -> list[IceServer]:
        """The servers for one new leg of `user`, an id that the TURN server may log.

        The credentials are those of coturn's `use-auth-secret` (the TURN REST API): a name that says when it ends, and
        the HMAC-SHA1 of that name. What they opened may stay open longer.
        """
        if not self._urls:
            return self._fixed
        username = f"{int(self._now()) + self._lifetime_s}:{user}"
        digest = hmac.new(self._secret, username.encode(), hashlib.sha1).digest()
        return [*self._fixed, IceServer(self._urls, username, base64.b64encode(digest).decode())]

    def message(self, user: str) -> LegServers:
        """The ICE servers for the far end of a leg."""
        return LegServers(self.for_leg(user), self.relay_only)


def _read(path: Path) -> bytes:
    try:
        secret = path.read_bytes().strip()
    except OSError as error:
        raise ConfigError(f"turn_secret: {path} cannot be read: {error.strerror}") from error
    if len(secret) < MIN_SECRET:
        raise ConfigError(f"turn_secret: {path} holds less than {MIN_SECRET} characters")
    return secret


def leg_maker(config: Config, servers: IceServers) -> NewLeg:
    """The function by which rooms make legs."""

    def make(name: str, on_state: Callable[[LegState], None]) -> Leg:
        return Leg(
            name,
            ice_servers=servers.for_leg("server"),
            relay_only=servers.relay_only,
            loopback=config.host in LOOPBACK,
            reach=PermittedAddresses(
                config.media_networks,
                loopback=config.host in LOOPBACK or servers.relay_only,
                services=[config.port],
            ),
            on_state=on_state,
        )

    return make
