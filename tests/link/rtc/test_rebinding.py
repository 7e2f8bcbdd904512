"""A far end whose address changes on the way (a NAT that forgets) is followed; nobody else is, whatever they send."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

import pytest
from aioice import stun

from link.rtc.leg import LegState
from link.rtc.transport.candidate_pairs import KEPT_ADDRESSES
from link.rtc.transport.consent import MAX_ASKED_CHECKS, ConsentChecks
from link.rtc.transport.ice_dtls import IceDtlsTransport
from link.tasks import cancel, spawn
from tests.link.rtc.lossy import LossyPath
from tests.link.rtc.test_leg import Camera, Pair, until
from tests.machine import allow
from tests.stalls import undisturbed

FOLLOWED_S = 1.0
HERE, ELSEWHERE = ("192.0.2.7", 5000), ("192.0.2.7", 5001)


class Tapped(LossyPath):
    """Keeps what the offerer sends to the answerer; `diverted` takes its media from the way."""

    def __init__(self) -> None:
        super().__init__(delay=0.005)
        self.media: list[bytes] = []
        self.checks: list[bytes] = []
        self.diverted: list[bytes] | None = None

    def carry(self, data: bytes, towards: str) -> None:
        if towards == "answerer":
            if data[:2] == b"\0\1":
                self.checks.append(data)
            elif 127 < data[0] < 192:
                self.media.append(data)
                if self.diverted is not None:
                    self.diverted.append(data)
                    return
        super().carry(data, towards)


@pytest.fixture
async def pair(no_task_left: None) -> AsyncIterator[Pair]:
    made = Pair()
    yield made
    await made.close()


@asynccontextmanager
async def pictures(pair: Pair, *, up: bool = True, down: bool = True) -> AsyncIterator[None]:
    """Pictures of 30 frames a second, towards the server and from it."""
    cameras = []
    if up:
        cameras.append((Camera(), pair.offerer.slots["camera"]))
    if down:
        cameras.append((Camera(), pair.answerer.slots["video0"]))
    for camera, slot in cameras:
        slot.attach(camera.injection.track, time.monotonic())
    tasks = [spawn(camera.run(100_000), name="camera") for camera, _ in cameras]
    try:
        yield
    finally:
        for task in tasks:
            await cancel(task)


async def followed(pair: Pair) -> float:
    """Seconds until the answerer sends to another address."""
    begun, transport = time.monotonic(), pair.answerer._transport
    old = transport._address
    await until(lambda: transport._address != old)
    return time.monotonic() - begun


async def more(pair: Pair, *, up: bool, down: bool) -> None:
    """Wait for more packets that way."""
    before = arrived(pair)
    await until(lambda: arrived(pair)[0] >= before[0] + 5 * up and arrived(pair)[1] >= before[1] + 5 * down)


def arrived(pair: Pair) -> tuple[int, int]:
    return pair.answerer.tracks["camera"].packets, pair.offerer.tracks["video0"].packets


class Stranger:
    """Somebody with a socket of their own, who knows where the answerer listens."""

    def __init__(self, target: tuple[str, int]) -> None:
        self.target = target
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.setblocking(False)
        self.port: int = self._socket.getsockname()[1]

    def says(self, data: bytes) -> None:
        self._socket.sendto(data, self.target)

    def heard(self) -> list[bytes]:
        """What came since the last time."""
        datagrams = []
        while True:
            try:
                datagrams.append(self._socket.recv(2048))
            except BlockingIOError:
                return datagrams

    def close(self) -> None:
        self._socket.close()


@dataclass
class Beside:
    """A pair that is connected over `path`, and a stranger beside it. `home` is where the answerer sends to."""

    path: Tapped
    stranger: Stranger
    transport: IceDtlsTransport
    home: tuple[str, int]

    @property
    def stayed(self) -> bool:
        return self.transport._address == self.home


@pytest.fixture
async def beside(pair: Pair) -> AsyncIterator[Beside]:
    path = Tapped()
    await pair.connect(path)
    target, transport = path._sides["offerer"].peer, pair.answerer._transport
    assert target is not None
    stranger = Stranger(target)
    yield Beside(path, stranger, transport, transport._address)
    stranger.close()


async def follow(*, up: bool, down: bool) -> None:
    """A leg with media that way, and a NAT before the offerer that forgets twice."""
    pair, path = Pair(), LossyPath(delay=0.01)
    try:
        await pair.connect(path)
        async with pictures(pair, up=up, down=down):
            await asyncio.sleep(1.0)
            before = len(pair.states["answerer"])
            for _ in range(2):
                await path.rebind()
                took = await followed(pair)
                print(f"followed after {took:.2f} s")
                assert took < allow(FOLLOWED_S)
                await more(pair, up=up, down=down)
                assert LegState.SILENT not in pair.states["answerer"] + pair.states["offerer"]
                await asyncio.sleep(1.1)
            # A machine that others use may hold the signs of life back for a moment.
            assert set(pair.states["answerer"][before:]) <= {LegState.DOUBTFUL, LegState.CONNECTED}
            # What else took the old path has to be looked after.
            await until(lambda: LegState.DOUBTFUL in pair.states["offerer"])
    finally:
        await pair.close()


@pytest.mark.alone
async def test_the_far_end_is_followed(no_task_left: None) -> None:
    """Where it sends nothing, the server hears no media from the new address: its own checks have to tell."""
    await undisturbed(*(partial(follow, up=up, down=down) for up in (True, False) for down in (True, False)))


@pytest.mark.alone
async def test_consent_goes_on_at_the_new_address(pair: Pair) -> None:
    """aioice's own checks follow as well, or it would close the leg after half a minute."""
    path = LossyPath()
    await pair.connect(path)
    async with pictures(pair):
        await asyncio.sleep(0.5)
        await path.rebind()
        old = pair.answerer._transport._address
        await until(lambda: pair.answerer._transport._address != old)
        connection = pair.answerer._transport._connection
        nominated = connection._nominated[1]
        assert nominated.remote_addr == pair.answerer._transport._address
        assert nominated in connection._check_list
        assert nominated.remote_candidate in connection._remote_candidates, "or its DTLS would be refused"


