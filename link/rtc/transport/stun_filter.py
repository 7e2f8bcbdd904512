"""What of the STUN and DTLS that reaches a leg's sockets aioice and OpenSSL get to see. Sans-IO.

aioice answers whoever calls, keeps every datagram that is no STUN, learns as many addresses as call with the right
password, and follows each role conflict (487) with another check. OpenSSL takes a ClientHello from anywhere for the
far end's. So strangers are turned away here, by looks only, and the far end is given bounds.
"""

from __future__ import annotations

import struct
from typing import Any, Final

from link.rtc.transport.permitted_addresses import PermittedAddresses

MAX_STUN_BYTES: Final = 1024
"""A longer message is refused. docs/media.md (Limits)."""
MAX_SOURCE_ADDRESSES: Final = 64
"""Addresses of the far end, signalled or learnt, for which a new one may still be learnt. docs/media.md (Limits)."""
MAX_ERRORS: Final = 32
"""Error responses taken in the life of a leg; a far end can make each a reason for another check. docs/media.md
(Limits)."""
MAX_SEEN_CHECKS: Final = 256
"""Checks remembered by where they first came from. chosen: ten seconds of a far end that asks 20 times a second."""
MAX_QUEUED_DATAGRAMS: Final = 128
"""DTLS datagrams waiting for aiortc. docs/media.md (Limits)."""
_COOKIE: Final = 0x2112A442
"""The magic cookie. RFC 8489 section 5."""
_REQUEST_TYPE: Final = 0x0001
"""Of Binding, as are the next three; nothing else is used. RFC 8489 section 5."""
_INDICATION_TYPE: Final = 0x0011
"""RFC 8489 section 5."""
_RESPONSE_TYPE: Final = 0x0101
"""RFC 8489 section 5."""
_ERROR_TYPE: Final = 0x0111
"""RFC 8489 section 5."""

_HEADER = struct.Struct("!HHI")


class StunFilter:
    """The bounds of one aioice connection. `admits` never raises, whatever it is given."""

    def __init__(self, connection: Any, reach: PermittedAddresses | None = None) -> None:
        """Without `reach` the far end may call from anywhere."""
        self._connection = connection
        self._reach = reach
        self._user = f"{connection.local_username}:".encode()
        self._errors = 0
        self._settled = False
        self._seen: dict[bytes, tuple[Any, ...]] = {}
        connection.data_received = self._keep

    def _keep(self, data: bytes, component: int) -> None:
        """What aioice found to be no STUN: it would also keep STUN that is malformed."""
        if 19 < data[0] < 64:
            self._connection._queue.put_nowait((data, component))

    def settle(self) -> None:
        """The path is found: nobody talks this end out of its role, or consent checks (RFC 7675) would fail.

        Nor has anybody a reason to say again from elsewhere what the far end has said.
        """
        self._settled = True
        self._connection.switch_role = lambda **_role: None

    def admits(self, data: bytes, address: tuple[Any, ...]) -> bool:
        """Whether a datagram that is no media may go on to aioice (RFC 7983: by its first byte)."""
        first = data[0] if data else 255
        if first < 4:
            return self._admits_stun(data, address)
        if 19 < first < 64:
            return self._connection._queue.qsize() < MAX_QUEUED_DATAGRAMS and self._knows(address)
        return False

    def _knows(self, address: tuple[Any, ...]) -> bool:
        """Whether this is an address of the far end: signalled, or learnt from a check with the right password."""
        host, port = address[:2]
        return any(c.port == port and c._network_host == host for c in self._connection._remote_candidates)

    def _admits_stun(self, data: bytes, address: tuple[Any, ...]) -> bool:
        size = len(data)
        if not 20 <= size <= MAX_STUN_BYTES:
            return False
        kind, length, cookie = _HEADER.unpack_from(data)
        if length + 20 != size or length & 3 or cookie != _COOKIE:
            return False
        if kind == _REQUEST_TYPE:
            if self._reach is not None and not self._reach.allows(address[0], address[1]):
                return False
            if self._user not in data:  # of a USERNAME; aioice checks it, and the password
                return False
            if not self._is_new(data[8:20], address) and self._settled:
                return False
            return len(self._connection._remote_candidates) < MAX_SOURCE_ADDRESSES or self._knows(address)
        if kind in (_RESPONSE_TYPE, _ERROR_TYPE) and self._asked(data[8:20]):
            self._errors += kind == _ERROR_TYPE
            return kind == _RESPONSE_TYPE or self._errors <= MAX_ERRORS
        # An answer that comes too late, or a sign of life: nothing will come of it.
        return kind in (_RESPONSE_TYPE, _ERROR_TYPE, _INDICATION_TYPE) and self._knows(address)

    def _is_new(self, transaction: bytes, address: tuple[Any, ...]) -> bool:
        """Whether this check has not come from another address before."""
        first = self._seen.setdefault(transaction, address)
        if len(self._seen) > MAX_SEEN_CHECKS:
            del self._seen[next(iter(self._seen))]
        return first == address

    def _asked(self, transaction: bytes) -> bool:
        return any(transaction in protocol.transactions for protocol in self._connection._protocols)
