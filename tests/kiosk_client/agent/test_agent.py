"""The whole agent against a scripted head office: real streams, real legs, real uploads, no page."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
from PIL import Image

from kiosk_client.agent import agent as agent_module
from kiosk_client.agent import call_end_retry, page_pieces
from kiosk_client.agent.agent import Agent
from kiosk_client.agent.call import Equipment
from kiosk_client.agent.customer import Customer
from kiosk_client.config import Config
from kiosk_client.devices.document_camera import open_camera
from kiosk_client.devices.loops import MediaLoop, make_loop
from link.protocol import client as c
from link.protocol import server as s
from link.protocol.errors import NotFound, Unavailable, VisavisError
from link.protocol.values import Consent, DocumentState, Language, SessionState
from link.tasks import cancel, spawn
from tests.kiosk_client.head_office import HeadOffice, enrolled, opened

pytestmark = pytest.mark.usefixtures("no_task_left")

REQUEST = c.CallRequest("r1", "wealth", Language.ZH, Consent("2026-1", Language.ZH))


@pytest.fixture(scope="module")
def loop() -> MediaLoop:
    return make_loop("synthetic", width=320, height=180, fps=10)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    Image.new("RGB", (1600, 1200), "white").save(tmp_path / "card.jpg")
    return tmp_path


class Ears:
    """A listener, as a page is one."""

    def __init__(self) -> None:
        self.heard: list[s.ServerMessage] = []
        self._changed = asyncio.Event()

    def __call__(self, message: s.ServerMessage) -> None:
        self.heard.append(message)
        self._changed.set()

    async def until(self, what: Callable[[s.ServerMessage], bool]) -> s.ServerMessage:
        seen = 0
        async with asyncio.timeout(30):
            while True:
                for message in self.heard[seen:]:
                    seen += 1
                    if what(message):
                        return message
                self._changed.clear()
                await self._changed.wait()


@asynccontextmanager
async def running(office: HeadOffice, address: str, equipment: Equipment) -> AsyncIterator[tuple[Agent, Ears]]:
    agent = Agent(Config(), enrolled(office, address), equipment)
    ears = Ears()
    agent.attach(ears)
    task = spawn(agent.run(), name="agent")
    try:
        await ears.until(lambda message: isinstance(message, s.KioskConfig))
        yield agent, ears
    finally:
        agent.stop()
        await asyncio.wait([task], timeout=8)
        await cancel(task)


async def talking(office: HeadOffice, agent: Agent) -> None:
    reply = await agent.ask(REQUEST)
    assert isinstance(reply, s.SessionUpdate)
    office.answer()
    await office.until(lambda: office.live_leg)


async def drop(agent: Agent, ears: Ears) -> None:
    """Cut the stream; it comes back by itself after a tenth of a second."""
    ears.heard.clear()
    agent.client.drop()
    await ears.until(lambda message: message == s.PageStatus(online=False))


async def hears_media(office: HeadOffice, *names: str, least: int = 5) -> None:
    """Wait until more than `least` packets of each of these tracks arrived at the head office."""
    async with asyncio.timeout(30):
        while True:
            leg = office.live_leg
            if leg is not None:
                tracks = leg.statistics().tracks
                if all(name in tracks and tracks[name].packets > least for name in names):
                    return
            await asyncio.sleep(0.05)


async def test_a_headless_call_sends_picture_sound_and_document(loop: MediaLoop, folder: Path) -> None:
    office = HeadOffice()
    equipment = Equipment(open_camera=partial(open_camera, str(folder)), loop=loop, loopback=True)
    async with opened(office) as address, running(office, address, equipment) as (agent, _):
        customer = Customer(agent, "wealth", stars=4)
        calling = spawn(customer.run(), name="customer")
        await office.heard(c.CallRequest)
        office.answer()
        await hears_media(office, "microphone", "camera")
        office.ask_document("d1")
        await hears_media(office, "auxiliary", least=0)
        await office.until(lambda: "d1" in office.documents)
        office.set_document("d1", DocumentState.REJECTED, "glare")
        await office.until(lambda: [type(m) for m in office.said].count(c.DocumentAnswer) == 2)
        office.end()
        ended = await asyncio.wait_for(calling, 30)
        rated = await office.heard(c.Rate)
    assert office.documents["d1"] == (folder / "card.jpg").read_bytes()
    assert ended.state is SessionState.ENDED
    assert rated.stars == 4


async def test_a_customer_for_a_service_that_is_not_offered(loop: MediaLoop) -> None:
    office = HeadOffice()
    async with opened(office) as address, running(office, address, Equipment(loop=loop)) as (agent, _):
        with pytest.raises(NotFound):
            await Customer(agent, "insurance").run()


async def test_the_customer_ends_the_call_by_the_clock(loop: MediaLoop) -> None:
    office = HeadOffice()
    equipment = Equipment(loop=loop, loopback=True)
    async with opened(office) as address, running(office, address, equipment) as (agent, _):
        calling = spawn(Customer(agent, "loans", talk_s=0.2, stars=None).run(), name="customer")
        await office.heard(c.CallRequest)
        office.answer()
        ended = await asyncio.wait_for(calling, 30)
        assert ended.ended_by == "kiosk"
        assert (await office.heard(c.Rate)).stars is None
        async with asyncio.timeout(30):
            while agent.call is not None:
                await asyncio.sleep(0.02)


async def test_a_lost_leg_is_replaced_by_a_new_one(loop: MediaLoop) -> None:
    office = HeadOffice()
    equipment = Equipment(loop=loop, loopback=True)
    async with opened(office) as address, running(office, address, equipment) as (agent, _):
        await talking(office, agent)
        await hears_media(office, "camera")
        first = next(iter(office.legs))
        office.post(s.LegLost(first))
        await office.until(lambda: office.legs and first not in office.legs)
        await hears_media(office, "camera")


async def test_a_dropped_stream_keeps_the_media(loop: MediaLoop) -> None:
    office = HeadOffice()
    equipment = Equipment(loop=loop, loopback=True)
    async with opened(office) as address, running(office, address, equipment) as (agent, ears):
        await talking(office, agent)
        await hears_media(office, "camera")
        legs = dict(office.legs)
        ears.heard.clear()
        office.cut()
        await ears.until(lambda message: message == s.PageStatus(online=False))
        await ears.until(lambda message: message == s.PageStatus(online=True))
        await agent.ask(c.ChatSend(office.session.id if office.session else "", "c1", "still here"))
        assert office.legs == legs


async def test_a_restarted_server_finds_the_call_again(loop: MediaLoop) -> None:
    office = HeadOffice()
    equipment = Equipment(loop=loop, loopback=True)
    async with opened(office) as address, running(office, address, equipment) as (agent, _):
        await talking(office, agent)
        await hears_media(office, "camera")
        before = set(office.legs)
        session = office.session
        await office.restart()
        await office.until(lambda: office.legs and not before & set(office.legs))
        await hears_media(office, "camera", "microphone")
        assert agent.mirror.session == session


async def test_leaving_while_the_server_is_away_is_told_when_it_is_back() -> None:
    office = HeadOffice()
    async with opened(office) as address, running(office, address, Equipment()) as (agent, ears):
        reply = await agent.ask(REQUEST)
        assert isinstance(reply, s.SessionUpdate)
        await drop(agent, ears)
        assert await agent.ask(c.CallEnd(reply.session.id)) == s.Done()
        await ears.until(lambda message: isinstance(message, s.SessionGone))
        assert agent.mirror.session is None
        office.update(position=1)
        ended = await office.heard(c.CallEnd)
        assert ended.session == reply.session.id
        assert agent.mirror.session is None


@pytest.mark.parametrize("error", [Unavailable("the journal cannot be written"), VisavisError("internal"), None])
async def test_the_customer_leaves_at_once_whatever_the_server_says(
    error: VisavisError | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(call_end_retry, "LEAVE_S", 0.3)
    monkeypatch.setattr(call_end_retry, "ANSWER_S", 0.3)
    monkeypatch.setattr(call_end_retry, "RETRY_S", (0.1,))
    office = HeadOffice()
    async with opened(office) as address, running(office, address, Equipment(loopback=True)) as (agent, _):
        await talking(office, agent)
        session = agent.mirror.session
        assert session is not None
        office.errors[c.CallEnd] = error
        leaving = spawn(agent.ask(c.CallEnd(session.id)), name="leaving")
        await asyncio.sleep(0)
        assert agent.call is None, "media and camera stop before the server has said anything"
        async with asyncio.timeout(30):
            assert await leaving == s.Done()
        assert agent.mirror.session is None
        office.update(position=0)
        with pytest.raises(Unavailable):
            await agent.ask(REQUEST)
        del office.errors[c.CallEnd]
        await office.until(lambda: office.session is not None and office.session.ended_by == "kiosk")
        assert (await office.heard(c.Rate)).stars is None
        assert agent.call is None
        assert agent.mirror.session is None


async def test_a_session_the_server_does_not_know_is_left_for_good() -> None:
    office = HeadOffice()
    async with opened(office) as address, running(office, address, Equipment(loopback=True)) as (agent, _):
        await talking(office, agent)
        session = agent.mirror.session
        assert session is not None
        office.errors[c.CallEnd] = NotFound("no such session")
        assert await agent.ask(c.CallEnd(session.id)) == s.Done()
        office.session = None
        assert isinstance(await agent.ask(REQUEST), s.SessionUpdate)
        assert [type(message) for message in office.said].count(c.CallEnd) == 1


async def test_a_customer_without_a_page_asks_again_after_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    office = HeadOffice()
    async with opened(office) as address, running(office, address, Equipment(loopback=True)) as (agent, _):
        await talking(office, agent)
        office.errors[c.Rate] = Unavailable("the journal cannot be written")
        calling = spawn(Customer(agent, "wealth", stars=4)._try(c.Rate("s", 4)), name="rating")
        await office.heard(c.Rate)
        del office.errors[c.Rate]
        await asyncio.wait_for(calling, 30)
        assert office.session is not None
        assert office.session.rated == 4


async def test_no_call_is_begun_while_the_server_is_away() -> None:
    office = HeadOffice()
    async with opened(office) as address, running(office, address, Equipment()) as (agent, ears):
        await drop(agent, ears)
        with pytest.raises(Unavailable):
            await agent.ask(REQUEST)


async def test_a_kiosk_without_a_document_camera_says_so() -> None:
    office = HeadOffice()
    async with opened(office) as address, running(office, address, Equipment(loopback=True)) as (agent, _):
        await talking(office, agent)
        office.ask_document("d1")
        await agent.ask(c.DocumentAnswer(office.session.id if office.session else "", "d1", agreed=True))
        failed = await office.heard(c.DocumentFailed)
        assert failed.reason == "camera_failed"


async def test_a_page_leg_of_another_session_is_not_found() -> None:
    office = HeadOffice()
    async with opened(office) as address, running(office, address, Equipment()) as (agent, _):
        with pytest.raises(NotFound):
            await agent.ask(c.LegOffer("s9", "l1", "v=0"))


async def test_a_flood_of_pages_parts_makes_a_hole_and_a_new_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_pieces, "WINDOW_BYTES", 10_000)
    monkeypatch.setattr(page_pieces, "MAX_PENDING", 10_000)
    office = HeadOffice()
    async with opened(office) as address, running(office, address, Equipment(loopback=True)) as (agent, ears):
        await talking(office, agent)
        session = office.session.id if office.session else ""
        await drop(agent, ears)
        for number in range(50):
            await agent.ask(c.CobrowsePiece(session, "e1", number, 0, 1, "x" * 1000))
        await ears.until(lambda message: message == s.TakeSnapshot(session))
        assert await agent.ask(c.ChatSend(session, "c1", "hello")) == s.Done()


async def test_an_ended_session_that_the_customer_leaves_is_forgotten_at_once() -> None:
    office = HeadOffice()
    async with opened(office) as address, running(office, address, Equipment(loopback=True)) as (agent, ears):
        await talking(office, agent)
        ears.heard.clear()
        office.end()
        await ears.until(lambda message: isinstance(message, s.SessionUpdate) and message.session.ended_by is not None)
        session = agent.mirror.session
        assert session is not None
        assert await agent.ask(c.CallEnd(session.id)) == s.Done()
        assert agent.mirror.session is None
        assert (await office.heard(c.Rate)).stars is None, "nobody waits for stars any more"
        assert not [message for message in office.said if isinstance(message, c.CallEnd)]


async def test_a_rated_session_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent_module, "RATING_S", 0.2)
    office = HeadOffice()
    async with opened(office) as address, running(office, address, Equipment(loopback=True)) as (agent, ears):
        await talking(office, agent)
        ears.heard.clear()
        office.end()
        await ears.until(lambda message: isinstance(message, s.SessionUpdate) and message.session.ended_by is not None)
        await ears.until(lambda message: isinstance(message, s.SessionGone))
        assert agent.mirror.session is None
