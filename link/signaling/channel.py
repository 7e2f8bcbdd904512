"""The end of a stream that a server holds for one client; it outlives the client's WebSockets."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Final

import structlog

from link.protocol import codec
from link.protocol.client import ClientMessage
from link.protocol.errors import BadMessage, NotAllowed, SlowConsumer, StreamClosed, VisavisError
from link.protocol.frames import VERSION, Failure, Hello, Say, Tell, Welcome
from link.protocol.server import ServerMessage
from link.protocol.values import Face
from link.rate_limit import Rates
from link.signaling.endpoint import Endpoint, Socket

log = structlog.get_logger()

INBOX: Final = 256
MESSAGES_PER_SECOND: Final = 200.0
BURST: Final = 600.0
ACK_PATIENCE_S: Final = 90.0
"""A client that acknowledges nothing of what it was sent for so long does not read. A page in the background, whose
timers browsers let fire once a minute, does."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """A client's message; ``id`` is set when it waits for a reply."""

    body: ClientMessage
    id: int | None


class Channel(Endpoint):
    """Messages of one client, in order and exactly once, until it is closed.

    ``async for incoming in channel`` ends when the channel is closed. ``post`` and ``reply`` never wait: what the
    client does not take is kept up to 1 MiB, then the channel closes with ``slow_consumer``.
    """

    def __init__(self, face: Face, key: str, heartbeat_s: float, rates: Rates | None = None) -> None:
        """`rates` counts the messages of each client over all its streams: a new one brings no new allowance."""
        super().__init__(f"channel {face} {key}", heartbeat_s)
        self._rates = rates or Rates()
        self.face = face
        self.key = key
        self.access = ""
        self.resume = secrets.token_urlsafe(24)
        self.closed = asyncio.Event()
        self.error: VisavisError | None = None
        self.on_refusal: Callable[[ClientMessage, VisavisError], None] = lambda _body, _error: None
        """Told each message that is refused, and why, also where nobody waits for an answer."""
        self._inbox: asyncio.Queue[Incoming | None] = asyncio.Queue(INBOX)
        self._watchers: list[Callable[[bool], None]] = []
        self._patience: asyncio.TimerHandle | None = None

    def watch(self, watcher: Callable[[bool], None]) -> None:
        """Call ``watcher(connected)`` whenever the client's WebSocket comes or goes."""
        self._watchers.append(watcher)

    def post(self, body: ServerMessage) -> None:
        """Send a message. A channel that is closed, or now overflows, drops it: its client starts afresh anyway."""
        self._tell(body, None)

    def reply(self, incoming: Incoming, body: ServerMessage) -> None:
        """Answer a request; for a notification this does nothing."""
        if incoming.id is not None:
            self._tell(body, incoming.id)

    def fail(self, incoming: Incoming, error: VisavisError) -> None:
        """Refuse a request; a notification is not answered."""
        self.on_refusal(incoming.body, error)
        if incoming.id is None or self.closed.is_set():
            return
        retry = getattr(error, "retry_after", None)
        frame = Failure(self.stream.sent + 1, self.stream.received, incoming.id, error.code, error.message[:200], retry)
        self._keep(codec.encode(frame))

    def close(self, error: VisavisError | None = None) -> None:
        """End the stream; the client is told ``error``'s code. Idempotent."""
        if self.closed.is_set():
            return
        self.error = error
        self.closed.set()
        self._stop_patience()
        super()._fail(error or StreamClosed())
        while not self._inbox.empty():
            self._inbox.get_nowait()
        self._inbox.put_nowait(None)

    async def __aiter__(self) -> AsyncIterator[Incoming]:
        while not self.closed.is_set():
            incoming = await self._inbox.get()
            if incoming is None:
                return
            yield incoming

    async def carry(self, socket: Socket, abort: Callable[[], None], hello: Hello, *, resumed: bool) -> None:
        """Run over ``socket`` until it ends; an earlier socket of the channel is cut."""
        if resumed:
            self.stream.acknowledge(hello.received)
        self._release()
        welcome = Welcome(VERSION, self.face, self.resume, resumed, self.stream.received, self.heartbeat_s)
        carrying = self._carry(socket, abort, codec.encode(welcome))
        self._notify(True)
        self._start_patience()
        try:
            await carrying
        except VisavisError as error:
            log.info("client refused", face=self.face, key=self.key, code=error.code)
            self.close(error)
        finally:
            if self._socket is None:
                self._stop_patience()
                self._notify(False)

    def _release(self) -> None:
        """Cut the earlier WebSocket without a close handshake: most likely its connection is dead."""
        if self._socket is not None:
            self._socket = None
            self._abort()

    def _tell(self, body: ServerMessage, request: int | None) -> None:
        if self.closed.is_set():
            return
        self._keep(codec.encode(Tell(self.stream.sent + 1, self.stream.received, body, request)))

    def _keep(self, data: bytes) -> None:
        try:
            self._number(data)
        except VisavisError as error:
            log.info("channel overflows", face=self.face, key=self.key, code=error.code)
            return
        if self._patience is None and self._socket is not None:
            self._start_patience()

    def _start_patience(self) -> None:
        self._stop_patience()
        if self.stream.kept_bytes and not self.closed.is_set():
            loop = asyncio.get_running_loop()
            self._patience = loop.call_later(ACK_PATIENCE_S, self._check_patience, self.stream.acknowledged)

    def _stop_patience(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _check_patience(self, acknowledged: int) -> None:
        """Close unless something was acknowledged since the timer was set, or nothing waits to be."""
        if self.stream.kept_bytes and self.stream.acknowledged == acknowledged:
            log.warning("client reads nothing", face=self.face, key=self.key, waiting=self.stream.kept_bytes)
            self.close(SlowConsumer(f"nothing was acknowledged for {ACK_PATIENCE_S:g} s"))
            return
        self._start_patience()

    def _fail(self, error: VisavisError) -> None:
        self.close(error)

    async def _take(self, data: str | bytes) -> None:
        self._allow()
        frame = codec.decode_client(data)
        if isinstance(frame, Hello):
            raise BadMessage("a second hello")
        if not isinstance(frame, Say):
            self._control(frame)
            return
        self.stream.acknowledge(frame.ack)
        if not self.stream.accept(frame.seq):
            return
        self._counted()
        incoming = Incoming(frame.body, frame.id)
        if self.face in frame.body.faces:
            await self._inbox.put(incoming)
            return
        error = NotAllowed("this message is not for this face")
        self.fail(incoming, error)
        if frame.id is None:
            raise error

    def _allow(self) -> None:
        self._rates.take(f"messages of {self.face}", self.key, MESSAGES_PER_SECOND, BURST)

    def _notify(self, connected: bool) -> None:
        for watcher in list(self._watchers):
            watcher(connected)
