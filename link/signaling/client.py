"""The connecting end of a stream, with reconnection: a kiosk client's connection to its server."""

from __future__ import annotations

import asyncio
import contextlib
import math
import random
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import aiohttp
import structlog

from link.protocol import codec
from link.protocol.client import ClientMessage
from link.protocol.errors import BadMessage, ClockOff, NotAuthenticated, StreamClosed, Unavailable, VisavisError
from link.protocol.frames import (
    FRAME_BYTES,
    SUBPROTOCOL,
    TIME_HEADER,
    VERSION,
    Ack,
    Bye,
    Failure,
    Hello,
    Say,
    Tell,
    Welcome,
)
from link.protocol.server import ServerMessage
from link.signaling.endpoint import CLOSING, Endpoint
from link.signaling.stream import Stream
from link.tasks import cancel, spawn

log = structlog.get_logger()

CONNECT_SECONDS: Final = 20.0
PENDING: Final = 256
BACKOFF: Final = (0.1, 0.3, 1.0, 2.0, 4.0, 8.0, 15.0)
SPREAD: Final = (0.5, 1.5)  # random factor, so that clients of a restarted server do not all reconnect at once
TOLD_SPREAD: Final = 0.5  # seconds after the moment that the server named
REPLACED_PAUSE: Final = 5.0
RETRY_MOST: Final = 600.0
EAGER_PAUSE: Final = 0.5
EAGER_EVERY: Final = 0.7
EAGER_SECONDS: Final = 5.0


