"""Whoever makes an offer does not decide where this machine sends packets to."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from link.rtc.leg import Leg, LegState
from link.rtc.transport import connectivity_checks
from link.rtc.transport.permitted_addresses import PermittedAddresses
from tests.link.rtc.lossy import LossyPath
from tests.link.rtc.test_leg import until

NEVER = [
    "0.0.0.0",
    "0.1.2.3",
    "169.254.169.254",
    "224.0.0.251",
    "239.1.1.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "::127.0.0.1",
    "::a9fe:a9fe",
    "::ffff:0:127.0.0.1",
    "64:ff9b:1::127.0.0.1",
    "2002:7f00:1::1",
    "2002:c0a8:109::1",
    "2001:0:a9fe:a9fe:8000:63bf:3fff:fdd2",
    "fe80::1",
    "fe80::1%eth0",
    "ff02::fb",
    "localhost",
    "bank.example",
    "",
    "1.2.3",
]
LOOPBACK = ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1"]
ANYWHERE = ["10.0.0.7", "192.168.1.9", "203.0.113.9", "2001:db8::1", "fd00::7", "::ffff:10.0.0.7"]
TEN = [ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("2001:db8::/32")]


def reach(*networks: ipaddress.IPv4Network | ipaddress.IPv6Network, loopback: bool = False) -> PermittedAddresses:
    made = PermittedAddresses(networks, loopback=loopback, services=[8080])
    made.here(["192.168.1.9"])
    return made


@pytest.mark.parametrize("host", NEVER)
def test_never(host: str) -> None:
    for one in (reach(), reach(loopback=True), reach(ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0"))):
        assert not one.allows(host, 50_000)


@pytest.mark.parametrize("host", LOOPBACK)
def test_loopback_where_that_is_wanted(host: str) -> None:
    assert not reach().allows(host, 50_000)
    assert not reach(*TEN).allows(host, 50_000)
    assert reach(loopback=True).allows(host, 50_000)
    assert reach(*TEN, loopback=True).allows(host, 50_000), "a page beside the kiosk client"
    assert not reach(loopback=True).allows(host, 8080)
    assert not reach(loopback=True).allows(host, 22)
    alone = PermittedAddresses()
    alone.here([])
    assert alone.allows(host, 50_000), "a demonstration on a machine without a network"


@pytest.mark.parametrize("host", ANYWHERE)
def test_anywhere_else(host: str) -> None:
    assert reach().allows(host, 50_000)
    assert not reach().allows(host, 1023)
    assert not reach().allows(host, 0)
    assert not reach().allows(host, 65_536)


def test_only_in_the_networks_that_are_configured() -> None:
    allowed = [host for host in ANYWHERE if reach(*TEN).allows(host, 50_000)]
    assert allowed == ["10.0.0.7", "2001:db8::1", "::ffff:10.0.0.7"]


def test_our_own_services_are_no_far_end() -> None:
    assert not reach().allows("192.168.1.9", 8080)
    assert not reach().allows("::ffff:192.168.1.9", 8080)
    assert reach().allows("192.168.1.9", 8081)
    assert reach().allows("192.168.1.8", 8080)


@given(st.text(max_size=60) | st.ip_addresses().map(str), st.integers())
def test_whatever_is_asked_it_does_not_raise(host: str, port: int) -> None:
    assert reach(*TEN, loopback=True).allows(host, port) in (True, False)


@pytest.fixture
def victims() -> Iterator[list[socket.socket]]:
    sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(3)]
    for victim in sockets:
        victim.bind(("127.0.0.1", 0))
        victim.setblocking(False)
    yield sockets
    for victim in sockets:
        victim.close()


def received(victim: socket.socket) -> list[bytes]:
    found = []
    while True:
        try:
            found.append(victim.recv(2048))
        except BlockingIOError:
            return found


def naming(offer: str, victims: list[socket.socket]) -> str:
    """The offer, with the victims in the place of where its maker is."""
    lines = [line for line in offer.split("\r\n") if not line.startswith("a=candidate:")]
    at = lines.index("a=end-of-candidates")
    lines[at:at] = [
        f"a=candidate:{n} 1 udp {2**30 + n} 127.0.0.1 {victim.getsockname()[1]} typ host"
        for n, victim in enumerate(victims)
    ]
    return "\r\n".join(lines)


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connectivity_checks, "CHECK_EVERY_S", 0.01)
    monkeypatch.setattr(connectivity_checks, "CHECK_FIRST_S", (0.01,))


def turns(leg: Leg) -> int:
    """How often each check would have been sent again by now, at least."""
    transactions = [t for p in leg._transport._connection._protocols for t in p.transactions.values()]
    return min((vars(t)["_Transaction__tries"] for t in transactions), default=0)


async def test_who_does_not_call_is_asked_a_few_times(victims: list[socket.socket], hurried: None) -> None:
    offerer, answerer = Leg("offerer", loopback=True), Leg("answerer", loopback=True)
    try:
        await answerer.answer(naming(await offerer.offer(), victims))
        await until(lambda: turns(answerer) > 5 * connectivity_checks.UNHEARD_CHECKS)
        sockets = len(answerer._transport._connection._protocols)
        for victim in victims:
            checks = received(victim)
            assert 0 < len(checks) <= connectivity_checks.UNHEARD_CHECKS * sockets
            assert max(map(len, checks)) < 160
    finally:
        await offerer.close()
        await answerer.close()


async def test_nothing_is_sent_to_where_nobody_may_be(victims: list[socket.socket], hurried: None) -> None:
    """In the offer or behind it; and the far end is found all the same, where it may be."""
    offerer = Leg("offerer", loopback=True)
    here = {int(victim.getsockname()[1]) for victim in victims}
    answerer = Leg("answerer", loopback=True, reach=PermittedAddresses(loopback=True, services=here))
    try:
        offer = await offerer.offer()
        spoilt = naming(offer, victims)
        own = [line for line in offer.split("\r\n") if line.startswith("a=candidate:")]
        answer = await answerer.answer(spoilt.replace("a=end-of-candidates\r\n", ""))
        for line in own:
            await answerer.add_candidate(line[2:], "0")
        for victim in victims:
            await answerer.add_candidate(f"candidate:9 1 udp 9 127.0.0.1 {victim.getsockname()[1]} typ host", "0")
        await answerer.add_candidate("", "0")
        await offerer.accept(answer)
        await until(lambda: offerer.state is answerer.state is LegState.CONNECTED)
        assert answerer._transport._callers.refused == 2 * len(victims)
        assert [received(victim) for victim in victims] == [[], [], []]
    finally:
        await offerer.close()
        await answerer.close()


async def test_who_calls_is_asked_on(hurried: None) -> None:
    """A path that comes back late: the answerer has long stopped asking, but the offerer calls."""
    offerer, answerer = Leg("offerer", loopback=True), Leg("answerer", loopback=True)
    path = LossyPath()
    path.blocked = True
    try:
        answer = await answerer.answer(path.hide(await offerer.offer()))
        await offerer.accept(await path.stand_before(answer))
        await until(lambda: turns(offerer) > 5 * connectivity_checks.UNHEARD_CHECKS)
        path.blocked = False
        await until(lambda: offerer.state is answerer.state is LegState.CONNECTED)
    finally:
        await offerer.close()
        await answerer.close()
        path.close()
