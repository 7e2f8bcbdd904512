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

from link.media.leg import IceServer

TURNSERVER = shutil.which("turnserver")
needs_coturn = pytest.mark.skipif(TURNSERVER is None, reason="coturn is not installed (apt-get install coturn)")
SECRET = "tests-only-" + "0" * 32
_CONFIGURATION = """
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
    """A running coturn."""

    port: int

    def url(self, transport: str = "udp") -> str:
        return f"turn:127.0.0.1:{self.port}?transport={transport}"

    def server(self, transport: str = "udp", *, seconds: float = 600, secret: str = SECRET) -> IceServer:
        """The server with credentials that end in `seconds`."""
        username = f"{int(time.time() + seconds)}:test"
        digest = hmac.new(secret.encode(), username.encode(), hashlib.sha1).digest()
        return IceServer((self.url(transport),), username, base64.b64encode(digest).decode())


@asynccontextmanager
async def coturn(directory: Path, configuration: str = _CONFIGURATION) -> AsyncIterator[Coturn]:
    """Run coturn until the block ends."""
    assert TURNSERVER is not None
    port = _free_port()
    low = 20000 + port % 20000
    file = directory / "turnserver.conf"
    file.write_text(configuration.format(port=port, low=low, high=low + 200, secret=SECRET, directory=directory))
    with (directory / "coturn.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            TURNSERVER, "-c", str(file), stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log
        )
    try:
        async with asyncio.timeout(15):
            while not await _listens(port):
                assert process.returncode is None, (directory / "coturn.log").read_text()
                await asyncio.sleep(0.05)
        yield Coturn(port)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(5):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


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
