"""Janus (Debian's package) with its videocall plugin: its own configuration but for ports, addresses and folders."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import shutil
import socket
from pathlib import Path
from typing import Any, Self

import aiohttp

from tests.bench.clip import media_host

BINARY = shutil.which("janus")
OTHER_TRANSPORTS = ",".join(f"libjanus_{name}.so" for name in ("http", "pfunix", "nanomsg", "mqtt", "rabbitmq"))
"""Only WebSockets are used; these would take fixed ports and files."""
CONFIGURATION = Path("/etc/janus")


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def configure(folder: Path) -> int:
    """Debian's configuration, with the WebSocket on a free port of loopback and ICE on loopback; the port."""
    target = folder / "etc"
    shutil.copytree(CONFIGURATION, target)
    port = free_port()
    text = (target / "janus.jcfg").read_text()
    text = text.replace(f'configs_folder = "{CONFIGURATION}"', f'configs_folder = "{target}"')
    text = text.replace('#ice_enforce_list = "eth0"\n', f'ice_enforce_list = "{media_host()}"\n', 1)
    text = text.replace("\tprotected_folders = [", "\tunprotected_folders_of_the_bench = [")
    (target / "janus.jcfg").write_text(text)
    sockets = target / "janus.transport.websockets.jcfg"
    text = sockets.read_text().replace("ws_port = 8188", f'ws_port = {port}\n\tws_ip = "127.0.0.1"')
    sockets.write_text(text)
    text = (target / "janus.jcfg").read_text()
    text = text.replace(
        "transports: {",
        f'transports: {{\n\tdisable = "{OTHER_TRANSPORTS}"',
        1,
    )
    (target / "janus.jcfg").write_text(text)
    return port


class Signaling:
    """One WebSocket to Janus with one handle for each party."""

    def __init__(self, port: int) -> None:
        self._url = f"ws://127.0.0.1:{port}"
        self._waiting: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._events: dict[int, asyncio.Queue[dict[str, Any]]] = {}

    async def __aenter__(self) -> Self:
        self._http = aiohttp.ClientSession()
        for attempt in range(100):
            try:
                self._ws = await self._http.ws_connect(self._url, protocols=("janus-protocol",))
                break
            except aiohttp.ClientError:
                if attempt == 99:
                    raise
                await asyncio.sleep(0.1)
        self._reader = asyncio.get_running_loop().create_task(self._read())
        self._session = (await self._ask({"janus": "create"}))["data"]["id"]
        self._alive = asyncio.get_running_loop().create_task(self._keep_alive())
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in (self._alive, self._reader):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await self._ws.close()
        await self._http.close()

    async def _keep_alive(self) -> None:
        while True:
            await asyncio.sleep(20)
            await self._ask({"janus": "keepalive", "session_id": self._session})

    async def _read(self) -> None:
        async for message in self._ws:
            body = message.json()
            waiting = self._waiting.get(body.get("transaction", ""))
            if body["janus"] == "event":
                self._events[body["sender"]].put_nowait(body)
            elif waiting is not None and not waiting.done():
                waiting.set_result(body)

    async def _ask(self, body: dict[str, Any]) -> dict[str, Any]:
        transaction = secrets.token_hex(6)
        coming = self._waiting[transaction] = asyncio.get_running_loop().create_future()
        await self._ws.send_json({**body, "transaction": transaction})
        async with asyncio.timeout(10):
            answer: dict[str, Any] = await coming
        del self._waiting[transaction]
        if answer["janus"] == "error":
            raise RuntimeError(f"janus: {answer}")
        return answer

    async def party(self, name: str) -> int:
        """A registered user of the videocall plugin; its handle."""
        attach = {"janus": "attach", "plugin": "janus.plugin.videocall", "session_id": self._session}
        handle = int((await self._ask(attach))["data"]["id"])
        self._events[handle] = asyncio.Queue()
        await self.say(handle, {"request": "register", "username": name})
        await self.event(handle, "registered")
        return handle

    async def say(self, handle: int, body: dict[str, Any], jsep: dict[str, str] | None = None) -> None:
        message: dict[str, Any] = {"janus": "message", "session_id": self._session, "handle_id": handle, "body": body}
        await self._ask({**message, "jsep": jsep} if jsep else message)

    async def event(self, handle: int, name: str) -> dict[str, Any]:
        """The next event of this name."""
        async with asyncio.timeout(10):
            while True:
                body = await self._events[handle].get()
                data = body["plugindata"]["data"]
                if "error" in data:
                    raise RuntimeError(f"janus: {data}")
                if data.get("result", {}).get("event") == name:
                    return body
