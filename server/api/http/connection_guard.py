"""Bounds on TCP connections, by address and in total; connections that send no request are closed.

Each connection costs a file descriptor; a share of them is reserved for calls, recordings and the database. aiohttp
bounds neither the number of connections nor the TLS handshake nor the wait for the first request (RFC 9110 §15.5.9
allows a server to time out).
"""

from __future__ import annotations

import asyncio
import contextlib
import resource
import socket
import ssl
import struct
import time
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import structlog
from aiohttp import web

from link.protocol.errors import RateLimited
from link.tasks import cancel, spawn
from server.api.http.deliveries import Deliveries

log = structlog.get_logger()

FIRST_REQUEST_S: Final = 5.0
"""Seconds for a new connection to send a complete request head; the TLS handshake has as long before that."""
BACKLOG: Final = 2048
"""Connections that the kernel queues while we are busy; clients that it drops beyond that retry after seconds."""
KEEP_ALIVE_S: Final = 75.0
"""Seconds that a connection is kept between requests, also with an incomplete next one."""
PER_ADDRESS: Final = 512
"""Connections of one address that nobody has logged in on."""
PER_IDENTITY: Final = 64
"""Requests that one kiosk or person has under way at once; each holds up to 256 KB of a body before it is refused."""
MOST: Final = 60_000
SWEEP: Final = 512
REPORT_S: Final = 10.0
BREATHER_S: Final = 0.2
_RESET: Final = struct.pack("ii", 1, 0)


