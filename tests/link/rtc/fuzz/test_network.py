"""Hostile datagrams on the real sockets of real legs: strangers, and a far end that has the password."""

from __future__ import annotations

import asyncio
import os
import random
import re
import secrets
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from aioice import stun
from OpenSSL import SSL

from link.rtc.leg import Leg, LegState
from link.rtc.relay import LocalTrack, Relay
from link.rtc.transport.stun_filter import MAX_QUEUED_DATAGRAMS, MAX_SOURCE_ADDRESSES, StunFilter
from link.rtc.wire.sdp import MAX_CANDIDATES
from link.tasks import spawn
from tests.link.rtc.fuzz.mutation import mutate_bytes
from tests.link.rtc.lossy import LossyPath
from tests.link.rtc.test_leg import KEYFRAME, Camera, Pair, Recorded, until
from tests.machine import allow, slower

_FINGERPRINT = re.compile(r"sha-256 [0-9A-F:]{95}")
BIG = bool(os.environ.get("VISAVIS_BIG_TESTS"))
STUN_CASES = 40_000 if BIG else 10_000


@pytest.fixture
async def pair(no_task_left: None) -> AsyncIterator[Pair]:
    made = Pair()
    yield made
    await made.close()


@contextmanager
def stranger() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.setblocking(False)
        yield sock


def where(leg: Leg) -> tuple[str, int]:
    """A loopback address that a leg listens on."""
    for protocol in leg._transport._connection._protocols:
        host, port = protocol.transport.get_extra_info("sockname")[:2]
        if host == "127.0.0.1":
            return host, port
    raise AssertionError("no loopback")


async def flood(sock: socket.socket, target: tuple[str, int], datagrams: Iterator[bytes]) -> float:
    """Send everything, no faster than it is read; the longest time that the event loop was away, in CPU seconds."""
    worst = 0.0
    for index, data in enumerate(datagrams):
        sock.sendto(data, target)
        if index % 16 == 15:
            begin = time.thread_time()
            await asyncio.sleep(0.001)
            worst = max(worst, time.thread_time() - begin)
    await asyncio.sleep(0.05)
    return worst


async def carries_media(pair: Pair) -> None:
    """A picture still comes through, both ways."""
    relay = Relay()
    for source, target, up, down in (
        (pair.offerer, pair.answerer, "camera", "camera"),
        (pair.answerer, pair.offerer, "video0", "video0"),
    ):
        seen, camera = Recorded(), LocalTrack("video", "camera")
        relay.connect(camera.track, source, up)
        tap = seen.on(relay, target, down)
        camera.push(KEYFRAME + bytes(3000), 0, keyframe=True)
        await until(lambda seen=seen: len(seen.frames) == 1)  # type: ignore[misc]
        tap.close()
        relay.disconnect(source, up)


def bounded(leg: Leg) -> None:
    connection = leg._transport._connection
    assert len(connection._remote_candidates) <= MAX_SOURCE_ADDRESSES + 1
    assert len(connection._check_list) <= 4 * MAX_SOURCE_ADDRESSES
    assert connection._queue.qsize() <= MAX_QUEUED_DATAGRAMS
    assert sum(len(protocol.transactions) for protocol in connection._protocols) <= 4 * MAX_SOURCE_ADDRESSES


_ATTRIBUTES: dict[str, Callable[[random.Random], Any]] = {
    "PRIORITY": lambda chance: chance.getrandbits(32),
    "USE-CANDIDATE": lambda chance: None,
    "ICE-CONTROLLING": lambda chance: chance.choice((0, 1, 2**63, 2**64 - 1)),
    "ICE-CONTROLLED": lambda chance: chance.choice((0, 1, 2**63, 2**64 - 1)),
    "ERROR-CODE": lambda chance: (chance.choice((300, 400, 401, 438, 487, 500, 699)), "x" * chance.randrange(40)),
    "XOR-MAPPED-ADDRESS": lambda chance: ("127.0.0.1", chance.randrange(65536)),
    "SOFTWARE": lambda chance: "s" * chance.randrange(400),
    "REALM": lambda chance: "r",
    "NONCE": lambda chance: bytes(chance.randrange(30)),
}


