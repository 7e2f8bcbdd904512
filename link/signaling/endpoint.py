"""One end of a stream over one WebSocket at a time: writing, acknowledging, heartbeats, bounds."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from typing import Any, Final, Protocol

import structlog
from aiohttp import WSCloseCode, WSMessage, WSMsgType

from link.protocol import codec
from link.protocol.errors import SlowConsumer, TooLarge, VisavisError
from link.protocol.frames import Ack, Bye, Ping, Pong
from link.signaling.stream import KEEP_BYTES, Stream
from link.tasks import cancel, spawn

log = structlog.get_logger()

ACK_FRAMES: Final = 16
ACK_SECONDS: Final = 0.5
CLOSE_SECONDS: Final = 2.0


class Socket(Protocol):
    """What both of aiohttp's WebSocket classes offer and an endpoint uses."""

    async def send_frame(self, message: bytes, opcode: WSMsgType) -> None: ...

    async def receive(self, timeout: float | None = None) -> WSMessage: ...

    async def close(self, *, code: int = 1000, message: bytes = b"") -> bool: ...

    def get_extra_info(self, name: str, default: Any = None) -> Any: ...


class Endpoint(ABC):
    """Owns the stream, and for the time of one WebSocket its writer task.

    Subclasses say what a data frame means (:meth:`_take`). ``_abort`` cuts the TCP connection of a peer that does not
    read; it is set with each attachment.
    """

    def __init__(self, name: str, heartbeat_s: float) -> None:
        self.name = name
        self.heartbeat_s = heartbeat_s
        self.stream = Stream()
        self._socket: Socket | None = None
        self._abort: Callable[[], None] = lambda: None
        self._outgoing: deque[bytes] = deque()
        self._outgoing_bytes = 0
        self._wake = asyncio.Event()
        self._unacknowledged = 0
        self._ack_timer: asyncio.TimerHandle | None = None
        self._pings = 0
        self._heard = 0
        self._check: asyncio.TimerHandle | None = None
        self._given_up = False
        self._farewell: Bye | None = None
        self.cut = False
        """Whether the last WebSocket ended from afar without a goodbye, as by the death of the peer's process.

        A network that is gone closes nothing: then it is silent, and so it is when we gave the WebSocket up.
        """

    @property
    def connected(self) -> bool:
        """Whether a WebSocket carries this end now."""
        return self._socket is not None

    def check(self, within: float) -> None:
        """Ask the far end for a sign of life now, because something else went silent.

        A WebSocket on which nothing arrives for `within` seconds is cut, and the stream goes on over the next one: much
        earlier than by the heartbeat. Nothing happens without a WebSocket, or while an earlier check is under way.
        """
        if self._socket is None or self._check is not None:
            return
        self._pings += 1
        self._write(codec.encode(Ping(self._pings)))
        self._check = asyncio.get_running_loop().call_later(within, self._check_due, self._socket, self._heard)

    def _check_due(self, socket: Socket, heard: int) -> None:
        self._check = None
        if self._socket is socket and self._heard == heard:
            log.info("connection is silent", name=self.name)
            self._given_up = True
            self._abort()

    def _allow(self) -> None:  # noqa: B027 - a client bounds nothing that its server sends
        """Count a message or ping that costs work. Raises VisavisError, which closes, when there are too many."""

    @abstractmethod
    async def _take(self, data: str | bytes) -> None:
        """Parse one text message and act on it; may wait (back-pressure). Raises VisavisError to close."""

    def _number(self, data: bytes) -> None:
        """Keep a data frame and send it when there is a socket. A full stream closes the connection."""
        try:
            self.stream.keep(data)
        except SlowConsumer as error:
            self._fail(error)
            raise
        self._unacknowledged = 0
        self._write(data)

    def _write(self, data: bytes) -> None:
        if self._socket is None:
            return
        if self._outgoing_bytes + len(data) > 2 * KEEP_BYTES:
            self._fail(SlowConsumer("outgoing queue is full"))
            return
        self._outgoing.append(data)
        self._outgoing_bytes += len(data)
        self._wake.set()

    def _fail(self, error: VisavisError) -> None:
        """End the connection because of ``error``; subclasses end the whole endpoint."""
        if self._farewell is None:
            self._farewell = Bye(error.code, error.message[:200], getattr(error, "retry_after", None))
        self._wake.set()
        if self._socket is not None:
            # A peer that does not read never receives the `bye`, and the writer task would block for ever.
            asyncio.get_running_loop().call_later(2 * CLOSE_SECONDS, self._abort)

    async def _carry(self, socket: Socket, abort: Callable[[], None], first: bytes) -> None:
        """Run the stream over ``socket`` until it ends: ``first`` (hello or welcome's frame), then what is kept.

        Returns when the peer left, was silent for two heartbeats, or ``_fail`` was called. Raises VisavisError for what
        the peer did wrong, after telling it.
        """
        self._socket, self._abort, self._farewell = socket, abort, None
        self.cut = self._given_up = False
        self._outgoing = deque([first, *self.stream.unacknowledged()])
        self._outgoing_bytes = sum(map(len, self._outgoing))
        self._wake.set()
        writer = spawn(self._write_all(socket), name=f"{self.name} writer")
        try:
            await self._read_all(socket, writer)
        except VisavisError as error:
            self._fail(error)
            await asyncio.wait([writer], timeout=2 * CLOSE_SECONDS)
            raise
        finally:
            if self._socket is socket:
                self._socket = None
                self._stop_ack_timer()
                if self._check is not None:
                    self._check.cancel()
                    self._check = None
            await cancel(writer)
            await self._close_socket(socket, 1000, abort)

    async def _read_all(self, socket: Socket, writer: asyncio.Task[None]) -> None:
        silent = False
        while self._socket is socket:
            try:
                message = await socket.receive(timeout=self.heartbeat_s)
            except TimeoutError:
                if silent or writer.done():
                    return
                silent = True
                self._pings += 1
                self._write(codec.encode(Ping(self._pings)))
                continue
            silent = False
            self._heard += 1
            if message.type is WSMsgType.TEXT:
                await self._take(message.data)
            elif message.type is WSMsgType.PING:
                self._allow()
                try:
                    async with asyncio.timeout(2 * self.heartbeat_s):
                        await socket.send_frame(message.data, WSMsgType.PONG)
                except TimeoutError:  # it asks and does not read the answers
                    return
            elif message.type is WSMsgType.PONG:
                self._allow()
            elif message.type is WSMsgType.ERROR and "too big" in str(message.data).lower():
                raise TooLarge("frame over 64 KiB")
            else:
                # Close, closing, closed, error, or a binary message, which this protocol does not have.
                ours = self._socket is not socket or self._given_up or self._farewell is not None
                self.cut = not ours and _without_goodbye(message)
                return

    async def _write_all(self, socket: Socket) -> None:
        try:
            while True:
                # Another WebSocket may have taken over: what is queued is then not for this one.
                while self._outgoing and self._farewell is None and self._socket is socket:
                    data = self._outgoing.popleft()
                    self._outgoing_bytes -= len(data)
                    await socket.send_frame(data, WSMsgType.TEXT)
                if self._farewell is not None or self._socket is not socket:
                    break
                self._wake.clear()
                await self._wake.wait()
            if self._farewell is not None and self._socket is socket:
                await self._say_farewell(socket, self._farewell)
        except (ConnectionError, RuntimeError):
            # The reader sees the end of the same connection and reports it.
            return

    async def _say_farewell(self, socket: Socket, bye: Bye) -> None:
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await socket.send_frame(codec.encode(bye), WSMsgType.TEXT)
        except TimeoutError:
            self._abort()
        except (ConnectionError, RuntimeError):
            return
        await self._close_socket(socket, CLOSING.get(bye.code, 1000), self._abort)

    @staticmethod
    async def _close_socket(socket: Socket, code: int, abort: Callable[[], None]) -> None:
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await socket.close(code=code)
        except (TimeoutError, ConnectionError, RuntimeError):
            abort()

    def _control(self, frame: Ping | Pong | Ack | Bye) -> None:
        if isinstance(frame, Ping):
            self._write(codec.encode(Pong(frame.n)))
        elif isinstance(frame, Ack):
            self.stream.acknowledge(frame.received)

    def _counted(self) -> None:
        """A data frame came in: acknowledge at the latest after 16 frames or half a second."""
        self._unacknowledged += 1
        if self._unacknowledged >= ACK_FRAMES:
            self._acknowledge()
        elif self._ack_timer is None:
            self._ack_timer = asyncio.get_running_loop().call_later(ACK_SECONDS, self._ack_due)

    def _ack_due(self) -> None:
        self._ack_timer = None
        if self._unacknowledged:
            self._acknowledge()

    def _acknowledge(self) -> None:
        self._unacknowledged = 0
        self._write(codec.encode(Ack(self.stream.received)))

    def _stop_ack_timer(self) -> None:
        if self._ack_timer is not None:
            self._ack_timer.cancel()
            self._ack_timer = None


def _without_goodbye(message: WSMessage) -> bool:
    """An end of file or a reset; or 1001, which a browser says for a page whose process died."""
    if message.type is WSMsgType.CLOSE:
        return bool(message.data == WSCloseCode.GOING_AWAY)
    return message.type is WSMsgType.CLOSED or isinstance(message.data, ConnectionError)


def _closing_codes() -> dict[str, int]:
    pending: list[type[VisavisError]] = [VisavisError]
    codes: dict[str, int] = {}
    while pending:
        kind = pending.pop()
        codes[kind.code] = kind.close
        pending.extend(kind.__subclasses__())
    return codes


CLOSING: Final = _closing_codes()
