"""What a kiosk delivers when it is asked: over real HTTP, what lies between two marks, and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestServer

from kiosk_client.agent import kept_media
from kiosk_client.agent import late_delivery as module
from kiosk_client.agent.agent import Agent
from kiosk_client.agent.call import Equipment
from kiosk_client.agent.late_delivery import LateDelivery
from kiosk_client.config import Config
from kiosk_client.devices.loops import MediaLoop, make_loop
from link.protocol import server as s
from link.protocol.late_media import LateFrame, unpack
from link.protocol.server import MediaComplete, MediaWanted
from link.protocol.values import MediaMark, SessionState
from link.tasks import cancel, spawn
from tests.kiosk_client.agent.test_agent import Ears, talking
from tests.kiosk_client.agent.test_kept_media import SOUND, Source
from tests.kiosk_client.head_office import HeadOffice, enrolled, opened

pytestmark = pytest.mark.usefixtures("no_task_left")


class Server:
    """Takes what is delivered."""

    def __init__(self) -> None:
        self.bodies: list[tuple[str, str, str, bytes]] = []
        self.status = 204
        self.came = asyncio.Event()
        self.open = asyncio.Event()
        self.open.set()

    async def put(self, request: web.Request) -> web.Response:
        await self.open.wait()
        where = request.match_info
        body = await request.read()
        self.bodies.append((where["session"], where["wanted"], request.headers["Authorization"], body))
        self.came.set()
        return web.Response(status=self.status)

    async def next(self) -> tuple[str, str, str, bytes]:
        async with asyncio.timeout(30):
            await self.came.wait()
        self.came.clear()
        return self.bodies[-1]


class Kiosk:
    """A kiosk that has spoken for a while."""

    def __init__(self, server: Server, address: str, folder: Path) -> None:
        self.server = server
        self.late = LateDelivery(
            address,
            lambda: {"Authorization": "Bearer k1"},
            folder,
            tls=None,
            most_bytes=1 << 20,
            most_s=600,
            bits_per_s=100_000_000,
        )
        self.source = Source(folder)
        kept = self.late.keep("s1")
        assert kept is not None
        self.source.kept = kept
        kept.active = True
        self.source.follow()
        self.source.speak(100)

    def wanted(
        self, first: int, last: int, *, name: str = "w1", session: str = "s1", track: str = "microphone"
    ) -> None:
        """Ask for what lies between the n-th packet and the m-th, which were captured 20 ms apart."""
        sent = self.source.sent
        after, before = MediaMark("l1", sent[first], first * 20), MediaMark("l1", sent[last], last * 20)
        self.late.wanted(MediaWanted(session, name, track, first * 20 + 20, last * 20, after, before, True))


@pytest_asyncio.fixture
async def kiosk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Kiosk]:
    monkeypatch.setattr(kept_media, "WRITE_EVERY_S", 30.0)
    server, app = Server(), web.Application(client_max_size=1 << 25)
    app.router.add_put("/api/kiosk/sessions/{session}/media/{wanted}", server.put)
    serving = TestServer(app)
    await serving.start_server()
    made = Kiosk(server, str(serving.make_url("")).rstrip("/"), tmp_path)
    yield made
    await made.late.close()
    await serving.close()


async def test_what_lies_between_two_marks_is_delivered(kiosk: Kiosk) -> None:
    kiosk.wanted(10, 15)
    session, wanted, proof, body = await kiosk.server.next()
    assert (session, wanted, proof) == ("s1", "w1", "Bearer k1")
    assert unpack(body, start_ms=220, end_ms=300) == [
        LateFrame(n * 20, SOUND + n.to_bytes(4, "big")) for n in range(11, 15)
    ]


async def test_nothing_is_said_of_what_is_not_kept(kiosk: Kiosk) -> None:
    kiosk.wanted(10, 15, track="camera")
    assert unpack((await kiosk.server.next())[3], start_ms=0, end_ms=1) == []
    for odd in ({"session": "s2"}, {"track": "cobrowse"}):
        kiosk.wanted(10, 15, **odd)
    kiosk.wanted(20, 22, name="w2")
    assert (await kiosk.server.next())[1] == "w2"
    assert len(kiosk.server.bodies) == 2


async def test_the_same_question_again_is_answered_once_and_another_takes_its_place(kiosk: Kiosk) -> None:
    kiosk.server.open.clear()
    for _ in range(3):
        kiosk.wanted(10, 15)
        await asyncio.sleep(0.02)
    kiosk.wanted(20, 25, name="w2")
    kiosk.server.open.set()
    async with asyncio.timeout(30):
        while (await kiosk.server.next())[1] != "w2":
            pass
    assert [wanted for _, wanted, _, _ in kiosk.server.bodies].count("w2") == 1
    assert [wanted for _, wanted, _, _ in kiosk.server.bodies].count("w1") <= 1


@pytest.mark.parametrize("status", [400, 401, 404, 413, 429, 503])
async def test_a_server_that_refuses_is_delivered_to_when_it_asks_again(kiosk: Kiosk, status: int) -> None:
    kiosk.server.status = status
    kiosk.wanted(10, 15)
    await kiosk.server.next()
    known = kiosk.late._sessions["s1"]
    assert known.sending is not None
    await asyncio.wait([known.sending])
    assert known.sending.exception() is None
    kiosk.server.status = 204
    kiosk.wanted(10, 15)
    await kiosk.server.next()


async def test_in_the_call_it_is_sent_slowly(kiosk: Kiosk, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    sleep = asyncio.sleep

    async def soon(seconds: float) -> None:
        slept.append(seconds)
        await sleep(0)

    kiosk.late._bits_per_s = 8000
    monkeypatch.setattr(asyncio, "sleep", soon)
    monkeypatch.setattr(module, "CHUNK_BYTES", 1000)
    kiosk.wanted(0, 99)
    size = len((await kiosk.server.next())[3])
    paced = [seconds for seconds in slept if seconds > 0.5]
    assert len(paced) == size // 1000
    assert paced[-1] == pytest.approx(size // 1000, abs=0.5), "8,000 bit/s are 1,000 bytes a second"
    kiosk.late.over("s1")
    slept.clear()
    kiosk.wanted(0, 99, name="w2")
    await kiosk.server.next()
    assert not [seconds for seconds in slept if seconds > 0.5]


async def test_what_the_server_has_is_deleted(kiosk: Kiosk) -> None:
    kept = kiosk.source.kept

    def there() -> bool:
        return kept._file is not None

    await kept.flush()
    assert there()
    kiosk.late.complete("s1")
    async with asyncio.timeout(30):
        while there():
            await asyncio.sleep(0.01)
    kiosk.wanted(10, 15)
    assert kiosk.late._sessions == {}
    kiosk.late.complete("s1")


async def test_what_is_too_old_is_deleted(kiosk: Kiosk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AFTER_CALL_S", 0.05)
    kiosk.late.over("s1")
    async with asyncio.timeout(30):
        while kiosk.late._sessions:
            await asyncio.sleep(0.01)


async def test_of_old_calls_one_is_kept(kiosk: Kiosk) -> None:
    kiosk.late.over("s1")
    assert kiosk.late.keep("s2") is not kiosk.late.keep("s3")
    assert list(kiosk.late._sessions) == ["s2", "s3"]
    assert kiosk.late.keep("s3") is kiosk.late.keep("s3")


async def test_with_no_room_nothing_is_kept(tmp_path: Path) -> None:
    late = LateDelivery("http://-", dict, tmp_path, tls=None, most_bytes=0, most_s=600, bits_per_s=1)
    assert late.keep("s1") is None
    late.over("s1")
    late.complete("s1")
    await late.close()


@pytest.fixture(scope="module")
def loop() -> MediaLoop:
    return make_loop("synthetic", width=320, height=180, fps=10)


async def test_an_agent_keeps_what_a_call_sends_but_not_on_hold(loop: MediaLoop, tmp_path: Path) -> None:
    office = HeadOffice()
    async with opened(office) as address:
        config = Config(data=tmp_path)
        agent = Agent(config, enrolled(office, address), Equipment(loop=loop, loopback=True))
        ears = Ears()
        agent.attach(ears)
        running = spawn(agent.run(), name="agent")
        try:
            await ears.until(lambda message: isinstance(message, s.KioskConfig))
            await talking(office, agent)
            ((session, known),) = agent._late._sessions.items()
            kept = known.kept

            def keeps() -> bool:
                return kept.active

            assert keeps()
            async with asyncio.timeout(30):
                while len(kept._waiting) + len(kept._pieces) < 10:
                    await asyncio.sleep(0.02)
            office.update(state=SessionState.HELD)
            await ears.until(lambda message: isinstance(message, s.SessionUpdate) and message.session.state == "held")
            assert not keeps()
            await kept.flush()
            count = len(kept._pieces)
            await asyncio.sleep(0.3)
            await kept.flush()
            assert len(kept._pieces) == count, "nothing of what is sent on hold"
            office.update(state=SessionState.ACTIVE)
            async with asyncio.timeout(30):
                while len(kept._waiting) < 5:
                    await asyncio.sleep(0.02)
            heard = len(ears.heard)
            office.end()
            async with asyncio.timeout(30):
                while agent.call is not None:
                    await asyncio.sleep(0.02)
            assert not keeps()
            office.post(MediaWanted(session, "w1", "microphone", 0, 1, MediaMark("l", 1, 0)))
            office.post(MediaComplete(session))
            async with asyncio.timeout(30):
                while agent._late._sessions:
                    await asyncio.sleep(0.02)
            assert not any(isinstance(message, MediaWanted | MediaComplete) for message in ears.heard[heard:])
        finally:
            agent.stop()
            await asyncio.wait([running], timeout=8)
            await cancel(running)