def make_stun(leg: Leg, chance: random.Random, *, password: bool) -> bytes:
    """A message of STUN, wild but well made, with the leg's own password or a wrong one."""
    connection = leg._transport._connection
    method = chance.choice((*[stun.Method.BINDING] * 4, stun.Method.ALLOCATE, stun.Method.DATA))
    kind = chance.choice((stun.Class.REQUEST,) * 4 + tuple(stun.Class))
    pending = [t for protocol in connection._protocols for t in protocol.transactions]
    transaction = chance.choice(pending) if pending and chance.random() < 0.3 else secrets.token_bytes(12)
    wild = stun.Message(method, kind, transaction)
    user = f"{connection.local_username}:{connection.remote_username or 'x'}"
    wild.attributes["USERNAME"] = user if chance.random() < 0.9 else user[::-1]
    for name in chance.sample(sorted(_ATTRIBUTES), chance.randrange(len(_ATTRIBUTES))):
        wild.attributes[name] = _ATTRIBUTES[name](chance)
    if chance.random() < 0.95:
        wild.add_message_integrity(connection.local_password.encode() if password else b"guess")
    return bytes(wild)


def stun_cases(leg: Leg, seed: int, count: int, *, password: bool) -> Iterator[bytes]:
    chance = random.Random(seed)
    for _ in range(count):
        good = make_stun(leg, chance, password=password)
        yield good if chance.random() < 0.4 else mutate_bytes(good, [good], chance)


