"""Many kiosks in one process: the product's own client and assertions, no media. Says once a second how they are."""

from __future__ import annotations

import asyncio
import collections
import hashlib
import itertools
import json
import random
import ssl
import statistics
import sys
import time
from collections.abc import Mapping

import aiohttp
import structlog
import uvloop
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from kiosk_client.agent.identity import DeviceIdentity, Enrolment
from link.protocol import codec
from link.protocol.frames import Ack, Bye, Ping, Pong
from link.protocol.server import ServerMessage
from link.signaling.client import Client, Refused
from link.tasks import spawn
from server.serve import raise_descriptors

HANDSHAKES = 100
"""Connections that this process makes at a time. A kiosk has a processor of its own for its handshake; here thousands
share one, and without a bound none of theirs would be done within the server's patience of 5 s."""
SAMPLES = 100
"""Kiosks that measure a round trip in each second."""
OURS = 1_000_000_000
"""Numbers of the pings that are measured start here; the heartbeat's own are below."""


def key_of(number: int) -> Ed25519PrivateKey:
    """The key of the kiosk with this number, the same in every process."""
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"bench kiosk %d" % number).digest())


class Tally:
    """What became of all attempts to connect."""

    def __init__(self) -> None:
        self.connected = 0
        self.postponed = 0
        self.while_down = 0
        self.failures: collections.Counter[str] = collections.Counter()
        self.round_trips: collections.deque[float] = collections.deque(maxlen=SAMPLES * 20)

    def line(self) -> str:
        """How things stand, as JSON."""
        trips = sorted(self.round_trips)
        enough = len(trips) >= SAMPLES
        return json.dumps(
            {
                "connected": self.connected,
                "postponed": self.postponed,
                "while_down": self.while_down,
                "failed": self.failures.total(),
                "failures": dict(self.failures),
                "ping_p99_ms": round(statistics.quantiles(trips, n=100)[98] * 1000, 1) if enough else None,
                "ping_p50_ms": round(statistics.median(trips) * 1000, 1) if enough else None,
            }
        )


class Kiosk(Client):
    """One kiosk, which counts what happens to it.

    A server that is not there is expected while there is none, and so is to be told when to come. All else is failure.
    """

    def __init__(self, number: int, url: str, tls: ssl.SSLContext, tally: Tally, turn: asyncio.Semaphore) -> None:
        self._turn = turn
        self._device = DeviceIdentity(Enrolment(url, f"k{number}"), key_of(number))
        self._tally = tally
        self._sent: dict[int, float] = {}
        super().__init__(url, headers=self._prove, on_message=self._hear, on_state=self._counted_state, tls=tls)

    async def _prove(self) -> Mapping[str, str]:
        return self._device.headers()

    async def _hear(self, _message: ServerMessage) -> None:
        pass

    def _counted_state(self, online: bool) -> None:
        self._tally.connected += 1 if online else -1

    async def _connect(self, http: aiohttp.ClientSession) -> None:
        was_up = self._tally.connected
        try:
            await super()._connect(http)
        except Refused as error:
            if error.retry_after is not None:
                self._tally.postponed += 1
            else:
                self._tally.failures[error.code] += 1
            raise
        except aiohttp.ClientConnectorError:
            self._tally.while_down += 1
            raise
        except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError, TimeoutError, ConnectionError) as error:
            # The process that was killed took with it whoever was just connecting.
            if was_up and self._tally.connected == 0:
                self._tally.while_down += 1
            else:
                self._tally.failures[type(error).__name__] += 1
            raise
        except Exception as error:
            self._tally.failures[type(error).__name__] += 1
            raise

    async def _upgrade(self, http: aiohttp.ClientSession) -> aiohttp.ClientWebSocketResponse:
        async with self._turn:
            return await super()._upgrade(http)

    def measure(self, number: int) -> None:
        """Send a ping of our own beside the heartbeat."""
        if self.connected:
            self._sent = {number: time.perf_counter()}
            self._write(codec.encode(Ping(number)))

    def _control(self, frame: Ping | Pong | Ack | Bye) -> None:
        if isinstance(frame, Pong) and frame.n in self._sent:
            self._tally.round_trips.append(time.perf_counter() - self._sent.pop(frame.n))
        super()._control(frame)


async def live(count: int, url: str, ca: str) -> None:
    """Connect `count` kiosks, a few at a time at first, and keep them up until this process is ended."""
    tls = ssl.create_default_context(cafile=ca)
    tally, numbers = Tally(), itertools.count(OURS)
    turn = asyncio.Semaphore(HANDSHAKES)
    kiosks = [Kiosk(number, url, tls, tally, turn) for number in range(count)]
    tasks = [spawn(kiosk.run(), name="kiosk") for kiosk in kiosks]
    while tasks:
        await asyncio.sleep(1)
        print(tally.line(), flush=True)
        for kiosk in random.sample(kiosks, min(SAMPLES, count)):
            kiosk.measure(next(numbers))


if __name__ == "__main__":
    raise_descriptors()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    uvloop.run(live(int(sys.argv[1]), sys.argv[2], sys.argv[3]))
