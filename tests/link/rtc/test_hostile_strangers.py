"""Strangers with many addresses against the socket of a call: what each datagram costs, and what other calls notice."""

from __future__ import annotations

import asyncio
import random
import secrets
import socket
import struct
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager

import pytest
from aioice import stun
from structlog.testing import capture_logs

from link.rtc.leg import Leg, LegState
from link.rtc.relay import Relay
from link.rtc.transport.stun_filter import MAX_QUEUED_DATAGRAMS
from link.tasks import cancel, spawn
from tests.link.rtc.fuzz.test_network import client_hello, where
from tests.link.rtc.test_leg import Camera, Pair, Recorded, until
from tests.machine import slower

SOURCES = 200
COUNT = 4000
Make = Callable[[Leg, random.Random], bytes]


def check(leg: Leg, *, user: str = "", password: bytes = b"a guess") -> bytearray:
    """A connectivity check by somebody who has seen the description, or part of it, but not the password."""
    connection = leg._transport._connection
    request = stun.Message(stun.Method.BINDING, stun.Class.REQUEST, secrets.token_bytes(12))
    request.attributes["USERNAME"] = user or f"{connection.local_username}:{connection.remote_username}"
    request.attributes["PRIORITY"] = 1
    request.attributes["ICE-CONTROLLING"] = 1
    request.add_message_integrity(password)
    return bytearray(bytes(request))


def wrong_length(leg: Leg, _: random.Random) -> bytes:
    request = check(leg)
    request[2:4] = b"\x04\x00"
    return bytes(request)


def wrong_fingerprint(leg: Leg, _: random.Random) -> bytes:
    request = check(leg)
    request[-1] ^= 1
    return bytes(request)


def media(leg: Leg, chance: random.Random) -> bytes:
    """Of a stream that is known, forged."""
    ssrc, source = chance.choice(list(leg._ingress._media.items()))
    return struct.pack("!BBHII", 0x80, source.payload_type, chance.getrandbits(16), 1, ssrc) + chance.randbytes(900)


HELLO = client_hello()
KINDS: dict[str, Make] = {
    "a wrong password": lambda leg, _: bytes(check(leg)),
    "a wrong fingerprint": wrong_fingerprint,
    "a wrong length": wrong_length,
    "another user": lambda leg, _: bytes(check(leg, user="abcd:efgh")),
    "an answer to nothing": lambda *_: bytes(
        stun.Message(stun.Method.BINDING, stun.Class.RESPONSE, secrets.token_bytes(12))
    ),
    "a ClientHello": lambda *_: HELLO,
    "forged media": media,
    "media of nobody": lambda _, chance: struct.pack("!BBHII", 0x80, 96, 1, 1, chance.getrandbits(32)) + bytes(900),
    "forged RTCP": lambda _, chance: b"\x80\xc8\x00\x06" + chance.randbytes(60),
    "noise": lambda _, chance: chance.randbytes(chance.randrange(1400)),
    "nothing": lambda *_: b"",
    "3,000 bytes": lambda *_: b"\x80\x60" + bytes(3000),
}


@contextmanager
def sources() -> Iterator[list[socket.socket]]:
    made = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(SOURCES)]
    for sock in made:
        sock.bind(("127.0.0.1", 0))
        sock.setblocking(False)
    yield made
    for sock in made:
        sock.close()


@pytest.fixture
async def pair(no_task_left: None) -> AsyncIterator[Pair]:
    made = Pair()
    await made.connect()
    yield made
    await made.close()


def port_of(leg: Leg) -> object:
    target = where(leg)
    protocols = leg._transport._connection._protocols
    return next(p.transport for p in protocols if p.transport.get_extra_info("sockname")[:2] == target)


@pytest.mark.alone
@pytest.mark.parametrize("kind", KINDS)
async def test_what_a_strangers_datagram_costs(pair: Pair, kind: str) -> None:
    """CPU of this thread for reading and refusing it, from the socket on; a packet of a call is 10 to 20 µs."""
    leg, chance = pair.answerer, random.Random(1)
    connection, port = leg._transport._connection, port_of(leg)
    tasks, known, spent = len(asyncio.all_tasks()), len(connection._remote_candidates), 0.0
    datagrams = [KINDS[kind](leg, chance) for _ in range(COUNT)]
    with sources() as socks, capture_logs() as logs:
        for start in range(0, COUNT, 100):
            for index in range(start, start + 100):
                socks[index % SOURCES].sendto(datagrams[index], where(leg))
            begin = time.thread_time()
            port.read(time.monotonic())  # type: ignore[attr-defined]
            spent += time.thread_time() - begin
        await asyncio.sleep(0.05)
    print(f"{kind}: {spent / COUNT * 1e6:.1f} µs")
    assert spent / COUNT < 100e-6 * slower()
    assert logs == [], "a line for each would be an attack on the disk"
    assert len(asyncio.all_tasks()) == tasks
    assert len(connection._remote_candidates) == known, "nobody was learnt"
    assert connection._queue.qsize() <= MAX_QUEUED_DATAGRAMS
    assert leg.state is LegState.CONNECTED


@pytest.mark.alone
async def test_another_call_of_the_process_loses_nothing(pair: Pair) -> None:
    """10,000 datagrams a second from 200 addresses at one call; the other's pictures come, each in its time."""
    other, relay, camera, seen = Pair(), Relay(), Camera(size=6000), Recorded()
    await other.connect()
    relay.connect(camera.injection.track, other.offerer, "camera")
    tap = seen.on(relay, other.answerer, "camera")
    filming = spawn(camera.run(10_000), name="camera")
    await until(lambda: len(seen.frames) > 5)
    chance, target = random.Random(2), where(pair.answerer)
    datagrams = [make(pair.answerer, chance) for make in KINDS.values() for _ in range(100)]
    begin, sent, first = time.monotonic(), 0, len(seen.frames)
    with sources() as socks:
        while (now := time.monotonic()) - begin < 2.0:
            while sent < (now - begin) * 10_000:
                socks[sent % SOURCES].sendto(datagrams[sent % len(datagrams)], target)
                sent += 1
            await asyncio.sleep(0.002)
    frames = len(seen.frames) - first
    await cancel(filming)
    print(f"{sent} datagrams, {frames} frames meanwhile")
    assert seen.gaps == []
    assert other.answerer.statistics().tracks["camera"].lost == 0
    assert frames >= 50
    assert pair.answerer.state is other.answerer.state is LegState.CONNECTED
    tap.close()
    await other.close()
