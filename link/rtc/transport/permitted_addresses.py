"""Where a leg may send to: whoever describes a far end can name any address, and must not have packets sent there."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from typing import Final

from link.options import IpNetwork

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

FIRST_PORT: Final = 1024
"""Below lie the system ports (RFC 6335 section 6); no media socket is there. docs/media.md (Network)."""
_NEVER = [
    ipaddress.ip_network(text)
    for text in ("0.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "240.0.0.0/4", "::/128", "fe80::/10", "ff00::/8")
]
_EMBEDDED = ipaddress.IPv6Network("64:ff9b::/96")  # NAT64 (RFC 6052)
_CARRIERS = [
    ipaddress.IPv6Network(text)
    for text in ("::/96", "::ffff:0:0:0/96", "64:ff9b:1::/48")  # RFC 4291 2.5.5.1, RFC 7915, RFC 8215
]
"""What else ends at an IPv4 address in its last four bytes where a router or the kernel translates."""


def _plain(host: str) -> Address | None:
    """The address that packets end at; an IPv4 address may be written as an IPv6 one. None if it is none."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address in _EMBEDDED:
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _within(address: Address) -> list[Address]:
    """The IPv4 addresses at which packets to this IPv6 address may end by a tunnel or a translator."""
    if isinstance(address, ipaddress.IPv4Address) or address.is_loopback:
        return []
    found: list[Address] = [ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)] * any(
        address in carrier for carrier in _CARRIERS
    )
    if address.sixtofour is not None:
        found.append(address.sixtofour)
    if address.teredo is not None:
        found += address.teredo
    return found


class PermittedAddresses:
    """What a far end's addresses may be. `allows` never raises."""

    def __init__(
        self, networks: Sequence[IpNetwork] = (), *, loopback: bool = False, services: Iterable[int] = ()
    ) -> None:
        """`networks`: nowhere else; empty for anywhere but loopback, unless that is allowed by `loopback`.

        Link-local, multicast, broadcast and reserved addresses are never allowed, nor are ports below 1024, nor the
        ports of our own `services` on this machine.
        """
        self._networks = tuple(networks)
        self._loopback = loopback
        self._services = frozenset(services)
        self._own: frozenset[Address | None] = frozenset()

    def here(self, hosts: Iterable[str]) -> None:
        """These are the addresses of this machine; if it has none but loopback, that is where everybody is."""
        self._own = frozenset(_plain(host) for host in hosts)
        self._loopback = self._loopback or not self._own

    def allows(self, host: str, port: int) -> bool:
        """Whether packets may be sent there."""
        address = _plain(host)
        if address is None or not FIRST_PORT <= port <= 65535 or "%" in host:
            return False
        if any(address in network for network in _NEVER):
            return False
        if any(
            within.is_loopback or within in self._own or any(within in network for network in _NEVER)
            for within in _within(address)
        ):
            return False
        if address.is_loopback or address in self._own:
            if port in self._services:
                return False
            if address.is_loopback and self._loopback:
                return True
        if self._networks:
            return any(address in network for network in self._networks)
        return not address.is_loopback