@pytest.mark.parametrize("password", [False, True], ids=["stranger", "with the password"])
async def test_stun_of_any_kind_while_connected(pair: Pair, password: bool) -> None:
    await pair.connect()
    tasks = len(asyncio.all_tasks())
    with stranger() as sock:
        for leg in (pair.offerer, pair.answerer):
            worst = await flood(sock, where(leg), stun_cases(leg, 1, STUN_CASES // 2, password=password))
            assert worst < allow(0.2), "16 datagrams"
            bounded(leg)
    if not password:
        assert len(asyncio.all_tasks()) == tasks, "nobody tried to call back"
    else:
        # Checks of addresses that never answer end by themselves, or with the leg.
        assert len(asyncio.all_tasks()) <= tasks + 2 * MAX_SOURCE_ADDRESSES
    assert pair.offerer.state is pair.answerer.state is LegState.CONNECTED
    await carries_media(pair)


async def test_stun_of_any_kind_while_connecting(pair: Pair) -> None:
    """Before the far end's description is known, and while its checks come."""
    offer = await pair.offerer.offer()
    with stranger() as sock:
        await flood(sock, where(pair.offerer), stun_cases(pair.offerer, 2, 1000, password=False))
        await flood(sock, where(pair.offerer), iter([bytes((i % 4,)) * 40 for i in range(1000)]))
        bounded(pair.offerer)
        answer = await pair.answerer.answer(offer)
        await flood(sock, where(pair.answerer), iter([bytes((i % 4,)) * 40 for i in range(1000)]))
        await pair.offerer.accept(answer)
        await flood(sock, where(pair.offerer), stun_cases(pair.offerer, 3, 500, password=False))
        await until(lambda: pair.offerer.state == pair.answerer.state == LegState.CONNECTED)
        bounded(pair.offerer)
    await carries_media(pair)


@pytest.mark.parametrize("role", ["ICE-CONTROLLING", "ICE-CONTROLLED"])
@pytest.mark.parametrize("stage", ["before", "while", "after"])
async def test_role_conflicts_with_the_password(pair: Pair, role: str, stage: str) -> None:
    """RFC 8445 section 7.3.1.1, from somebody who never gives in; the call is set up all the same."""

    def conflicts(leg: Leg) -> Iterator[bytes]:
        connection = leg._transport._connection
        for tie_breaker in (0, 2**64 - 1) * 10:
            check = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
            check.attributes["USERNAME"] = f"{connection.local_username}:{connection.remote_username or 'x'}"
            check.attributes["PRIORITY"] = 1
            check.attributes[role] = tie_breaker
            check.add_message_integrity(connection.local_password.encode())
            yield bytes(check)

    with stranger() as sock:
        offer = await pair.offerer.offer()
        if stage == "before":
            await flood(sock, where(pair.offerer), conflicts(pair.offerer))
        answer = await pair.answerer.answer(offer)
        await pair.offerer.accept(answer)
        if stage == "while":
            for leg in (pair.offerer, pair.answerer):
                await flood(sock, where(leg), conflicts(leg))
        await until(lambda: pair.offerer.state == pair.answerer.state == LegState.CONNECTED, 30)
        if stage == "after":
            roles = [leg._transport._connection.ice_controlling for leg in (pair.offerer, pair.answerer)]
            for leg in (pair.offerer, pair.answerer):
                await flood(sock, where(leg), conflicts(leg))
            assert roles == [leg._transport._connection.ice_controlling for leg in (pair.offerer, pair.answerer)]
    await carries_media(pair)


async def test_hostile_candidates_do_not_hide_the_good_one(pair: Pair) -> None:
    """Each costs a few checks into the void, and no more than 50 are looked at."""
    offer = await pair.offerer.offer()
    hosts = ["127.0.0.1", "240.0.0.1", "192.0.2.1", "169.254.1.1", "::1", "::ffff:127.0.0.1", "2001:db8::1", "0.0.0.1"]
    for number in range(3 * MAX_CANDIDATES):
        host = hosts[number % len(hosts)] if number % 5 else f"{number}.local"
        kind = ("host", "srflx", "relay")[number % 3]
        line = f"candidate:{number} 1 udp {2**32 - 1 - number} {host} {1 + number * 400 % 65535} typ {kind}"
        await pair.answerer.add_candidate(line, "0")
    answer = await pair.answerer.answer(offer)
    await pair.offerer.accept(answer)
    await until(lambda: pair.offerer.state == pair.answerer.state == LegState.CONNECTED, 30)
    assert len(pair.answerer._transport._connection._remote_candidates) <= MAX_CANDIDATES + 10
    await carries_media(pair)


async def test_a_flood_of_strangers_does_not_reach_the_call(pair: Pair) -> None:
    """STUN that names us, STUN that does not, DTLS, media and noise: turned away for little, and media goes on."""
    relay, seen, camera = Relay(), Recorded(), Camera(size=1000)
    relay.connect(camera.injection.track, pair.offerer, "camera")
    seen.on(relay, pair.answerer, "camera")
    await pair.connect()
    connection = pair.answerer._transport._connection
    chance = random.Random(1)
    check = make_stun(pair.answerer, chance, password=False)
    named = check.replace(connection.local_username.encode(), b"????")
    kinds = [named, b"\x16\xfe\xff" + bytes(200), b"\x80\x60" + bytes(200), b"\xc8" + bytes(30), bytes(60)]
    filming = spawn(camera.run(60), name="camera")
    count = 12_000
    before = time.process_time()
    with stranger() as sock:
        await flood(sock, where(pair.answerer), (kinds[i % len(kinds)] for i in range(count)))
    spent = time.process_time() - before
    await filming
    await until(lambda: len(seen.frames) == 60)
    print(f"{spent / count * 1e6:.0f} µs for each, with sending it")
    assert seen.gaps == []
    assert pair.answerer.statistics().refused >= 0.9 * count
    assert len(connection._remote_candidates) <= 4, "nobody was learnt"
    assert spent / count < 200e-6 * slower()


# --- DTLS -------------------------------------------------------------------------------------------------------------


def client_hello() -> bytes:
    connection = SSL.Connection(SSL.Context(SSL.DTLS_METHOD))
    connection.set_connect_state()
    with pytest.raises(SSL.WantReadError):
        connection.do_handshake()
    return connection.bio_read(1500)


@pytest.mark.parametrize("liar", ["offerer", "answerer"])
async def test_who_has_another_certificate_sends_and_hears_nothing(liar: str, no_task_left: None) -> None:
    """The fingerprint in the description is not that of the certificate (RFC 8122 section 5)."""
    pair, relay = Pair(), Relay()
    cameras = {leg: Camera() for leg in ("offerer", "answerer")}
    relay.connect(cameras["offerer"].injection.track, pair.offerer, "camera")
    relay.connect(cameras["answerer"].injection.track, pair.answerer, "video0")
    offer = await pair.offerer.offer()
    if liar == "offerer":
        offer = _FINGERPRINT.sub("sha-256 " + ":".join(["AB"] * 32), offer)
    answer = await pair.answerer.answer(offer)
    if liar == "answerer":
        answer = _FINGERPRINT.sub("sha-256 " + ":".join(["AB"] * 32), answer)
    await pair.offerer.accept(answer)
    betrayed, other = (pair.answerer, pair.offerer) if liar == "offerer" else (pair.offerer, pair.answerer)
    filming = [spawn(camera.run(60, 0.005), name="camera") for camera in cameras.values()]
    await until(lambda: betrayed.state is LegState.CLOSED)
    await asyncio.wait(filming)
    assert LegState.CONNECTED not in pair.states[betrayed.name]
    for leg in (betrayed, other):
        assert sum(track.packets for track in leg.tracks.values()) == 0
    assert betrayed.statistics().packets_out == 0
    await pair.close()


async def connect_among_client_hellos(pair: Pair) -> None:
    """Somebody else's ClientHello is there first, and comes again and again."""
    hello = client_hello()
    offer = await pair.offerer.offer()
    with stranger() as sock:
        target = where(pair.offerer)  # the DTLS server
        sock.sendto(hello, target)
        answer = await pair.answerer.answer(offer)
        sock.sendto(hello, target)
        await pair.offerer.accept(answer)
        for _ in range(200):
            sock.sendto(hello, target)
            await asyncio.sleep(0.01)
            if pair.offerer.state == pair.answerer.state == LegState.CONNECTED:
                return
    raise AssertionError("the call was not set up")


async def test_somebody_elses_client_hello_does_not_stop_a_call(pair: Pair) -> None:
    await connect_among_client_hellos(pair)
    await carries_media(pair)


async def test_it_would_without_the_gate(monkeypatch: pytest.MonkeyPatch, no_task_left: None) -> None:
    monkeypatch.setattr(StunFilter, "_knows", lambda self, address: True)
    pair = Pair()
    with pytest.raises(AssertionError, match="not set up"):
        await connect_among_client_hellos(pair)
    await pair.close()


class Mangling(LossyPath):
    """Sends a mutant along with each DTLS record, before it or after it."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed=seed)
        self.chance = random.Random(seed)
        self.mangled = 0

    def carry(self, data: bytes, towards: str) -> None:
        mutants = [data]
        if 19 < data[0] < 64:
            self.mangled += 1
            mutant = mutate_bytes(data, [data], self.chance)
            mutants.insert(self.chance.randrange(2), mutant)
        for each in mutants:
            super().carry(each, towards)


@pytest.mark.parametrize("seed", range(6))
async def test_mutants_of_the_handshake_end_in_a_call_or_cleanly(seed: int, no_task_left: None) -> None:
    """What is not encrypted yet cannot be told from the real thing; but nothing hangs, and nothing raises."""
    pair, path = Pair(), Mangling(seed)
    offer = await pair.offerer.offer()
    answer = await pair.answerer.answer(path.hide(offer))
    await pair.offerer.accept(await path.stand_before(answer))
    ends = (LegState.CONNECTED, LegState.CLOSED)
    try:
        async with asyncio.timeout(5):
            while not (pair.offerer.state in ends and pair.answerer.state in ends):
                await asyncio.sleep(0.01)
    except TimeoutError:
        pass  # one waits for what the other thinks it has sent: 30 s, then it is closed
    begin = time.monotonic()
    pair.path = path
    await pair.close()
    assert time.monotonic() - begin < allow(4.5)
    assert path.mangled > 1


async def test_mutants_of_records_do_not_end_a_call(pair: Pair) -> None:
    """From the far end's own address: OpenSSL drops what it cannot authenticate (RFC 6347 section 4.1.2.7)."""
    await pair.connect()
    sock = pair.offerer._transport._port.sock  # type: ignore[union-attr]
    target = pair.offerer._transport._address
    chance = random.Random(5)
    record = b"\x17\xfe\xfd\0\1\0\0\0\0\0\5\0\x20" + bytes(32)
    alert = b"\x15\xfe\xfd\0\0\0\0\0\0\0\5\0\2\2\x28"
    await flood(sock, target, (mutate_bytes(chance.choice((record, alert)), [record], chance) for _ in range(2000)))
    assert pair.answerer.state is LegState.CONNECTED
    await carries_media(pair)
