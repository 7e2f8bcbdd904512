"""Accepts WebSockets for an aiohttp application and finds the channel that each belongs to."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from typing import Final

import structlog
from aiohttp import WSMsgType, web

from link.protocol import codec
from link.protocol.errors import (
    BadMessage,
    Replaced,
    Unavailable,
    UnsupportedVersion,
    VisavisError,
    closing_code,
)
from link.protocol.frames import FRAME_BYTES, SUBPROTOCOL, VERSION, Bye, Hello
from link.protocol.values import Face
from link.rate_limit import Rates
from link.signaling.channel import Channel
from link.tasks import cancel, spawn

log = structlog.get_logger()

HELLO_SECONDS: Final = 5.0
_PROTOCOLS: Final = "Sec-WebSocket-Protocol"
OnChannel = Callable[[Channel], Awaitable[None]]


class Host:
    """All channels of one process: one per identity, kept ``linger_s`` seconds after a drop so that it can resume."""

    def __init__(self, *, heartbeat_s: float = 5.0, linger_s: float = 60.0) -> None:
        self._heartbeat_s = heartbeat_s
        self._linger_s = linger_s
        self._rates = Rates()
        self._channels: dict[tuple[Face, str], Channel] = {}
        self._owners: dict[Channel, asyncio.Task[None]] = {}
        self._lingering: dict[Channel, asyncio.TimerHandle] = {}
        self._stopping = False

    async def serve(
        self, request: web.Request, face: Face, key: str, on_channel: OnChannel, *, access: str = ""
    ) -> web.WebSocketResponse:
        """Carry one WebSocket of the identity ``key`` until it ends.

        ``access`` names what the identity was proved with, such as a login: a stream that began with another one is not
        resumed, because whoever watches for the end of an access watches that of the stream's first WebSocket.

        ``on_channel`` runs as a task once for each new channel (not for a resumed one) and should end when the channel
        closes; when it ends first, or fails, the channel is closed. A new stream of the same identity replaces the old.
        """
        # Pings are answered by the channel, which counts them: a library would answer any number.
        socket = web.WebSocketResponse(
            protocols=(SUBPROTOCOL,), max_msg_size=FRAME_BYTES, compress=False, timeout=2.0, autoping=False
        )
        await socket.prepare(request)
        transport = request.transport
        abort = transport.abort if transport is not None else (lambda: None)
        try:
            hello = await self._greet(request, socket)
        except VisavisError as error:
            await _refuse(socket, error)
            return socket
        old = self._resumable(face, key, hello, access)
        channel = old or self._open(face, key, on_channel)
        channel.access = access
        self._keep(channel)
        try:
            await channel.carry(socket, abort, hello, resumed=old is not None)
        finally:
            if not channel.connected:
                self._linger(channel)
        return socket

    def channel(self, face: Face, key: str) -> Channel | None:
        """The channel of an identity, connected or lingering."""
        return self._channels.get((face, key))

    async def stop(self) -> None:
        """Tell every client to come back later and end all channels."""
        self._stopping = True
        for channel in list(self._channels.values()):
            channel.close(Unavailable("restarting"))
        for owner in list(self._owners.values()):
            _, pending = await asyncio.wait([owner], timeout=2)
            if pending:
                await cancel(owner)
        for handle in self._lingering.values():
            handle.cancel()
        self._lingering.clear()

    async def _greet(self, request: web.Request, socket: web.WebSocketResponse) -> Hello:
        if self._stopping:
            raise Unavailable("restarting")
        try:
            message = await socket.receive(timeout=HELLO_SECONDS)
        except TimeoutError:
            raise BadMessage("no hello in time") from None
        if message.type is not WSMsgType.TEXT:
            raise BadMessage("the first message is a hello")
        if codec.foreign_version(message.data) or (_PROTOCOLS in request.headers and socket.ws_protocol is None):
            raise UnsupportedVersion(f"this server speaks version {VERSION}")
        frame = codec.decode_client(message.data)
        if not isinstance(frame, Hello):
            raise BadMessage("the first frame is a hello")
        return frame

    def _resumable(self, face: Face, key: str, hello: Hello, access: str) -> Channel | None:
        channel = self._channels.get((face, key))
        if channel is None or channel.closed.is_set() or hello.resume is None or channel.access != access:
            return None
        same = secrets.compare_digest(channel.resume.encode(), hello.resume.encode())
        return channel if same and channel.stream.can_resume(hello.received) else None

    def _open(self, face: Face, key: str, on_channel: OnChannel) -> Channel:
        old = self._channels.get((face, key))
        if old is not None:
            old.close(Replaced("a newer connection took over"))
        channel = Channel(face, key, self._heartbeat_s, self._rates)
        self._channels[face, key] = channel
        self._owners[channel] = spawn(self._own(channel, on_channel), name=f"channel {face} {key}")
        return channel

    async def _own(self, channel: Channel, on_channel: OnChannel) -> None:
        try:
            await on_channel(channel)
        except VisavisError as error:
            channel.close(error)
        finally:
            channel.close(Unavailable("ended"))
            self._forget(channel)

    def _forget(self, channel: Channel) -> None:
        self._owners.pop(channel, None)
        self._keep(channel)
        if self._channels.get((channel.face, channel.key)) is channel:
            del self._channels[channel.face, channel.key]

    def _keep(self, channel: Channel) -> None:
        handle = self._lingering.pop(channel, None)
        if handle is not None:
            handle.cancel()

    def _linger(self, channel: Channel) -> None:
        if channel.closed.is_set():
            return
        self._keep(channel)
        loop = asyncio.get_running_loop()
        self._lingering[channel] = loop.call_later(self._linger_s, channel.close, Unavailable("gone"))


async def _refuse(socket: web.WebSocketResponse, error: VisavisError) -> None:
    try:
        async with asyncio.timeout(2):
            await socket.send_frame(codec.encode(Bye(error.code, error.message[:200])), WSMsgType.TEXT)
            await socket.close(code=closing_code(error))
    except (TimeoutError, ConnectionError, RuntimeError):
        return
