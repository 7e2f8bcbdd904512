"""Connectivity checks while a leg is set up: how often an address of the far end is asked, by way of aioice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from aioice import ice, stun

from link.rtc.transport.permitted_addresses import PermittedAddresses

CONNECT_TIMEOUT_S: Final = 30.0
"""A leg has this long to connect. docs/network.md (How long a connection may take to begin)."""
MAX_CALLING_ADDRESSES: Final = 64
"""Addresses whose calls are counted. docs/media.md (Limits)."""
CHECK_EVERY_S: Final = 0.5
"""Between two checks of one address. docs/media.md (When the network goes away); the RTO of RFC 8445 section 14.3 at
its least."""
CHECK_FIRST_S: Final = (0.1, 0.15, 0.25)
"""Before that, between the first ones: after 0.1, 0.25 and 0.5 s. docs/media.md (When the network goes away)."""
UNHEARD_CHECKS: Final = 7
"""Times that an address is asked which the far end names and does not call from; for each of its calls, twice more.
docs/media.md (Limits).

Where both ends are ours one of them goes on asking: the one that has made the offer, and was answered from where it
wanted to be."""
MOVED_CHECKS: Final = 2
"""Further checks of an address that shows up once the path is found. chosen: the far end's next one makes more."""


class _Check(stun.Transaction):
    """A connectivity check that is sent again soon at first, for one that is lost, and then every half second.

    aioice waits half a second at once and then twice as long each time, up to 16 s: a path that comes back would be
    found that late.
    """

    _Transaction__tries: int

    def _Transaction__retry(self) -> None:
        tries = self._Transaction__tries
        self._Transaction__timeout_delay = CHECK_FIRST_S[tries] if tries < len(CHECK_FIRST_S) else CHECK_EVERY_S
        super()._Transaction__retry()  # type: ignore[misc]


class Callers:
    """Which addresses of the far end aioice may ask, and how often the far end has called from each."""

    def __init__(self, connection: Any, reach: PermittedAddresses) -> None:
        self._reach = reach
        self._calls: dict[tuple[Any, ...], int] = {}
        self._check_incoming, connection.check_incoming = connection.check_incoming, self._called
        self._add_candidate, connection._add_remote_candidate = connection._add_remote_candidate, self._named
        self.refused = 0

    def _called(self, message: stun.Message, addr: tuple[str, int], protocol: Any) -> None:
        """A check with the right password has come."""
        if addr in self._calls or len(self._calls) < MAX_CALLING_ADDRESSES:
            self._calls[addr] = self._calls.get(addr, 0) + 1
        self._check_incoming(message, addr, protocol)

    def _named(self, candidate: Any, host: str) -> None:
        """A candidate of the far end is at `host`; a name has been resolved to that."""
        if self._reach.allows(host, candidate.port):
            self._add_candidate(candidate, host)
        else:
            self.refused += 1

    def calls(self, address: tuple[str, int]) -> int:
        """How often the far end has called from there, with the right password."""
        return self._calls.get(address, 0)


class _Sparing:
    """Sends a check again only as often as the far end has a right to, by its calls."""

    def __init__(self, protocol: ice.StunProtocol, calls: Callable[[tuple[str, int]], int]) -> None:
        self._protocol = protocol
        self._calls = calls
        self._sent = 0

    def send_stun(self, message: stun.Message, addr: tuple[str, int]) -> None:
        if self._sent < UNHEARD_CHECKS + 2 * self._calls(addr):
            self._sent += 1
            self._protocol.send_stun(message, addr)


class AskingProtocol(ice.StunProtocol):
    """aioice's protocol of one local candidate, whose checks do not slow down."""

    calls: Callable[[tuple[str, int]], int] | None = None
    """Asked for how often the far end has called from an address; None to ask on whether it has or not."""

    async def request(
        self,
        request: stun.Message,
        addr: tuple[str, int],
        integrity_key: bytes | None = None,
        retransmissions: int | None = None,
    ) -> tuple[stun.Message, tuple[str, int]]:
        if integrity_key is None or retransmissions is not None:
            return await super().request(request, addr, integrity_key, retransmissions)
        request.add_message_integrity(integrity_key)
        tries = len(CHECK_FIRST_S)
        if self.receiver._check_list_done:
            tries += MOVED_CHECKS  # whoever called from elsewhere may have lied about where that is
        else:
            tries += int(CONNECT_TIMEOUT_S / CHECK_EVERY_S)
        sender = self if self.calls is None else _Sparing(self, self.calls)
        check = _Check(request, addr, sender, retransmissions=tries, integrity_key=integrity_key)
        self.transactions[request.transaction_id] = check
        try:
            return await check.run()
        finally:
            del self.transactions[request.transaction_id]
