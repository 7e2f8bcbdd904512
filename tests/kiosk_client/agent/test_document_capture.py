"""Documents: each agreed one is taken once, one after the other; failures are reported."""

from __future__ import annotations

import asyncio

import pytest

from kiosk_client.agent import document_capture as documents_module
from kiosk_client.agent.document_capture import DocumentCapture
from kiosk_client.agent.upload import UploadFailed
from kiosk_client.devices.document_camera import CameraError, Still
from link.protocol.errors import Unavailable, VisavisError, WrongState
from link.protocol.values import Document, DocumentState, Language, Session, SessionState
from link.signaling.client import Refused
from tests.kiosk_client.head_office import WEALTH

pytestmark = pytest.mark.usefixtures("no_task_left")


def session(*documents: tuple[str, DocumentState]) -> Session:
    listed = [Document(name, "other", state) for name, state in documents]
    return Session("s1", SessionState.ACTIVE, "k", "", "b", "", "", WEALTH, Language.ZH, documents=listed)


class Hands:
    """A camera and a server that obey."""

    def __init__(self) -> None:
        self.taken = 0
        self.delivered: list[str] = []
        self.reported: list[tuple[str, str]] = []
        self.camera_error: Exception | None = None
        self.upload_error: Exception | None = None
        self.report_errors: list[VisavisError] = []
        self.busy = 0
        self.most_busy = 0
        self.moved = asyncio.Event()

    async def take(self, document: str) -> Still:
        self.busy += 1
        self.most_busy = max(self.most_busy, self.busy)
        await asyncio.sleep(0)
        self.busy -= 1
        if self.camera_error:
            raise self.camera_error
        self.taken += 1
        return Still(b"x", "image/jpeg")

    async def deliver(self, session: str, document: str, still: Still) -> None:
        if self.upload_error:
            raise self.upload_error
        self.delivered.append(document)
        self.moved.set()

    async def report(self, session: str, document: str, reason: str) -> None:
        if self.report_errors:
            raise self.report_errors.pop()
        self.reported.append((document, reason))
        self.moved.set()

    def documents(self) -> DocumentCapture:
        return DocumentCapture(self.take, self.deliver, self.report)

    async def until(self, count: int) -> None:
        async with asyncio.timeout(30):
            while len(self.delivered) + len(self.reported) < count:
                self.moved.clear()
                await self.moved.wait()
        await asyncio.sleep(0)


async def test_only_agreed_documents_are_taken_and_each_once() -> None:
    hands = Hands()
    documents = hands.documents()
    now = session(("a", DocumentState.AGREED), ("b", DocumentState.REQUESTED), ("c", DocumentState.AGREED))
    documents.follow(now)
    documents.follow(now)
    await hands.until(2)
    documents.follow(now)
    await asyncio.sleep(0)
    assert hands.delivered == ["a", "c"]
    assert hands.most_busy == 1
    await documents.stop()


async def test_a_document_asked_for_again_is_taken_again() -> None:
    hands = Hands()
    documents = hands.documents()
    for state in (DocumentState.AGREED, DocumentState.STORED, DocumentState.REJECTED, DocumentState.AGREED):
        documents.follow(session(("a", state)))
        if state is DocumentState.AGREED:
            await hands.until(len(hands.delivered) + 1)
    assert hands.delivered == ["a", "a"]
    await documents.stop()


@pytest.mark.parametrize(
    ("camera", "upload", "reason"),
    [
        (CameraError("no picture"), None, "camera_failed"),
        (None, UploadFailed("too_large"), "too_large"),
        (ValueError("a mistake of ours"), None, "internal"),
    ],
)
async def test_a_failure_is_reported_with_its_reason(
    camera: Exception | None, upload: Exception | None, reason: str
) -> None:
    hands = Hands()
    hands.camera_error, hands.upload_error = camera, upload
    documents = hands.documents()
    documents.follow(session(("a", DocumentState.AGREED)))
    await hands.until(1)
    assert hands.reported == [("a", reason)]
    await documents.stop()


async def test_a_report_is_repeated_until_the_server_has_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents_module, "REPORT_RETRY_S", (0.01,))
    hands = Hands()
    hands.camera_error = CameraError("no picture")
    hands.report_errors = [Unavailable(), Refused("unavailable", "the journal cannot be written"), Unavailable()]
    documents = hands.documents()
    documents.follow(session(("a", DocumentState.AGREED)))
    await hands.until(1)
    assert hands.reported == [("a", "camera_failed")]
    await documents.stop()


async def test_a_document_that_stays_agreed_is_taken_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents_module, "SETTLE_S", 0.05)
    hands = Hands()
    hands.camera_error = CameraError("no picture")
    hands.report_errors = [WrongState()]
    documents = hands.documents()
    documents.follow(session(("a", DocumentState.AGREED)))
    await hands.until(1)
    hands.camera_error = None
    await hands.until(2)
    documents.follow(session(("a", DocumentState.STORED)))
    assert (hands.reported, hands.delivered) == ([("a", "camera_failed")], ["a"])
    await documents.stop()


async def test_a_customer_who_agrees_again_at_once_is_heard() -> None:
    hands = Hands()
    documents = hands.documents()
    documents.follow(session(("a", DocumentState.AGREED)))
    await hands.until(1)
    documents.follow(session(("a", DocumentState.REJECTED)))
    documents.follow(session(("a", DocumentState.AGREED)))
    await hands.until(2)
    assert hands.delivered == ["a", "a"]
    await documents.stop()


async def test_stopping_drops_what_is_under_way() -> None:
    waiting = asyncio.Event()

    async def never(document: str) -> Still:
        waiting.set()
        await asyncio.Event().wait()
        raise AssertionError

    hands = Hands()
    documents = DocumentCapture(never, hands.deliver, hands.report)
    documents.follow(session(("a", DocumentState.AGREED)))
    await waiting.wait()
    await documents.stop()
    await documents.stop()
    assert not hands.delivered
    assert not hands.reported
