"""The tray is closed until the customer presses: what opens it, what ends it, and what leaves the kiosk meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path

import pytest
import pytest_asyncio
from PIL import Image

from kiosk_client.agent.call import Equipment
from kiosk_client.agent.tray import Tray, TrayClosed
from kiosk_client.devices.document_camera import FolderCamera, open_camera
from kiosk_client.devices.loops import MediaLoop, make_loop
from link.protocol import client as c
from link.protocol import server as s
from link.protocol.errors import Unavailable, VisavisError
from link.protocol.values import Document, DocumentState, Language, Session, SessionState
from tests.kiosk_client.agent.test_agent import Ears, hears_media, running, talking
from tests.kiosk_client.head_office import WEALTH, HeadOffice, amend, opened

pytestmark = pytest.mark.usefixtures("no_task_left")

REQUESTED, AGREED, STORED = DocumentState.REQUESTED, DocumentState.AGREED, DocumentState.STORED
REJECTED, DECLINED, FAILED = DocumentState.REJECTED, DocumentState.DECLINED, DocumentState.FAILED
ANSWERED = Session(
    "s1", SessionState.ACTIVE, "k", "", "b", "", "", WEALTH, Language.ZH, specialist="lin", specialist_connected=True
)


def asking(state: DocumentState = REQUESTED, **changes: object) -> Session:
    return amend(ANSWERED, documents=[Document("d1", "other", state)], **changes)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    Image.new("RGB", (1600, 1200), "white").save(tmp_path / "card.jpg")
    return tmp_path


class Watched:
    """A tray, how often its device was opened, and what was said and seen of it."""

    def __init__(self, folder: Path, show_s: float = 60.0) -> None:
        self.cameras: list[FolderCamera] = []
        self.said: list[bool] = []
        self.frames: list[int] = []
        self._folder = folder
        self.tray = Tray(self._open, self._publish, self.said.append, show_s=show_s, settle_s=0.0)

    def _open(self) -> FolderCamera:
        assert self.said[-1], "it is said before the device is opened"
        self.cameras.append(FolderCamera(self._folder))
        return self.cameras[-1]

    def _publish(self, data: bytes, rtp_time: int, keyframe: bool) -> None:
        assert self.tray.open
        assert keyframe or self.frames
        self.frames.append(rtp_time)

    async def seen(self, more: int = 1) -> None:
        wanted = len(self.frames) + more
        await until(lambda: len(self.frames) >= wanted)

    async def closed(self) -> None:
        assert not self.tray.open
        await until(lambda: self.said[-1] is False)


async def until(what: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not what():
            await asyncio.sleep(0.01)


@pytest_asyncio.fixture
async def at(folder: Path) -> AsyncIterator[Watched]:
    watched = Watched(folder)
    yield watched
    await watched.tray.stop()


async def shown(at: Watched) -> None:
    """The customer was asked and has agreed, and the tray is seen."""
    at.tray.follow(asking())
    assert at.tray.agree("d1")
    assert not at.tray.open, "the server must know of it first"
    at.tray.follow(asking(AGREED))
    await at.seen()


async def test_a_press_that_the_server_confirms_opens_it_and_its_end_closes_it(at: Watched) -> None:
    await shown(at)
    assert (await at.tray.still("d1")).media_type == "image/jpeg"
    at.tray.follow(asking(STORED))
    await at.closed()
    assert at.said == [True, False]


@pytest.mark.parametrize("state", list(DocumentState))
async def test_whatever_the_server_says_opens_nothing(at: Watched, state: DocumentState) -> None:
    for session in (asking(), asking(state), asking(AGREED), asking(REJECTED), asking(AGREED)):
        at.tray.follow(session)
        assert not at.tray.open
    with pytest.raises(TrayClosed):
        await at.tray.still("d1")
    assert at.cameras == []
    assert at.said == []


@pytest.mark.parametrize(
    "session",
    [
        asking(AGREED),
        asking(STORED),
        asking(DECLINED),
        ANSWERED,
        asking(state=REQUESTED, specialist_connected=False),
        amend(asking(), state=SessionState.HELD),
        amend(asking(), state=SessionState.WAITING, specialist=None),
        amend(asking(), state=SessionState.ENDED),
    ],
)
async def test_a_press_that_nobody_asked_for_opens_nothing(at: Watched, session: Session) -> None:
    at.tray.follow(session)
    assert not at.tray.agree("d1")
    at.tray.follow(asking(AGREED))
    assert not at.tray.open


async def test_a_press_before_any_session_opens_nothing(at: Watched) -> None:
    assert not at.tray.agree("d1")
    at.tray.follow(asking(AGREED))
    assert not at.tray.open


@pytest.mark.parametrize(
    "end",
    [
        asking(STORED),
        asking(DECLINED),
        asking(FAILED),
        asking(REJECTED),
        ANSWERED,
        asking(AGREED, specialist_connected=False),
        amend(asking(AGREED), state=SessionState.HELD),
        amend(asking(AGREED), state=SessionState.WAITING, specialist=None),
        amend(asking(AGREED), state=SessionState.ENDED),
    ],
)
async def test_every_end_closes_it_and_needs_another_press(at: Watched, end: Session) -> None:
    await shown(at)
    at.tray.follow(end)
    await at.closed()
    frames = len(at.frames)
    at.tray.follow(asking(AGREED))
    assert not at.tray.open
    with pytest.raises(TrayClosed):
        await at.tray.still("d1")
    assert len(at.frames) == frames


async def test_a_press_counts_once_and_for_its_own_document(at: Watched) -> None:
    await shown(at)
    at.tray.follow(asking(REJECTED))
    await at.closed()
    both = [Document("d1", "other", AGREED), Document("d2", "other", AGREED)]
    at.tray.follow(amend(ANSWERED, documents=both))
    assert not at.tray.open
    before = at.frames[-1]
    at.tray.follow(asking(REJECTED))
    assert at.tray.agree("d1")
    at.tray.follow(amend(ANSWERED, documents=both))
    await at.seen()
    assert at.frames[-1] > before, "one timeline for all that was ever shown"
    with pytest.raises(TrayClosed):
        await at.tray.still("d2")


async def test_the_customers_second_thought_closes_it_at_once(at: Watched) -> None:
    await shown(at)
    at.tray.end("d1")
    frames = len(at.frames)
    await at.closed()
    at.tray.follow(asking(AGREED))
    assert not at.tray.open
    assert len(at.frames) == frames


async def test_a_document_that_never_gets_done_is_not_seen_for_ever(folder: Path) -> None:
    at = Watched(folder, show_s=0.3)
    at.tray.follow(asking())
    assert at.tray.agree("d1")
    at.tray.follow(asking(AGREED))
    assert at.tray.open
    await until(lambda: not at.tray.open)
    await at.closed()
    await at.tray.stop()


async def test_a_stopped_tray_stays_closed(at: Watched) -> None:
    await shown(at)
    await at.tray.stop()
    await at.closed()
    at.tray.follow(asking())
    assert not at.tray.agree("d1")
    await at.tray.stop()


# The whole kiosk client, by the packets that arrive.


@pytest.fixture(scope="module")
def loop() -> MediaLoop:
    return make_loop("synthetic", width=320, height=180, fps=10)


def packets(office: HeadOffice, name: str) -> int:
    leg = office.live_leg
    assert leg is not None
    return leg.statistics().tracks[name].packets if name in leg.statistics().tracks else 0


async def none_of_the_tray(office: HeadOffice) -> None:
    """While a good many packets of the kiosk's camera arrive, none of its document camera does."""
    tray, camera = packets(office, "auxiliary"), packets(office, "camera")
    await until(lambda: packets(office, "camera") > camera + 30)
    assert packets(office, "auxiliary") == tray


