"""What a kiosk keeps of what it sends: only that, only so much, and nothing that anybody else can read."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from kiosk_client.agent import kept_media
from kiosk_client.agent.kept_media import KeptFrame, KeptMedia
from link.rtc.tracks.forwarded_track import ForwardedTrack
from link.rtc.tracks.published_track import PublishedTrack
from link.tasks import spawn

SECRET = b"what the customer said, word for word"
SOUND = b"\x78" + SECRET


class Source:
    """A microphone that is forwarded to a leg, and kept."""

    def __init__(self, folder: Path, *, most_bytes: int = 1 << 20, most_s: float = 600.0) -> None:
        self.now = 100.0
        self.kept = KeptMedia(folder, most_bytes=most_bytes, most_s=most_s, now=lambda: self.now)
        self.kept.active = True
        self.track = PublishedTrack("audio", "microphone")
        self.sent: list[int] = []
        self.slot = self.new_slot()
        self.count = 0

    def new_slot(self) -> ForwardedTrack:
        slot = ForwardedTrack("audio", "microphone")

        def send(header: bytes, _payload: bytes) -> None:
            self.sent.append(int.from_bytes(header[4:8], "big"))

        slot.open(send, 111, -1, 0)
        return slot

    def follow(self, leg: str = "l1") -> None:
        self.slot.attach(self.track, 0.0)
        self.kept.follow("microphone", self.track, self.slot, leg)

    def speak(self, packets: int, data: bytes = SOUND) -> None:
        for _ in range(packets):
            # Twenty milliseconds apart, by a clock that nobody waits for.
            payload = data + self.count.to_bytes(4, "big")
            self.track.receive(self.count & 0xFFFF, self.count * 960, False, payload, 1000.0 + self.count * 0.02)
            self.count += 1
        # Where nothing has ever come before, a reader waits to see how old the first packets are.
        for tap in self.kept._taps.values():
            tap.reader.flush()

    async def all(self, leg: str = "l1") -> list[KeptFrame]:
        """Everything that is kept, from the oldest frame on that left by this leg."""
        for stamp in self.sent:
            if found := await self.kept.frames("microphone", (leg, stamp), None, 1e6):
                return found
        return []


@pytest_asyncio.fixture
async def source(tmp_path: Path, no_task_left: None, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Source]:
    monkeypatch.setattr(kept_media, "WRITE_EVERY_S", 30.0)  # only when it is told to
    made = Source(tmp_path / "kept")
    made.follow()
    yield made
    await made.kept.close()


async def test_frames_are_found_by_the_timestamp_with_which_they_left(source: Source) -> None:
    source.speak(10)
    await source.kept.flush()
    source.speak(10)
    await source.kept.flush()
    frames = await source.kept.frames("microphone", ("l1", source.sent[3]), ("l1", source.sent[17]), 1.0)
    assert [frame.stamp for frame in frames] == source.sent
    assert {frame.leg for frame in frames} == {"l1"}
    assert [frame.first for frame in frames] == [True] + [False] * 19
    data = await source.kept.read("microphone", frames[3:6])
    assert data == [SOUND + n.to_bytes(4, "big") for n in (3, 4, 5)]
    assert await source.kept.frames("microphone", ("l2", source.sent[3]), None, 1.0) == []
    assert await source.kept.frames("camera", ("l1", source.sent[3]), None, 1.0) == []


async def test_a_new_leg_has_stamps_of_its_own_from_its_first_packet_on(source: Source) -> None:
    source.speak(5)
    source.slot.shut()
    source.speak(5)  # there is no leg: it is kept all the same
    source.slot = source.new_slot()
    source.follow("l2")
    source.speak(5)
    frames = await source.kept.frames("microphone", ("l1", source.sent[0]), ("l2", source.sent[-1]), 1.0)
    assert [frame.leg for frame in frames] == ["l1"] * 5 + [""] * 5 + ["l2"] * 5
    assert [frame.stamp for frame in frames if frame.leg] == source.sent


async def test_nothing_is_kept_on_hold_or_after_the_call(source: Source) -> None:
    source.speak(5)
    source.kept.active = False
    source.speak(5)
    source.kept.active = True
    source.speak(5)
    source.kept.stop()
    source.speak(5)
    frames = await source.all()
    data = await source.kept.read("microphone", frames)
    assert [int.from_bytes((content or b"")[-4:], "big") for content in data] == [0, 1, 2, 3, 4, 10, 11, 12, 13, 14]


async def test_the_file_holds_nothing_that_can_be_read_and_has_no_name(source: Source) -> None:
    source.speak(200)
    await source.kept.flush()
    assert list((source.kept._folder).iterdir()) == []
    assert source.kept._file is not None
    content = os.pread(source.kept._file.fileno(), 1 << 20, 0)
    assert len(content) > 200 * len(SOUND)
    assert SECRET not in content
    assert not any(SECRET[at : at + 6] in content for at in range(len(SECRET) - 6))
    descriptor = source.kept._file.fileno()
    await source.kept.close()
    with pytest.raises(OSError, match="Bad file"):
        os.fstat(descriptor)


async def test_each_session_has_a_key_of_its_own(source: Source, tmp_path: Path) -> None:
    other = Source(tmp_path / "kept")
    other.follow()
    for one in (source, other):
        one.speak(20, b"\x78" + bytes(64))
        await one.kept.flush()
    files = [one.kept._file for one in (source, other)]
    first, second = (os.pread(file.fileno(), 1 << 20, 0) for file in files if file is not None)
    assert len(first) == len(second)
    assert first != second
    await other.kept.close()


async def test_what_is_new_takes_the_place_of_the_oldest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_media, "WRITE_EVERY_S", 30.0)
    source = Source(tmp_path, most_bytes=20_000)
    source.follow()
    for number in range(200):
        source.speak(3 + number % 5, b"\x78" + bytes(100 + 13 * (number % 7)))
        await source.kept.flush()
        assert source.kept._file is not None
        assert os.fstat(source.kept._file.fileno()).st_size <= 20_000
    frames = await source.all()
    data = await source.kept.read("microphone", frames)
    numbers = [int.from_bytes((content or b"")[-4:], "big") for content in data]
    assert numbers == list(range(numbers[0], source.count)), "the newest, without a hole, each as it was"
    assert sum(len(content or b"") for content in data) > 10_000
    stale = frames[0]._replace(piece=0)
    assert await source.kept.read("microphone", [stale]) == [None]
    await source.kept.close()


async def test_what_is_too_old_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_media, "WRITE_EVERY_S", 30.0)
    source = Source(tmp_path, most_s=60.0)
    source.follow()
    for _ in range(10):
        source.speak(10)
        await source.kept.flush()
        source.now += 20.0
    await source.kept.flush()
    assert [piece.until_s for piece in source.kept._pieces] == [240.0, 260.0, 280.0]
    await source.kept.close()


async def test_a_disk_that_takes_nothing_costs_only_that(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_media, "WRITE_EVERY_S", 30.0)
    (tmp_path / "file").touch()
    source = Source(tmp_path / "file" / "kept")
    source.follow()
    source.speak(10)
    await source.kept.flush()
    source.speak(10)
    await source.kept.flush()
    assert await source.all() == []
    assert source.kept._waiting == []
    await source.kept.close()


async def test_frames_do_not_wait_without_end(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_media, "MAX_WAITING_BYTES", 5000)
    source.speak(1000)
    assert source.kept._waiting_bytes <= 5000 + len(SOUND) + 4
    await source.kept.flush()
    assert source.kept._waiting_bytes == 0


async def test_closing_while_something_is_read_waits_for_it(source: Source) -> None:
    source.speak(100)
    frames = await source.all()
    reading = spawn(source.kept.read("microphone", frames), name="reading")
    await asyncio.sleep(0)
    await source.kept.close()
    assert len(await reading) == 100
