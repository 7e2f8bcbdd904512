"""A leg's path through a TURN server, over UDP or TCP, without a task for each packet.

The library's own TURN transport starts a task for every packet it sends, and renews permissions too late for calls of
more than five minutes. Here channels carry everything, and a packet costs four bytes and no more calls than without.
"""

from __future__ import annotations

import asyncio
import hashlib
import socket
import ssl
import struct
from collections import deque
from collections.abc import Callable
from typing import Any, Final, cast

import structlog
from aioice import stun

from link.rtc.transport.turn_address import parse_url
from link.rtc.transport.turn_framing import (
    HEAD_BYTES,
    HEADER,
    Deframer,
    IceServerUrl,
    Peeled,
    RelayUnavailable,
    running_outbox,
)
from link.rtc.transport.udp_batch import Inbox, Outbox, Target
from link.rtc.transport.udp_socket import UdpSocket
from link.tasks import spawn

log = structlog.get_logger()

OPEN_TIMEOUT_S: Final = 5.0
"""How long a TURN server may take. docs/media.md (Network)."""
LIFETIME_S: Final = 600
"""Of the allocation, as asked for. The 10 minutes of RFC 8656 section 3.2."""
LEAST_LIFETIME_S: Final = 5
"""A server that grants less is asked for more this often all the same. chosen: as long as one may take to answer."""
RENEW_EVERY_S: Final = 240.0
"""Between renewals of a channel and its permission, which lasts five minutes (RFC 8656 sections 9 and 12)."""
_RENEW_ALLOCATION_SHARE: Final = 0.8
"""The share of its lifetime after which the allocation is renewed. chosen: a fifth is left to try again."""
_LOOK_SHARE: Final = 0.4
"""How often a short lifetime is looked at. chosen: twice before it is to be renewed."""
MAX_CHANNELS: Final = 64
"""Peers of one allocation. chosen: as many as addresses of the far end are learnt; docs/media.md (Limits)."""
MAX_WAITING_DATAGRAMS: Final = 16
"""Kept for a peer while its channel is being made; over that the oldest is dropped. chosen: the checks and the first
flight of a handshake."""
FAILED_FOR_S: Final = 5.0
"""Before a channel that was refused is asked for again. chosen: as long as a server may take to answer."""
CONFIRM_EVERY_S: Final = 1.0
"""Between two questions whether there still is an allocation. docs/media.md (Through a TURN server)."""
_FIRST_CHANNEL: Final = 0x4000
"""RFC 8656 section 12."""
_UDP_PROTOCOL_NUMBER: Final = 17 << 24
"""As REQUESTED-TRANSPORT has it, with three bytes of reserve. RFC 8656 section 7.1."""


class TurnChannel:
    """The way to one peer through the relay."""

    __slots__ = ("bound", "number", "peer", "retry_at", "waiting")

    def __init__(self, number: int, peer: tuple[str, int]) -> None:
        self.number = number
        self.peer = peer
        self.bound = False
        self.retry_at = 0.0
        self.waiting: deque[bytes] = deque(maxlen=MAX_WAITING_DATAGRAMS)