def is_open(ears: Ears) -> bool:
    return [message for message in ears.heard if isinstance(message, s.PageStatus)][-1].tray_open


async def test_no_packet_of_the_tray_leaves_the_kiosk_without_consent(loop: MediaLoop, folder: Path) -> None:
    office = HeadOffice()
    equipment = Equipment(open_camera=partial(open_camera, str(folder)), loop=loop, loopback=True)
    async with opened(office) as address, running(office, address, equipment) as (agent, ears):
        await talking(office, agent)
        await hears_media(office, "camera", "microphone")
        await none_of_the_tray(office)
        office.ask_document("d1")
        await none_of_the_tray(office)
        assert packets(office, "auxiliary") == 0

        # A server that says "agreed" for the customer: nothing opens, and it hears why.
        office.set_document("d1", AGREED)
        assert (await office.heard(c.DocumentFailed)).reason == "tray_closed"
        await none_of_the_tray(office)
        assert packets(office, "auxiliary") == 0
        assert not is_open(ears)

        # The customer agrees: it is said, seen, taken, and closed.
        assert office.session is not None
        await agent.ask(c.DocumentAnswer(office.session.id, "d1", agreed=True))
        await hears_media(office, "auxiliary", least=0)
        await office.until(lambda: "d1" in office.documents)
        await until(lambda: not is_open(ears))
        assert [m.tray_open for m in ears.heard if isinstance(m, s.PageStatus) and m.online][-2:] == [True, False]
        await none_of_the_tray(office)

        # A document refused is not seen, nor one that could not be answered.
        office.ask_document("d2")
        await ears.until(lambda m: isinstance(m, s.SessionUpdate) and len(m.session.documents) == 2)
        await agent.ask(c.DocumentAnswer(office.session.id, "d2", agreed=False))
        await none_of_the_tray(office)
        office.set_document("d2", REQUESTED)
        office.errors[c.DocumentAnswer] = Unavailable("not now")
        with pytest.raises(VisavisError):
            await agent.ask(c.DocumentAnswer(office.session.id, "d2", agreed=True))
        office.set_document("d2", AGREED)
        await none_of_the_tray(office)


async def test_taking_an_agreement_back_ends_the_delivery(loop: MediaLoop, folder: Path) -> None:
    office = HeadOffice()
    equipment = Equipment(open_camera=partial(open_camera, str(folder)), loop=loop, loopback=True)
    async with opened(office) as address, running(office, address, equipment) as (agent, ears):
        await talking(office, agent)
        await hears_media(office, "camera")
        office.ask_document("d1")
        await ears.until(lambda m: isinstance(m, s.SessionUpdate) and bool(m.session.documents))
        assert office.session is not None
        await agent.ask(c.DocumentAnswer(office.session.id, "d1", agreed=True))
        await hears_media(office, "auxiliary", least=0)
        await agent.ask(c.DocumentAnswer(office.session.id, "d1", agreed=False))
        await until(lambda: not is_open(ears))
        await none_of_the_tray(office)
        assert office.documents == {}
        assert not [m for m in office.said if isinstance(m, c.DocumentFailed)]
