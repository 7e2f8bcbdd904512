"""Where a request comes from, behind proxies and without."""

from __future__ import annotations

import ipaddress
from pathlib import Path

import aiohttp
import msgspec
import pytest
from aiohttp.test_utils import TestServer

from server.api.http.app_keys import AUDIT
from server.api.http.client_address import client, counted
from server.app import make_app
from server.config import load

TRUSTED = (ipaddress.ip_network("10.0.0.0/24"), ipaddress.ip_network("2001:db8:ffff::/48"))


@pytest.mark.parametrize(
    ("remote", "expected"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
    ],
)
def test_attempts_are_counted_by_what_one_customer_has(remote: str, expected: str) -> None:
    assert counted(remote) == expected


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("192.0.2.7", [], "192.0.2.7"),
        ("192.0.2.7", ["198.51.100.1"], "192.0.2.7"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("::ffff:10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["203.0.113.9, 198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["203.0.113.9", "198.51.100.1, 10.0.0.2"], "198.51.100.1"),
        ("10.0.0.1", ["198.51.100.1, 2001:db8:ffff::2"], "198.51.100.1"),
        ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        ("10.0.0.1", ["203.0.113.9, unknown"], "10.0.0.1"),
        ("10.0.0.1", ["203.0.113.9,"], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.1:4711"], "198.51.100.1"),
        ("10.0.0.1", ["[2001:db8::1]:4711"], "2001:db8::1"),
        ("10.0.0.1", ["2001:db8::1"], "2001:db8::1"),
        ("", ["198.51.100.1"], ""),
    ],
)
def test_only_what_a_trusted_proxy_says_is_believed(peer: str, forwarded: list[str], expected: str) -> None:
    assert client(peer, forwarded, TRUSTED) == expected
    assert client(peer, forwarded, ()) == peer


async def test_behind_the_proxy_one_guesser_does_not_lock_out_the_others(tmp_path: Path) -> None:
    options = {"VISAVIS_DATA": str(tmp_path), "VISAVIS_TRUSTED_PROXIES": "127.0.0.1, ::1"}
    app = make_app(load({"minimum_free_mb": "0"}, options))
    async with TestServer(app) as server, aiohttp.ClientSession() as http:

        async def guess(forwarded: str) -> int:
            headers = {"X-Forwarded-For": forwarded, "Origin": str(server.make_url("")).rstrip("/")}
            form = {"login": "li", "password": "guess"}
            async with http.post(server.make_url("/login"), data=form, headers=headers) as response:
                return response.status

        assert 429 in [await guess("203.0.113.9, 198.51.100.1") for _ in range(8)]
        assert await guess("198.51.100.2") == 401
        details = [entry.detail for entry in await app[AUDIT].read() if entry.action == "login.refused"]
    assert {msgspec.json.decode(detail)["address"] for detail in details} == {"198.51.100.1", "198.51.100.2"}