@pytest.mark.skipif(not os.environ.get("VISAVIS_BIG_TESTS"), reason="takes longer: VISAVIS_BIG_TESTS=1")
@pytest.mark.alone
async def test_a_nat_that_forgets_again_and_again_fills_nothing(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """Far more often than there are addresses that a far end may have (64)."""
    monkeypatch.setattr("link.rtc.transport.ice_dtls.MOVE_EVERY_S", 0.0)
    path = LossyPath()
    await pair.connect(path)
    connection = pair.answerer._transport._connection
    async with pictures(pair):
        for _ in range(70):
            await path.rebind()
            await followed(pair)
        await more(pair, up=True, down=True)
    assert len(connection._remote_candidates) <= KEPT_ADDRESSES + 2
    assert len(connection._check_list) <= KEPT_ADDRESSES + 2
    assert connection._nominated[1] in connection._check_list
    assert pair.states["answerer"] == [LegState.CONNECTING, LegState.CONNECTED]


@pytest.mark.alone
async def test_a_stranger_moves_nobody(pair: Pair, beside: Beside) -> None:
    connection = beside.transport._connection
    async with pictures(pair):
        for password in (
            b"wrong",
            connection.local_password.encode()[:-1],
            str(connection.remote_password).encode(),
        ):
            request = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
            request.attributes["USERNAME"] = f"{connection.local_username}:{connection.remote_username}"
            request.attributes["PRIORITY"] = 1
            request.attributes["ICE-CONTROLLING"] = 1
            request.attributes["USE-CANDIDATE"] = None
            request.add_message_integrity(password)
            beside.stranger.says(bytes(request))
        await asyncio.sleep(0.5)
        answers = [stun.parse_message(data) for data in beside.stranger.heard()]
        assert {answer.message_class for answer in answers} <= {stun.Class.ERROR}
        assert beside.stayed
        assert len(connection._remote_candidates) == 1


@pytest.mark.alone
async def test_what_is_said_again_from_elsewhere_moves_nobody(pair: Pair, beside: Beside) -> None:
    """Real checks with a nomination, and real packets, recorded on the way and sent by somebody else."""
    path, stranger, transport = beside.path, beside.stranger, beside.transport
    async with pictures(pair):
        await until(lambda: len(path.checks) > 5 and len(path.media) > 50, 30)
        # Others were sent since, so these are there, however slow the machine is.
        checks, media = path.checks[-2:], path.media[-3:]
        so_far = len(path.checks), len(path.media)
        await until(lambda: len(path.checks) > so_far[0] + 1 and len(path.media) > so_far[1] + 100, 30)
        refused, learnt = transport.refused, len(transport._connection._remote_candidates)
        for data in checks:
            stranger.says(data)
        for _ in range(40):
            for data in media:
                stranger.says(data)
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.3)
        assert stranger.heard() == [], "neither an answer nor a question"
        assert beside.stayed
        assert transport.refused == refused + 2
        assert len(transport._connection._remote_candidates) == learnt
        await more(pair, up=True, down=True)


