"""A leg can be closed at any moment: within two seconds, and nothing of it is left."""

from __future__ import annotations

import asyncio
import gc
import socket
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from link.protocol.values import IceServer
from link.rtc.leg import Leg, LegState
from link.tasks import spawn
from tests.link.rtc.lossy import LossyPath
from tests.link.rtc.test_leg import Camera, Pair, until
from tests.machine import allow

LIMIT = 2.0


def descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


@pytest.fixture(autouse=True)
async def nothing_left(no_task_left: None) -> AsyncIterator[None]:
    """No thread and no descriptor more than before, once what is unreachable is gone."""
    gc.collect()
    threads, before = threading.active_count(), descriptors()
    yield
    await asyncio.sleep(0)
    gc.collect()
    # The loop's own threads for names stay.
    assert threading.active_count() <= max(threads, 1) + 2
    assert descriptors() <= before


async def closes(*legs: Leg) -> None:
    """All of them at once, each twice, in time."""
    begin = time.monotonic()
    await asyncio.gather(*(leg.close() for leg in legs for _ in range(2)))
    assert time.monotonic() - begin < allow(LIMIT + 0.3)
    assert all(leg.state is LegState.CLOSED for leg in legs)


@pytest.fixture
def silent_stun(monkeypatch: pytest.MonkeyPatch) -> socket.socket:
    """A STUN server that never answers, waited for less long than usual."""
    monkeypatch.setattr("link.rtc.transport.ice_dtls.STUN_TIMEOUT_S", 0.6)
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    return sock


async def test_new() -> None:
    await closes(Leg("new", loopback=True))


async def test_gathering(silent_stun: socket.socket) -> None:
    host, port = silent_stun.getsockname()
    leg = Leg("gathers", loopback=True, ice_servers=[IceServer([f"stun:{host}:{port}"])])
    offering = spawn(leg.offer(), name="offers")
    await asyncio.sleep(0.1)
    assert not offering.done()
    await closes(leg)
    await asyncio.wait([offering], timeout=6)
    assert offering.done()
    silent_stun.close()


async def test_answering_while_gathering(silent_stun: socket.socket) -> None:
    """The answer is ready when nobody wants it any more: it must not start to connect."""
    host, port = silent_stun.getsockname()
    other = Leg("offers", loopback=True)
    offer = await other.offer()
    leg = Leg("gathers", loopback=True, ice_servers=[IceServer([f"stun:{host}:{port}"])])
    answering = spawn(leg.answer(offer), name="answers")
    await asyncio.sleep(0.1)
    assert not answering.done()
    await closes(leg, other)
    await asyncio.wait([answering], timeout=6)
    assert answering.done()
    silent_stun.close()


async def test_a_cancelled_answer(silent_stun: socket.socket) -> None:
    host, port = silent_stun.getsockname()
    other = Leg("offers", loopback=True)
    leg = Leg("gathers", loopback=True, ice_servers=[IceServer([f"stun:{host}:{port}"])])
    answering = spawn(leg.answer(await other.offer()), name="answers")
    await asyncio.sleep(0.1)
    answering.cancel()
    await asyncio.wait([answering])
    await closes(leg, other)
    silent_stun.close()


async def test_connecting_to_nobody() -> None:
    leg, other = Leg("connects", loopback=True), Leg("offers", loopback=True)
    await leg.answer(LossyPath.hide(await other.offer()))
    await asyncio.sleep(0.1)
    await closes(leg, other)


async def test_resolving_names() -> None:
    leg, other = Leg("connects", loopback=True), Leg("offers", loopback=True)
    await leg.answer(LossyPath.hide(await other.offer()))
    for number in range(20):
        await leg.add_candidate(f"candidate:{number} 1 udp 2 {number}-visavis-test.local 9 typ host", "0")
    await asyncio.sleep(0.05)
    await closes(leg, other)


class NoHandshake(LossyPath):
    """Lets so many DTLS datagrams through, and no more."""

    def __init__(self, passes: int) -> None:
        super().__init__()
        self.passes = passes

    def carry(self, data: bytes, towards: str) -> None:
        if 19 < data[0] < 64:
            self.passes -= 1
            if self.passes < 0:
                return
        super().carry(data, towards)


