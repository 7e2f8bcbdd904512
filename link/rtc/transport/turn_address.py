"""Addresses of STUN and TURN servers as people write them (RFC 7064, RFC 7065)."""

from __future__ import annotations

import re
from typing import NamedTuple

_URL = re.compile(r"(stuns?|turns?):(\[[0-9a-fA-F:.]+\]|[^:?\s]+)(?::(\d+))?(?:\?transport=(udp|tcp))?")


class Address(NamedTuple):
    """Where a STUN or TURN server is: RFC 7064 and RFC 7065."""

    scheme: str
    host: str
    port: int
    transport: str

    @property
    def turn(self) -> bool:
        """Whether it relays."""
        return self.scheme in ("turn", "turns")


def parse_url(url: str) -> Address:
    """`turn:host:3478?transport=tcp` and its like. Raises `ValueError`."""
    found = _URL.fullmatch(url)
    if found is None or not 0 < int(found[3] or 3478) < 65536:
        raise ValueError("an address such as turn:192.0.2.1:3478?transport=udp is expected")
    secure = found[1].endswith("s")
    transport = found[4] or ("tcp" if secure else "udp")
    if secure and transport == "udp":
        raise ValueError("TURN over DTLS is not supported: use transport=tcp")
    return Address(found[1], found[2].strip("[]"), int(found[3] or (5349 if secure else 3478)), transport)
