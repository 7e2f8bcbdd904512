"""The document camera as a video track: owns the camera while a document is shown, in one thread.

The thread reads the camera, encodes its picture once for all viewers and takes stills on request. While nothing is
shown there is no such track and the device is closed.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future

import structlog

from kiosk_client.devices.document_camera import CameraError, DocumentCamera, Still
from kiosk_client.devices.encoders import VIDEO_CLOCK, EncodedPicture, PictureEncoder, fitted

log = structlog.get_logger()

BITRATE = 800_000
LEAST_BITRATE = 150_000
LIVE_FPS = 5
STILL_TIMEOUT_S = 15.0
STOP_TIMEOUT_S = 6.0
REOPEN_S = (0.5, 1.0, 2.0, 5.0)

Publish = Callable[[bytes, int, bool], None]


class DocumentCameraTrack:
    """Camera, live video and stills while a document is shown. `start` once, `stop` once; both on the event loop."""

    def __init__(
        self,
        open_camera: Callable[[], DocumentCamera],
        publish: Publish,
        *,
        settle_s: float = 0.0,
        began: float | None = None,
        after: threading.Event | None = None,
    ) -> None:
        """`publish(data, rtp_time, keyframe)` gets the live video on the event loop, as `LocalTrack.push` takes it.

        A still waits until the camera has been open for `settle_s` seconds. `began` and `after` are `began` and `gone`
        of the previous track: RTP timestamps continue, and the device is not opened before the other has closed it.
        """
        self._open_camera = open_camera
        self._publish = publish
        self._stills: queue.Queue[Future[Still]] = queue.Queue(maxsize=4)
        self._stop = threading.Event()
        self._keyframe = threading.Event()
        self._bitrate = BITRATE
        self._settle_s = settle_s
        self._after = after
        self.began = time.monotonic() if began is None else began
        self.gone = threading.Event()
        self._failures = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Open the camera and begin; returns at once. While it cannot be opened, or fails, each `still` fails.

        A camera that failed is opened again, at first after half a second, later every five.
        """
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._run, name="document camera", daemon=True)
        self._thread.start()

    def request_keyframe(self) -> None:
        """Make the next live picture a keyframe."""
        self._keyframe.set()

    def set_bitrate(self, bitrate: int) -> None:
        """Tell the live video what its viewers can take, in bit/s."""
        self._bitrate = min(BITRATE, max(LEAST_BITRATE, bitrate))

    async def still(self) -> Still:
        """Take a document. Raises `CameraError`."""
        if self._thread is None or not self._thread.is_alive():
            raise CameraError("there is no document camera")
        wanted: Future[Still] = Future()
        try:
            self._stills.put_nowait(wanted)
            async with asyncio.timeout(STILL_TIMEOUT_S):
                return await asyncio.wrap_future(wanted)
        except (queue.Full, TimeoutError) as error:
            raise CameraError("the document camera does not answer") from error

    def halt(self) -> None:
        """Publish nothing from now on; the device is closed by the time that `stop` returns."""
        self._stop.set()

    async def stop(self) -> None:
        """Close the camera; nothing is published after this. Idempotent."""
        self.halt()
        thread, self._thread = self._thread, None
        if thread is not None:
            await asyncio.to_thread(thread.join, STOP_TIMEOUT_S)

    def _run(self) -> None:
        try:
            if self._after is not None:
                self._after.wait(STOP_TIMEOUT_S)
            self._keep_watching()
        finally:
            self.gone.set()

    def _keep_watching(self) -> None:
        while not self._stop.is_set():
            camera: DocumentCamera | None = None
            try:
                camera = self._open_camera()
                self._watch(camera)
            except CameraError as error:
                failure = error
                log.warning("document camera failed", reason=str(error))
            except Exception:
                # Whatever failed (driver, cable, picture): keep going, so that documents work again afterwards.
                failure = CameraError("the document camera failed")
                log.exception("document camera failed")
            else:
                return
            finally:
                _close(camera)
            pause = REOPEN_S[min(self._failures, len(REOPEN_S) - 1)]
            self._failures += 1
            self._refuse(failure, until=time.monotonic() + pause)

    def _watch(self, camera: DocumentCamera) -> None:
        encoder: PictureEncoder | None = None
        next_live = 0.0
        settled = time.monotonic() + self._settle_s
        while not self._stop.is_set():
            started = time.monotonic()
            picture = camera.picture()
            self._failures = 0
            if started >= next_live:
                size = fitted(picture.width, picture.height)
                if encoder is None or _differs(encoder, size, self._bitrate):
                    encoder = PictureEncoder(*size, fps=LIVE_FPS, bitrate=self._bitrate)
                keyframe = self._keyframe.is_set()
                self._keyframe.clear()
                for encoded in encoder.encode(picture, keyframe=keyframe):
                    self._hand_over(encoded, int((started - self.began) * VIDEO_CLOCK))
                next_live = started + 1 / LIVE_FPS
            wait = max(0.0, 1 / camera.fps - (time.monotonic() - started))
            if time.monotonic() < settled:
                self._stop.wait(wait)
            else:
                self._serve_still(camera, wait=wait)

    def _serve_still(self, camera: DocumentCamera, *, wait: float) -> None:
        try:
            wanted = self._stills.get(timeout=wait) if wait > 0 else self._stills.get_nowait()
        except queue.Empty:
            return
        if not wanted.set_running_or_notify_cancel():
            return  # the call is over, so nobody waits for the still
        try:
            wanted.set_result(camera.still())
        except CameraError as error:
            wanted.set_exception(error)
        except Exception:
            log.exception("still failed")
            wanted.set_exception(CameraError("the document camera failed"))

    def _refuse(self, error: CameraError, *, until: float) -> None:
        while not self._stop.is_set() and (left := until - time.monotonic()) > 0:
            try:
                wanted = self._stills.get(timeout=min(0.2, left))
            except queue.Empty:
                continue
            if wanted.set_running_or_notify_cancel():
                wanted.set_exception(error)

    def _hand_over(self, encoded: EncodedPicture, rtp_time: int) -> None:
        assert self._loop is not None
        if not self._stop.is_set():
            self._loop.call_soon_threadsafe(self._deliver, encoded, rtp_time)

    def _deliver(self, encoded: EncodedPicture, rtp_time: int) -> None:
        if not self._stop.is_set():
            self._publish(encoded.data, rtp_time, encoded.keyframe)


def _close(camera: DocumentCamera | None) -> None:
    try:
        if camera is not None:
            camera.close()
    except Exception:
        log.exception("document camera did not close")


def _differs(encoder: PictureEncoder, size: tuple[int, int], bitrate: int) -> bool:
    """A new size or a clearly other rate needs a new encoder (which begins with a keyframe)."""
    return (encoder.width, encoder.height) != size or not 0.7 < bitrate / encoder.bitrate < 1.5