class Refused(VisavisError):
    """The server refused a request; ``code`` is the server's, ``retry_after`` in seconds where it gave one."""

    def __init__(self, code: str, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.code = code  # type: ignore[misc]  # an instance's own code, because it is the server's word
        self.close = CLOSING.get(code, 1011)  # type: ignore[misc]
        self.retry_after = retry_after


class Client(Endpoint):
    """A stream to a server that is kept up until :meth:`stop`.

    ``headers()`` is awaited before each attempt (a device assertion lives one minute). ``on_message`` takes what is not
    a reply, in order. ``on_state(True)`` follows each connection that is up, ``on_fresh()`` one whose stream is new:
    the server then sends all state again, and requests that were under way have failed with ``unavailable``.
    ``on_refusal(error)`` follows each attempt that was refused for who this is; ``ClockOff`` holds the server's time.

    While ``eager`` is set somebody waits for the stream to come back: pauses are short, and an attempt that gets no
    answer does not hold up the next. A SYN that is lost is sent again after 1, 3 and 7 s only: a network that is back
    would stay unused for seconds.
    """

    def __init__(
        self,
        url: str,
        *,
        headers: Callable[[], Awaitable[Mapping[str, str]]],
        on_message: Callable[[ServerMessage], Awaitable[None]],
        on_state: Callable[[bool], None] = lambda _: None,
        on_fresh: Callable[[], None] = lambda: None,
        on_refusal: Callable[[VisavisError], None] = lambda _: None,
        tls: ssl.SSLContext | None = None,
        heartbeat_s: float = 5.0,
    ) -> None:
        super().__init__("client", heartbeat_s)
        self._url = url
        self._headers = headers
        self._on_message = on_message
        self._on_state = on_state
        self._on_fresh = on_fresh
        self._on_refusal = on_refusal
        self._tls = tls
        self._resume: str | None = None
        self._requests: dict[int, asyncio.Future[ServerMessage]] = {}
        self._next = 0
        self._leaving = asyncio.Event()
        self.refusal: VisavisError | None = None
        self.eager = False
        self._hurry = asyncio.Event()

    def post(self, body: ClientMessage) -> None:
        """Send a notification; kept up to 1 MiB while there is no connection. Raises SlowConsumer over that."""
        self._number(codec.encode(Say(self.stream.sent + 1, self.stream.received, body)))

    async def request(self, body: ClientMessage, timeout: float = 15.0) -> ServerMessage:
        """Send a request and return its reply.

        Raises Refused with the server's code, and Unavailable after ``timeout`` seconds or when the stream started
        anew: whether the server acted is then unknown, and the caller asks again (requests that matter are idempotent).
        """
        if len(self._requests) >= PENDING:
            raise Unavailable("too many requests under way")
        self._next += 1
        number = self._next
        future: asyncio.Future[ServerMessage] = asyncio.get_running_loop().create_future()
        self._requests[number] = future
        try:
            self._number(codec.encode(Say(self.stream.sent + 1, self.stream.received, body, number)))
            async with asyncio.timeout(timeout):
                return await future
        except TimeoutError:
            raise Unavailable("no reply in time") from None
        finally:
            self._requests.pop(number, None)

    async def run(self) -> None:
        """Keep the stream up until :meth:`stop`; ``refusal`` holds why the server refuses this identity, if it does."""
        attempt = 0
        async with aiohttp.ClientSession() as http:
            while not self._leaving.is_set():
                told: float | None = None
                try:
                    await self._connect(http)
                    self.refusal, attempt = None, 0
                except Refused as error:
                    # Two machines with one identity must not replace each other in a tight loop.
                    told = error.retry_after or (REPLACED_PAUSE if error.code == "replaced" else None)
                except ClockOff as error:
                    self._refuse(error)
                    log.error("this machine's clock is off", seconds=round(time.time() - error.server_time))
                except NotAuthenticated as error:
                    self._refuse(error)
                    log.error("server refuses this identity")
                except (aiohttp.ClientError, OSError, TimeoutError, VisavisError) as error:
                    log.info("connection failed", error=type(error).__name__)
                await self._pause(self._until_next(attempt, told))
                attempt += 1

    def _refuse(self, error: VisavisError) -> None:
        self.refusal = error
        self._on_refusal(error)

    def _until_next(self, attempt: int, told: float | None) -> float:
        """Seconds until the next attempt: what the server `told`, or longer each time; never with everybody else."""
        if told is not None:
            return told + random.uniform(0, TOLD_SPREAD)
        if self._given_up and attempt == 0:
            return 0.0  # the connection was dead, and not the server
        pause = BACKOFF[min(attempt, len(BACKOFF) - 1)] * random.uniform(*SPREAD)
        return min(pause, EAGER_PAUSE) if self.eager else pause

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._hurry.wait()
        self._hurry.clear()

    def hurry(self) -> None:
        """Do not wait any longer before the next attempt to connect: the network has just changed."""
        self._hurry.set()

    @property
    def local_address(self) -> str | None:
        """The address of this machine that the present connection was made from, if there is one."""
        name = self._socket.get_extra_info("sockname") if self._socket is not None else None
        return str(name[0]) if name else None

    def stop(self) -> None:
        """Leave: says goodbye, fails what is under way. ``run`` then returns."""
        self._leaving.set()
        self._hurry.set()
        self._fail(StreamClosed())
        self._fail_requests()

    def drop(self) -> None:
        """Abort the connection, as a broken network would; the stream resumes over the next one."""
        if self._socket is not None:
            self._abort()

    async def _connect(self, http: aiohttp.ClientSession) -> None:
        try:
            socket = await self._reach(http)
            async with asyncio.timeout(EAGER_SECONDS if self.eager else CONNECT_SECONDS):
                hello = codec.encode(Hello(VERSION, self._resume, self.stream.received))
                await socket.send_frame(hello, aiohttp.WSMsgType.TEXT)
                welcome = await self._welcome(socket)
        except aiohttp.WSServerHandshakeError as error:
            if error.status == 401 and (told := _server_time(error.headers)) is not None:
                raise ClockOff(f"status {error.status}", server_time=told) from None
            if error.status in (401, 403):
                raise NotAuthenticated(f"status {error.status}") from None
            if error.status in (429, 503):
                raise Refused("unavailable", f"status {error.status}", _retry_after(error.headers)) from None
            raise
        if self._leaving.is_set():
            # `stop` was called before there was a socket to say goodbye on.
            await socket.close()
            return
        transport = socket._conn.transport if socket._conn is not None else None
        # Not by its class: uvloop's transports are none of asyncio's.
        abort = getattr(transport, "abort", lambda: None)
        self._adopt(welcome)
        self._on_state(True)
        try:
            await self._carry(socket, abort, codec.encode(Ack(self.stream.received)))
        finally:
            self._on_state(False)

    async def _reach(self, http: aiohttp.ClientSession) -> aiohttp.ClientWebSocketResponse:
        """A WebSocket: of one attempt, or while ``eager`` of the first that succeeds of several that overlap."""
        attempts: set[asyncio.Task[aiohttp.ClientWebSocketResponse | Exception]] = set()
        chosen: aiohttp.ClientWebSocketResponse | None = None
        try:
            while True:
                if not attempts or self.eager:
                    attempts.add(spawn(self._attempt(http), name="connection attempt"))
                done, _ = await asyncio.wait(attempts, timeout=EAGER_EVERY, return_when=asyncio.FIRST_COMPLETED)
                for attempt in done:
                    outcome = attempt.result()
                    if not isinstance(outcome, Exception):
                        chosen = outcome
                        return chosen
                    attempts.discard(attempt)
                    if not isinstance(outcome, TimeoutError) or not attempts:
                        raise outcome
        finally:
            for attempt in attempts:
                await cancel(attempt)
                other = None if attempt.cancelled() else attempt.result()
                if isinstance(other, aiohttp.ClientWebSocketResponse) and other is not chosen:
                    await other.close()

    async def _attempt(self, http: aiohttp.ClientSession) -> aiohttp.ClientWebSocketResponse | Exception:
        try:
            return await self._upgrade(http)
        except Exception as error:  # noqa: BLE001 - `_reach` raises it where it is seen
            return error

    async def _upgrade(self, http: aiohttp.ClientSession) -> aiohttp.ClientWebSocketResponse:
        headers = await self._headers()
        async with asyncio.timeout(EAGER_SECONDS if self.eager else CONNECT_SECONDS):
            return await http.ws_connect(
                self._url,
                headers=headers,
                protocols=(SUBPROTOCOL,),
                max_msg_size=FRAME_BYTES,
                ssl=self._tls or True,
            )

    async def _welcome(self, socket: aiohttp.ClientWebSocketResponse) -> Welcome:
        message = await socket.receive()
        if message.type is not aiohttp.WSMsgType.TEXT:
            raise BadMessage("the server closed before its welcome")
        frame = codec.decode_server(message.data)
        if isinstance(frame, Bye):
            await socket.close()
            raise Refused(frame.code, frame.message, frame.retry_after)
        if not isinstance(frame, Welcome):
            raise BadMessage("the first frame is a welcome")
        return frame

    def _adopt(self, welcome: Welcome) -> None:
        first, self._resume = self._resume is None, welcome.resume
        self.heartbeat_s = welcome.heartbeat_s
        if welcome.resumed:
            self.stream.acknowledge(welcome.received)
            return
        if not first:
            self.stream = Stream()
            self._fail_requests()
        self._on_fresh()

    def _fail_requests(self) -> None:
        for future in list(self._requests.values()):
            if not future.done():
                future.set_exception(Unavailable("the connection started anew"))

    async def _take(self, data: str | bytes) -> None:
        frame = codec.decode_server(data)
        if isinstance(frame, Welcome):
            raise BadMessage("a second welcome")
        if isinstance(frame, Bye):
            log.info("server said goodbye", code=frame.code)
            raise Refused(frame.code, frame.message, frame.retry_after)
        if not isinstance(frame, Tell | Failure):
            self._control(frame)
            return
        self.stream.acknowledge(frame.ack)
        if not self.stream.accept(frame.seq):
            return
        self._counted()
        if isinstance(frame, Failure):
            self._settle(frame.id, Refused(frame.code, frame.message, frame.retry_after))
        elif frame.id is not None:
            self._settle(frame.id, frame.body)
        else:
            await self._on_message(frame.body)

    def _settle(self, number: int, outcome: ServerMessage | Refused) -> None:
        """Give a request its outcome; one that nobody waits for any more is dropped."""
        future = self._requests.get(number)
        if future is None or future.done():
            return
        if isinstance(outcome, Refused):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)


def _server_time(headers: Mapping[str, str] | None) -> float | None:
    """The time (unix seconds) by which the server refused an assertion, if that is why."""
    try:
        told = float((headers or {}).get(TIME_HEADER, ""))
    except ValueError:
        return None
    return told if math.isfinite(told) else None


def _retry_after(headers: Mapping[str, str] | None) -> float | None:
    """The seconds of a Retry-After (RFC 9110 §10.2.3), bounded; a date or nonsense is none."""
    text = headers.get("Retry-After", "") if headers is not None else ""
    return min(float(text), RETRY_MOST) if text.isascii() and text.isdecimal() and len(text) < 10 else None