@pytest.mark.alone
async def test_a_far_end_that_names_another_address_sends_little_there(pair: Pair, beside: Beside) -> None:
    """It has the password and can claim to be wherever it likes: who is there hears a few checks, and no media."""
    far = pair.offerer._transport._connection
    async with pictures(pair):
        request = far.build_request(pair.offerer._transport._pair, nominate=True)
        request.add_message_integrity(str(far.remote_password).encode())
        beside.stranger.says(bytes(request))
        received: list[bytes] = []

        def questions() -> list[bytes]:
            received.extend(beside.stranger.heard())
            return [data for data in received if data[:2] == b"\0\1"]

        await until(lambda: bool(questions()), 30)
        for _ in range(40):
            questions()
            await asyncio.sleep(0.1)
    asked = len(questions())
    assert 1 <= asked <= 6
    assert len(received) == asked + 1, "and the answer"


@pytest.mark.alone
async def test_media_that_somebody_sends_on_moves_nobody(pair: Pair, beside: Beside) -> None:
    """All media of the kiosk is taken from its way and comes from a stranger, who is asked and cannot answer."""
    path, stranger = beside.path, beside.stranger
    async with pictures(pair):
        await asyncio.sleep(0.5)
        path.diverted = []
        begun = time.monotonic()
        while time.monotonic() - begun < 1.0:
            for data in path.diverted:
                stranger.says(data)
            path.diverted.clear()
            await asyncio.sleep(0.01)
        asked = stranger.heard()
        assert 1 <= len(asked) <= 12, "ten times a second at most"
        for data in asked:
            question = stun.parse_message(data)
            answer = stun.Message(stun.Method.BINDING, stun.Class.RESPONSE, question.transaction_id)
            answer.attributes["XOR-MAPPED-ADDRESS"] = stranger.target
            answer.add_message_integrity(b"a guess")
            stranger.says(bytes(answer))
        path.diverted = None
        await asyncio.sleep(0.3)
        assert beside.stayed


@pytest.mark.alone
async def test_a_far_end_does_not_move_to_where_nobody_may_be(pair: Pair, beside: Beside) -> None:
    """By a check with its password and a nomination, and by all its media: neither answer nor question comes."""
    path, stranger, transport = beside.path, beside.stranger, beside.transport
    transport._reach._services = frozenset({stranger.port})
    far = pair.offerer._transport._connection
    async with pictures(pair):
        await until(lambda: len(path.media) > 10)
        request = far.build_request(pair.offerer._transport._pair, nominate=True)
        request.add_message_integrity(str(far.remote_password).encode())
        stranger.says(bytes(request))
        path.diverted, sent = [], 0
        while sent < 30:
            await until(lambda: bool(path.diverted))
            for data in path.diverted:
                stranger.says(data)
            sent += len(path.diverted)
            path.diverted.clear()
        path.diverted = None
        await more(pair, up=True, down=True)
    assert stranger.heard() == []
    assert beside.stayed


# --- what an answer is worth ------------------------------------------------------------------------------------------


def asked(checks: ConsentChecks, now: float = 1.0) -> stun.Message:
    request = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
    request.attributes["USERNAME"] = "theirs:ours"
    checks.ask(request, HERE, "secret", now)
    return request


def answer(request: stun.Message, password: bytes = b"secret", kind: stun.Class = stun.Class.RESPONSE) -> bytes:
    made = stun.Message(stun.Method.BINDING, kind, request.transaction_id)
    made.attributes["XOR-MAPPED-ADDRESS"] = ELSEWHERE
    made.add_message_integrity(password)
    return bytes(made)


def test_an_answer_counts_once() -> None:
    checks = ConsentChecks()
    data = answer(asked(checks))
    assert checks.concerns(data)
    assert checks.take(data, HERE, "secret", 1.25) == (0.25, ELSEWHERE)
    assert not checks.concerns(data)


def test_what_does_not_count() -> None:
    checks = ConsentChecks()
    request = asked(checks)
    good = answer(request)
    assert checks.take(good, ELSEWHERE, "secret", 1.1) is None, "from where it was not asked"
    assert checks.take(answer(request, b"other"), HERE, "secret", 1.1) is None
    unsigned = bytes(stun.Message(stun.Method.BINDING, stun.Class.RESPONSE, request.transaction_id))
    for data in (unsigned, good[:-9], good[:20], good[:24], good[:-1] + b"\0", good[:2] + b"\xff\xff" + good[4:]):
        assert checks.take(data, HERE, "secret", 1.1) is None
    assert not checks.concerns(answer(request, kind=stun.Class.ERROR))
    assert not checks.concerns(bytes(request))
    assert not checks.concerns(b"\1\1")
    assert checks.take(good, HERE, "secret", 1.1) is not None, "the true one still counts"


def test_questions_without_answers_are_forgotten() -> None:
    checks = ConsentChecks()
    first = asked(checks)
    rest = [asked(checks) for _ in range(MAX_ASKED_CHECKS)]
    assert not checks.concerns(answer(first))
    assert all(checks.concerns(answer(request)) for request in rest)