class TurnAllocation(asyncio.DatagramTransport):
    """One allocation on a TURN server, as the transport of an aioice protocol and as the place where media goes.

    `on_burst(inbox, count, now)` gets what arrived together and returns which of it is no media; that, and what comes
    over TCP, goes to `on_datagram(data, peer)` one by one.
    """

    def __init__(
        self,
        server: IceServerUrl,
        *,
        on_burst: Callable[[Inbox, int, float], list[int]],
        on_datagram: Callable[[bytes, tuple[str, int]], None],
        on_lost: Callable[[], None] = lambda: None,
    ) -> None:
        """Raises `ValueError` for a URL that is none of a TURN server."""
        super().__init__()
        self._server = server
        self._address = parse_url(server.url)
        if not self._address.turn:
            raise ValueError("not the address of a TURN server")
        self._on_burst, self._on_datagram, self._on_lost = on_burst, on_datagram, on_lost
        self._realm, self._nonce, self._key = "", b"", b""
        self._transactions: dict[bytes, stun.Transaction] = {}
        self._channels: dict[tuple[str, int], TurnChannel] = {}
        self._numbers: dict[int, TurnChannel] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._opening: asyncio.Timeout | None = None
        self._confirming = False
        self._confirm_at = float("-inf")
        self._lifetime = LIFETIME_S
        self._protocol: Any = None
        self._closing = False
        self._port: UdpSocket | None = None
        self._stream: asyncio.Transport | None = None
        self._target: Target | None = None
        self._peeled: Peeled | None = None
        self._outbox = running_outbox()
        self.relayed: tuple[str, int] = ("", 0)
        self.mapped: tuple[str, int] = ("", 0)
        self.dropped = 0
        self.refused = 0

    # --- the allocation -----------------------------------------------------------------------------------------------

    async def allocate(self) -> None:
        """Connect and get a relayed address. Raises `RelayUnavailable`; takes at most 5 s."""
        try:
            async with asyncio.timeout(OPEN_TIMEOUT_S) as self._opening:
                await self._connect()
                response = await self._ask(
                    stun.Method.ALLOCATE, {"LIFETIME": LIFETIME_S, "REQUESTED-TRANSPORT": _UDP_PROTOCOL_NUMBER}
                )
            self._opening = None
            self.relayed = response.attributes["XOR-RELAYED-ADDRESS"]
            self.mapped = response.attributes["XOR-MAPPED-ADDRESS"]
            self._lifetime = max(LEAST_LIFETIME_S, min(LIFETIME_S, int(response.attributes["LIFETIME"])))
        except stun.TransactionFailed as error:
            self.close()
            raise RelayUnavailable(_refusal(error)) from None
        except (TimeoutError, stun.TransactionTimeout):
            reason = "closes the connection" if self._closing else "does not answer"
            self.close()
            raise RelayUnavailable(f"the TURN server {reason}") from None
        except (OSError, KeyError) as error:
            self.close()
            raise RelayUnavailable(f"the TURN server cannot be used ({type(error).__name__})") from None
        except BaseException:
            self.close()
            raise
        self._spawn(self._renew(), "renews")

    def open(self, protocol: Any) -> None:
        """Give `protocol` this transport."""
        self._protocol = protocol
        protocol.connection_made(self)

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        where = self._address
        if where.transport == "tcp":
            context = ssl.create_default_context() if where.scheme == "turns" else None
            await loop.create_connection(lambda: _Stream(self), where.host, where.port, ssl=context)
            return
        found = await loop.getaddrinfo(where.host, where.port, type=socket.SOCK_DGRAM)
        family, *_, address = found[0]
        port = UdpSocket("0.0.0.0" if family == socket.AF_INET else "::")  # noqa: S104 - the kernel chooses by the way there
        self._port = port
        port.sock.connect(address)  # nobody else is listened to
        self._target = Target(family, (str(address[0]), int(address[1])))
        port.on_burst = self._burst
        port.open(_Silent())

    async def _renew(self) -> None:
        """Keep the allocation and the channels until closed."""
        loop = asyncio.get_running_loop()
        allocation_due = loop.time() + self._lifetime * _RENEW_ALLOCATION_SHARE
        while True:
            await asyncio.sleep(min(RENEW_EVERY_S, self._lifetime * _LOOK_SHARE))
            try:
                if loop.time() + RENEW_EVERY_S / 2 > allocation_due:
                    await self._ask(stun.Method.REFRESH, {"LIFETIME": LIFETIME_S})
                    allocation_due = loop.time() + self._lifetime * _RENEW_ALLOCATION_SHARE
                for channel in [channel for channel in self._channels.values() if channel.bound]:
                    await self._bind(channel)
            except stun.TransactionError as error:
                log.info("TURN allocation was not renewed", error=_refusal(error))
                self.close()
                self._on_lost()
                return

    def confirm(self, now: float) -> None:
        """Ask the server whether there still is an allocation for us, and if not, be lost; once a second at most.

        It belongs to the address that we had when it was made (RFC 8656 section 2.2). Behind a NAT that forgot we are a
        stranger to the server, which drops what we send through channels without a word.
        """
        if now >= self._confirm_at and not self._confirming and not self._closing:
            self._confirm_at = now + CONFIRM_EVERY_S
            self._confirming = True
            self._spawn(self._confirm(), "asks")

    async def _confirm(self) -> None:
        try:
            await self._ask(stun.Method.REFRESH, {"LIFETIME": LIFETIME_S})
        except stun.TransactionFailed as error:
            log.info("TURN allocation is gone", error=_refusal(error))
            self.close()
            self._on_lost()
        except stun.TransactionError:
            return  # a path that is gone looks the same
        finally:
            self._confirming = False

    async def _ask(self, method: stun.Method, attributes: dict[str, Any]) -> stun.Message:
        """A transaction, with the credentials once the server has said for which realm."""
        for _ in range(3):
            request = stun.Message(message_method=method, message_class=stun.Class.REQUEST)
            request.attributes.update(attributes)
            self._sign(request)
            transaction = stun.Transaction(
                request, self.server_address, self, integrity_key=self._key or None, long_term_credential=True
            )
            self._transactions[request.transaction_id] = transaction
            try:
                return (await transaction.run())[0]
            except stun.TransactionFailed as error:
                if not self._learn(error.response):
                    raise
            finally:
                del self._transactions[request.transaction_id]
        raise stun.TransactionTimeout

    def _learn(self, response: stun.Message) -> bool:
        """Take realm and nonce from a refusal; whether trying again makes sense (RFC 8489 section 9.2.5)."""
        code = response.attributes.get("ERROR-CODE", (0, ""))[0]
        if "NONCE" not in response.attributes or not self._server.username:
            return False
        if code == 438 and self._key:
            self._nonce = response.attributes["NONCE"]
            return True
        if code == 401 and not self._key and "REALM" in response.attributes:
            self._nonce, self._realm = response.attributes["NONCE"], response.attributes["REALM"]
            text = f"{self._server.username}:{self._realm}:{self._server.credential}"
            self._key = hashlib.md5(text.encode(), usedforsecurity=False).digest()
            return True
        return False

    def _sign(self, request: stun.Message) -> None:
        if self._key:
            request.attributes["USERNAME"] = self._server.username
            request.attributes["NONCE"] = self._nonce
            request.attributes["REALM"] = self._realm
            request.add_message_integrity(self._key)

    @property
    def server_address(self) -> tuple[str, int]:
        return self._target.address if self._target is not None else (self._address.host, self._address.port)

    def send_stun(self, message: stun.Message, _: Any) -> None:
        """Send the server a message; called by transactions, again and again."""
        self._write(bytes(message))

    # --- channels -----------------------------------------------------------------------------------------------------

    def target(self, peer: tuple[str, int]) -> TurnChannel | None:
        """The channel to `peer`, for `flush`; made now if there is none. None when there are too many."""
        channel = self._channels.get(peer)
        if channel is None:
            if len(self._channels) >= MAX_CHANNELS:
                return None
            channel = TurnChannel(_FIRST_CHANNEL + len(self._channels), peer)
            self._channels[peer] = self._numbers[channel.number] = channel
            self._spawn(self._begin(channel), "binds")
        elif channel.retry_at and asyncio.get_running_loop().time() > channel.retry_at:
            channel.retry_at = 0.0
            self._spawn(self._begin(channel), "binds")
        return channel

    async def _begin(self, channel: TurnChannel) -> None:
        try:
            await self._bind(channel)
        except stun.TransactionError as error:
            log.info("TURN server makes no channel", error=_refusal(error))
            channel.waiting.clear()
            channel.retry_at = asyncio.get_running_loop().time() + FAILED_FOR_S
            return
        channel.bound = True
        waiting, channel.waiting = channel.waiting, deque(maxlen=MAX_WAITING_DATAGRAMS)
        for data in waiting:
            self.sendto(data, channel.peer)

    async def _bind(self, channel: TurnChannel) -> None:
        await self._ask(stun.Method.CHANNEL_BIND, {"CHANNEL-NUMBER": channel.number, "XOR-PEER-ADDRESS": channel.peer})

    def _spawn(self, work: Any, what: str) -> None:
        task: asyncio.Task[None] = spawn(work, name=f"TURN allocation {what}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # --- out ----------------------------------------------------------------------------------------------------------

    def sendto(self, data: Any, addr: Any = None) -> None:
        if self._closing:
            return
        channel = self.target(addr)
        if channel is None:
            self.dropped += 1
        elif channel.bound:
            self._write(HEADER.pack(channel.number, len(data)) + data)
        else:
            channel.waiting.append(bytes(data))

    def _write(self, data: bytes) -> None:
        if self._port is not None:
            assert self._target is not None
            self._port.sendto(data, self._target.address)
        elif self._stream is not None:
            self._stream.write(data + bytes(-len(data) % 4))

    @property
    def outbox(self) -> Outbox:
        """Where packets for `flush` are put."""
        return self._outbox

    def flush(self, channel: TurnChannel, count: int) -> None:
        """Send the first `count` packets of the outbox to the channel's peer."""
        if self._closing or not channel.bound:
            self.dropped += count
            return
        self._outbox.head(channel.number, count)
        if self._port is not None and self._target is not None:
            self._port.flush(self._target, count, self._outbox)
        elif self._stream is not None:
            self._stream.write(self._outbox.joined(count))

    # --- in -----------------------------------------------------------------------------------------------------------

    def _burst(self, inbox: Inbox, count: int, now: float) -> None:
        peeled = self._peeled
        if peeled is None or peeled.inbox is not inbox:
            peeled = self._peeled = Peeled(inbox)
        peeled.peel(count)
        others = self._on_burst(cast("Inbox", peeled), count, now)
        taken = [
            (peeled.channels[i], bytes(peeled.views[i][:size]))
            if (size := peeled.length(i))
            else (0, bytes(inbox.views[i][: inbox.length(i)]))
            for i in others
        ]
        for number, data in taken:
            if number:
                self._pass_on(number, data)
            else:
                self._take_control(data)

    def take(self, frame: bytes) -> None:
        """A frame of the stream."""
        if frame[0] >> 6 == 1:
            self._pass_on(int.from_bytes(frame[:2], "big"), frame[HEAD_BYTES:])
        else:
            self._take_control(frame)

    def _pass_on(self, number: int, data: bytes) -> None:
        channel = self._numbers.get(number)
        if channel is not None and not self._closing:
            self._on_datagram(data, channel.peer)

    def _take_control(self, data: bytes) -> None:
        """An answer of the server. Data indications are not used: they need no channel, and so are nobody we asked."""
        try:
            message = stun.parse_message(data)
            transaction = self._transactions.get(message.transaction_id)
            if transaction is not None and message.message_class in (stun.Class.RESPONSE, stun.Class.ERROR):
                transaction.response_received(message, self.server_address)
        except (ValueError, KeyError, struct.error):  # attributes of a wrong length; an error without a code
            self.refused += 1

    # --- as asyncio and aioice know it --------------------------------------------------------------------------------

    def connected(self, stream: asyncio.Transport) -> None:
        """The TCP connection is up."""
        self._stream = stream

    def lost(self) -> None:
        """The TCP connection has ended."""
        if not self._closing:
            log.info("TURN connection lost")
            self.close()
            if self._opening is not None:
                self._opening.reschedule(asyncio.get_running_loop().time())  # nobody will answer any more
            self._on_lost()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return {"sockname": self.relayed, "related_address": self.mapped}.get(name, default)

    def get_write_buffer_size(self) -> int:
        return self._stream.get_write_buffer_size() if self._stream is not None else 0

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        """Give the allocation back, without waiting for the server's word."""
        if self._closing:
            return
        if self._key and self.relayed[1]:
            request = stun.Message(message_method=stun.Method.REFRESH, message_class=stun.Class.REQUEST)
            request.attributes["LIFETIME"] = 0
            self._sign(request)
            self._write(bytes(request))
        self._closing = True
        for task in tuple(self._tasks):
            task.cancel()
        if self._port is not None:
            self._port.close()
        if self._stream is not None:
            self._stream.close()
        if self._protocol is not None:
            asyncio.get_running_loop().call_soon(self._protocol.connection_lost, None)

    def abort(self) -> None:
        self.close()


class _Silent(asyncio.DatagramProtocol):
    """The port's protocol, which has nothing to say."""


class _Stream(asyncio.Protocol):
    """The TCP connection to a TURN server."""

    def __init__(self, allocation: TurnAllocation) -> None:
        self._allocation = allocation
        self._deframer = Deframer()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        sock = transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._allocation.connected(self._transport)

    def data_received(self, data: bytes) -> None:
        try:
            for frame in self._deframer.feed(data):
                self._allocation.take(frame)
        except ValueError:
            assert self._transport is not None
            self._transport.abort()

    def connection_lost(self, _: Exception | None) -> None:
        self._allocation.lost()


def _refusal(error: stun.TransactionError) -> str:
    """Why the server refused, for people who run it."""
    response = error.response
    code = response.attributes.get("ERROR-CODE", (0, ""))[0] if response is not None else 0
    reasons = {
        401: "refuses the credentials",
        403: "forbids it",
        437: "knows no such allocation",
        441: "refuses the credentials",
        486: "has no allocation left for this user",
        508: "has no relayed address left",
    }
    return f"the TURN server {reasons.get(code, 'refuses')} ({code})" if code else "the TURN server does not answer"
