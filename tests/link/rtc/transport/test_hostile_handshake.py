"""DTLS from the far end's own address: in crumbs, over and over, with a huge certificate, or never done."""

from __future__ import annotations

import asyncio
import random
import struct
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta

import pytest
from aiortc import RTCCertificate
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from link.rtc.leg import LegState
from link.rtc.transport.stun_filter import MAX_QUEUED_DATAGRAMS
from tests.link.rtc.fuzz.test_network import carries_media, client_hello
from tests.link.rtc.lossy import LossyPath
from tests.link.rtc.test_leg import Pair, until
from tests.machine import allow, slower

HANDSHAKE = 22
_RECORD = struct.Struct("!BHHHIH")  # type, version, epoch, number (48 bits), length: RFC 6347 section 4.1


class Between(LossyPath):
    """Does with each DTLS datagram what `change` says: it returns what goes on in its place."""

    def __init__(self, change: Callable[[bytes, str], list[bytes]]) -> None:
        super().__init__(seed=1)
        self.change = change

    def carry(self, data: bytes, towards: str) -> None:
        for each in self.change(data, towards) if 19 < data[0] < 64 else [data]:
            super().carry(each, towards)


@pytest.fixture
async def pair(no_task_left: None) -> AsyncIterator[Pair]:
    made = Pair()
    yield made
    await made.close()


class Crumbs:
    """Cuts handshake messages that are not encrypted into fragments of `size`, out of order, a record for each."""

    def __init__(self, size: int, seed: int) -> None:
        self.size, self.chance = size, random.Random(seed)
        self.numbers = {"answerer": 0, "offerer": 0}
        self.made = 0

    def __call__(self, data: bytes, towards: str) -> list[bytes]:
        crumbs: list[bytes] = []
        at = 0
        while at + _RECORD.size <= len(data):
            kind, version, epoch, _, _, length = _RECORD.unpack_from(data, at)
            body = data[at + _RECORD.size : at + _RECORD.size + length]
            at += _RECORD.size + length
            if epoch:  # encrypted, and so is its number
                crumbs.append(data[at - _RECORD.size - length : at])
                continue
            if kind != HANDSHAKE:
                crumbs.append(self._record(kind, version, body, towards))
                continue
            head, offset, content = body[:6], int.from_bytes(body[6:9], "big"), body[12:]
            pieces = range(0, max(1, len(content)), self.size)
            for start in self.chance.sample(pieces, len(pieces)):
                piece = content[start : start + self.size]
                fragment = head + (offset + start).to_bytes(3, "big") + len(piece).to_bytes(3, "big") + piece
                crumbs.append(self._record(kind, version, fragment, towards))
                self.made += 1
        return crumbs

    def _record(self, kind: int, version: int, body: bytes, towards: str) -> bytes:
        self.numbers[towards] += 1
        return _RECORD.pack(kind, version, 0, 0, self.numbers[towards], len(body)) + body


@pytest.mark.parametrize("size", [300, 40])
async def test_messages_in_crumbs_and_out_of_order(pair: Pair, size: int) -> None:
    """RFC 6347 section 4.2.3: a handshake may come in any fragments; the call is set up."""
    crumbs = Crumbs(size, seed=size)
    await pair.connect(Between(crumbs))
    assert crumbs.made > 3
    await carries_media(pair)


