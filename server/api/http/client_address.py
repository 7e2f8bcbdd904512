"""The client's address behind proxies, for rate limits and the audit log."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Iterable

from aiohttp import hdrs, web

from link.options import IpNetwork
from server.api.http.app_keys import CONFIG
from server.config import Config

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def address(request: web.Request) -> str:
    """The client's address as `counted`; that of the peer unless the peer is one of `trusted_proxies`."""
    forwarded = request.headers.getall(hdrs.X_FORWARDED_FOR, [])
    return counted(client(request.remote or "", forwarded, request.app[CONFIG].trusted_proxies))


def connection_source(config: Config, peer: str) -> str | None:
    """The address that a connection from `peer` counts for; None for a trusted proxy, which is not limited."""
    return None if _is_trusted(peer, config.trusted_proxies) else counted(peer)


def client(peer: str, forwarded: Iterable[str], trusted: Collection[IpNetwork]) -> str:
    """The last hop that is not a trusted proxy: X-Forwarded-For is believed only where a trusted proxy added to it.

    `forwarded` are the values of X-Forwarded-For. A hop that is no address ends the search: the proxy that said so is
    then the client.
    """
    hops = [hop.strip() for value in forwarded for hop in value.split(",")]
    found = peer
    while hops and _is_trusted(found, trusted):
        hop = _bare(hops.pop())
        if _parse(hop) is None:
            break
        found = hop
    return found


def counted(text: str) -> str:
    """An IPv4 address as it is, an IPv6 one by its /64, which is what one customer has."""
    parsed = _parse(text)
    if parsed is None:
        return text[:64]
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)


def _is_trusted(text: str, trusted: Collection[IpNetwork]) -> bool:
    parsed = _parse(text)
    return parsed is not None and any(parsed in network for network in trusted)


def _parse(text: str) -> _Address | None:
    try:
        parsed = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return (parsed.ipv4_mapped or parsed) if isinstance(parsed, ipaddress.IPv6Address) else parsed


def _bare(hop: str) -> str:
    """Without the port that some proxies add: `192.0.2.1:80`, `[2001:db8::1]:80`."""
    if hop.startswith("["):
        return hop[1:].partition("]")[0]
    return hop.partition(":")[0] if hop.count(":") == 1 else hop
