"""The station: live video while a call runs, stills on request, failures that are told."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import av
import pytest
from PIL import Image

from kiosk_client.devices import document_camera_track as station_module
from kiosk_client.devices.document_camera import CameraError, DocumentCamera, FolderCamera, Still
from kiosk_client.devices.document_camera_track import DocumentCameraTrack
from link.rtc.wire.vp8 import picture_size
from link.tasks import cancel, spawn

pytestmark = pytest.mark.usefixtures("no_task_left")


class Watcher:
    def __init__(self) -> None:
        self.frames: list[tuple[bytes, int, bool]] = []
        self.changed = asyncio.Event()

    def publish(self, data: bytes, rtp_time: int, keyframe: bool) -> None:
        assert threading.current_thread() is threading.main_thread()
        self.frames.append((data, rtp_time, keyframe))
        self.changed.set()

    async def until(self, count: int) -> None:
        async with asyncio.timeout(30):
            while len(self.frames) < count:
                self.changed.clear()
                await self.changed.wait()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, colour in (("a.png", "red"), ("b.png", "blue")):
        Image.new("RGB", (1200, 800), colour).save(tmp_path / name)
    return tmp_path


async def test_live_video_and_stills(folder: Path) -> None:
    watcher = Watcher()
    station = DocumentCameraTrack(lambda: FolderCamera(folder), watcher.publish)
    station.start()
    await watcher.until(2)
    first = await station.still()
    second = await station.still()
    assert first.data == (folder / "a.png").read_bytes()
    assert second.data == (folder / "b.png").read_bytes()
    await station.stop()
    assert watcher.frames[0][2], "the first picture is a keyframe"
    assert picture_size(watcher.frames[0][0]) == (1200, 800)
    times = [rtp_time for _, rtp_time, _ in watcher.frames]
    assert times == sorted(times)


async def test_a_keyframe_is_made_when_asked_for(folder: Path) -> None:
    watcher = Watcher()
    station = DocumentCameraTrack(lambda: FolderCamera(folder), watcher.publish)
    station.start()
    await watcher.until(2)
    assert not watcher.frames[1][2]
    station.request_keyframe()
    count = len(watcher.frames)
    await watcher.until(count + 2)
    await station.stop()
    assert any(keyframe for _, _, keyframe in watcher.frames[count:])


async def test_a_much_lower_bitrate_begins_a_new_encoder(folder: Path) -> None:
    watcher = Watcher()
    station = DocumentCameraTrack(lambda: FolderCamera(folder), watcher.publish)
    station.start()
    await watcher.until(2)
    station.set_bitrate(1)
    count = len(watcher.frames)
    await watcher.until(count + 2)
    await station.stop()
    assert any(keyframe for _, _, keyframe in watcher.frames[count:])


async def test_nothing_is_published_after_the_stop(folder: Path) -> None:
    watcher = Watcher()
    station = DocumentCameraTrack(lambda: FolderCamera(folder), watcher.publish)
    station.start()
    await watcher.until(1)
    await station.stop()
    await station.stop()
    count = len(watcher.frames)
    await asyncio.sleep(0)
    assert len(watcher.frames) == count
    with pytest.raises(CameraError):
        await station.still()


async def test_a_camera_that_does_not_open_fails_the_still() -> None:
    def broken() -> DocumentCamera:
        raise CameraError("unplugged")

    station = DocumentCameraTrack(broken, Watcher().publish)
    station.start()
    with pytest.raises(CameraError, match="unplugged"):
        await station.still()
    await station.stop()


async def test_a_camera_that_breaks_in_the_call_fails_the_still() -> None:
    class Breaking:
        fps = 50
        closed = False

        def picture(self) -> av.VideoFrame:
            raise CameraError("the cable was pulled")

        def still(self) -> Still:
            raise AssertionError

        def close(self) -> None:
            self.closed = True

    camera = Breaking()
    station = DocumentCameraTrack(lambda: camera, Watcher().publish)
    station.start()
    with pytest.raises(CameraError, match="cable"):
        await station.still()
    await station.stop()
    assert camera.closed


class Hiccup(FolderCamera):
    """Fails with its next error each time it is opened, as a loose cable does."""

    def __init__(self, folder: Path, error: Exception | None) -> None:
        super().__init__(folder)
        self.error = error
        self.closed = False

    def picture(self) -> av.VideoFrame:
        if self.error is not None:
            raise self.error
        return super().picture()

    def close(self) -> None:
        self.closed = True
        raise OSError("gone before it was closed")


async def test_a_camera_that_comes_back_gives_documents_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(station_module, "REOPEN_S", (0.02,))
    errors: list[Exception | None] = [None, MemoryError(), ValueError("not a picture"), CameraError("unplugged"), None]
    opened: list[Hiccup] = []

    def open_again() -> DocumentCamera:
        opened.append(Hiccup(folder, errors[len(opened)]))
        if isinstance(opened[-1].error, MemoryError):
            raise opened[-1].error
        return opened[-1]

    watcher = Watcher()
    station = DocumentCameraTrack(open_again, watcher.publish)
    station.start()
    await watcher.until(2)
    opened[0].error = CameraError("the cable was pulled")
    async with asyncio.timeout(30):
        while len(opened) < len(errors):
            await asyncio.sleep(0.01)
    count = len(watcher.frames)
    await watcher.until(count + 2)
    assert (await station.still()).data == (folder / "a.png").read_bytes()
    await station.stop()
    assert [camera.closed for camera in opened] == [True, False, True, True, True]
    times = [rtp_time for _, rtp_time, _ in watcher.frames]
    assert times == sorted(times)
    assert watcher.frames[count][2], "a camera that is back begins with a keyframe"


async def test_one_bad_still_is_no_end_of_documents(folder: Path) -> None:
    class Spoiled(FolderCamera):
        spoiled = True

        def still(self) -> Still:
            if self.spoiled:
                self.spoiled = False
                raise ValueError("not a picture")
            return super().still()

    station = DocumentCameraTrack(lambda: Spoiled(folder), Watcher().publish)
    station.start()
    with pytest.raises(CameraError):
        await station.still()
    assert (await station.still()).data == (folder / "a.png").read_bytes()
    await station.stop()


class Gated(FolderCamera):
    """Shows its picture only while the gate is open, so that a test says when the camera's thread goes on."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.gate = threading.Event()
        self.waiting = threading.Event()

    def picture(self) -> av.VideoFrame:
        if not self.gate.is_set():
            self.waiting.set()
            assert self.gate.wait(10)
        return super().picture()


async def test_a_still_that_nobody_waits_for_is_not_taken(folder: Path) -> None:
    camera = Gated(folder)
    station = DocumentCameraTrack(lambda: camera, Watcher().publish)
    station.start()
    assert await asyncio.to_thread(camera.waiting.wait, 10)
    waiting = spawn(station.still(), name="still")
    await asyncio.sleep(0)
    await cancel(waiting)
    camera.gate.set()
    assert (await station.still()).data == (folder / "a.png").read_bytes()
    await station.stop()