def certificate(extra: int) -> RTCCertificate:
    """A certificate with so many bytes of nothing in it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "large")])
    oid = x509.ObjectIdentifier("1.3.6.1.4.1.55555.1")
    built = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
        .add_extension(x509.UnrecognizedExtension(oid, bytes(extra)), critical=False)
        .sign(key, hashes.SHA256())
    )
    return RTCCertificate(key=key, cert=built)


@pytest.mark.parametrize(
    ("extra", "ends"), [(300, LegState.CONNECTED), (3_000, LegState.CLOSED), (300_000, LegState.CLOSED)]
)
async def test_a_large_certificate(
    extra: int, ends: LegState, monkeypatch: pytest.MonkeyPatch, no_task_left: None
) -> None:
    """aiortc cannot send one that does not fit a datagram: then the legs are given up, and nothing raises."""
    monkeypatch.setattr("link.rtc.transport.ice_dtls.CONNECT_TIMEOUT_S", 2.0)
    large = certificate(extra)
    with monkeypatch.context() as patch:
        patch.setattr(RTCCertificate, "generateCertificate", classmethod(lambda cls: large))
        pair = Pair()
    await pair.offerer.accept(await pair.answerer.answer(await pair.offerer.offer()))
    await until(lambda: pair.offerer.state is pair.answerer.state is ends)
    if ends is LegState.CONNECTED:
        await carries_media(pair)
    else:
        assert LegState.CONNECTED not in (*pair.states["offerer"], *pair.states["answerer"])
    await pair.close()


async def test_a_flood_of_client_hellos_from_the_far_end(pair: Pair) -> None:
    """With each datagram of the handshake come a hundred hellos: of another client, and the first one again."""
    first: list[bytes] = []
    other = client_hello()

    def flooding(data: bytes, towards: str) -> list[bytes]:
        if towards == "answerer":
            return [data]
        first.append(data)
        return [*[first[0]] * 50, data, *[other] * 50]

    begin = time.process_time()
    try:
        await pair.connect(Between(flooding))
    except TimeoutError:
        # From the far end's own address and before the keys, a liar cannot be told from it: then nobody is let in.
        assert LegState.CONNECTED not in pair.states["answerer"] or LegState.CONNECTED not in pair.states["offerer"]
    assert time.process_time() - begin < 5 * slower()
    for leg in (pair.offerer, pair.answerer):
        assert leg._transport._connection._queue.qsize() <= MAX_QUEUED_DATAGRAMS


async def test_a_handshake_that_is_played_again_is_not_answered(pair: Pair) -> None:
    seen: dict[str, list[bytes]] = {"answerer": [], "offerer": []}

    def note(data: bytes, towards: str) -> list[bytes]:
        seen[towards].append(data)
        return [data]

    path = Between(note)
    await pair.connect(path)
    await asyncio.sleep(0.6)  # the last flight is said again until then
    once = {towards: list(datagrams) for towards, datagrams in seen.items()}
    for towards, datagrams in once.items():
        for _ in range(300):
            for datagram in datagrams:
                path._deliver(datagram, towards)
            await asyncio.sleep(0)
    await carries_media(pair)
    assert sum(map(len, seen.values())) <= sum(map(len, once.values())) + 4
    assert pair.offerer.state is pair.answerer.state is LegState.CONNECTED


@pytest.mark.parametrize("stops", range(3))
async def test_a_handshake_that_never_ends_is_given_up(
    stops: int, monkeypatch: pytest.MonkeyPatch, no_task_left: None
) -> None:
    """Some datagrams, then silence, while checks of the path go on: after CONNECT_TIMEOUT the leg is closed."""
    monkeypatch.setattr("link.rtc.transport.ice_dtls.CONNECT_TIMEOUT_S", 1.0)
    left = stops

    def stopping(data: bytes, towards: str) -> list[bytes]:
        nonlocal left
        left -= 1
        return [data] if left >= 0 else []

    pair = Pair()
    path = pair.path = Between(stopping)
    answer = await pair.answerer.answer(path.hide(await pair.offerer.offer()))
    begin = time.monotonic()
    await pair.offerer.accept(await path.stand_before(answer))
    await until(lambda: pair.offerer.state is pair.answerer.state is LegState.CLOSED, 30)
    assert time.monotonic() - begin < allow(3)
    await pair.close()


async def test_a_data_channel_that_nobody_has_takes_nothing(pair: Pair) -> None:
    """What comes inside DTLS, as SCTP would, is read and dropped: neither kept nor answered, and media goes on."""
    await pair.connect()
    dtls, connection = pair.offerer._transport._dtls, pair.answerer._transport._connection
    tasks, cpu = len(asyncio.all_tasks()), time.process_time()
    for number in range(4000):
        await dtls._send_data(bytes(1150))
        if number % 20 == 0:
            await asyncio.sleep(0.001)
        assert connection._queue.qsize() <= MAX_QUEUED_DATAGRAMS
    await asyncio.sleep(0.1)
    cpu = time.process_time() - cpu
    print(f"{cpu / 4000 * 1e6:.0f} µs for each, with sending it")
    assert len(asyncio.all_tasks()) == tasks
    await carries_media(pair)
    assert cpu / 4000 < 400e-6 * slower()
