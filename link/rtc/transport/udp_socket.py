"""The sockets of all legs of an event loop, read together.

A frame comes as a burst of packets, and a wake-up of the process costs more than the work on a packet. So the first
packet wakes the loop, the loop waits `GATHER_S` for the rest, and then every socket that has something is emptied, each
with one system call.
"""

from __future__ import annotations

import asyncio
import select
import socket
import time
from collections.abc import Callable
from typing import Any, Final

import structlog

from link.per_loop import PerLoop
from link.rtc.transport.udp_batch import Inbox, Outbox, Target

log = structlog.get_logger()

GATHER_S: Final = 0.0005
"""A burst has this long to arrive in; so much is added to the time of a packet on its way through. docs/performance.md
(What was tried): 0, 0.3, 0.5 and 0.8 ms cost the same."""
BUSY_S: Final = 0.004
"""A round that took so long needs no waiting: the next burst is there already. chosen: eight times `GATHER_S`."""
BUFFER_BYTES: Final = 1 << 20
"""Asked of the kernel for each socket and direction, for what arrives while this process is away. chosen: two seconds
at 4 Mbit/s."""


class UdpSocket(asyncio.DatagramTransport):
    """One UDP socket, as the transport of an aioice protocol and as the place where media comes and goes.

    `on_burst(inbox, count, now)` gets everything that arrives and must use it up before it returns. What the kernel
    does not take at once is dropped: late media is of no use.
    """

    def __init__(self, address: str) -> None:
        """Bind a free port of `address`. Raises `OSError`."""
        super().__init__()
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.sock = socket.socket(family, socket.SOCK_DGRAM)
        try:
            self.sock.setblocking(False)
            if family == socket.AF_INET6:
                self.sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER_BYTES)
            self.sock.bind(socket.getaddrinfo(address, 0, family, socket.SOCK_DGRAM)[0][4])
        except OSError:
            self.sock.close()
            raise
        self.family = family
        self.on_burst: Callable[[Inbox, int, float], None] | None = None
        self.dropped = 0
        self._protocol: Any = None
        self._closing = False
        self._segments = True
        self._poller = running_poller()

    def open(self, protocol: asyncio.DatagramProtocol) -> None:
        """Begin to read."""
        self._protocol = protocol
        protocol.connection_made(self)
        self._poller.add(self)

    def read(self, now: float) -> None:
        """Empty the socket, a few hundred datagrams at most. What an earlier port's burst has closed reads nothing."""
        if self._closing:
            return
        inbox = self._poller.inbox(self.family)
        for _ in range(8):
            count = inbox.receive(self.sock)
            if count and self.on_burst is not None:
                self.on_burst(inbox, count, now)
            if count < inbox.full or self._closing:
                return

    @property
    def outbox(self) -> Outbox:
        """Where packets for `flush` are put."""
        return self._poller.outbox

    def target(self, address: tuple[str, int]) -> Target:
        """Where `flush` sends to."""
        return Target(self.family, address)

    def flush(self, target: Target, count: int, outbox: Outbox | None = None) -> None:
        """Send the first `count` packets of the outbox, or of another."""
        if self._closing:
            return
        outbox = outbox or self._poller.outbox
        done, self._segments = outbox.send(self.sock, target, count, segments=self._segments)
        self.dropped += count - done

    # --- as asyncio and aioice know it --------------------------------------------------------------------------------

    def sendto(self, data: Any, addr: Any = None) -> None:
        if self._closing:
            return
        try:
            self.sock.sendto(data, addr)
        except OSError:
            self.dropped += 1

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        if name == "socket":
            return self.sock
        if name == "sockname":
            return default if self._closing else self.sock.getsockname()
        return default

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        if self._closing:
            return
        self._closing = True
        self._poller.remove(self)
        self.sock.close()
        self.on_burst = None
        if self._protocol is not None:
            asyncio.get_running_loop().call_soon(self._protocol.connection_lost, None)

    def abort(self) -> None:
        self.close()


class Poller:
    """Waits for all ports of one event loop at once."""

    def __init__(self) -> None:
        self._ports: dict[int, UdpSocket] = {}
        self._epoll: select.epoll | None = None
        self._inboxes: dict[int, Inbox] = {}
        self._took = 0.0
        self.outbox = Outbox()

    def inbox(self, family: int) -> Inbox:
        made = self._inboxes.get(family)
        if made is None:
            made = self._inboxes[family] = Inbox(family)
        return made

    def add(self, port: UdpSocket) -> None:
        descriptor = port.sock.fileno()
        self._ports[descriptor] = port
        if not hasattr(select, "epoll"):
            asyncio.get_running_loop().add_reader(descriptor, self._read, [port])
            return
        if self._epoll is None:
            self._epoll = select.epoll()
            asyncio.get_running_loop().add_reader(self._epoll.fileno(), self._ready)
        self._epoll.register(descriptor, select.EPOLLIN)

    def remove(self, port: UdpSocket) -> None:
        descriptor = port.sock.fileno()
        if self._ports.pop(descriptor, None) is None:
            return
        if self._epoll is None:
            asyncio.get_running_loop().remove_reader(descriptor)
            return
        self._epoll.unregister(descriptor)
        if not self._ports:
            asyncio.get_running_loop().remove_reader(self._epoll.fileno())
            self._epoll.close()
            self._epoll = None

    def _ready(self) -> None:
        if self._epoll is None:
            return
        if self._took < BUSY_S:
            time.sleep(GATHER_S)
        ports = self._ports
        self._read([ports[descriptor] for descriptor, _ in self._epoll.poll(0) if descriptor in ports])

    def _read(self, ports: list[UdpSocket]) -> None:
        begin = time.monotonic()
        for port in ports:
            try:
                port.read(begin)
            except Exception:
                log.exception("reading media failed")
        self._took = time.monotonic() - begin


running_poller = PerLoop(Poller)
"""The poller of the running event loop."""