def in_all() -> int:
    """How many connections this process has descriptors for, with a quarter kept back for everything else."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    soft = MOST if soft == resource.RLIM_INFINITY else soft
    return max(16, min(MOST, soft - max(128, soft // 4)))


@dataclass(slots=True, eq=False)
class _Guest:
    """One connection. `protocol.transport` is None before it is up and after it is gone."""

    address: str
    socket: socket.socket | None
    protocol: web.RequestHandler | None = None
    timer: asyncio.TimerHandle | None = None
    up: bool = False
    known: str = ""
    """Who has proved to be there, while a request of theirs is under way."""

    @property
    def gone(self) -> bool:
        if self.protocol is None or not self.up:
            return self.socket is None
        return self.protocol.transport is None

    def end(self) -> None:
        """Abort it in whatever state it is."""
        if self.timer is not None:
            self.timer.cancel()
        if self.protocol is not None and self.protocol.transport is not None:
            self.protocol.transport.abort()
        elif self.socket is not None:
            with contextlib.suppress(OSError):
                self.socket.shutdown(socket.SHUT_RDWR)


class ConnectionGuard:
    """All connections of this process. To make room, the connection that has been idle longest is closed."""

    def __init__(
        self,
        within_s: float = FIRST_REQUEST_S,
        *,
        per_address: int = PER_ADDRESS,
        per_identity: int = PER_IDENTITY,
        in_all: Callable[[], int] = in_all,
        counted: Callable[[str], str | None] = lambda address: address,
    ) -> None:
        """`counted` maps an address to what it is counted as (None for a proxy); `per_address` 0: no bound."""
        self.within_s = within_s
        self._per_address = per_address
        self._per_identity = per_identity
        self._in_all = in_all
        self._counted = counted
        self.deliveries = Deliveries()
        self._guests: dict[_Guest, None] = {}
        self._of: dict[web.RequestHandler, _Guest] = {}
        self._idle: OrderedDict[_Guest, None] = OrderedDict()
        self._at: defaultdict[str, OrderedDict[_Guest, None]] = defaultdict(OrderedDict)
        self._by: Counter[str] = Counter()
        self._since_sweep = 0
        self._cut_short = 0
        self._reported = -REPORT_S

    async def listen(self, server: web.Server, host: str, port: int, context: ssl.SSLContext | None = None) -> Listener:
        """Listen for `server`; close what this returns before the server's runner is cleaned up.

        Raises:
            OSError: the address is taken or is none of this machine.
        """
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        listener = Listener(self, server, context)
        try:
            for family, kind, number, _, address in dict.fromkeys(found):
                listener.open(family, kind, number, address)
        except OSError:
            listener.close()
            raise
        return listener

    def heard(self, request: web.Request) -> None:
        """A request came on this connection: until `done` it is not idle, and afterwards it may be kept."""
        guest = self._of.get(request.protocol)
        if guest is not None:
            if guest.timer is not None:
                guest.timer.cancel()
                guest.timer = None
            self._idle.pop(guest, None)

    def known(self, request: web.Request, who: str) -> None:
        """Whoever asks has proved to be `who`: until `done` the connection is counted for them, not for its address.

        Raises:
            RateLimited: they have too many requests under way.
        """
        guest = self._of.get(request.protocol)
        if guest is None:
            return
        if self._by[who] >= self._per_identity:
            raise RateLimited("too many requests at once")
        self._by[who] += 1
        guest.known = who
        self._leave_address(guest)

    def done(self, request: web.Request) -> None:
        """The request was answered; the answer may still have to be read."""
        guest = self._of.get(request.protocol)
        if guest is None:
            return
        self._unknown(guest)
        if guest.gone:
            self.drop(guest)
            return
        if request.transport is not None:
            self.deliveries.begin(request.transport, guest.address)
        self._idle[guest] = None
        if guest.address:
            self._at[guest.address][guest] = None
            self._at[guest.address].move_to_end(guest)

    # What a listener asks.

    def admit(self, connection: socket.socket, address: str) -> _Guest | None:
        """Accept a new connection, if need be in place of an idle one. None: there is no room."""
        self._since_sweep += 1
        if self._since_sweep >= SWEEP or len(self._guests) >= self._in_all():
            self._since_sweep = 0
            self._sweep(list(self._guests))
        counted = self._counted(address) or ""
        if not self._room_at(counted) or not self._room():
            self._refused(counted)
            return None
        guest = _Guest(counted, connection)
        self._guests[guest] = self._idle[guest] = None
        if counted:
            self._at[counted][guest] = None
        return guest

    def seat(self, guest: _Guest, protocol: web.RequestHandler, *, tls: bool) -> None:
        """The connection is served by `protocol` now; a first request has to follow within the limit."""
        guest.protocol = protocol
        self._of[protocol] = guest
        wait_s = 2 * self.within_s if tls else self.within_s
        guest.timer = asyncio.get_running_loop().call_later(wait_s, self._end, guest)

    def _end(self, guest: _Guest) -> None:
        guest.end()
        self.drop(guest)

    def _unknown(self, guest: _Guest) -> None:
        who, guest.known = guest.known, ""
        if who:
            self._by[who] -= 1
            if not self._by[who]:
                del self._by[who]

    def drop(self, guest: _Guest) -> None:
        """Forget a connection that is gone. Idempotent."""
        self._unknown(guest)
        if guest.timer is not None:
            guest.timer.cancel()
        self._guests.pop(guest, None)
        self._idle.pop(guest, None)
        self._leave_address(guest)
        if guest.protocol is not None:
            self._of.pop(guest.protocol, None)

    def _leave_address(self, guest: _Guest) -> None:
        here = self._at.get(guest.address)
        if here is not None:
            here.pop(guest, None)
            if not here:
                del self._at[guest.address]

    def _sweep(self, guests: list[_Guest]) -> None:
        for guest in guests:
            if guest.gone:
                self.drop(guest)

    def _room_at(self, address: str) -> bool:
        here = self._at.get(address)
        if not address or not self._per_address or here is None or len(here) < self._per_address:
            return True
        self._sweep(list(here))
        if len(here) < self._per_address:
            return True
        oldest = next((guest for guest in here if guest in self._idle), None)
        if oldest is not None:
            self._refused(address)
            self._end(oldest)
        return oldest is not None

    def _room(self) -> bool:
        """Whether there is room in total. Idle connections are closed in batches, so that few calls have to search."""
        most = self._in_all()
        if len(self._guests) < most:
            return True
        for guest in list(self._idle)[: max(1, most // 32)]:
            self._refused(guest.address)
            self._end(guest)
        return len(self._guests) < most

    def _refused(self, address: str) -> None:
        self._cut_short += 1
        now = time.monotonic()
        if now - self._reported >= REPORT_S:
            log.warning("too many connections", address=address, cut=self._cut_short, open=len(self._guests))
            self._cut_short, self._reported = 0, now


class Listener:
    """Listening sockets, and what accepts on them."""

    def __init__(self, guard: ConnectionGuard, server: web.Server, context: ssl.SSLContext | None) -> None:
        self.sockets: list[socket.socket] = []
        self._guard = guard
        self._server = server
        self._context = context
        self._tasks: set[asyncio.Task[None]] = set()
        self._run(guard.deliveries.watch(), "watch deliveries")

    def open(self, family: int, kind: int, number: int, address: Any) -> None:
        """Listen at this address too. Raises `OSError`."""
        listening = socket.socket(family, kind, number)
        try:
            listening.setblocking(False)
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            listening.bind(address)
            listening.listen(BACKLOG)
        except OSError as error:
            listening.close()
            raise OSError(error.errno, f"cannot listen on {address}: {str(error.strerror).lower()}") from None
        self.sockets.append(listening)
        self._run(self._accept(listening), "accept connections")

    def close(self) -> None:
        """Accept no more. What was accepted stays."""
        for task in list(self._tasks):
            task.cancel()
        for listening in self.sockets:
            listening.close()

    async def closed(self) -> None:
        """Wait until nothing is accepted any more."""
        for task in list(self._tasks):
            await cancel(task)

    async def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, peer = await loop.sock_accept(listening)
            except ConnectionError:
                continue  # it was gone before it was taken
            except OSError as error:
                log.error("no connection can be accepted", error=error.strerror)
                await asyncio.sleep(BREATHER_S)
                continue
            guest = self._guard.admit(connection, str(peer[0]) if isinstance(peer, tuple) else "")
            if guest is None:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                connection.close()
                continue
            self._run(self._greet(guest, connection), "greet connection")

    async def _greet(self, guest: _Guest, connection: socket.socket) -> None:
        protocol = self._server()
        self._guard.seat(guest, protocol, tls=self._context is not None)
        handshake_s = None if self._context is None else self._guard.within_s
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: protocol, connection, ssl=self._context, ssl_handshake_timeout=handshake_s
            )
            guest.up = True
        except (OSError, TimeoutError):  # among them every failure of TLS
            self._guard.drop(guest)
            connection.close()
        finally:
            guest.socket = None

    def _run(self, work: Any, name: str) -> None:
        task = spawn(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


CONNECTION_GUARD: web.AppKey[ConnectionGuard] = web.AppKey("connection_guard", ConnectionGuard)
