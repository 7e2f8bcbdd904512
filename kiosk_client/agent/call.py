"""One call on this kiosk: owns everything that has to end with it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from kiosk_client.agent.document_capture import Deliver, DocumentCapture
from kiosk_client.agent.gateway import Check, Gateway, Post, Request
from kiosk_client.agent.kept_media import KeptMedia
from kiosk_client.agent.tray import Tray
from kiosk_client.devices.document_camera import CameraError, DocumentCamera, Still
from kiosk_client.devices.loops import MediaLoop, Player
from link.options import IpNetwork
from link.protocol.client import DocumentAnswer, DocumentFailed
from link.protocol.values import OPEN, TALKING, Session, SessionState
from link.rtc.relay import LocalTrack
from link.rtc.tracks.published_track import PublishedTrack
from link.tasks import cancel, spawn

_RECORDED: Final = OPEN - {SessionState.HELD}


@dataclass(frozen=True, slots=True)
class Equipment:
    """This kiosk's devices: `open_camera` opens the document camera, `loop` replaces a page's camera and microphone."""

    open_camera: Callable[[], DocumentCamera] | None = None
    loop: MediaLoop | None = None
    loopback: bool = False
    networks: tuple[IpNetwork, ...] = ()


class Call:
    """Media, document camera and documents of one session."""

    def __init__(
        self,
        session: str,
        equipment: Equipment,
        *,
        request: Request,
        post: Post,
        deliver: Deliver,
        check: Check = lambda _: None,
        on_page_lost: Callable[[str], None] = lambda _: None,
        on_tray: Callable[[bool], None] = lambda _: None,
        kept: KeptMedia | None = None,
    ) -> None:
        """`on_tray` is called before the document camera is opened and after it was closed.

        `kept` keeps what the call sends, while that may be recorded; whoever made it closes it.
        """
        self.session = session
        self._request = request
        self._kept = kept
        self._hand_over = deliver
        self._tray: Tray | None = None
        self._player: Player | None = None
        self._playing: asyncio.Task[None] | None = None
        self._talking = False
        self._closed = False
        sources: dict[str, PublishedTrack] = {}
        if equipment.open_camera is not None:
            documents = LocalTrack(
                "video",
                "kiosk.auxiliary",
                on_keyframe_request=self._show_whole_document,
                on_bitrate=self._limit_document,
            )
            self._tray = Tray(equipment.open_camera, documents.push, on_tray)
            sources["auxiliary"] = documents.track
        if equipment.loop is not None:
            camera = LocalTrack("video", "kiosk.camera", on_keyframe_request=self._show_whole_picture)
            microphone = LocalTrack("audio", "kiosk.microphone")
            self._player = Player(equipment.loop, camera.push, microphone.push)
            sources |= {"camera": camera.track, "microphone": microphone.track}
        self.gateway = Gateway(
            session,
            request=request,
            post=post,
            sources=sources,
            check=check,
            loopback=equipment.loopback,
            networks=equipment.networks,
            on_page_lost=on_page_lost,
            kept=kept,
        )
        self._documents = DocumentCapture(self._take, self._deliver, self._report)

    def follow(self, session: Session) -> None:
        """Take the session's state from the server: media runs from the first answer on."""
        if self._closed:
            return
        if self._kept is not None:
            # From the first answer on, and never on hold: nothing of the customer is recorded then.
            self._kept.active = (self._talking or session.state in TALKING) and session.state in _RECORDED
        if session.state in TALKING and not self._talking:
            self._talking = True
            self.gateway.open()
            if self._player is not None:
                self._playing = spawn(self._player.run(), name=f"player {session.id}")
        if self._tray is not None:
            self._tray.follow(session)
        if session.state in TALKING:
            self._documents.follow(session)

    def answer(self, body: DocumentAnswer) -> None:
        """The customer's answer here: nothing else opens the document camera, and a refusal closes it at once."""
        if self._closed or body.session != self.session:
            return
        if body.agreed:
            if self._tray is not None:
                self._tray.agree(body.document)
        else:
            self.withdraw(body.document)

    def withdraw(self, document: str) -> None:
        """This document is not to be shown: a running capture is cancelled, and the camera closes."""
        self._documents.drop(document)
        if self._tray is not None:
            self._tray.end(document)

    async def close(self) -> None:
        """End everything and keep nothing. Idempotent."""
        self._closed = True
        if self._kept is not None:
            self._kept.stop()
        stopping = spawn(self._tray.stop(), name="tray stops") if self._tray is not None else None
        # Close the legs first: the server ends its side at once, and an open gateway would take that for a loss.
        await self.gateway.close()
        await self._documents.stop()
        await cancel(self._playing)
        if stopping is not None:
            await stopping

    def _show_whole_document(self) -> None:
        if self._tray is not None:
            self._tray.request_keyframe()

    def _limit_document(self, bitrate: int) -> None:
        if self._tray is not None:
            self._tray.set_bitrate(bitrate)

    def _show_whole_picture(self) -> None:
        if self._player is not None:
            self._player.request_keyframe()

    async def _take(self, document: str) -> Still:
        if self._tray is None:
            raise CameraError("this kiosk has no document camera")
        return await self._tray.still(document)

    async def _deliver(self, session: str, document: str, still: Still) -> None:
        await self._hand_over(session, document, still)
        if self._tray is not None:
            self._tray.end(document)

    async def _report(self, session: str, document: str, reason: str) -> None:
        await self._request(DocumentFailed(session, document, reason))