@pytest.mark.parametrize("passes", range(4))
async def test_half_a_handshake(passes: int) -> None:
    pair, path = Pair(), NoHandshake(passes)
    answer = await pair.answerer.answer(path.hide(await pair.offerer.offer()))
    await pair.offerer.accept(await path.stand_before(answer))
    await until(lambda: path.passes < 0)
    await closes(pair.offerer, pair.answerer)
    path.close()


async def test_connected_and_in_the_middle_of_media() -> None:
    pair, camera = Pair(), Camera()
    await pair.connect()
    pair.offerer.slots["camera"].attach(camera.injection.track, time.monotonic())
    sending = spawn(camera.run(100, 0.002), name="camera")
    await until(lambda: pair.answerer.tracks["camera"].packets > 20)
    await closes(pair.offerer, pair.answerer)
    await sending


async def test_a_far_end_that_is_gone() -> None:
    pair, path = Pair(), LossyPath()
    await pair.connect(path)
    path.blocked = True
    await until(lambda: pair.answerer.state is LegState.SILENT)
    await closes(pair.answerer)
    await closes(pair.offerer)
    path.close()


async def test_a_loop_that_is_busy() -> None:
    pair = Pair()
    await pair.connect()
    busy = True

    async def work() -> None:
        while busy:
            time.sleep(0.02)  # noqa: ASYNC251 - that is the trouble
            await asyncio.sleep(0)

    working = [spawn(work(), name="busy") for _ in range(3)]
    await closes(pair.offerer, pair.answerer)
    busy = False
    await asyncio.wait(working)


async def test_a_library_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    """aiortc's own close can hang: the leg is over all the same, and its sockets are closed."""
    pair = Pair()
    await pair.connect()
    never = asyncio.Event()
    monkeypatch.setattr(pair.offerer._transport._dtls, "stop", never.wait)
    await closes(pair.offerer)
    assert not pair.offerer._transport._connection._protocols or all(
        protocol.transport.is_closing() for protocol in pair.offerer._transport._connection._protocols
    )
    await closes(pair.answerer)


async def test_close_that_is_cancelled_goes_on() -> None:
    pair = Pair()
    await pair.connect()
    closing = spawn(pair.offerer.close(), name="closes")
    await asyncio.sleep(0)
    closing.cancel()
    await closes(pair.offerer, pair.answerer)


async def test_close_while_the_state_says_so() -> None:
    """Whoever is told that a leg has connected may close it at once."""
    closing: list[asyncio.Task[None]] = []

    def close_at_once(state: LegState) -> None:
        if state is LegState.CONNECTED:
            closing.append(spawn(offerer.close(), name="closes"))

    offerer = Leg("offerer", loopback=True, on_state=close_at_once)
    answerer = Leg("answerer", loopback=True)
    await offerer.accept(await answerer.answer(await offerer.offer()))
    await until(lambda: offerer.state is LegState.CLOSED)
    await asyncio.wait(closing)
    await until(lambda: answerer.state is LegState.CLOSED)
    await closes(offerer, answerer)


@pytest.mark.parametrize("turns", range(5))
async def test_a_datagram_comes_as_the_handshake_is_cancelled(turns: int) -> None:
    """`asyncio.wait_for` of Python 3.11, which aiortc waits by, then forgets that it was cancelled."""
    pair, never = Pair(), asyncio.Event()

    async def keeps_still(_: object) -> None:
        await never.wait()

    pair.offerer._transport._dtls.start = keeps_still  # type: ignore[method-assign, assignment]
    transport = pair.answerer._transport
    await pair.offerer.accept(await pair.answerer.answer(await pair.offerer.offer()))
    await until(lambda: transport._dtls.state == "connecting")
    transport._connection._queue.put_nowait((b"\x16" + bytes(40), 1))
    for _ in range(turns):
        await asyncio.sleep(0)
    begin = time.monotonic()
    await pair.answerer.close()
    assert time.monotonic() - begin < allow(LIMIT / 2)
    await pair.offerer.close()


async def test_what_aiortc_does_not_stop_in_time_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its tasks for ICE go on otherwise: the one that waits for events, and the one that asks for consent."""
    monkeypatch.setattr("link.rtc.transport.ice_dtls.CLOSE_TIMEOUT_S", 0.1)
    pair, never = Pair(), asyncio.Event()
    await pair.connect()
    for leg in (pair.offerer, pair.answerer):
        leg._transport._dtls.stop = never.wait  # type: ignore[method-assign, assignment]
    await closes(pair.offerer, pair.answerer)
