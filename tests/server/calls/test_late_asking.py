"""When a kiosk is asked for what was lost, in which order and how often; without any media."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Any, cast

import pytest

from link.protocol.errors import BadMessage, NotFound
from link.protocol.late_media import LateFrame, pack
from link.protocol.server import MediaComplete, MediaWanted, ServerMessage
from link.protocol.values import MediaMark
from link.rtc.tracks.depacketizer import EncodedFrame
from link.tasks import spawn
from server.calls import late_media as module
from server.calls.late_media import LateMedia
from server.recording.late import OpenHole
from server.recording.recorder import Recorder

OPUS, KEYFRAME = b"\x78x", b"\x10\x00\x00\x9d\x01\x2a\x00\x05\xd0\x02"
AFTER, BEFORE = MediaMark("l1", 5, 900), MediaMark("l2", 7, 26_000)


def hole(start_ms: int, end_ms: int, *, kind: str = "audio", **more: Any) -> OpenHole:
    track = "customer-1.microphone" if kind == "audio" else "customer-1.camera"
    made = OpenHole(track, kind, start_ms, end_ms, AFTER, BEFORE, True, range(9), [], filled_ms=start_ms, closed=True)
    for name, value in more.items():
        setattr(made, name, value)
    return made


class Recording:
    """Of a recorder what is asked of it here."""

    def __init__(self, *holes: OpenHole) -> None:
        self.owed = list(holes)
        self.failed = False
        self.on_owed: Callable[[], None] = lambda: None
        self.filled: list[tuple[OpenHole, list[int], int]] = []

    async def fill(self, hole: OpenHole, frames: Sequence[EncodedFrame], until_ms: int) -> bool:
        if hole.over:
            return False
        self.filled.append((hole, [round(frame.time * 1000) for frame in frames], until_ms))
        hole.filled_ms = until_ms
        if until_ms >= hole.end_ms:
            hole.over = True
            self.owed = [other for other in self.owed if other is not hole]
        return True


class Kiosk:
    """Hears what is asked."""

    def __init__(self, recording: Recording, *, within_s: float = 30.0) -> None:
        self.heard: list[ServerMessage] = []
        self.allowed = True
        self.recording = recording
        self.late = LateMedia("s1", self.heard.append, lambda: self.allowed, within_s=within_s)
        self.late.follow(cast("Recorder", recording))
        recording.on_owed()

    async def asked(self, count: int = 1) -> MediaWanted:
        """The newest question, once there are so many different ones."""
        async with asyncio.timeout(30):
            while len({message.wanted for message in self.heard if isinstance(message, MediaWanted)}) < count:
                await asyncio.sleep(0)
        newest = self.heard[-1]
        assert isinstance(newest, MediaWanted)
        return newest

    async def deliver(self, message: MediaWanted, body: bytes) -> None:
        async with self.late.delivery(message.wanted) as asked:
            await asked.take(body)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch, no_task_left: None) -> None:
    monkeypatch.setattr(module, "AGAIN_S", 0.01)
    monkeypatch.setattr(module, "LOOK_S", 0.01)


async def test_a_hole_is_asked_for_piece_by_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    kiosk = Kiosk(Recording(hole(1000, 26_000)))
    pieces = []
    for number in range(1, 4):
        message = await kiosk.asked(number)
        pieces.append((message.start_ms, message.end_ms, message.follows))
        assert (message.session, message.track, message.after, message.before) == ("s1", "microphone", AFTER, BEFORE)
        await kiosk.deliver(message, pack([LateFrame(message.start_ms, OPUS), LateFrame(message.end_ms - 1, OPUS)]))
        with pytest.raises(NotFound):
            await kiosk.deliver(message, pack([]))
    assert pieces == [(1000, 11_000, True), (11_000, 21_000, False), (21_000, 26_000, False)]
    assert [times for _, times, _ in kiosk.recording.filled] == [[1000, 10_999], [11_000, 20_999], [21_000, 25_999]]
    assert kiosk.recording.owed == []
    await kiosk.late.complete()
    assert MediaComplete("s1") not in kiosk.heard, "nobody has said that they keep anything"


async def test_a_question_is_said_again_until_it_is_answered() -> None:
    kiosk = Kiosk(Recording(hole(1000, 2000)))
    message = await kiosk.asked()
    async with asyncio.timeout(30):
        while kiosk.heard.count(message) < 3:
            await asyncio.sleep(0.01)
    async with kiosk.late.delivery(message.wanted) as asked:
        with pytest.raises(NotFound):
            async with kiosk.late.delivery(message.wanted):
                pass
        heard = len(kiosk.heard)
        await asyncio.sleep(0.05)
        assert len(kiosk.heard) == heard, "not while it is on its way"
        await asked.take(pack([]))
    kiosk.late.kept = True
    await kiosk.late.complete()
    assert kiosk.heard[-1] == MediaComplete("s1")


async def test_a_delivery_that_was_broken_off_can_be_made_again() -> None:
    kiosk = Kiosk(Recording(hole(1000, 2000)))
    message = await kiosk.asked()
    with pytest.raises(ConnectionError):
        async with kiosk.late.delivery(message.wanted):
            raise ConnectionError
    await kiosk.deliver(message, pack([LateFrame(1500, OPUS)]))
    assert kiosk.recording.owed == []
    await kiosk.late.stop()


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("audio", b"nonsense"),
        ("audio", pack([LateFrame(999, OPUS)])),
        ("audio", pack([LateFrame(2000, OPUS)])),
        ("audio", pack([LateFrame(1500, b"\xff")])),
        ("audio", pack([LateFrame(1500, OPUS), LateFrame(1501, OPUS)])),
        ("video", pack([LateFrame(1500, b"\x10no keyframe that anybody could decode")])),
        ("video", pack([LateFrame(1500, KEYFRAME[:6] + bytes(4))])),
    ],
)
async def test_what_is_no_delivery_is_refused_and_not_asked_for_again(kind: str, body: bytes) -> None:
    kiosk = Kiosk(Recording(hole(1000, 2000, kind=kind)))
    message = await kiosk.asked()
    with pytest.raises(BadMessage):
        await kiosk.deliver(message, body)
    assert [(times, until) for _, times, until in kiosk.recording.filled] == [([], 2000)]
    assert kiosk.recording.owed == []
    await kiosk.late.stop()


async def test_pictures_are_read_as_in_time() -> None:
    kiosk = Kiosk(Recording(hole(1000, 2000, kind="video", lead_ms=400)))
    message = await kiosk.asked()
    assert (message.track, message.start_ms) == ("camera", 600)
    await kiosk.deliver(message, pack([LateFrame(700, KEYFRAME), LateFrame(740, b"\x11x")]))
    assert kiosk.recording.filled[0][1] == [700, 740]
    await kiosk.late.stop()


async def test_in_the_call_the_call_comes_first() -> None:
    kiosk = Kiosk(Recording(hole(1000, 2000)))
    kiosk.allowed = False
    await asyncio.sleep(0.05)
    assert kiosk.heard == []
    kiosk.allowed = True
    await kiosk.deliver(await kiosk.asked(), pack([]))
    await kiosk.late.stop()


async def test_a_hole_that_grows_is_not_asked_for() -> None:
    kiosk = Kiosk(Recording(hole(1000, 2000, closed=False)))
    await asyncio.sleep(0.05)
    assert kiosk.heard == []
    kiosk.recording.owed[0].closed = True
    kiosk.recording.on_owed()
    await kiosk.asked()
    await kiosk.late.stop()


async def test_who_does_not_answer_in_the_call_is_asked_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ANSWER_S", 0.02)
    first, second = hole(1000, 2000), hole(5000, 6000)
    kiosk = Kiosk(Recording(first, second))
    async with asyncio.timeout(30):
        while second.tries < module.TRIES:
            await asyncio.sleep(0.01)
    assert first.tries == module.TRIES
    heard = len(kiosk.heard)
    await asyncio.sleep(0.05)
    assert len(kiosk.heard) == heard
    settled = spawn(kiosk.late.settle(), name="settled")
    while kiosk.recording.owed:
        wanted = [message.wanted for message in kiosk.heard[heard:] if isinstance(message, MediaWanted)]
        for name in wanted[-1:]:
            with contextlib.suppress(NotFound):  # it has just been delivered
                async with kiosk.late.delivery(name) as asked:
                    await asked.take(pack([]))
        await asyncio.sleep(0.01)
    await settled
    await kiosk.late.stop()


async def test_it_is_waited_for_so_long_and_no_longer() -> None:
    kiosk = Kiosk(Recording(hole(1000, 2000)), within_s=0.05)
    await kiosk.late.settle()
    assert len(kiosk.recording.owed) == 1
    await kiosk.late.stop()
    message = kiosk.heard[-1]
    assert isinstance(message, MediaWanted)
    with pytest.raises(NotFound):
        await kiosk.deliver(message, pack([]))


async def test_where_nothing_is_owed_nobody_waits() -> None:
    kiosk = Kiosk(Recording(), within_s=3600)
    await kiosk.late.settle()
    await kiosk.late.complete()
    assert kiosk.heard == []


async def test_another_recorder_has_other_holes() -> None:
    kiosk = Kiosk(Recording(hole(1000, 2000)))
    message = await kiosk.asked()
    kiosk.late.follow(None)
    with pytest.raises(NotFound):
        await kiosk.deliver(message, pack([]))
    other = Recording(hole(7000, 8000))
    kiosk.late.follow(cast("Recorder", other))
    newest = await kiosk.asked(2)
    assert newest.start_ms == 7000
    await kiosk.deliver(newest, pack([]))
    assert other.owed == []
    await kiosk.late.stop()
