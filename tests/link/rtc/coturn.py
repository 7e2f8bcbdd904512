"""A real coturn on loopback, for tests: `use-auth-secret`, UDP and TCP, nothing kept."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import hmac
import shutil
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from link.protocol.values import IceServer

TURNSERVER = shutil.which("turnserver")
needs_coturn = pytest.mark.skipif(TURNSERVER is None, reason="coturn is not installed (apt-get install coturn)")
SECRET = "tests-only-" + "0" * 32
CONFIGURATION = """
listening-ip=127.0.0.1
relay-ip=127.0.0.1
listening-port={port}
min-port={low}
max-port={high}
realm=visavis.test
use-auth-secret
static-auth-secret={secret}
no-tls
no-dtls
no-cli
allow-loopback-peers
no-multicast-peers
pidfile={directory}/pid
userdb={directory}/users
log-file=stdout
simple-log
no-stdout-log
"""


@dataclass
class Coturn:
    """A coturn of this configuration; it may be killed and started again, on the same port and with nothing kept."""

    port: int
    directory: Path
    configuration: str
    _process: asyncio.subprocess.Process | None = None

    def url(self, transport: str = "udp") -> str:
        return f"turn:127.0.0.1:{self.port}?transport={transport}"

    def server(self, transport: str = "udp", *, seconds: float = 600, secret: str = SECRET) -> IceServer:
        """The server with credentials that end in `seconds`."""
        username = f"{int(time.time() + seconds)}:test"
        digest = hmac.new(secret.encode(), username.encode(), hashlib.sha1).digest()
        return IceServer([self.url(transport)], username, base64.b64encode(digest).decode())

    async def start(self) -> None:
        """Run it; returns when it listens."""
        assert TURNSERVER is not None
        low = 20000 + self.port % 20000
        file = self.directory / "turnserver.conf"
        file.write_text(
            self.configuration.format(port=self.port, low=low, high=low + 200, secret=SECRET, directory=self.directory)
        )
        with (self.directory / "coturn.log").open("wb") as log:
            process = self._process = await asyncio.create_subprocess_exec(
                TURNSERVER, "-c", str(file), stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log
            )
        async with asyncio.timeout(30):
            while not await _listens(self.port):
                assert process.returncode is None, (self.directory / "coturn.log").read_text()
                await asyncio.sleep(0.05)

    async def kill(self) -> None:
        """As by `kill -9`."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    async def stop(self) -> None:
        """Politely, if it listens to that."""
        if self._process is None or self._process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError, TimeoutError):
            self._process.terminate()
            async with asyncio.timeout(5):
                await self._process.wait()
        await self.kill()


@asynccontextmanager
async def coturn(directory: Path, configuration: str = CONFIGURATION) -> AsyncIterator[Coturn]:
    """Run coturn until the block ends."""
    made = Coturn(_free_port(), directory, configuration)
    try:
        await made.start()
        yield made
    finally:
        await made.stop()


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
    return port
