"""A bad line between a server and everybody who uses it: HTTP and WebSockets pass, media is lost, a line is cut."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Mapping
from types import TracebackType
from typing import Any

import aiohttp
from aiohttp import web
from multidict import CIMultiDict

from link.protocol.frames import FRAME_BYTES, SUBPROTOCOL
from link.tasks import cancel, spawn
from tests.link.rtc.lossy import LossyPath

_OF_ONE_HOP = {"connection", "keep-alive", "transfer-encoding", "upgrade", "sec-websocket-key", "sec-websocket-version"}
_OF_ONE_HOP |= {"sec-websocket-extensions", "sec-websocket-protocol", "content-length"}
_Line = web.WebSocketResponse | aiohttp.ClientWebSocketResponse
# A candidate is a message of a numbered stream and cannot be left out: this one leads nowhere (RFC 5737).
SYN_S, RTO_S = 1.0, 0.2  # Linux: the first retransmission of a SYN, and of data on a line without delay
_NOWHERE = "candidate:1 1 udp 1 198.51.100.1 9 typ host"


class Wire:
    """Stands before `server`, at `url`, for kiosk clients and browsers alike.

    `part()` makes the network swallow media and signaling, both ways or one, until `heal()`. TCP then behaves as the
    kernel's: what was under way, and attempts to connect, come through with the first retransmission after that, whose
    pauses double.

    Every media connection that is negotiated through it runs through a `LossyPath`, both ways, with the `loss` (0 to 1)
    that is set at that time; `paths` has them in order.
    """

    def __init__(self, server: str) -> None:
        self.server = server
        self.url = ""
        self.loss = 0.0
        self.paths: list[LossyPath] = []
        self._lines: dict[str, web.Request] = {}
        self._newest: dict[str, LossyPath] = {}
        self._stranded: set[int] = set()
        # aiohttp forgets a handler whose client is gone; one that waits for a lost line would never end by itself.
        self._handlers: set[asyncio.Task[Any]] = set()
        self._runner: web.AppRunner | None = None
        self._out: aiohttp.ClientSession | None = None
        self._parted: tuple[str, ...] = ()

    async def __aenter__(self) -> Wire:
        app = web.Application(client_max_size=32 * 1024 * 1024)
        app.router.add_route("*", "/{path:.*}", self._request)
        self._out = aiohttp.ClientSession(auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar())
        self._runner = web.AppRunner(app, shutdown_timeout=1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for path in self.paths:
            path.close()
        assert self._runner is not None
        assert self._out is not None
        await self._runner.cleanup()
        for handler in tuple(self._handlers):
            await cancel(handler)
        await self._out.close()

    def cut(self, path: str) -> None:
        """Cut the newest WebSocket at `path`, without a goodbye."""
        transport = self._lines[path].transport
        assert transport is not None
        transport.abort()

    def part(self, *ways: str) -> None:
        """From now on nothing passes `up` to the server, or `down` from it; without `ways`, neither."""
        self._parted = ways or ("up", "down")
        for path in self.paths:
            self._block(path)

    def heal(self) -> None:
        """Everything passes again."""
        self._parted = ()
        for path in self.paths:
            self._block(path)

    def _block(self, path: LossyPath) -> None:
        path.to_answerer.blocked = "up" in self._parted
        path.to_offerer.blocked = "down" in self._parted

    def move(self, path: str) -> None:
        """Whoever has the WebSocket at `path` gets a new address: what was connected before leads nowhere, for good."""
        self._stranded.add(id(self._lines[path]))
        self._newest[path].blocked = True
        self.paths.remove(self._newest[path])
        self._newest[path].close()

    async def rebind(self, path: str, *, lines: bool = False) -> None:
        """The NAT before whoever has the WebSocket at `path` forgets: media goes on from another port.

        With `lines` the WebSocket is forgotten as well: it hangs for good.
        """
        await self._newest[path].rebind()
        if lines:
            self._stranded.add(id(self._lines[path]))

    async def _passes(self, first: float, *ways: str) -> None:
        """Return when TCP gets something sent now through: at once, or `first`, 3 times `first`, 7 times... after."""
        pause = first
        while any(way in self._parted for way in ways):
            await asyncio.sleep(pause)
            pause *= 2

    async def _request(self, request: web.Request) -> web.StreamResponse:
        assert self._out is not None
        await self._passes(SYN_S, "up", "down")
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self._socket(request, self._out)
        body = await request.read() if request.body_exists else None
        try:
            async with self._out.request(
                request.method,
                self.server + request.path_qs,
                headers=_passed_on(request.headers),
                data=body,
                allow_redirects=False,
            ) as answer:
                headers = _passed_on(answer.headers)
                return web.Response(status=answer.status, headers=headers, body=await answer.read())
        except aiohttp.ClientError:
            return web.Response(status=502)

    async def _socket(self, request: web.Request, out: aiohttp.ClientSession) -> web.StreamResponse:
        handler = asyncio.current_task()
        assert handler is not None
        self._handlers.add(handler)
        handler.add_done_callback(self._handlers.discard)
        near = web.WebSocketResponse(protocols=(SUBPROTOCOL,), max_msg_size=2 * FRAME_BYTES)
        address, headers = self.server + request.path_qs, _passed_on(request.headers)
        try:
            far = await out.ws_connect(address, headers=headers, protocols=(SUBPROTOCOL,))
        except aiohttp.ClientError as error:
            return web.Response(status=getattr(error, "status", 502))
        async with far:
            await near.prepare(request)
            self._lines[request.path] = request
            ways = [spawn(self._carry(request, *ends), name="wire") for ends in ((near, far), (far, near))]
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    await cancel(way)
            with contextlib.suppress(ConnectionError):
                await near.close()
        return near

    async def _carry(self, request: web.Request, source: _Line, target: _Line) -> None:
        async for message in source:
            if message.type is aiohttp.WSMsgType.TEXT:
                await self._passes(RTO_S, "up" if isinstance(source, web.WebSocketResponse) else "down")
                if id(request) in self._stranded:
                    await asyncio.Event().wait()
                with contextlib.suppress(ConnectionError):
                    await target.send_str(await self._changed(message.data, request.path))

    async def _changed(self, text: str, line: str) -> str:
        frame = json.loads(text)
        body = frame.get("body", {})
        match body.get("type"):
            case "leg_offer":
                body["sdp"] = LossyPath.hide(body["sdp"])
            case "leg_candidate" if body["candidate"]:
                body["candidate"] = _NOWHERE
            case "leg_answer":
                path = LossyPath(loss=self.loss, seed=len(self.paths) + 1)
                self._block(path)
                self.paths.append(path)
                self._newest[line] = path
                body["sdp"] = await path.stand_before(body["sdp"])
            case _:
                return text
        return json.dumps(frame)


def _passed_on(headers: Mapping[str, str]) -> CIMultiDict[str]:
    return CIMultiDict((name, value) for name, value in headers.items() if name.lower() not in _OF_ONE_HOP)
