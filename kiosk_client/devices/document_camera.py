"""The document camera: a still at full resolution when a document is taken, and a picture to show live meanwhile.

Two kinds: a V4L2 device read through PyAV, and a folder of images for demonstrations and headless kiosks. All methods
block; `DocumentCameraTrack` calls them from the one thread that owns the device.
"""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import av
import structlog
from av.container import InputContainer
from PIL import Image, ImageOps, UnidentifiedImageError

from kiosk_client.devices.encoders import fitted

log = structlog.get_logger()

MEDIA_TYPES = {".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png"}
JPEG_QUALITY = 95
READ_TIMEOUT_S = 5.0


class CameraError(Exception):
    """The document camera is missing, unplugged or gives no picture."""


@dataclass(frozen=True, slots=True)
class Still:
    """One document as it was taken."""

    data: bytes
    media_type: str


class DocumentCamera(Protocol):
    """The interface of a document camera. Every method may raise `CameraError`."""

    fps: int

    def picture(self) -> av.VideoFrame:
        """The current picture; may block for the length of one frame."""

    def still(self) -> Still:
        """A still at full resolution."""

    def close(self) -> None:
        """Give the device back. Idempotent."""


class FolderCamera:
    """The images of a folder, in order: each still is a file's unchanged bytes; the next file then is the current one.

    The live picture shows the current one. After the last image follows the first. An image that cannot be decoded is
    skipped and named in the log.
    """

    fps = 5

    def __init__(self, folder: Path) -> None:
        self._files = sorted(path for path in folder.glob("*") if path.suffix.lower() in MEDIA_TYPES)
        if not self._files:
            raise CameraError(f"no JPEG or PNG images in {folder}")
        self._index = 0
        self._shown: tuple[int, av.VideoFrame] | None = None

    def picture(self) -> av.VideoFrame:
        for _ in self._files:
            if self._shown is not None and self._shown[0] == self._index:
                return self._shown[1]
            try:
                self._shown = (self._index, _load(self._files[self._index]))
            except CameraError as error:
                log.warning("image skipped", reason=str(error))
                self._index = (self._index + 1) % len(self._files)
        if self._shown is None or self._shown[0] != self._index:
            raise CameraError("no image of the folder can be shown")
        return self._shown[1]

    def still(self) -> Still:
        self.picture()  # what is delivered is what was shown
        path = self._files[self._index]
        try:
            data = path.read_bytes()
        except OSError as error:
            raise CameraError(f"cannot read {path.name}") from error
        self._index = (self._index + 1) % len(self._files)
        return Still(data, MEDIA_TYPES[path.suffix.lower()])

    def close(self) -> None:
        self._shown = None


def _load(path: Path) -> av.VideoFrame:
    try:
        with Image.open(path) as image:
            upright = ImageOps.exif_transpose(image).convert("RGB")
    except (OSError, ValueError, SyntaxError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise CameraError(f"cannot show {path.name}") from error
    frame: av.VideoFrame = av.VideoFrame.from_image(upright.resize(fitted(*upright.size)))  # type: ignore[no-untyped-call]
    return frame


class VideoCamera:
    """A video device opened through PyAV; by default V4L2 (`/dev/video…`) at the size asked for.

    The driver queues pictures while nobody reads, so `picture` drops all but the newest one.
    """

    def __init__(
        self, source: str, *, format_name: str | None = "v4l2", size: str = "1920x1080", fps: int = 15
    ) -> None:
        self.fps = fps
        options = {"video_size": size, "framerate": str(fps)} if format_name == "v4l2" else {}
        try:
            self._input: InputContainer | None = av.open(
                source, format=format_name, options=options, timeout=READ_TIMEOUT_S
            )
            self._frames: Iterator[av.VideoFrame] = self._input.decode(video=0)
        except (av.FFmpegError, OSError, IndexError) as error:
            raise CameraError(f"cannot open {source}") from error

    def picture(self) -> av.VideoFrame:
        try:
            return next(self._frames)
        except (av.FFmpegError, OSError, StopIteration) as error:
            raise CameraError("the document camera gives no picture") from error

    def still(self) -> Still:
        # Pictures that the driver queued before the customer agreed must not be used.
        fresh = time.monotonic() + 0.2
        frame = self.picture()
        while time.monotonic() < fresh:
            frame = self.picture()
        out = io.BytesIO()
        frame.to_image().save(out, "JPEG", quality=JPEG_QUALITY)  # type: ignore[no-untyped-call]
        return Still(out.getvalue(), "image/jpeg")

    def close(self) -> None:
        if self._input is not None:
            self._input.close()
            self._input = None


def open_camera(source: str) -> DocumentCamera:
    """Open the camera that the configuration names: a folder of images, or a V4L2 device."""
    path = Path(source)
    return FolderCamera(path) if path.is_dir() else VideoCamera(source)
