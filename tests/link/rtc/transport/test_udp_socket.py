"""Sockets read together: what comes, when, and that nothing is left behind."""

from __future__ import annotations

import asyncio
import select
import socket
from typing import Any

import pytest

from link.rtc.transport.udp_batch import Inbox, Target
from link.rtc.transport.udp_socket import UdpSocket, running_poller


class Protocol(asyncio.DatagramProtocol):
    """What aioice is to a port."""

    def __init__(self) -> None:
        self.transport: Any = None
        self.lost = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set()


class Reader:
    """A port on loopback and the bursts it was given."""

    def __init__(self) -> None:
        self.port = UdpSocket("127.0.0.1")
        self.bursts: list[list[bytes]] = []
        self.came = asyncio.Event()
        self.protocol = Protocol()
        self.port.on_burst = self._take
        self.port.open(self.protocol)

    @property
    def address(self) -> tuple[str, int]:
        host, number = self.port.get_extra_info("sockname")[:2]
        return host, number

    def _take(self, inbox: Inbox, count: int, now: float) -> None:
        self.bursts.append([bytes(inbox.views[i][: inbox.length(i)]) for i in range(count)])
        self.came.set()

    async def wait(self) -> None:
        async with asyncio.timeout(30):
            await self.came.wait()
        self.came.clear()


async def test_a_burst_arrives_as_one() -> None:
    reader, other = Reader(), Reader()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for index in range(6):
            sender.sendto(bytes([index]), reader.address)
        sender.sendto(b"x", other.address)
        await reader.wait()
        await other.wait()
    assert [data for burst in reader.bursts for data in burst] == [bytes([index]) for index in range(6)]
    assert len(reader.bursts) == 1 or reader.port._poller.inbox(socket.AF_INET).full == 1
    assert other.bursts == [[b"x"]]
    reader.port.close()
    other.port.close()


async def test_more_than_an_inbox_is_read_in_one_go() -> None:
    reader = Reader()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for index in range(100):
            sender.sendto(bytes([index]), reader.address)
    async with asyncio.timeout(30):
        while sum(map(len, reader.bursts)) < 100:
            await reader.wait()
    assert [data[0] for burst in reader.bursts for data in burst] == list(range(100))
    reader.port.close()


async def test_flush_sends_the_outbox() -> None:
    near, far = Reader(), Reader()
    outbox = near.port.outbox
    for index in range(3):
        outbox.views[index][:10] = bytes([index]) * 10
        outbox.lengths[index] = 10
    near.port.flush(Target(socket.AF_INET, far.address), 3)
    near.port.sendto(b"alone", far.address)
    await far.wait()
    assert [data for burst in far.bursts for data in burst][:3] == [bytes([index]) * 10 for index in range(3)]
    near.port.close()
    far.port.close()


async def test_close_is_told_once_and_leaves_no_descriptor() -> None:
    reader = Reader()
    poller = running_poller()
    assert reader.protocol.transport is reader.port
    reader.port.close()
    reader.port.abort()
    async with asyncio.timeout(1):
        await reader.protocol.lost.wait()
    assert reader.port.is_closing()
    assert reader.port.sock.fileno() == -1
    assert poller._epoll is None
    assert not poller._ports
    reader.port.sendto(b"too late", ("127.0.0.1", 9))
    reader.port.flush(Target(socket.AF_INET, ("127.0.0.1", 9)), 1)
    assert reader.port.get_extra_info("sockname", "gone") == "gone"


async def test_a_reader_that_fails_does_not_stop_the_others() -> None:
    bad, good = Reader(), Reader()

    def fail(inbox: Inbox, count: int, now: float) -> None:
        raise RuntimeError("a fault")

    bad.port.on_burst = fail
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"1", bad.address)
        sender.sendto(b"2", good.address)
        await good.wait()
    assert good.bursts == [[b"2"]]
    bad.port.close()
    good.port.close()


async def test_without_epoll_each_socket_wakes_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(select, "epoll", raising=False)
    reader = Reader()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"1", reader.address)
        await reader.wait()
    assert reader.bursts == [[b"1"]]
    reader.port.close()


async def test_an_address_that_is_not_ours_is_an_error() -> None:
    with pytest.raises(OSError, match=r"assign|address"):
        UdpSocket("203.0.113.7")
