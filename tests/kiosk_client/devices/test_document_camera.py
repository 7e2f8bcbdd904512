"""The document camera: a folder of images, and a video device (here one that FFmpeg draws)."""

from __future__ import annotations

import io
from pathlib import Path

import av
import pytest
from PIL import Image
from structlog.testing import capture_logs

from kiosk_client.devices.document_camera import CameraError, FolderCamera, VideoCamera, open_camera


def photograph(path: Path, colour: str, size: tuple[int, int] = (1600, 1000)) -> bytes:
    Image.new("RGB", size, colour).save(path)
    return path.read_bytes()


def test_stills_are_the_files_as_they_are_one_after_the_other(tmp_path: Path) -> None:
    first = photograph(tmp_path / "a.jpg", "red")
    second = photograph(tmp_path / "b.PNG", "blue")
    (tmp_path / "notes.txt").write_text("no image")
    camera = FolderCamera(tmp_path)
    stills = [camera.still() for _ in range(3)]
    assert [still.data for still in stills] == [first, second, first]
    assert [still.media_type for still in stills] == ["image/jpeg", "image/png", "image/jpeg"]


def test_the_live_picture_is_the_page_that_lies_there(tmp_path: Path) -> None:
    photograph(tmp_path / "a.png", "red")
    photograph(tmp_path / "b.png", "blue", (1000, 3000))
    camera = FolderCamera(tmp_path)
    shown = camera.picture()
    assert (shown.width, shown.height) == (1280, 800)
    assert camera.picture() is shown
    assert tuple(shown.to_ndarray(format="rgb24")[5, 5]) == (255, 0, 0)
    camera.still()
    shown = camera.picture()
    assert (shown.width, shown.height) == (320, 960)
    assert tuple(shown.to_ndarray(format="rgb24")[5, 5]) == (0, 0, 255)


def test_a_folder_without_images_is_no_camera(tmp_path: Path) -> None:
    with pytest.raises(CameraError, match="no JPEG or PNG"):
        open_camera(str(tmp_path))


def test_an_image_that_cannot_be_shown_is_passed_over(tmp_path: Path) -> None:
    first, third = photograph(tmp_path / "a.png", "red"), photograph(tmp_path / "c.png", "blue")
    (tmp_path / "b.jpg").write_bytes(b"not an image")
    camera = FolderCamera(tmp_path)
    with capture_logs() as lines:
        shown = []
        for _ in range(4):
            shown.append(tuple(camera.picture().to_ndarray(format="rgb24")[5, 5]))
            assert camera.still().data == (first, third)[(len(shown) - 1) % 2]
    assert shown == [(255, 0, 0), (0, 0, 255)] * 2
    assert {line["reason"] for line in lines} == {"cannot show b.jpg"}
    # Also when nobody has looked before.
    camera = FolderCamera(tmp_path)
    assert [camera.still().data for _ in range(3)] == [first, third, first]


def test_a_folder_of_damaged_images_is_a_camera_error(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"not an image")
    camera = FolderCamera(tmp_path)
    for take in (camera.picture, camera.still, camera.picture):
        with pytest.raises(CameraError, match="no image"):
            take()


def test_a_video_device_gives_pictures_and_a_still_of_full_size() -> None:
    camera = VideoCamera("testsrc=size=1920x1080:rate=30", format_name="lavfi", fps=30)
    try:
        assert camera.picture().width == 1920
        still = camera.still()
    finally:
        camera.close()
        camera.close()
    assert still.media_type == "image/jpeg"
    with Image.open(io.BytesIO(still.data)) as image:
        assert image.size == (1920, 1080)


def test_a_device_that_ends_is_a_camera_error() -> None:
    camera = VideoCamera("testsrc=size=320x240:rate=10:duration=0.3", format_name="lavfi")
    with pytest.raises(CameraError, match="no picture"):
        for _ in range(10):
            camera.picture()
    camera.close()


def test_a_device_that_is_not_there_is_a_camera_error() -> None:
    with pytest.raises(CameraError, match="/dev/video77"):
        open_camera("/dev/video77")


def test_pyav_knows_the_kiosks_video_devices() -> None:
    assert av.ContainerFormat("v4l2").is_input
