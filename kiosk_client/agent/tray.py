"""The document camera, closed unless the customer has agreed to show something.

Only the customer's own press on this kiosk opens it. The server can confirm or end that, but never replace it: neither
a server that calls a document agreed nor a session resumed after a restart opens the camera.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from kiosk_client.devices.document_camera import CameraError, DocumentCamera, Still
from kiosk_client.devices.document_camera_track import DocumentCameraTrack, Publish
from link.protocol.values import DocumentState, Session, SessionState
from link.tasks import spawn

log = structlog.get_logger()

SHOW_S = 120.0  # the longest that one press is valid: a document that is not delivered by then is asked for again
SETTLE_S = 1.5  # a camera that was just opened has to find its exposure and focus before a still is worth taking
ASKABLE = frozenset({DocumentState.REQUESTED, DocumentState.REJECTED, DocumentState.FAILED})


class TrayClosed(CameraError):
    """The customer has not agreed to this document at this kiosk, or no longer."""


@dataclass(slots=True)
class _Press:
    """The customer agreed to a document; `confirmed` once the server said so too."""

    timer: asyncio.TimerHandle
    confirmed: bool = False


class Tray:
    """Opens and closes the camera of one call. All methods on the event loop; only `still` and `stop` wait."""

    def __init__(
        self,
        open_camera: Callable[[], DocumentCamera],
        publish: Publish,
        on_open: Callable[[bool], None] = lambda _: None,
        *,
        show_s: float = SHOW_S,
        settle_s: float = SETTLE_S,
    ) -> None:
        """`on_open(True)` is called before the device is opened, `on_open(False)` after it was closed."""
        self._open_camera, self._publish, self._on_open = open_camera, publish, on_open
        self._show_s, self._settle_s = show_s, settle_s
        self._presses: dict[str, _Press] = {}
        self._session: Session | None = None
        self._station: DocumentCameraTrack | None = None
        self._began: float | None = None
        self._last: threading.Event | None = None
        self._bitrate: int | None = None
        self._closing: set[asyncio.Task[None]] = set()
        self._stopped = False

    @property
    def open(self) -> bool:
        """Whether pictures of the tray may leave the kiosk now."""
        return self._station is not None

    def agree(self, document: str) -> bool:
        """The customer pressed: true if this document is being asked for by a specialist who is present."""
        session = self._session
        asked = session is not None and any(d.id == document and d.state in ASKABLE for d in session.documents)
        if self._stopped or session is None or not asked or not _attended(session):
            return False
        self.end(document)
        timer = asyncio.get_running_loop().call_later(self._show_s, self.end, document)
        self._presses[document] = _Press(timer)
        return True

    def end(self, document: str) -> None:
        """The document is delivered, refused or given up: it is not to be seen any more."""
        press = self._presses.pop(document, None)
        if press is not None:
            press.timer.cancel()
        self._settle()

    def follow(self, session: Session) -> None:
        """Take the session's state from the server."""
        self._session = session
        states = {document.id: document.state for document in session.documents}
        for document, press in list(self._presses.items()):
            state = states.get(document)
            if state is DocumentState.AGREED and _attended(session):
                press.confirmed = True
            elif press.confirmed or state not in ASKABLE or not _attended(session):
                self.end(document)
        self._settle()

    def request_keyframe(self) -> None:
        """Make the next live picture, if there is one, a keyframe."""
        if self._station is not None:
            self._station.request_keyframe()

    def set_bitrate(self, bitrate: int) -> None:
        """Tell the live video what its viewers can take, in bit/s."""
        self._bitrate = bitrate
        if self._station is not None:
            self._station.set_bitrate(bitrate)

    async def still(self, document: str) -> Still:
        """Take this document. Raises `TrayClosed` without the customer's press, `CameraError` if the camera fails."""
        press = self._presses.get(document)
        if press is None or not press.confirmed or self._station is None:
            raise TrayClosed("the customer has not agreed at this kiosk")
        return await self._station.still()

    async def stop(self) -> None:
        """Close the camera for good. Idempotent."""
        self._stopped = True
        for document in list(self._presses):
            self.end(document)
        for task in list(self._closing):
            await asyncio.wait([task])

    def _settle(self) -> None:
        wanted = any(press.confirmed for press in self._presses.values())
        if wanted and self._station is None:
            self._start()
        elif not wanted and self._station is not None:
            station, self._station = self._station, None
            station.halt()
            log.info("document camera closes")
            task = spawn(self._close(station), name="document camera closes")
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    def _start(self) -> None:
        log.info("document camera opens")
        self._on_open(True)
        # The previous one releases the device first; RTP timestamps continue through all of them.
        station = DocumentCameraTrack(
            self._open_camera, self._publish, settle_s=self._settle_s, began=self._began, after=self._last
        )
        if self._bitrate is not None:
            station.set_bitrate(self._bitrate)
        station.start()
        self._began, self._last = station.began, station.gone
        self._station = station

    async def _close(self, station: DocumentCameraTrack) -> None:
        await station.stop()
        if self._station is None:
            self._on_open(False)


def _attended(session: Session) -> bool:
    """Whether a specialist is in the call and connected."""
    return session.state is SessionState.ACTIVE and session.specialist is not None and session.specialist_connected
